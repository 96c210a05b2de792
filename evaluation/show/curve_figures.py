"""Curves of one file: precision and recall, F1 by threshold, and how far scores can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evaluation.assessment import Assessment
from evaluation.confusion import ByScore, by_score
from evaluation.engines import RECALLS
from evaluation.matching import Matching
from medmnist_det.drawing import (
    BLUE,
    COLOURS,
    GREEN,
    INK,
    PALE,
    VERMILION,
    captioned,
    drawn,
    evenly,
    panel,
    panels,
    sampled,
    shorten,
)
from medmnist_det.lettering import left_to_right

if TYPE_CHECKING:
    from jaxtyping import Float
    from matplotlib.figure import Figure

_DASHES = ("-", "--", ":", "-.")

# Curves with a name each; of more classes, so many from the best AP to the worst.
_MOST_CURVES = 18

# Bins of scores, and boxes that a bin needs for its precision to be drawn.
_BINS, _FEWEST = 10, 5


@drawn
def precision_recall(found: Assessment) -> Figure:
    """Return a figure of precision against recall: a curve a class, named, and their mean."""
    scores, metric = found.scores, found.scores.metrics[0]
    curves = scores.precision[scores.thresholds.index(metric.thresholds[0])]
    ap = [scores.classes[k].ap[0] or 0.0 for k in scores.defined]
    order = sorted(range(len(ap)), key=lambda k: -ap[k])
    shown = [order[k] for k in evenly(len(order), _MOST_CURVES)]
    figure, axes = panel(8.2, 5.2)
    for k in sorted(set(order) - set(shown)):
        axes.plot(RECALLS, curves[:, k], color=PALE, lw=0.6, alpha=0.35)
    for place, k in enumerate(shown):
        name = shorten(scores.classes[scores.defined[k]].name, 24)
        colour, dashes = COLOURS[place % len(COLOURS)], _DASHES[place // len(COLOURS)]
        label = left_to_right(f"{ap[k]:.3f}  {name}")
        axes.plot(RECALLS, curves[:, k], color=colour, linestyle=dashes, lw=1.3, label=label)
    mean = scores.headline[0].value
    axes.plot(RECALLS, curves.mean(axis=1), color=INK, lw=2.6, label=f"{mean:.3f}  mean")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.set_title(f"Precision and recall at IoU {metric.thresholds[0]:g}")
    figure.legend(loc="outside right upper", frameon=False, title="AP, class", fontsize=9)
    left_out = sampled(len(shown), len(order), "classes")
    captioned(figure, f"{left_out}; the others pale" if left_out else "")
    return figure


@drawn
def thresholds(found: Assessment) -> Figure:
    """Return a figure of F1, precision and recall against the score from which boxes are kept."""
    curve, iou = _by_score(found)
    figure, axes = panel(6.4, 4.6)
    # Boxes of a score and more are kept: the curve is flat down to the next lower score.
    at = np.concatenate([curve.score, [0.0]]) if len(curve.score) else np.array([1.0, 0.0])
    for name, colour, values, dashes in (
        ("precision", GREEN, curve.precision, "--"),
        ("recall", VERMILION, curve.recall, ":"),
        ("F1", BLUE, curve.f1, "-"),
    ):
        heights = np.concatenate([values, values[-1:]]) if len(values) else np.zeros(2)
        axes.plot(at, heights, color=colour, linestyle=dashes, lw=1.8, label=name)
    if len(curve.f1):
        best, high = curve.best, float(curve.f1.max())
        axes.axvline(best, color=INK, lw=0.8)
        axes.plot([best], [high], "o", color=INK, label=f"best F1: {high:.3f} at score {best:.3f}")
    low, high = min(0.0, float(at.min())), max(1.0, float(at.max()))
    axes.set(xlim=(low, high), ylim=(0, 1.02), xlabel="boxes of this score and more are kept")
    axes.set_ylabel("F1, precision, recall")
    axes.set_title(f"F1 by threshold, all classes together, IoU {iou:g}")
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


@drawn
def calibration(found: Assessment) -> Figure:
    """Return a figure of how far scores are probabilities, and how many boxes have which.

    A box is right where COCO's rule gives it an object. Precision is drawn for bins of five boxes
    and more, with a 95% interval (Wilson); the calibration error is the mean distance between a
    bin's precision and its mean score, weighted by boxes.
    """
    curve, iou = _by_score(found)
    score = np.clip(curve.every, 0.0, 1.0)
    of = np.minimum((score * _BINS).astype(np.int64), _BINS - 1)
    boxes, right = (np.bincount(of, weights=w, minlength=_BINS) for w in (None, curve.right))
    mean = np.bincount(of, weights=score, minlength=_BINS) / np.maximum(boxes, 1)
    precision = right / np.maximum(boxes, 1)
    error = float((boxes * np.abs(precision - mean)).sum() / max(boxes.sum(), 1))
    figure, axes = panels(2, 1, 6.4, 3.0)
    above, below = axes[:, 0]
    above.plot([0, 1], [0, 1], color=PALE, lw=1, label="score = precision")
    kept = boxes >= _FEWEST
    low, high = _wilson(right[kept], boxes[kept])
    spread = np.stack([precision[kept] - low, high - precision[kept]]).clip(0)
    above.errorbar(mean[kept], precision[kept], spread, fmt="o", color=BLUE, label="precision")
    above.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="precision of the boxes")
    above.set_title(f"Scores and what they are worth, IoU {iou:g}: calibration error {error:.3f}")
    above.legend(frameon=False, loc="upper left")
    middle, wide = (np.arange(_BINS) + 0.5) / _BINS, 0.42 / _BINS
    below.bar(middle - wide / 2, right, wide, color=BLUE, label="on an object")
    wrong = boxes - right
    below.bar(middle + wide / 2, wrong, wide, color=VERMILION, label="on none, or a copy")
    # A detector writes many more boxes of low scores than of high ones.
    below.set(xlim=(0, 1), xlabel="score", ylabel="boxes (logarithmic axis)")
    if boxes.any():
        below.set_yscale("log")
    below.set_ylim(0.5, 2 * max(float(boxes.max(initial=0)), 5.0))
    below.yaxis.set_major_formatter("{x:,.0f}")
    below.yaxis.set_minor_formatter("")
    below.legend(frameon=False, loc="lower center", ncols=2, bbox_to_anchor=(0.5, 1.0))
    return figure


def _by_score(found: Assessment) -> tuple[ByScore, float]:
    """Return the boxes by score at the first IoU threshold, and that threshold."""
    iou = found.scores.metrics[0].thresholds[0]
    return by_score(Matching(found.problem, (iou,), any_class=False), iou), iou


def _wilson(
    right: Float[np.ndarray, " b"], boxes: Float[np.ndarray, " b"]
) -> tuple[Float[np.ndarray, " b"], Float[np.ndarray, " b"]]:
    """Return both ends of Wilson's 95% interval of a share."""
    z, share = 1.96, right / boxes
    middle = share + z**2 / (2 * boxes)
    half = z * np.sqrt(share * (1 - share) / boxes + z**2 / (4 * boxes**2))
    return (middle - half) / (1 + z**2 / boxes), (middle + half) / (1 + z**2 / boxes)
