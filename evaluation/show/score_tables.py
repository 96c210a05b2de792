"""Tables for the terminal: rich renderables that stay aligned as plain text when piped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from evaluation.assessment import Assessment, Comparison
from evaluation.bootstrap import Interval
from evaluation.budget import Budget
from evaluation.confusion import Confusion
from evaluation.engines import describe
from evaluation.quality import Quality
from evaluation.scores import Mean, Scores
from medmnist_det.terminal.tables import Table, Whole, plain

#: What stands for a number that does not exist.
UNDEFINED = "undefined"


def number(value: float | None) -> str:
    """Return a score with four decimals."""
    return UNDEFINED if value is None else f"{value:.4f}"


def tables(found: Assessment | Comparison) -> Group:
    """Return what the terminal shows, the headline first."""
    return _assessment(found) if isinstance(found, Assessment) else _comparison(found)


def _assessment(found: Assessment) -> Group:
    parts: list[RenderableType] = [_what(found), _headline(found)]
    if found.quality is not None:
        parts.append(_quality(found.quality))
    parts.append(_coco(found.scores))
    if found.budgets:
        parts.append(_budget(found.budgets))
    if found.confusion is not None:
        parts.append(_confusions(found.confusion, found.truth.classes.names))
    if found.scores.sizes:
        parts.append(_sizes(found.scores))
    parts.append(_classes(found.scores))
    return Group(*parts, *(Text(line) for line in notes(found)))


def _what(found: Assessment) -> Whole:
    scores = found.scores
    lines = [
        f"{plain(found.source)}: {scores.detections:,} boxes",
        f"{plain(found.truth.source)}: {scores.images:,} images, {scores.objects:,} objects"
        + (f", {scores.iscrowd_regions:,} iscrowd regions" if scores.iscrowd_regions else ""),
        "; ".join(
            [f"{key} {plain(value)}" for key, value in found.facts.items()]
            + [f"engine {describe(scores.engine)}"]
        ),
    ]
    return Whole("\n".join(lines))


def _span(one: Interval | None) -> str:
    return "" if one is None else f"{one.low:.4f} to {one.high:.4f}"


def _covers(means: tuple[Mean, ...]) -> list[str]:
    """Return which classes each mean covers where it is not all; nothing where all cover all."""
    cells = ["" if mean.classes == mean.of else f"{mean.classes} of {mean.of}" for mean in means]
    return cells if any(cells) else []


def _headline(found: Assessment) -> Table:
    scores = found.scores
    covers = _covers(scores.headline)
    heads = ("metric", "score", "95% interval", *["classes"] * bool(covers))
    table = Table("\nScores", *heads)
    for k, (metric, mean) in enumerate(zip(scores.metrics, scores.headline, strict=True)):
        cells = (number(mean.value), _span(found.intervals[k]), *covers[k : k + 1])
        table.row(metric.name, *cells, style="bold")
    return table


#: What COCO's short names stand for.
COCO_MEANINGS = {
    "AP": "AP @[.5:.95]",
    "AP50": "AP @.5",
    "AP75": "AP @.75",
    "APs": "AP, small (area to 32 x 32 px)",
    "APm": "AP, medium (to 96 x 96 px)",
    "APl": "AP, large",
    "AR1": "AR, 1 box of a class an image",
    "AR10": "AR, 10 boxes",
    "AR100": "AR, 100 boxes",
    "ARs": "AR, small",
    "ARm": "AR, medium",
    "ARl": "AR, large",
}


def _coco(scores: Scores) -> Table:
    covers = _covers(tuple(scores.coco.values()))
    table = Table("COCO's twelve", "metric", "score", *["classes"] * bool(covers))
    for k, (name, mean) in enumerate(scores.coco.items()):
        table.row(COCO_MEANINGS[name], number(mean.value), *covers[k : k + 1])
    return table


def _budget(budgets: tuple[Budget, ...]) -> Table:
    names = [budget.metric.name for budget in budgets]
    columns = [column for name in names for column in (f"{name}\npoints", "alone", "count")]
    table = Table("Where points are lost (100 points are a mAP of 1)", "error", *columns)
    for kind in range(len(budgets[0].losses)):
        losses = [budget.losses[kind] for budget in budgets]
        cells = [
            cell
            for one in losses
            for cell in (_points(one.points), _points(one.alone), f"{one.count:,.0f}")
        ]
        table.row(losses[0].kind, *cells)
    totals = [cell for budget in budgets for cell in (_points(budget.lost), "", "")]
    table.row("all", *totals, style="bold")
    return table


def _points(value: float) -> str:
    # Rounding may leave a negative zero, which would read as a loss.
    return f"{value + 0.0:.2f}" if abs(value) >= 0.005 else "0.00"


def _confusions(found: Confusion, names: tuple[str, ...]) -> RenderableType:
    k = len(found.classes)
    wrong = np.flatnonzero((found.true != found.given) & (found.true < k) & (found.given < k))
    worst = wrong[np.argsort(-found.count[wrong], kind="stable")][:5]
    if len(worst) == 0:
        return Text("")
    title = f"Most confused (score {found.score:.3f} or more, IoU {found.iou:g})"
    table = Table(title, "object", "called", "times", names=2)
    for cell in worst:
        true, given = (names[found.classes[row[cell]]] for row in (found.true, found.given))
        table.row(true, given, f"{found.count[cell]:,}")
    return table


def _quality(quality: Quality) -> Table:
    table = Table("Label quality (whatever the score)", "measure", "value")
    for name, value in quality_rows(quality):
        table.row(name, value)
    return table


def quality_rows(quality: Quality) -> list[list[str]]:
    """Return what each measure is called, and its value."""
    return [
        [f"precision: boxes on an object (IoU {quality.iou:g})", number(quality.precision)],
        ["recall: objects with a box", number(quality.recall)],
        ["class accuracy of these boxes", number(quality.class_accuracy)],
        ["mean IoU of these boxes", number(quality.mean_iou)],
    ]


def _sizes(scores: Scores) -> Table:
    names = [metric.name for metric in scores.metrics]
    whose = ", fifths of this truth's objects" if scores.own_sizes else ""
    table = Table(f"By size of object (root of its area{whose})", "side", *names, "AR", "objects")
    for row in scores.sizes:
        cells = [number(mean.value) for mean in (*row.ap, row.ar)]
        table.row(row.name, *cells, f"{row.objects:,}")
    return table


def _classes(scores: Scores) -> Table:
    names = [f"AP{metric.name.removeprefix('mAP')}" for metric in scores.metrics]
    table = Table("By class", "class", *names, "AR", "objects", "boxes")
    for row in (scores.classes[k] for k in scores.used):
        cells = [number(value) for value in (*row.ap, row.ar)]
        table.row(row.name, *cells, f"{row.objects:,}", f"{row.detections:,}")
    return table


def notes(found: Assessment) -> Iterator[str]:
    """Yield what the numbers leave out, a sentence each."""
    left_out = len(found.scores.classes) - len(found.scores.used)
    if left_out:
        classes = _count(left_out, "class", "classes")
        yield f"Left out: {classes} without an object or a box."
    if found.scores.beyond:
        boxes = _count(found.scores.beyond, "box", "boxes")
        yield f"Not counted, as in COCO: {boxes} beyond the 100 best of a class in an image."
    empty = found.scores.undefined
    if empty:
        beyond = any(row.objects for row in empty)
        size = ", or only some beyond COCO's 1e10 square pixels" if beyond else ""
        boxes = sum(row.detections for row in empty)
        names = ", ".join(plain(row.name) for row in empty[:10]) + (", ..." if empty[10:] else "")
        yield (
            f"No object of {_count(len(empty), 'class', 'classes')} ({names}){size}: undefined, "
            f"not part of any mean; the {boxes:,} boxes there cost nothing."
        )
    if found.not_looked:
        yield f"{found.not_looked:,} images that this rater did not look at are left out."
    if len(found.resampled) == 0 and found.scores.detections:
        yield "No intervals; --bootstrap 1000 adds them."
    if not found.budgets and found.scores.headline[0].value is not None:
        yield "No error budget; --errors adds one."


def _count(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def verdicts(found: Comparison) -> Iterator[str]:
    """Yield which file is better, a sentence per metric."""
    for metric, delta in zip(found.first.scores.metrics, found.differences, strict=True):
        if delta is None:
            yield f"{metric.name}: no verdict, a score or its interval is missing."
        elif delta.real:
            better = "B" if delta.value > 0 else "A"
            yield f"{metric.name}: {better} is better; the difference is real."
        else:
            yield f"{metric.name}: no real difference; other images could turn it around."


def _comparison(found: Comparison) -> Group:
    first, second = found.first, found.second
    table = Table("\nScores", "metric", "A", "B", "B - A", "95% interval", "p")
    for k, metric in enumerate(first.scores.metrics):
        a, b = first.scores.headline[k].value, second.scores.headline[k].value
        delta = found.differences[k]
        cells = (
            ("", "", "")
            if delta is None
            else (
                f"{delta.value:+.4f}",
                f"{delta.interval.low:+.4f} to {delta.interval.high:+.4f}",
                f"{delta.p_value:.3f}",
            )
        )
        table.row(metric.name, number(a), number(b), *cells, style="bold")
    what = Whole(f"A  {plain(first.source)}\nB  {plain(second.source)}")
    said = Text("\n".join(verdicts(found)))
    return Group(what, table, said, _both_classes(found), *_facts(first))


def _facts(found: Assessment) -> Iterable[Whole]:
    facts = [f"{key} {plain(value)}" for key, value in found.facts.items()]
    covered = f"{found.scores.images:,} images, {found.scores.objects:,} objects"
    yield Whole("; ".join([f"{plain(found.truth.source)}: {covered}", *facts]))


def _both_classes(found: Comparison) -> Table:
    metrics = found.first.scores.metrics
    columns = [
        name for metric in metrics for name in (f"A {metric.name.removeprefix('m')}", "B", "B - A")
    ]
    table = Table("\nBy class", "class", *columns)
    first, second = found.first.scores, found.second.scores
    used = sorted({*first.used, *second.used})
    for a, b in ((first.classes[k], second.classes[k]) for k in used):
        cells = []
        for one, other in zip(a.ap, b.ap, strict=True):
            gain = "" if one is None or other is None else f"{other - one:+.4f}"
            cells += [number(one), number(other), gain]
        table.row(a.name, *cells)
    return table
