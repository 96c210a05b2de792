"""The page itself: what stands on it, in which order, and what it may do."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.resources import files as resources
from pathlib import Path, PurePath

from evaluation.assessment import Assessment, Comparison
from evaluation.engines import describe
from evaluation.read.layers import Layers
from evaluation.show.figures import as_svg, figures
from evaluation.show.page.html import count, figure, paragraph, section, text
from evaluation.show.page.images import images as images_of
from evaluation.show.page.numbers import classes, confusions, details, errors, headline
from evaluation.show.page.scene import Scored, scored
from medmnist_det.files import write_atomically

# Bytes that a page is to take: what can be read on a phone and sent by mail.
_MOST_BYTES = 2_900_000

_DESCRIPTIONS = {
    "precision-recall": "A curve for every class and their mean; the table of classes has the AP.",
    "confusion": "A matrix of objects by class and what they were called; the table below lists "
    "the largest cells.",
    "errors": "Bars of the points lost by kind of error; the table below has the numbers.",
    "classes": "The AP of every class with its interval, best first; the table below has the "
    "numbers.",
    "f1": "F1, precision and recall against the score from which boxes are kept; the table of "
    "scores has the working point.",
    "calibration": "How many boxes of a score are right, and how many boxes have each score.",
    "scores": "Both scores of every metric, and what B gains, with intervals; the table below has "
    "the numbers.",
}


def write_report(
    path: Path,
    result: Assessment | Comparison,
    *,
    images: Path | None = None,
    layers: Layers | None = None,
) -> None:
    """Write an assessment, or a comparison of two, as one self-contained page, atomically.

    ``images`` is the folder of the pictures, ``layers`` what raters and methods say about the
    images. Names from files are escaped; the page loads nothing and runs only its own script,
    without which all numbers, figures and the worst images are there as well. Raises InputError
    when the disk refuses.
    """
    parts = _page(result, images, layers or Layers())
    write_atomically(path, (part.encode("utf-8") for part in parts))


def _page(result: Assessment | Comparison, images: Path | None, layers: Layers) -> Iterator[str]:
    if isinstance(result, Comparison):
        files = [scored("A", result.first), scored("B", result.second)]
    else:
        files = [scored("", result)]
    compared = result if isinstance(result, Comparison) else None
    parts = _numbers(files, compared)
    # Images get what numbers and figures leave of the page.
    room = _MOST_BYTES - sum(len(part.encode()) for part in parts.values())
    parts["images"] = "".join(images_of(files, images, layers, room))
    there = {anchor: title for anchor, title in _TITLES.items() if parts[anchor]}
    script = "".join(map(_resource, _SCRIPTS))
    yield from _head(files, script)
    yield from _opening(files, there)
    for anchor, title in there.items():
        yield from section(title, anchor, parts[anchor])
    yield "</main>\n<footer><p>Made by medmnist-det evaluate. Needs no other file.</p></footer>\n"
    yield f"<script>{script}</script>\n</body></html>\n"


_TITLES = {
    "scores": "Scores",
    "errors": "Errors",
    "images": "Images",
    "classes": "Classes",
    "confusions": "Confusions",
    "curves": "Curves",
    "details": "COCO's twelve, and sizes",
}
_SCRIPTS = ("tables.js", "drawing.js", "browser.js")


def _numbers(files: Sequence[Scored], compared: Comparison | None) -> dict[str, str]:
    """Return every section but the images; "" for one that there is nothing to say in."""
    drawn = [
        {name: as_svg(draw) for name, draw in figures(one.assessment).items()} for one in files
    ]
    shown = partial(_figures, files=files, drawn=drawn)
    names = dict.fromkeys(name for one in drawn for name in one)
    curves = ["precision-recall", *(name for name in names if name not in _PLACED)]
    parts = {
        "scores": (*_compared(compared), *headline(files, compared)),
        "errors": _beside(files, shown("errors"), errors(files)),
        "classes": _beside(files, shown("classes"), classes(files)),
        "confusions": _beside(files, shown("confusion"), confusions(files)),
        "curves": (part for name in curves for part in shown(name)),
        "details": details(files),
    }
    return {anchor: "".join(part) for anchor, part in parts.items()}


def _compared(found: Comparison | None) -> Iterator[str]:
    """Yield the figure of both scores, where two files are compared and there is something."""
    if found is not None and "scores" in (drawn := figures(found)):
        yield figure(*as_svg(drawn["scores"]), _DESCRIPTIONS["scores"], "scores")


# Figures with a section of their own; others, which come to be, stand with the curves.
_PLACED = ("errors", "classes", "confusion", "precision-recall")


def _beside(
    files: Sequence[Scored], figure: Iterator[str], numbers: Iterator[str]
) -> Iterator[str]:
    """Yield the figure of one file beside its numbers, the figures of two files above theirs."""
    drawn, written = "".join(figure), "".join(numbers)
    if len(files) > 1 or not (drawn and written):
        yield drawn + written
    else:
        yield f'<div class="columns beside">{drawn}<div>{written}</div></div>\n'


def _resource(name: str) -> str:
    return resources("evaluation.show.page").joinpath(name).read_text("utf-8")


def _head(files: Sequence[Scored], script: str) -> Iterator[str]:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    # The policy makes the promise hold even if a name slipped through: nothing is fetched, and no
    # script runs but the one of this digest.
    yield (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        f"style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{_title(files)}</title>\n<style>\n{_resource('page.css')}</style></head>\n<body>\n"
    )


def _title(files: Sequence[Scored]) -> str:
    what = " and ".join(f"{one.lead}{_short(one.assessment.source)}" for one in files)
    return text(f"{what}, scored on {_short(files[0].assessment.truth.source)}")


def _opening(files: Sequence[Scored], there: dict[str, str]) -> Iterator[str]:
    """Yield what was scored on what, the way to the sections, and warnings."""
    yield (
        f'<a class="skip" href="#scores">Skip to the scores</a>\n<header><h1>{_title(files)}</h1>\n'
    )
    yield from (paragraph(line, "soft") for line in _facts(files))
    links = (f'<li><a href="#{anchor}">{text(title)}</a></li>' for anchor, title in there.items())
    yield f'<nav aria-label="On this page"><ul>{"".join(links)}</ul></nav></header>\n<main>\n'
    warnings = dict.fromkeys(line for one in files for line in one.assessment.warnings)
    yield from (paragraph(line, "warning") for line in warnings)


def _short(source: str) -> str:
    """Return the end of a path: the file and the two folders above it."""
    parts = PurePath(source).parts
    return source if len(parts) <= 3 else "/".join(parts[-3:])


def _facts(files: Sequence[Scored]) -> Iterator[str]:
    found = files[0].assessment
    for one in files:
        yield f"{one.lead}{one.assessment.source}: {one.assessment.scores.detections:,} boxes"
    yield (
        f"Truth: {found.truth.source}: {count(found.scores.images, 'image')}, "
        f"{count(found.scores.objects, 'object')}"
    )
    facts = [f"{key} {value}" for key, value in found.facts.items()]
    yield "; ".join([*facts, f"engine {describe(found.scores.engine)}"])


def _figures(
    name: str, files: Sequence[Scored], drawn: Sequence[dict[str, tuple[str, str]]]
) -> Iterator[str]:
    """Yield a figure of each file that has it, two of them side by side."""
    described = _DESCRIPTIONS.get(name, "Its numbers are in the tables of this page.")
    made = []
    for one, figures_of in zip(files, drawn, strict=True):
        if name in figures_of:
            title, svg = figures_of[name]
            made.append(figure(f"{one.lead}{title}", svg, described, f"{name}{one.mark}"))
    if made:
        yield f'<div class="columns">{"".join(made)}</div>\n'
