"""Pictures of raters: estimated against true matrices, and who agrees with whom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.infer.parts.result import Raters
from medmnist_det.drawing import (
    NO_OBJ,
    drawn,
    heat_map,
    panel,
    panels,
    per_cent,
    save,
    shorten,
    side_of,
    two_decimals,
)

if TYPE_CHECKING:
    from jaxtyping import Float
    from matplotlib.figure import Figure

# Raters in one picture; of more, so many spread evenly from best to worst.
_MOST_RATERS = 6


def draw_matrices(
    path: Path,
    raters: Raters,
    names: Sequence[int | str],
    classes: Sequence[str],
    truth: Raters | None = None,
) -> None:
    """Write a PNG of the raters' matrices (:func:`matrices_figure`). Raises InputError."""
    save(path, matrices_figure(raters, names, classes, truth))


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
    chosen, known = _chosen(raters)
    shown = [(k, "estimated", raters) for k in chosen]
    if truth is not None:
        shown = [pair for k in chosen for pair in ((k, "estimated", raters), (k, "true", truth))]
    columns = 2 if truth is not None or len(shown) <= 4 else 3
    side = side_of(len(classes))
    figure, axes = panels(-(-len(shown) // columns), columns, side, 0.95 * side)
    for axis in axes.flat[len(shown) :]:
        axis.set_axis_off()
    image: Any = None
    for place, (axis, (k, what, one)) in enumerate(zip(axes.flat, shown, strict=False)):
        skill = one.matrix[k, :-1, :-1].diagonal() @ raters.prior
        image = heat_map(axis, one.matrix[k, :-1], classes, [*classes, NO_OBJ], per_cent)
        axis.set_title(f"rater {shorten(names[k], 24)}\n{what}: skill {skill:.3f}")
        if place % columns == 0:
            axis.set_ylabel("true class")
        if place + columns >= len(shown):
            axis.set_xlabel("reported class")
    figure.colorbar(image, ax=axes, shrink=0.5, label="probability (cells: %)")
    if len(chosen) < known:
        figure.supxlabel(f"{len(chosen)} of {known} raters, from the best to the worst")
    return figure


def _chosen(raters: Raters) -> tuple[list[int], int]:
    """Return the raters to show, best first, and of how many whom something is known of."""
    order = np.argsort(-raters.skill, kind="stable")
    if raters.objects is not None and (raters.objects >= 1).any():
        order = order[raters.objects[order] >= 1]
    known = len(order)
    if known > _MOST_RATERS:
        order = order[np.linspace(0, known - 1, _MOST_RATERS).round().astype(int)]
    return order.tolist(), known


def draw_heat_map(
    path: Path, values: Float[np.ndarray, "R R"], names: Sequence[int | str], what: str
) -> None:
    """Write a PNG of a value for every two raters (:func:`pairs_figure`). Raises InputError."""
    save(path, pairs_figure(values, names, what))


@drawn
def pairs_figure(values: Float[np.ndarray, "R R"], names: Sequence[int | str], what: str) -> Figure:
    """Return a picture of a value for every two raters, ``what`` by name; NaN cells are grey.

    Rows are who is scored, columns whom by, where that makes a difference. Raters without any value
    are left out.
    """
    finite = np.isfinite(values)
    kept = np.flatnonzero(finite.any(axis=0) | finite.any(axis=1))
    kept = kept if len(kept) else np.arange(len(names))
    values, names = values[np.ix_(kept, kept)], [names[k] for k in kept.tolist()]
    known = np.isfinite(values)
    side = side_of(len(names))
    figure, axes = panel(side + 1.4, side)
    ticks = [str(name) for name in names]
    low = float(values[known].min(initial=0.0))
    image = heat_map(axes, values, ticks, ticks, two_decimals, low=low)
    same = np.array_equal(known, known.T) and np.allclose(values[known], values.T[known])
    of_whom = "every two raters" if same else "row scored, column taken as the truth"
    axes.set_title(f"{what}: {of_whom} (grey: nothing to compare)")
    axes.set(xlabel="rater", ylabel="rater")
    figure.colorbar(image, ax=axes, shrink=0.7, label=what)
    return figure
