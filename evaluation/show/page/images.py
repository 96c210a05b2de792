"""The page's images: the worst as drawings, a table of all with mistakes, and the browser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson

from evaluation.mistakes import KINDS
from evaluation.read.layers import Layers
from evaluation.show.page.drawing import COVER, GROUND, LEGEND, LETTERS, draw, summary
from evaluation.show.page.html import Html, chip, json_element, link, paragraph, table, text
from evaluation.show.page.pictures import SMALL, Album, collect
from evaluation.show.page.scene import Scored, browser_data, mistakes_of, worst_first
from medmnist_det.drawing import COLOURS

if TYPE_CHECKING:
    from jaxtyping import Int

# Drawings of the worst images, and the most rows of the table of images.
_WORST, _MOST_ROWS = 12, 300

# Bytes that the images have however much the rest of the page takes.
_LEAST = 300_000

# The part of a section's bytes that boxes may take; the rest is left to pictures.
_BOXES = 0.6

# Names of images that a sentence lists.
_FIRST = 5

# The truth's colour is nobody else's.
_RATERS = [colour for colour in COLOURS if colour != LEGEND["object, found"]]


def images(
    files: Sequence[Scored], folder: Path | None, layers: Layers, most: int
) -> Iterator[str]:
    """Yield the section's parts, of about ``most`` bytes; the script hides what needs none."""
    truth = files[0].assessment.truth
    if not truth.ids:
        yield paragraph("There is no image.")
        return
    order, mistakes = worst_first(files), mistakes_of(files)
    chosen = [int(k) for k in order[: _WORST // len(files)] if mistakes[k]]
    rows = list(_table(files, order))
    # Drawings take less than a picture and 20 kB each.
    room = max(most - sum(map(len, rows)) - 20_000 * len(chosen) * len(files), _LEAST)
    data, notes = browser_data(files, layers, order, most=int(_BOXES * room))
    shown = order[: len(data["images"])]
    room -= sum(len(orjson.dumps(one)) for one in data["images"])
    album = collect(folder, truth.names, shown, most=room)
    for k, one in zip(shown.tolist(), data["images"], strict=True):
        one["picture"] = int(album.place[k])
    notes += _without_pictures(album, truth.names, len(shown), folder)
    yield from _browser(files, layers, len(shown))
    yield from (paragraph(line, "soft") for line in (*layers.absent, *layers.warnings, *notes))
    yield from _worst(files, album, chosen)
    yield from rows
    # The drawings hold their pictures already; the script finds them there.
    drawn = {int(album.place[k]) for k in chosen}
    data["pictures"] = [None if k in drawn else uri for k, uri in enumerate(album.uris)]
    data["marks"] = list(LEGEND.values())
    data |= {"ground": GROUND, "cover": COVER, "letters": LETTERS}
    yield json_element("browser-data", data)


def _without_pictures(
    album: Album, names: tuple[str, ...], shown: int, folder: Path | None
) -> Iterator[str]:
    def listed(rows: tuple[int, ...]) -> str:
        more = ", ..." if rows[_FIRST:] else ""
        return f"{', '.join(names[k] for k in rows[:_FIRST])}{more}"

    if album.uris:
        small = f"; the {album.small:,} with fewest mistakes of {SMALL}" if album.small else ""
        yield f"Pictures are compressed copies of at most {album.side} pixels a side{small}."
    if album.missing:
        yield (
            f"No picture of {len(album.missing):,} of {shown:,} images, whose boxes stand on "
            f"a plain ground ({listed(album.missing)}): the folder {folder} has none; --images "
            "names another."
        )
    if album.left_out:
        yield (
            f"No picture of {len(album.left_out):,} of {shown:,} images, those with fewest "
            f"mistakes ({listed(album.left_out)}): the page has no room for more."
        )


def _worst(files: Sequence[Scored], album: Album, chosen: list[int]) -> Iterator[str]:
    if not chosen:
        return
    scores = " and ".join(f"{one.score:.3f}" for one in files)
    yield '<div class="without-script">\n<h3>The worst images</h3>\n'
    yield paragraph(
        f"Those with most mistakes; boxes that score {scores} or more (the best F1), IoU "
        f"{files[0].iou:g}.",
        "soft",
    )
    yield from _legend()
    yield f'<div class="gallery{" pairs" if len(files) > 1 else ""}">\n'
    for k in chosen:
        drawn = (_drawing(one, k, album) for one in files)
        yield f'<div class="pair">{"".join(drawn)}</div>\n' if len(files) > 1 else next(drawn)
    yield "</div></div>\n"


def _drawing(one: Scored, image: int, album: Album) -> str:
    name = text(one.assessment.truth.names[image])
    return (
        f'<figure data-picture="{int(album.place[image])}">{draw(one, image, album.uri(image))}'
        f"<figcaption>{one.lead}<b>{name}</b> {text(summary(one, image))}</figcaption></figure>\n"
    )


def _legend() -> Iterator[str]:
    keys = (
        chip(colour, name, "dashed" if name.startswith("box") else "solid")
        for name, colour in LEGEND.items()
    )
    yield f'<p class="legend">{"".join(keys)}</p>\n'


def _table(files: Sequence[Scored], order: Int[np.ndarray, " n"]) -> Iterator[str]:
    truth, objects = files[0].assessment.truth, files[0].assessment.problem.objects
    mistakes = mistakes_of(files)
    rows = [int(k) for k in order if mistakes[k]]
    if not rows:
        yield paragraph("No image has a mistake at the score with the best F1.")
        return
    count = np.bincount(objects.image[~objects.iscrowd], minlength=len(truth.ids))
    header = ["image", "objects"]
    for one in files:
        header += [f"{one.mark} {kind}".strip() for kind in KINDS]
    shown = rows[:_MOST_ROWS]
    few = f"the {len(shown):,} worst of " if len(shown) < len(rows) else ""
    title = f"Images with mistakes: {few}{len(rows):,}"
    yield f"<details><summary>{title}</summary>\n"
    yield from table(
        f"{title}; mistakes by kind",
        header,
        (
            [
                link(truth.names[k], image=k),
                f"{count[k]:,}",
                *(f"{n:,}" if n else "" for one in files for n in one.mistakes[k].tolist()),
            ]
            for k in shown
        ),
    )
    yield "</details>\n"


def _browser(files: Sequence[Scored], layers: Layers, shown: int) -> Iterator[str]:
    """Yield the browser's controls and empty places, which the script fills and shows."""
    yield '<div id="browser" hidden>\n<form class="controls">\n'
    yield from _switches(files, layers)
    scores = [one.assessment.problem.detections.score for one in files]
    low = min(0.0, *(float(one.min(initial=0.0)) for one in scores))
    high = max(1.0, *(float(one.max(initial=1.0)) for one in scores))
    yield (
        '<label for="score">Confidence from <output id="score-shown" for="score"></output>'
        f'<input id="score" type="range" min="{low:g}" max="{high:g}" '
        f'step="{(high - low) / 1000:g}"></label>\n'
        '<button type="button" id="best-f1">Back to the best F1</button>\n'
    )
    yield from _filters(files)
    yield "</form>\n"
    yield (
        '<div class="viewer">\n<p id="count" role="status"></p>\n'
        '<p id="confusion" hidden><span></span> <button type="button">Show all</button></p>\n'
        '<figure id="stage" aria-label="Image; arrow keys show the next and the previous one">'
        '<div id="picture"></div><figcaption id="caption"></figcaption>'
        "</figure>\n"
        '<p class="turn"><button type="button" id="before">\u2190 Previous</button> '
        '<button type="button" id="after">Next \u2192</button></p>\n'
    )
    yield from _legend()
    yield "<details><summary>Boxes of this image, in words</summary>"
    yield from table("Boxes of this image", ["from", "class", "score", "verdict"], [], names=2)
    yield (
        '</details></div>\n<div class="found"><ul id="thumbs" aria-label="Images found"></ul>\n'
        '<p class="turn"><button type="button" id="fewer">\u2190 Earlier images</button> '
        '<button type="button" id="more">Later images \u2192</button></p></div>\n</div>\n'
    )
    yield (
        f"<noscript>{paragraph(f'With JavaScript, all {shown:,} images can be browsed here.')}"
        "</noscript>\n"
    )


def _switches(files: Sequence[Scored], layers: Layers) -> Iterator[str]:
    yield '<fieldset class="switches"><legend>Whose boxes</legend>\n'
    yield _switch("truth", LEGEND["object, found"], "truth", on=True)
    for k, one in enumerate(files):
        name = f"predictions {one.mark}".strip()
        style = "dotted" if k else "dashed"
        yield _switch(f"file-{k}", LEGEND["box, right"], name, style, on=True)
    raters = 0
    for k, layer in enumerate(layers.layers):
        colour = _RATERS[raters % len(_RATERS)]
        raters += layer.kind == "rater"
        name = f"rater {layer.name}" if layer.kind == "rater" else f"fused: {layer.name}"
        if layer.kind == "fused":
            yield _switch(f"other-{k}", "#ffffff", name, "dashed")
        else:
            yield _switch(f"other-{k}", colour, name)
    yield "</fieldset>\n"
    if raters > 1:
        yield '<button type="button" id="all-raters">All raters on or off</button>\n'


def _switch(key: str, colour: str, name: str, style: str = "solid", *, on: bool = False) -> str:
    return (
        f'<label><input type="checkbox" data-layer="{key}" data-colour="{colour}"'
        f"{' checked' if on else ''}>{chip(colour, name, style)}</label>\n"
    )


def _filters(files: Sequence[Scored]) -> Iterator[str]:
    names = files[0].assessment.truth.classes.names
    used = sorted({k for one in files for k in one.assessment.scores.used})
    kinds = {"": "any image", "any": "any mistake", "false": "any false positive"}
    yield _choice("kind", "Mistake", kinds | {kind: kind for kind in KINDS})
    yield _choice("label", "Class", {"": "any class"} | {str(k): names[k] for k in used})
    if len(files) > 1:
        yield _choice("of", "Mistakes of", {"": "A or B", "0": "A", "1": "B"})
    yield (
        '<label for="name">Name holds<input id="name" type="search" autocomplete="off"></label>\n'
    )
    orders = {"worst": "most mistakes first", "name": "as in the truth"}
    if len(files) > 1:
        orders |= {"gain": "A's mistakes that B avoids", "loss": "B's mistakes that A avoids"}
    yield _choice("order", "Order", orders)


def _choice(key: str, label: str, options: dict[str, str]) -> Html:
    rows = "".join(
        f'<option value="{value}">{text(name)}</option>' for value, name in options.items()
    )
    return Html(f'<label for="{key}">{label}<select id="{key}">{rows}</select></label>\n')
