"""Figures: precision-recall curves, the confusion matrix, the error budget, AP by class."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluation.assessment import Assessment
from evaluation.engines import RECALLS
from medmnist_det.drawing import (
    CLASS_COLOURS,
    INK,
    KIND_COLOURS,
    NO_OBJ,
    PALE,
    SHADES,
    content,
    drawn,
    heat_map,
    panel,
    save,
    shorten,
    side_of,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Classes up to which each has a colour, or a colour and dashes, of its own.
_MOST_CURVES = 2 * len(CLASS_COLOURS)


# Classes up to which a figure shows each of them.
_MANY = 100


def figures(found: Assessment) -> dict[str, Callable[[], Figure]]:
    """Return the figures that an assessment has data for, each drawn when called."""
    made: dict[str, Callable[[], Figure]] = {}
    if found.scores.headline[0].value is not None:
        made["precision-recall"] = partial(_precision_recall, found)
        made["classes"] = partial(_classes, found)
    if found.budgets:
        made["errors"] = partial(_errors, found)
    matrix = found.confusion
    if matrix is not None and found.scores.objects and len(matrix.classes) <= _MANY:
        made["confusion"] = partial(_confusion, found)
    return made


def write_figures(folder: Path, found: Assessment) -> list[Path]:
    """Write every figure as PNG and as PDF; return the paths. Raises InputError."""
    written = []
    for name, make in figures(found).items():
        figure = make()
        for kind in ("png", "pdf"):
            path = folder / f"{name}.{kind}"
            save(path, figure)
            written.append(path)
    return written


def as_svg(make: Callable[[], Figure]) -> tuple[str, str]:
    """Return a figure's title and the figure without it, as an SVG element for a page."""
    figure = make()
    title = figure.axes[0].get_title(loc="left")
    figure.axes[0].set_title("", loc="left")
    text = content(figure, "svg").decode("utf-8")
    return title, text[text.index("<svg") :]


@drawn
def _precision_recall(found: Assessment) -> Figure:
    scores, metric = found.scores, found.scores.metrics[0]
    row = scores.thresholds.index(metric.thresholds[0])
    curves = scores.precision[row]
    figure, axes = panel(6.4, 5.2)
    few, many = len(scores.defined) <= _MOST_CURVES, len(scores.defined) > _MANY
    if many:
        tenth = curves.shape[1] // 10
        low, high = np.sort(curves, axis=1)[:, [tenth, -1 - tenth]].T
        axes.fill_between(RECALLS, low, high, color=PALE, lw=0, label="80% of classes")
    for place, k in enumerate(() if many else scores.defined):
        one, colour = scores.classes[k], CLASS_COLOURS[place % len(CLASS_COLOURS)]
        axes.plot(
            RECALLS,
            curves[:, place],
            color=colour if few else PALE,
            linestyle="-" if not few or place < len(CLASS_COLOURS) else "--",
            lw=1.1,
            alpha=1 if few else 0.35,
            label=f"{shorten(one.name, 24)}  {one.ap[0]:.3f}" if few else None,
        )
    mean = scores.headline[0].value
    axes.plot(RECALLS, curves.mean(axis=1), color=INK, lw=2.4, label=f"mean  {mean:.3f}")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.set_title(f"Precision and recall at IoU {metric.thresholds[0]:g}")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, title="class  AP")
    return figure


@drawn
def _classes(found: Assessment) -> Figure:
    scores = found.scores
    rows, title = [scores.classes[k] for k in scores.defined], "By class"
    if len(rows) > _MANY:
        worst = sorted(range(len(rows)), key=lambda k: rows[k].ap[0] or 0.0)[: _MANY // 2]
        title = f"By class: the {len(worst)} of {len(rows):,} with the lowest AP"
        rows = [rows[k] for k in worst]
    place = np.arange(len(rows))
    figure, axes = panel(6.4, max(2.2, 0.34 * len(rows) + 1))
    height = 0.8 / len(scores.metrics)
    for k, metric in enumerate(scores.metrics):
        values = [one.ap[k] or 0.0 for one in rows]
        name = f"AP{metric.name.removeprefix('mAP')}"
        axes.barh(place + k * height, values, height, color=SHADES[k % len(SHADES)], label=name)
    axes.set_yticks(place + (len(scores.metrics) - 1) * height / 2)
    axes.set_yticklabels([shorten(one.name, 32) for one in rows])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set(xlim=(0, 1), xlabel="average precision")
    axes.set_title(title)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return figure


@drawn
def _errors(found: Assessment) -> Figure:
    figure, axes = panel(6.4, 0.75 * len(found.budgets) + 1.3)
    for row, budget in enumerate(found.budgets):
        left = 100 - budget.lost
        axes.barh(row, left, color="#dbe4f0", label="scored" if row == 0 else None)
        axes.text(left / 2, row, f"{left:.1f}", ha="center", va="center")
        for loss in budget.losses:
            # A repair can cost a hair in the mean over orders; bars have no negative length.
            width = max(loss.points, 0.0)
            label = loss.kind if row == 0 else None
            axes.barh(row, width, left=left, color=KIND_COLOURS[loss.kind], label=label)
            if width >= 4.5:
                middle = left + width / 2
                axes.text(middle, row, f"{width:.1f}", ha="center", va="center", color="white")
            left += width
    axes.set_yticks(range(len(found.budgets)))
    axes.set_yticklabels([budget.metric.name for budget in found.budgets])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set(xlim=(0, 100), xlabel="points")
    axes.set_title("Where points are lost")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return figure


@drawn
def _confusion(found: Assessment) -> Figure:
    matrix = found.confusion
    if matrix is None:
        raise ValueError("this assessment has no confusion matrix")
    counts = matrix.counts
    names = [*(found.truth.classes.names[k] for k in matrix.classes), NO_OBJ]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = side_of(len(counts))
    figure, axes = panel(side + 1.6, side)
    texts = [[f"{count}" if count else "" for count in row] for row in counts.tolist()]
    image = heat_map(axes, share, names, names, str, texts=texts, gamma=0.5)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="called", ylabel="object")
    axes.set_title(f"Confusions, score {matrix.score:.3f} or more, IoU {matrix.iou:g}")
    figure.colorbar(image, ax=axes, shrink=0.7, label="share of the row (cells: counts)")
    return figure
