"""The picture of a training: terms of the loss and validation scores, epoch by epoch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from medmnist_det.drawing import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    VERMILION,
    captioned,
    drawn,
    panels,
    save_all,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOSSES = {
    "total": INK,
    "box": PURPLE,
    "objectness": BLUE,
    "classes": ORANGE,
    "refinement": GREEN,
}
_SCORES = {"mAP@0.4": BLUE, "mAP@[.5:.95]": VERMILION}


def draw_curves(folder: Path, history: list[dict[str, Any]], title: str) -> None:
    """Write ``curves.png`` and ``curves.pdf`` (:func:`curves_figure`). Raises InputError."""
    save_all(folder, "curves", curves_figure(history, title), ("png", "pdf"))


@drawn
def curves_figure(history: list[dict[str, Any]], title: str) -> Figure:
    """Return a picture of a history's losses and validation scores; no epoch gives empty panels."""
    from matplotlib.ticker import LogFormatter

    figure, axes = panels(1, 2, 5.0, 4.4)
    losses, scores = axes[0]
    for name in history[0]["loss"] if history else ():
        values = [(row["epoch"], row["loss"][name]) for row in history]
        _curve(losses, name, values, _LOSSES.get(name))
    seen = [row for row in history if row["validation"]]
    for name in seen[0]["validation"] if seen else ():
        values = [(row["epoch"], row["validation"][name]) for row in seen]
        known = [(epoch, value) for epoch, value in values if value is not None]
        label = f"{name}, last {known[-1][1]:.3f}" if known else name
        _curve(scores, label, known, _SCORES.get(name))
    losses.set(yscale="log", ylabel="loss (logarithmic axis)", title="Training loss")
    # The usual labels of a logarithmic axis are formulas, which our style does not read.
    losses.yaxis.set_major_formatter("{x:g}")
    losses.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    scores.set(ylim=(0, 1), ylabel="mAP", title="Validation, on the method's own labels")
    for axis in (losses, scores):
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        if axis.lines:
            axis.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 0), fontsize=9)
    figure.suptitle(shorten(title, 60), x=0.01, ha="left", fontsize=11)
    if history:
        minutes = history[-1]["seconds"] / 60
        captioned(figure, f"{history[-1]['epoch']} epochs in {minutes:.1f} minutes")
    return figure


def _curve(axis: Axes, label: str, values: list[tuple[int, float]], colour: str | None) -> None:
    at, heights = [epoch for epoch, _ in values], [value for _, value in values]
    axis.plot(at, heights, color=colour, label=label, marker=".")
