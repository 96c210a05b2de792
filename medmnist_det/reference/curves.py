"""The picture of a training: terms of the loss and validation scores against minutes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from medmnist_det.files import write_atomically

_COLOURS = {
    "total": "#1f2933",
    "box": "#7c3aed",
    "objectness": "#0891b2",
    "classes": "#d97706",
    "mAP@0.4": "#2563eb",
    "mAP@[.5:.95]": "#dc2626",
}


def draw_curves(path: Path, history: list[dict[str, Any]], title: str) -> None:
    """Write a PNG of a history's losses and validation scores. Raises InputError."""
    # pyplot would open a window somewhere, and takes longer to import.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, scores = figure.subplots(1, 2)
    minutes = [row["seconds"] / 60 for row in history]
    for name in history[0]["loss"] if history else ():
        values = [row["loss"][name] for row in history]
        losses.plot(minutes, values, color=_COLOURS.get(name), label=name, marker=".")
    seen = [row for row in history if row["validation"]]
    for name in seen[0]["validation"] if seen else ():
        known = [row for row in seen if row["validation"][name] is not None]
        at = [row["seconds"] / 60 for row in known]
        values = [row["validation"][name] for row in known]
        line = scores.plot(at, values, color=_COLOURS.get(name), label=name, marker=".")
        if known:
            colour = line[0].get_color()
            place = (at[-1], values[-1])
            scores.annotate(f"{values[-1]:.3f}", place, (0, 6), textcoords="offset points",
                            ha="right", color=colour)  # fmt: skip
    losses.set(yscale="log", title=f"loss: {title}")
    scores.set(title="validation, on the method's own labels", ylim=(0, 1))
    for axis in (losses, scores):
        axis.set_xlabel("minutes of training")
        axis.grid(color="#e3e8ee")
        axis.spines[["top", "right"]].set_visible(False)
        if axis.lines:
            axis.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    write_atomically(path, [buffer.getvalue()])
