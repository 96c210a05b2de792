"""The report: one HTML page with every number and figure, that needs no other file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from importlib.resources import files
from pathlib import Path

from evaluation.assessment import Assessment
from evaluation.bootstrap import Interval
from evaluation.engines import describe
from evaluation.matching import BACKGROUND_IOU
from evaluation.scores import Mean
from evaluation.show.figures import as_svg, figures
from evaluation.show.gallery import LEGEND, worst_images
from evaluation.show.score_tables import COCO_MEANINGS, UNDEFINED, notes, number, quality_rows
from medmnist_det.drawing import KIND_COLOURS
from medmnist_det.files import write_atomically
from medmnist_det.terminal.tables import plain


def write_report(path: Path, found: Assessment, images: Path | None) -> None:
    """Write an assessment as one self-contained page, atomically.

    Names from files are escaped; a page loads nothing from anywhere and runs no script. Raises
    InputError when the disk refuses.
    """
    write_atomically(path, (part.encode("utf-8") for part in _page(found, images)))


def _page(found: Assessment, images: Path | None) -> Iterator[str]:
    title = _text(Path(found.source).name)
    # The policy makes the promise hold even if a name slipped through: nothing is fetched or run.
    yield (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}: scores</title>\n<style>\n"
        f"{files('evaluation.show').joinpath('report.css').read_text('utf-8')}</style></head>\n<body>\n"
    )
    yield f"<h1>{title}</h1>\n"
    yield from _facts(found)
    yield from (f'<p class="warning">{_text(line)}</p>\n' for line in found.warnings)
    yield from _headline(found)
    drawn = {name: as_svg(draw) for name, draw in figures(found).items()}
    yield from _errors(found, drawn)
    yield '<div class="columns">'
    yield from _figure(drawn.get("precision-recall"))
    yield from _figure(drawn.get("confusion"))
    yield "</div>\n"
    yield from _worst(found, images)
    yield from _classes(found, drawn)
    yield from _details(found)
    yield "</body></html>\n"


def _text(text: str) -> str:
    return escape(plain(text))


def _facts(found: Assessment) -> Iterator[str]:
    scores = found.scores
    facts = [f"{key} {value}" for key, value in found.facts.items()]
    lines = (
        f"{found.source}: {scores.detections:,} boxes, against {found.truth.source}: "
        f"{scores.images:,} images, {scores.objects:,} objects",
        "; ".join([*facts, f"engine {describe(scores.engine)}"]),
    )
    yield from (f'<p class="facts">{_text(line)}</p>\n' for line in lines)


def _headline(found: Assessment) -> Iterator[str]:
    scores = found.scores
    yield '<div class="cards">'
    for metric, mean, spread in zip(scores.metrics, scores.headline, found.intervals, strict=True):
        yield (
            f'<div class="card">{_text(metric.name)}<b>{number(mean.value)}</b>'
            f"<small>{_span(spread)}</small>"
            f"<small>mean over {mean.classes} of {mean.of} classes</small></div>"
        )
    yield "</div>\n"
    yield from (f"<p>{_text(line)}</p>\n" for line in notes(found))
    if found.quality is not None:
        yield "<h2>Label quality</h2>\n"
        yield from _table(["measure", "value"], quality_rows(found.quality))


def _span(spread: Interval | None) -> str:
    if spread is None:
        return "no interval"
    return (
        f"{spread.level:.0%} interval {spread.low:.4f} to {spread.high:.4f} "
        f"({spread.resamples:,} resamples of the images)"
    )


def _errors(found: Assessment, drawn: dict[str, tuple[str, str]]) -> Iterator[str]:
    if not found.budgets:
        return
    yield from _figure(drawn.get("errors"))
    header, rows = ["error"], []
    for budget in found.budgets:
        header += [f"{budget.metric.name}: points", "alone", "count"]
    for k, first in enumerate(found.budgets[0].losses):
        cells = [
            f'<span class="chip" style="background:{KIND_COLOURS[first.kind]}"></span>{first.kind}'
        ]
        for budget in found.budgets:
            loss = budget.losses[k]
            cells += [f"{loss.points:.2f}", f"{loss.alone:.2f}", f"{loss.count:,.0f}"]
        rows.append(cells)
    total = ["all"]
    for budget in found.budgets:
        total += [f"{budget.lost:.2f}", "", ""]
    yield from _table(header, rows, raw=True, total=total)
    yield (
        "<p class='facts'>A box on no object of its class is judged by the object that it overlaps "
        "most. <b>Class</b>: right place, wrong name. <b>Location</b>: right name, IoU below the "
        f"threshold. <b>Both</b>: neither. <b>Background</b>: IoU below {BACKGROUND_IOU:g} with "
        "everything. <b>Duplicate</b>: the object has a better box. <b>Missed</b>: no box comes "
        "near. <b>Points</b> are each repair's mean gain over all orders of repairs and add up; "
        "<b>alone</b> is the gain of that repair by itself.</p>\n"
    )


def _figure(drawn: tuple[str, str] | None) -> Iterator[str]:
    if drawn is not None:
        title, svg = drawn
        yield f'<section><h2>{_text(title)}</h2>\n<figure class="plot">{svg}</figure></section>\n'


def _worst(found: Assessment, images: Path | None) -> Iterator[str]:
    drawings = worst_images(found, images)
    if not drawings or found.confusion is None:
        return
    yield "<h2>The worst images</h2>\n"
    yield f"<p class='facts'>Boxes that score {found.confusion.score:.3f} or more.</p>"
    chips = (
        f'<span><i class="chip" style="background:{colour}"></i>{name}</span>'
        for name, colour in LEGEND.items()
    )
    yield f'<p class="legend">{"".join(chips)}</p>\n<div class="gallery">\n'
    for one in drawings:
        yield f"<figure>{one.svg}<figcaption>{one.caption}</figcaption></figure>\n"
    yield "</div>\n"


def _classes(found: Assessment, drawn: dict[str, tuple[str, str]]) -> Iterator[str]:
    yield from _figure(drawn.get("classes"))
    names = [f"AP{metric.name.removeprefix('mAP')}" for metric in found.scores.metrics]
    yield from _table(
        ["class", *names, "AR", "objects", "boxes"],
        (
            [
                row.name,
                *(number(value) for value in (*row.ap, row.ar)),
                f"{row.objects:,}",
                f"{row.detections:,}",
            ]
            for row in (found.scores.classes[k] for k in found.scores.used)
        ),
    )


def _details(found: Assessment) -> Iterator[str]:
    scores = found.scores
    yield "<h2>COCO's twelve, and sizes</h2>\n<div class='columns'><div>"
    yield from _table(
        ["metric", "score", "classes"],
        ([COCO_MEANINGS[name], *_mean(mean)] for name, mean in scores.coco.items()),
    )
    yield "</div><div>"
    yield from _table(
        ["side of object", *(metric.name for metric in scores.metrics), "AR", "objects"],
        (
            [row.name, *(number(mean.value) for mean in (*row.ap, row.ar)), f"{row.objects:,}"]
            for row in scores.sizes
        ),
    )
    yield "</div></div>\n"


def _mean(mean: Mean) -> tuple[str, str]:
    return (UNDEFINED if mean.value is None else number(mean.value), f"{mean.classes} of {mean.of}")


def _table(
    header: list[str],
    rows: Iterable[list[str]],
    *,
    raw: bool = False,
    total: list[str] | None = None,
) -> Iterator[str]:
    """Yield a table; cells are escaped unless they are ``raw`` HTML of our own."""
    yield "<table><tr>" + "".join(f"<th>{_text(cell)}</th>" for cell in header) + "</tr>\n"
    for row in rows:
        cells = row if raw else [_text(cell) for cell in row]
        yield "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"
    if total is not None:
        cells = "".join(f"<td>{_text(cell)}</td>" for cell in total)
        yield f'<tr class="total">{cells}</tr>\n'
    yield "</table>\n"
