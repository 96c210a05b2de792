"""The page's numbers: scores with intervals, errors, classes, sizes, of one file or of two.

With two files every number stands three times: A's, B's, and B - A.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from evaluation.assessment import Comparison
from evaluation.bootstrap import Interval
from evaluation.matching import BACKGROUND_IOU
from evaluation.scores import Mean
from evaluation.show.page.html import Html, chip, link, paragraph, table, text
from evaluation.show.page.scene import Scored
from evaluation.show.score_tables import COCO_MEANINGS, notes, number, quality_rows, verdicts
from medmnist_det.drawing import KIND_COLOURS

# Cells of the confusion matrix that the page lists.
_MOST_CONFUSED = 20


def headline(files: Sequence[Scored], compared: Comparison | None) -> Iterator[str]:
    """Yield the scores, with intervals, and what they leave out."""
    if compared is None:
        yield from _cards(files[0])
    else:
        yield from _verdict(files, compared)
    for one in files:
        yield from (paragraph(one.lead + line) for line in notes(one.assessment))
    measured = [one.assessment.quality for one in files]
    if all(one is not None for one in measured):
        rows = [quality_rows(one) for one in measured if one is not None]
        yield from table(
            "Label quality, whatever the score",
            ["measure", *(one.mark or "value" for one in files)],
            ([same[0][0], *(row[1] for row in same)] for same in zip(*rows, strict=True)),
        )


def _cards(one: Scored) -> Iterator[str]:
    scores, intervals = one.assessment.scores, one.assessment.intervals
    yield '<ul class="cards">'
    for metric, mean, spread in zip(scores.metrics, scores.headline, intervals, strict=True):
        covers = "all" if mean.classes == mean.of else f"{mean.classes} of"
        yield (
            f'<li class="card">{text(metric.name)} <b>{number(mean.value)}</b> '
            f"<small>{_span(spread)}</small> "
            f"<small>mean over {covers} {mean.of} classes</small></li>"
        )
    yield "</ul>\n"


def _span(spread: Interval | None) -> str:
    if spread is None:
        return "no interval"
    return (
        f"{spread.level:.0%} interval {spread.low:.4f} to {spread.high:.4f} "
        f"({spread.resamples:,} resamples of the images)"
    )


def _verdict(files: Sequence[Scored], compared: Comparison) -> Iterator[str]:
    yield "<ul>" + "".join(f"<li>{text(line)}</li>" for line in verdicts(compared)) + "</ul>\n"
    rows = []
    for k, metric in enumerate(compared.first.scores.metrics):
        row: list[object] = [metric.name]
        for one in files:
            spread = one.assessment.intervals[k]
            value = number(one.assessment.scores.headline[k].value)
            row += [value, f"{spread.low:.4f} to {spread.high:.4f}" if spread else ""]
        delta = compared.differences[k]
        row += (
            ["", "", ""]
            if delta is None
            else [
                f"{delta.value:+.4f}",
                f"{delta.interval.low:+.4f} to {delta.interval.high:+.4f}",
                f"{delta.p_value:.3f}",
            ]
        )
        rows.append(row)
    yield from table(
        "Scores with 95% intervals; B \u2212 A on the same resamples of the images",
        ["metric", "A", "interval of A", "B", "interval of B", "B \u2212 A", "interval", "p"],
        rows,
    )


def _columns(files: Sequence[Scored], name: str) -> list[str]:
    return [name] if len(files) == 1 else [f"{name}: A", "B", "B \u2212 A"]


def _values(
    values: Sequence[float | None], form: Callable[[float | None], str] = number
) -> list[str]:
    """Return the cells of one number, or of two and their difference."""
    if len(values) == 1:
        return [form(values[0])]
    first, second = values
    if first is None or second is None:
        return [form(first), form(second), ""]
    gain = form(second - first)
    return [form(first), form(second), f"+{gain}" if second > first else gain]


def _points(value: float | None) -> str:
    # Rounding may leave a negative zero, which would read as a loss.
    return "" if value is None else f"{value + 0.0:.2f}" if abs(value) >= 0.005 else "0.00"


def _count(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def errors(files: Sequence[Scored]) -> Iterator[str]:
    """Yield the error budget as a table whose kinds lead to their images, and what they mean."""
    budgets = [one.assessment.budgets for one in files]
    if not all(budgets):
        return
    header, rows, total = ["error"], [], ["all"]
    for k, budget in enumerate(budgets[0]):
        name = budget.metric.name
        header += [*_columns(files, f"{name}: points"), *_columns(files, "alone")]
        header += _columns(files, "count")
        blank = [""] * len(_columns(files, ""))
        total += [*_values([one[k].lost for one in budgets], _points), *blank, *blank]
    for row, first in enumerate(budgets[0][0].losses):
        cells: list[object] = [chip(KIND_COLOURS[first.kind], link(first.kind, kind=first.kind))]
        for k in range(len(budgets[0])):
            losses = [one[k].losses[row] for one in budgets]
            cells += _values([loss.points for loss in losses], _points)
            cells += _values([loss.alone for loss in losses], _points)
            cells += _values([loss.count for loss in losses], _count)
        rows.append(cells)
    yield from table(
        "Points lost by kind of error (100 points are a mAP of 1)", header, rows, total=total
    )
    yield paragraph(
        Html(
            "A box on no object of its class is judged by the object that it overlaps most. "
            "<b>Class</b>: right place, wrong name. <b>Location</b>: right name, IoU below the "
            f"threshold. <b>Both</b>: neither. <b>Background</b>: IoU below {BACKGROUND_IOU:g} "
            "with everything. <b>Duplicate</b>: the object has a better box. <b>Missed</b>: no box "
            "comes near. <b>Points</b> are each repair's mean gain over all orders of repairs and "
            "add up; <b>alone</b> is the gain of that repair by itself."
        ),
        "soft",
    )


def confusions(files: Sequence[Scored]) -> Iterator[str]:
    """Yield which objects were taken for which, most frequent first; they lead to their images."""
    parts = ["".join(_confusions(k, one)) for k, one in enumerate(files)]
    if len(files) > 1 and any(parts):
        parts = [f"<div>{part}</div>" for part in parts]
        yield f'<div class="columns">{"".join(parts)}</div>\n'
    else:
        yield from parts


def _confusions(file: int, one: Scored) -> Iterator[str]:
    found = one.assessment.confusion
    if found is None:
        return
    names, last = one.assessment.truth.classes.names, len(found.classes)
    wrong = (found.true != found.given) & (found.true < last) & (found.given < last)
    cells = np.flatnonzero(wrong)[np.argsort(-found.count[wrong], kind="stable")].tolist()
    where = f"score {found.score:.3f} or more, IoU {found.iou:g}"
    if not cells:
        yield paragraph(f"{one.lead}No object was taken for one of another class ({where}).")
        return
    rows = []
    for cell in cells[:_MOST_CONFUSED]:
        true, given = (int(found.classes[part[cell]]) for part in (found.true, found.given))
        ask = link(names[true], file=file, true=true, given=given)
        rows.append([ask, names[given], f"{found.count[cell]:,}"])
    few = f"; the {len(rows)} most frequent of {len(cells):,}" if cells[_MOST_CONFUSED:] else ""
    title = f"{one.lead}Objects taken for another class ({where}){few}"
    yield from table(title, ["object", "called", "times"], rows, names=2)


def classes(files: Sequence[Scored]) -> Iterator[str]:
    """Yield the table of classes, whose names lead to their images."""
    scores = [one.assessment.scores for one in files]
    header = ["class"]
    for metric in scores[0].metrics:
        header += _columns(files, f"AP{metric.name.removeprefix('mAP')}")
    header += [*_columns(files, "AR"), "objects", *(f"boxes {one.mark}".strip() for one in files)]
    rows = []
    for k in sorted({k for one in scores for k in one.used}):
        same = [one.classes[k] for one in scores]
        row: list[object] = [link(same[0].name, label=k)]
        for metric in range(len(scores[0].metrics)):
            row += _values([one.ap[metric] for one in same])
        row += [*_values([one.ar for one in same]), f"{same[0].objects:,}"]
        row += [f"{one.detections:,}" for one in same]
        rows.append(row)
    yield from table("Every class", header, rows)


def details(files: Sequence[Scored]) -> Iterator[str]:
    """Yield COCO's twelve numbers and the scores by size of object."""
    scores = [one.assessment.scores for one in files]
    yield from table(
        "COCO's twelve numbers",
        ["metric", *_columns(files, "score"), "classes"],
        (
            [
                COCO_MEANINGS[name],
                *_values([one.coco[name].value for one in scores]),
                _covers(scores[0].coco[name]),
            ]
            for name in scores[0].coco
        ),
    )
    if not scores[0].sizes:
        return
    header = ["side of object"]
    for metric in scores[0].metrics:
        header += _columns(files, metric.name)
    rows = []
    for same in zip(*(one.sizes for one in scores), strict=True):
        row: list[object] = [same[0].name]
        for metric in range(len(scores[0].metrics)):
            row += _values([one.ap[metric].value for one in same])
        rows.append([*row, *_values([one.ar.value for one in same]), f"{same[0].objects:,}"])
    yield from table(
        "By size of object (root of its area)", [*header, *_columns(files, "AR"), "objects"], rows
    )


def _covers(mean: Mean) -> str:
    return f"{mean.classes} of {mean.of}"
