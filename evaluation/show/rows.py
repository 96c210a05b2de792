"""Scores as rows: every class with its AP, the interval of it, and the numbers beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evaluation.assessment import RESAMPLES, Assessment
from evaluation.bootstrap import Interval, class_intervals
from evaluation.matching import Matching
from evaluation.scores import ClassScore
from medmnist_det.drawing import (
    COLOURS,
    captioned,
    drawn,
    evenly,
    name_rows,
    panel,
    rows_high,
    sampled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Classes with a row of their own; of more, so many from the best to the worst.
MOST_ROWS = 80


@drawn
def classes(found: Assessment) -> Figure:
    """Return a figure of the AP of every class, best first, with intervals for the first metric."""
    scores = found.scores
    order = sorted(scores.defined, key=lambda k: -(scores.classes[k].ap[0] or 0.0))
    shown = [order[k] for k in evenly(len(order), MOST_ROWS)]
    rows, spreads = [scores.classes[k] for k in shown], _intervals(found)
    figure, axes = panel(7.2, rows_high(len(shown)))
    name_rows(axes, [one.name for one in rows])
    names = [f"AP{metric.name.removeprefix('mAP')}" for metric in scores.metrics]
    for row, k in enumerate(shown):
        if spread := spreads.get(k):
            axes.plot([spread.low, spread.high], [row, row], color=COLOURS[0], lw=2, alpha=0.45)
    for k, name in enumerate(names):
        values = [one.ap[k] or 0.0 for one in rows]
        mark: dict[str, Any] = {"color": COLOURS[k % len(COLOURS)], "marker": "os^Dvp"[k % 6]}
        axes.plot(values, range(len(rows)), linestyle="", markersize=5, label=name, **mark)
    _numbers(axes, names, rows, [spreads.get(k) for k in shown])
    axes.set(xlabel="average precision (AP)", ylabel="class")
    axes.set_title("By class")
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    said = f"lines: 95% intervals of {names[0]} over images" if any(spreads.values()) else ""
    captioned(figure, said, sampled(len(shown), len(order), "classes"))
    return figure


def _intervals(found: Assessment) -> dict[int, Interval | None]:
    """Return the intervals of the first metric by class; none where the scores have none."""
    resamples = min(len(found.resampled), RESAMPLES)
    if not resamples:
        return {}
    metric = found.scores.metrics[0]
    matching = Matching(found.problem, metric.thresholds, any_class=False)
    return class_intervals(matching, metric, resamples=resamples, seed=found.seed)


def _numbers(
    axes: Axes, names: Sequence[str], rows: Sequence[ClassScore], spreads: Sequence[Interval | None]
) -> None:
    """Write the values beside the rows, and above them what they are."""
    about = " (95% interval)" if any(spreads) else ""
    axes.annotate(
        "   ".join([f"{names[0]}{about}", *names[1:]]), (1, 1), (6, 4), xycoords="axes fraction",
        textcoords="offset points", fontsize=9, annotation_clip=False,
    )  # fmt: skip
    size = axes.get_yticklabels()[0].get_fontsize() if rows else 9.0
    for row, (one, spread) in enumerate(zip(rows, spreads, strict=True)):
        values = [f"{value or 0.0:.3f}" for value in one.ap]
        if spread is not None:
            values[0] += f" ({spread.low:.3f} to {spread.high:.3f})"
        axes.annotate(
            "   ".join(values), (1, row), (6, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", va="center", fontsize=size, annotation_clip=False,
        )  # fmt: skip


def gains(first: Sequence[ClassScore], second: Sequence[ClassScore]) -> list[tuple[int, float]]:
    """Return the classes that both have an AP of, and what the second gains; most first."""
    both = [
        (k, b.ap[0] - a.ap[0])
        for k, (a, b) in enumerate(zip(first, second, strict=True))
        if a.ap[0] is not None and b.ap[0] is not None
    ]
    return sorted(both, key=lambda one: -one[1])
