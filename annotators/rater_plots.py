"""Pictures of raters: estimated against true matrices, and who agrees with whom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.infer.parts.result import Raters
from medmnist_det.files import make_folder, naming

if TYPE_CHECKING:
    from jaxtyping import Float

# Raters in one picture; of more, so many spread evenly from best to worst.
_MOST_RATERS = 6
# Classes up to which cells carry their numbers.
_MOST_NUMBERS = 12


def draw_matrices(
    path: Path,
    raters: Raters,
    names: Sequence[int | str],
    classes: Sequence[str],
    truth: Raters | None = None,
) -> None:
    """Write a PNG of the raters' matrices, each beside the true one where that is known.

    Rows are true classes, columns what the rater reports, the last a miss. Raters of whom nothing
    is known are left out; of more than six others six are shown, from the best to the worst. Raises
    InputError when the disk refuses.
    """
    order = np.argsort(-raters.skill, kind="stable")
    if raters.objects is not None and (raters.objects >= 1).any():
        order = order[raters.objects[order] >= 1]
    if len(order) > _MOST_RATERS:
        order = order[np.linspace(0, len(order) - 1, _MOST_RATERS).round().astype(int)]
    chosen = order.tolist()
    shown = [(k, "estimated", raters) for k in chosen]
    if truth is not None:
        shown = [pair for k in chosen for pair in ((k, "estimated", raters), (k, "true", truth))]
    columns = 2 if truth is not None or len(shown) <= 4 else 3
    figure, axes = _axes(-(-len(shown) // columns), columns, len(classes))
    image: Any = None
    for place, axis in enumerate(axes.flat):
        if place >= len(shown):
            axis.set_axis_off()
            continue
        k, what, one = shown[place]
        skill = one.matrix[k, :-1, :-1].diagonal() @ raters.prior
        image = _heat_map(axis, one.matrix[k, :-1], classes, [*classes, "none"])
        axis.set_title(f"rater {names[k]}, {what}: skill {skill:.3f}", fontsize=10)
        if place % columns == 0:
            axis.set_ylabel("true class")
        if place + columns >= len(shown):
            axis.set_xlabel("reported class")
    figure.colorbar(image, ax=axes, shrink=0.5, label="probability")
    _save(path, figure)


def draw_heat_map(
    path: Path, values: Float[np.ndarray, "R R"], names: Sequence[int | str], what: str
) -> None:
    """Write a PNG of a value for every two raters, ``what`` by name; NaN cells stay empty.

    Rows are who is scored, columns whom by, where that makes a difference. Raters without any value
    are left out. Raises InputError when the disk refuses.
    """
    finite = np.isfinite(values)
    kept = np.flatnonzero(finite.any(axis=0) | finite.any(axis=1))
    kept = kept if len(kept) else np.arange(len(names))
    values, names = values[np.ix_(kept, kept)], [names[k] for k in kept.tolist()]
    figure, axes = _axes(1, 1, len(names))
    ticks = [str(name) for name in names]
    image = _heat_map(axes[0][0], values, ticks, ticks)
    known = np.isfinite(values)
    same = np.array_equal(known, known.T) and np.allclose(values[known], values.T[known])
    of_whom = "every two raters" if same else "row scored, column taken as the truth"
    axes[0][0].set_title(f"{what}: {of_whom}", fontsize=10)
    figure.colorbar(image, ax=axes, shrink=0.7, label=what)
    _save(path, figure)


def _axes(rows: int, columns: int, cells: int) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    side = max(4.0, 0.42 * min(cells, 40))
    figure = Figure(figsize=(columns * side + 1.4, rows * side * 0.95 + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _heat_map(
    axis: Any, values: np.ndarray, row_names: Sequence[str], column_names: Sequence[str]
) -> Any:
    low = float(values[np.isfinite(values)].min(initial=0.0))
    image = axis.imshow(values, cmap="Blues", vmin=low, vmax=1.0, aspect="auto")
    size = 8 if len(column_names) <= 20 else 5
    axis.set_xticks(
        range(len(column_names)), column_names, fontsize=size, rotation=_turn(column_names)
    )
    axis.set_yticks(range(len(row_names)), row_names, fontsize=size)
    axis.tick_params(length=0)
    if len(column_names) <= 20:
        small = 7 if len(column_names) <= _MOST_NUMBERS else 5.5
        for (i, j), value in np.ndenumerate(values):
            if np.isfinite(value) and abs(value) >= 0.005:
                colour = "white" if value > 0.6 else "black"
                text = f"{value:.2f}".replace("0.", ".", 1)
                axis.text(j, i, text, ha="center", va="center", fontsize=small, color=colour)
    return image


def _turn(names: Sequence[str]) -> int:
    return 90 if max(map(len, names), default=0) > 4 else 0


def _save(path: Path, figure: Any) -> None:
    make_folder(path.parent)
    with naming(path):
        figure.savefig(path, dpi=110)
