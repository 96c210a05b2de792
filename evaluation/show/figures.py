"""Figures of one file, and of two that are compared: which there are, and how they are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluation.assessment import Assessment, Comparison
from evaluation.show.compared_figures import both_classes, both_curves, both_errors, both_scores
from evaluation.show.curve_figures import calibration, precision_recall, thresholds
from evaluation.show.error_bars import error_bars
from evaluation.show.rows import classes
from medmnist_det.drawing import (
    NO_OBJ,
    captioned,
    content,
    drawn,
    evenly,
    panel,
    sampled,
    save_all,
)
from medmnist_det.heat_maps import heat_map, room_for, side_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Classes in one picture of confusions; of more, so many from the best AP to the worst.
_MOST_CONFUSED = 80


def figures(found: Assessment | Comparison) -> dict[str, Callable[[], Figure]]:
    """Return the figures that there is data for, by file name, each drawn when called."""
    if isinstance(found, Comparison):
        return _compared(found)
    made: dict[str, Callable[[], Figure]] = {}
    if found.scores.headline[0].value is not None:
        made["precision-recall"] = partial(precision_recall, found)
        made["f1"] = partial(thresholds, found)
        made["calibration"] = partial(calibration, found)
        made["classes"] = partial(classes, found)
    if found.budgets:
        made["errors"] = partial(_errors, found)
    if found.confusion is not None and found.scores.objects:
        made["confusion"] = partial(_confusion, found)
    return made


def _compared(found: Comparison) -> dict[str, Callable[[], Figure]]:
    made: dict[str, Callable[[], Figure]] = {}
    if found.first.scores.headline[0].value is not None:
        made["scores"] = partial(both_scores, found)
        made["precision-recall"] = partial(both_curves, found)
        made["classes"] = partial(both_classes, found)
    if found.first.budgets and found.second.budgets:
        made["errors"] = partial(both_errors, found)
    return made


def write_figures(
    folder: Path, found: Assessment | Comparison, formats: Sequence[str] = ("png", "pdf")
) -> list[Path]:
    """Write every figure in each of the formats; return the paths. Raises InputError."""
    written = []
    for name, make in figures(found).items():
        written += save_all(folder, name, make(), formats)
    return written


def as_svg(make: Callable[[], Figure]) -> tuple[str, str]:
    """Return a figure's title and the figure without it, as an SVG element for a page."""
    figure = make()
    title = figure.axes[0].get_title(loc="left")
    figure.axes[0].set_title("", loc="left")
    text = content(figure, "svg").decode("utf-8")
    return title, text[text.index("<svg") :]


@drawn
def _errors(found: Assessment) -> Figure:
    return error_bars(
        [(budget.metric.name, budget) for budget in found.budgets], "Where points are lost"
    )


@drawn
def _confusion(found: Assessment) -> Figure:
    matrix = found.confusion
    if matrix is None:
        raise ValueError("this assessment has no confusion matrix")
    counts, classes_there = matrix.counts, len(matrix.classes)
    names = [*(found.truth.classes.names[k] for k in matrix.classes), NO_OBJ]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    kept = _by_ap(found) if classes_there > _MOST_CONFUSED else list(range(classes_there))
    rows = [*kept, classes_there]
    names, share, counts = (
        [names[k] for k in rows],
        share[np.ix_(rows, rows)],
        counts[np.ix_(rows, rows)],
    )
    side, room = side_of(len(rows)), room_for(names)
    figure, axes = panel(max(side + room + 1.3, 5.2), side + room + 0.8)
    texts = [[f"{count}" if count else "" for count in row] for row in counts.tolist()]
    image = heat_map(axes, share, names, names, str, texts=texts, gamma=0.5)
    axes.set(xlabel="reported class", ylabel="true class")
    axes.set_title(f"Confusions, score {matrix.score:.3f} or more, IoU {matrix.iou:g}")
    cells = " (cells: counts)" if image.axes.texts else ""
    figure.colorbar(image, ax=axes, shrink=0.8, label=f"share of the row{cells}")
    left_out = sampled(len(kept), classes_there, "classes")
    captioned(figure, f"{left_out}; shares are of all boxes" if left_out else "")
    return figure


def _by_ap(found: Assessment) -> list[int]:
    """Return the rows of the confusion matrix to show, from the best AP to the worst."""
    matrix, scores = found.confusion, found.scores
    if matrix is None:
        return []
    ap = [scores.classes[k].ap[0] for k in matrix.classes.tolist()]
    order = sorted(range(len(ap)), key=lambda k: -(ap[k] or 0.0))
    return [order[k] for k in evenly(len(order), _MOST_CONFUSED)]
