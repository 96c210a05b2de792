"""Pictures of what a method made of the raters: matrices, skills and box errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.infer.parts.result import Raters
from annotators.recovery import rank_correlation
from medmnist_det.drawing import (
    BLUE,
    INK,
    NO_OBJ,
    PALE,
    VERMILION,
    captioned,
    drawn,
    evenly,
    name_rows,
    panels,
    rows_high,
    sampled,
    save_all,
    shorten,
)
from medmnist_det.heat_maps import heat_map, per_cent, room_for, side_of
from medmnist_det.labels import LabelSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Raters in one picture; of more, so many spread evenly from best to worst.
_MOST_RATERS = 6
# ... in a picture with a row a rater.
_MOST_ROWS = 40


def write_rater_plots(
    folder: Path,
    name: str,
    raters: Raters,
    crowd: LabelSet,
    truth: Raters | None = None,
    formats: Sequence[str] = ("png", "pdf"),
) -> list[Path]:
    """Write what a method made of the raters: matrices, box errors, and skills where known.

    Return the paths of the pictures, which begin with ``name``. Raises InputError.
    """
    names, classes = crowd.raters or (), crowd.classes.names
    made = {"matrices": matrices_figure(raters, names, classes, truth)}
    if raters.box_bias is not None and raters.box_spread is not None:
        made["boxes"] = boxes_figure(raters, names, truth)
    if truth is not None:
        made["skills"] = skills_figure(raters, names, truth)
    written = [save_all(folder, f"{name}-{what}", one, formats) for what, one in made.items()]
    return [path for paths in written for path in paths]


@drawn
def matrices_figure(
    raters: Raters,
    names: Sequence[int | str],
    classes: Sequence[str],
    truth: Raters | None = None,
) -> Figure:
    """Return a picture of the raters' matrices, each beside the true one where that is known.

    Rows are true classes, columns what the rater reports, the last a miss; cells are per cent, and
    empty below a half. Raters of whom nothing is known are left out; of more than six others six
    are shown, from the best to the worst.
    """
    chosen, known = _chosen(raters, _MOST_RATERS)
    shown = [(k, "estimated", raters) for k in chosen]
    if truth is not None:
        shown = [pair for k in chosen for pair in ((k, "estimated", raters), (k, "true", truth))]
    columns = 2 if truth is not None or len(shown) <= 4 else 3
    side, room = side_of(len(classes) + 1), room_for([*classes, NO_OBJ])
    rows = -(-len(shown) // columns)
    figure, axes = panels(rows, columns, max(side + room, 3.2), side + room + 0.5)
    for axis in axes.flat[len(shown) :]:
        axis.set_axis_off()
    image: Any = None
    for place, (axis, (k, what, one)) in enumerate(zip(axes.flat, shown, strict=False)):
        skill = one.matrix[k, :-1, :-1].diagonal() @ raters.prior
        image = heat_map(axis, one.matrix[k, :-1], classes, [*classes, NO_OBJ], per_cent)
        title = f"rater {shorten(names[k], 24)}\n{what}: skill {skill:.3f}"
        axis.set_title(title, fontsize=10)
        if place % columns == 0:
            axis.set_ylabel("true class")
        if place + columns >= len(shown):
            axis.set_xlabel("reported class")
    figure.colorbar(image, ax=axes, shrink=0.6, label="probability (cells: %)")
    captioned(figure, sampled(len(chosen), known, "raters"))
    return figure


def _chosen(raters: Raters, most: int) -> tuple[list[int], int]:
    """Return the raters to show, best first, and of how many whom something is known of."""
    order = np.argsort(-raters.skill, kind="stable")
    if raters.objects is not None and (raters.objects >= 1).any():
        order = order[raters.objects[order] >= 1]
    return [int(order[k]) for k in evenly(len(order), most)], len(order)


@drawn
def skills_figure(raters: Raters, names: Sequence[int | str], truth: Raters) -> Figure:
    """Return a picture of estimated against true skill: all raters at once, and rater by rater.

    Skill is the probability that a rater finds an object and names it right, over the estimated
    frequencies of the classes on both sides. Of more than 40 raters so many have a row.
    """
    order, known = _chosen(raters, len(names))
    shown = [order[k] for k in evenly(known, _MOST_ROWS)]
    estimate = raters.skill
    true = truth.matrix[:, :-1].diagonal(axis1=1, axis2=2) @ raters.prior
    figure, axes = panels(1, 2, 4.6, max(4.2, rows_high(len(shown))))
    all_of_them, one_by_one = axes[0]
    low = max(0.0, min(estimate[order].min(initial=1.0), true[order].min(initial=1.0)) - 0.05)
    all_of_them.plot([low, 1], [low, 1], color=PALE, lw=1)
    all_of_them.plot(true[order], estimate[order], "o", color=BLUE, markersize=5, alpha=0.8)
    all_of_them.set(xlim=(low, 1), ylim=(low, 1), aspect="equal", anchor="N")
    all_of_them.set(xlabel="true skill", ylabel="estimated skill")
    rank = rank_correlation(estimate[order], true[order])
    said = "" if rank is None else f", rank correlation {rank:.3f}"
    all_of_them.set_title(f"{known:,} raters{said}")
    name_rows(one_by_one, [names[k] for k in shown])
    for row, k in enumerate(shown):
        one_by_one.plot([estimate[k], true[k]], [row, row], color=PALE, lw=1.5)
    rows = np.arange(len(shown))
    one_by_one.plot(true[shown], rows, "D", color="none", markeredgecolor=INK, label="true")
    one_by_one.plot(estimate[shown], rows, "o", color=BLUE, label="estimated", markersize=5)
    one_by_one.set(xlim=(low, 1.02), xlabel="skill", ylabel="rater")
    one_by_one.legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0.0, 1.0))
    for axis in (all_of_them, one_by_one):
        axis.locator_params(nbins=5, axis="x")
    all_of_them.locator_params(nbins=5, axis="y")
    captioned(
        figure,
        "skill: the probability that a rater finds an object and names it right",
        sampled(len(shown), known, "raters have a row"),
    )
    return figure


@drawn
def boxes_figure(raters: Raters, names: Sequence[int | str], truth: Raters | None = None) -> Figure:
    """Return a picture of the estimated errors of every rater's boxes, beside the true ones.

    A dot is the mean error, a line one standard deviation to both sides, in per cent of the
    object's width (x and width) or height (y and height). Raises ValueError for raters of whom
    nothing is estimated.
    """
    if raters.box_bias is None or raters.box_spread is None:
        raise ValueError("this method says nothing about boxes")
    order, known = _chosen(raters, _MOST_ROWS)
    figure, axes = panels(1, 4, 2.3, rows_high(len(order)))
    rows = np.arange(len(order))
    for k, (axis, what) in enumerate(zip(axes[0], ("x", "y", "width", "height"), strict=True)):
        name_rows(axis, [names[rater] for rater in order])
        if k:
            axis.set_yticklabels([])
        axis.axvline(0, color=PALE, lw=1)
        bias, spread = 100 * raters.box_bias[order, k], 100 * raters.box_spread[order, k]
        axis.errorbar(
            bias, rows, xerr=spread, fmt="o", color=BLUE, lw=1.5, label="estimated", markersize=5
        )
        if truth is not None and truth.box_bias is not None and truth.box_spread is not None:
            true = 100 * truth.box_bias[order, k]
            axis.plot(true, rows, "D", color="none", markeredgecolor=VERMILION, label="true mean")
        axis.set(xlabel=f"error, % of {'height' if what in ('y', 'height') else 'width'}")
        axis.set_title({"x": "centre, x", "y": "centre, y"}.get(what, what))
    axes[0][0].set_ylabel("rater")
    handles, texts = axes[0][0].get_legend_handles_labels()
    figure.legend(handles[::-1], texts[::-1], loc="outside upper center", ncols=2, frameon=False)
    captioned(
        figure,
        "estimated errors of boxes: mean, and one standard deviation to both sides",
        sampled(len(order), known, "raters"),
    )
    return figure
