"""The picture of a training: terms of the loss and validation scores, epoch by epoch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from medmnist_det.drawing import COLOURS, INK, drawn, panels, save, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOSSES = {
    "total": INK,
    "box": COLOURS[3],
    "objectness": COLOURS[1],
    "classes": COLOURS[2],
    "refinement": COLOURS[0],
}
_SCORES = {"mAP@0.4": COLOURS[5], "mAP@[.5:.95]": COLOURS[6]}


def draw_curves(path: Path, history: list[dict[str, Any]], title: str) -> None:
    """Write a PNG of a training (:func:`curves_figure`). Raises InputError."""
    save(path, curves_figure(history, title))


@drawn
def curves_figure(history: list[dict[str, Any]], title: str) -> Figure:
    """Return a picture of a history's losses and validation scores; no epoch gives empty panels."""
    from matplotlib.ticker import LogFormatter

    figure, axes = panels(1, 2, 5.0, 4.0)
    losses, scores = axes[0]
    for name in history[0]["loss"] if history else ():
        values = [(row["epoch"], row["loss"][name]) for row in history]
        _curve(losses, name, values, _LOSSES.get(name))
    seen = [row for row in history if row["validation"]]
    for name in seen[0]["validation"] if seen else ():
        values = [(row["epoch"], row["validation"][name]) for row in seen]
        known = [(epoch, value) for epoch, value in values if value is not None]
        colour = _curve(scores, name, known, _SCORES.get(name))
        if known:
            scores.annotate(f"{known[-1][1]:.3f}", known[-1], (0, 6), textcoords="offset points",
                            ha="right", color=colour)  # fmt: skip
    losses.set(yscale="log", ylabel="loss", title=shorten(title, 60))
    # The usual labels of a logarithmic axis are formulas, which our style does not read.
    losses.yaxis.set_major_formatter("{x:g}")
    losses.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    scores.set(ylim=(0, 1), ylabel="mAP", title="validation, on the method's own labels")
    for axis in (losses, scores):
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        if axis.lines:
            axis.legend(frameon=False)
    return figure


def _curve(axis: Axes, name: str, values: list[tuple[int, float]], colour: str | None) -> str:
    """Draw a line and return its colour."""
    at, heights = [epoch for epoch, _ in values], [value for _, value in values]
    (line,) = axis.plot(at, heights, color=colour, label=name, marker=".")
    return str(line.get_color())
