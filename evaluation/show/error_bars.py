"""Error budgets as bars: what was scored, and where the other points are lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evaluation.budget import Budget
from medmnist_det.drawing import INK, KIND_COLOURS, name_rows, panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Points from which a part is wide enough for its number.
_WIDE = 4.5


def error_bars(budgets: Sequence[tuple[str, Budget]], title: str) -> Figure:
    """Return a figure with a bar of 100 points for each named budget."""
    figure, axes = panel(6.4, 0.45 * len(budgets) + 2.1)
    name_rows(axes, [name for name, _ in budgets])
    for row, (_, budget) in enumerate(budgets):
        left = 100 - budget.lost
        axes.barh(row, left, color="#dbe4f0", label="scored" if row == 0 else None)
        if left >= _WIDE:
            axes.text(left / 2, row, f"{left:.1f}", ha="center", va="center")
        for loss in budget.losses:
            # A repair can cost a hair in the mean over orders; bars have no negative length.
            width = max(loss.points, 0.0)
            label = loss.kind if row == 0 else None
            colour = KIND_COLOURS[loss.kind]
            axes.barh(row, width, left=left, color=colour, edgecolor="white", lw=0.8, label=label)
            if width >= _WIDE:
                middle, dark = left + width / 2, loss.kind in ("location", "missed")
                ink = "white" if dark else INK
                axes.text(middle, row, f"{width:.1f}", ha="center", va="center", color=ink)
            left += width
    axes.set(xlim=(0, 100), xlabel="points of 100 (100 points are a mAP of 1)")
    axes.set_title(title)
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    return figure
