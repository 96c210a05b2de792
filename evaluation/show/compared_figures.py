"""Figures of two files that are compared: A in one colour, B in another, in every figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evaluation.assessment import Assessment, Comparison
from evaluation.engines import RECALLS
from evaluation.show.error_bars import error_bars
from evaluation.show.rows import MOST_ROWS, gains
from medmnist_det.drawing import (
    BLUE,
    INK,
    PALE,
    VERMILION,
    captioned,
    drawn,
    evenly,
    name_rows,
    panel,
    panels,
    rows_high,
    sampled,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LOOKS: tuple[dict[str, Any], ...] = (
    {"color": BLUE, "marker": "o"},
    {"color": VERMILION, "marker": "s"},
)


def _named(found: Comparison) -> list[tuple[str, Assessment]]:
    return [
        (f"{letter}: {shorten(one.source, 48)}", one)
        for letter, one in zip("AB", (found.first, found.second), strict=True)
    ]


@drawn
def both_scores(found: Comparison) -> Figure:
    """Return a figure of both files' scores, and of what B gains, all with 95% intervals."""
    metrics = found.first.scores.metrics
    figure, axes = panels(1, 2, 4.4, 0.6 * len(metrics) + 2.0)
    left, right = axes[0]
    names = [metric.name for metric in metrics]
    for axis in (left, right):
        name_rows(axis, names)
    for place, ((label, one), look) in enumerate(zip(_named(found), _LOOKS, strict=True)):
        for row, (mean, spread) in enumerate(zip(one.scores.headline, one.intervals, strict=True)):
            if mean.value is None:
                continue
            at = row + (place - 0.5) * 0.3
            if spread is not None:
                left.plot([spread.low, spread.high], [at, at], color=look["color"], lw=2)
            left.plot([mean.value], [at], **look, linestyle="", label=label if row == 0 else None)
    left.set(xlabel="score")
    left.set_title("Scores, 95% intervals")
    right.axvline(0, color=INK, lw=0.8)
    for row, delta in enumerate(found.differences):
        if delta is None:
            continue
        spread = delta.interval
        right.plot([spread.low, spread.high], [row, row], color=INK, lw=2)
        right.plot([delta.value], [row], "D", color=INK)
        text = f"{delta.value:+.4f}, p = {delta.p_value:.3f}"
        right.annotate(text, (delta.value, row), (0, 8), textcoords="offset points", ha="center")
    right.set(xlabel="B - A")
    right.margins(x=0.5)
    for axis in (left, right):
        axis.locator_params(axis="x", nbins=5)
    right.set_title("What B gains, 95% intervals")
    right.set_yticklabels([])
    figure.legend(loc="outside lower center", frameon=False)
    return figure


@drawn
def both_curves(found: Comparison) -> Figure:
    """Return a figure of both files' mean precision against recall, the classes' curves pale."""
    metric = found.first.scores.metrics[0]
    figure, axes = panel(6.4, 5.4)
    for (label, one), look, dashes in zip(_named(found), _LOOKS, ("-", "--"), strict=True):
        scores = one.scores
        curves = scores.precision[scores.thresholds.index(metric.thresholds[0])]
        for k in evenly(curves.shape[1], MOST_ROWS):
            axes.plot(RECALLS, curves[:, k], color=look["color"], lw=0.6, alpha=0.25)
        mean = scores.headline[0].value
        said = label if mean is None else f"{mean:.3f}  {label}"
        middle = curves.mean(axis=1)
        axes.plot(RECALLS, middle, color=look["color"], lw=2.6, linestyle=dashes, label=said)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.set_title(f"Precision and recall at IoU {metric.thresholds[0]:g}: mean over classes")
    figure.legend(
        loc="outside lower center", frameon=False, title="mAP, file (thin lines: classes)"
    )
    return figure


@drawn
def both_classes(found: Comparison) -> Figure:
    """Return a figure of both files' AP class by class, from B's largest gain on."""
    order = gains(found.first.scores.classes, found.second.scores.classes)
    shown = [order[k] for k in evenly(len(order), MOST_ROWS)]
    figure, axes = panel(7.2, rows_high(len(shown)) + 0.4)
    name_rows(axes, [found.first.scores.classes[k].name for k, _ in shown])
    size = 9.0 if len(shown) <= 40 else 7.0
    ends = [[one.scores.classes[k].ap[0] or 0.0 for k, _ in shown] for _, one in _named(found)]
    for row, (a, b) in enumerate(zip(*ends, strict=True)):
        axes.plot([a, b], [row, row], color=PALE, lw=1.5)
        axes.annotate(
            f"{shown[row][1]:+.3f}", (1, row), (6, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", va="center", fontsize=size, annotation_clip=False,
        )  # fmt: skip
    for (label, _), look, values in zip(_named(found), _LOOKS, ends, strict=True):
        axes.plot(values, range(len(shown)), **look, linestyle="", markersize=5, label=label)
    name = found.first.scores.metrics[0].name.removeprefix("m")
    axes.set(xlabel=f"{name} (at the right: B - A)", ylabel="class")
    axes.set_title("By class, from B's largest gain on")
    figure.legend(loc="outside upper center", frameon=False)
    captioned(figure, sampled(len(shown), len(order), "classes"))
    return figure


@drawn
def both_errors(found: Comparison) -> Figure:
    """Return a figure of where both files lose points, metric by metric."""
    budgets = [
        (f"{letter}, {budgets[k].metric.name}", budgets[k])
        for k in range(len(found.first.budgets))
        for letter, budgets in zip("AB", (found.first.budgets, found.second.budgets), strict=True)
    ]
    figure = error_bars(budgets, "Where points are lost")
    captioned(figure, *(label for label, _ in _named(found)))
    return figure
