"""The worst images as drawings: the picture with truth and boxes on it, as self-contained SVG."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from evaluation.assessment import Assessment
from evaluation.confusion import kept_at, mistakes_per_image, pair_up
from evaluation.problem import Boxes
from evaluation.tables import plain

#: Stroke colours of what a drawing can show, in the order of the legend.
LEGEND = {
    "object, found": "#34d399",
    "object, missed": "#f43f5e",
    "box, right": "#60a5fa",
    "box, wrong class": "#fbbf24",
    "box on nothing": "#e879f9",
}
_FOUND, _MISSED, _RIGHT, _WRONG, _SPURIOUS = LEGEND.values()

_MEDIA = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One image: an SVG element, and what to write below it (already escaped)."""

    svg: str
    caption: str


def worst_images(found: Assessment, images: Path | None, *, count: int = 12) -> list[Drawing]:
    """Return drawings of the images with most mistakes at the confusion matrix's working point.

    Images without a mistake are left out. A picture is embedded where ``images`` holds a PNG or
    JPEG of the name that the truth gives; otherwise its boxes stand on a plain ground.
    """
    if found.confusion is None or found.problem.images == 0:
        return []
    iou, score = found.confusion.iou, found.confusion.score
    mistakes = mistakes_per_image(found.problem, iou=iou, score=score)
    order = np.argsort(-mistakes, kind="stable")[:count]
    return [
        _draw(found, int(k), images, iou, score, int(mistakes[k])) for k in order if mistakes[k]
    ]


def _draw(
    found: Assessment, k: int, images: Path | None, iou: float, score: float, mistakes: int
) -> Drawing:
    problem = found.problem
    objects = problem.objects.select(problem.objects.image == k)
    boxes = problem.detections.select(problem.detections.image == k)
    boxes = boxes.select(kept_at(boxes, score))
    name = plain(found.truth.names[k])
    width, height = _size(found, k, objects, boxes)
    marks = "".join(_marks(found.truth.classes.names, objects, boxes, iou, max(width, height)))
    picture = _picture(images, found.truth.names[k])
    ground = (
        f'<image href="{picture}" width="{width}" height="{height}"/>'
        if picture
        else f'<rect width="{width}" height="{height}" fill="#1f2933"/>'
    )
    return Drawing(
        svg=f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(name)}">'
        f"{ground}{marks}</svg>",
        caption=f"<b>{escape(name)}</b> {mistakes} mistake{'s' if mistakes != 1 else ''}, "
        f"{np.count_nonzero(~objects.crowd)} objects, {len(boxes)} boxes",
    )


def _size(found: Assessment, k: int, objects: Boxes, boxes: Boxes) -> tuple[int, int]:
    if found.truth.sizes is not None:
        width, height = found.truth.sizes[k].tolist()
        return width, height
    corners = np.concatenate([objects.corners, boxes.corners])[:, 2:]
    width, height = np.ceil(corners.max(axis=0, initial=1)).astype(int).tolist()
    return width, height


def _marks(
    names: tuple[str, ...], objects: Boxes, boxes: Boxes, iou: float, side: int
) -> Iterator[str]:
    pairing = pair_up(boxes, objects, iou=iou)
    colour = np.full(len(boxes), _RIGHT, dtype=object)
    wrong = boxes.label[pairing.pairs.detection] != objects.label[pairing.pairs.object]
    colour[pairing.pairs.detection[wrong]] = _WRONG
    colour[pairing.spurious] = _SPURIOUS
    for j in range(len(objects)):
        missed = j in pairing.missed
        label = f"{names[objects.label[j]]}" if missed else None
        yield _mark(objects.corners[j], _MISSED if missed else _FOUND, label, side, below=True)
    for j in range(len(boxes)):
        label = f"{names[boxes.label[j]]} {boxes.score[j]:.2f}"
        yield _mark(boxes.corners[j], colour[j], label, side, dashed=True)


def _mark(
    corners: np.ndarray,
    colour: str,
    label: str | None,
    side: int,
    *,
    dashed: bool = False,
    below: bool = False,
) -> str:
    left, top, right, bottom = corners.tolist()
    size = side / 28
    dash = ' stroke-dasharray="5 3"' if dashed else ""
    frame = (
        f'<rect x="{left:.2f}" y="{top:.2f}" width="{right - left:.2f}" '
        f'height="{bottom - top:.2f}" fill="none" stroke="{colour}" stroke-width="1.6" '
        f'vector-effect="non-scaling-stroke"{dash}/>'
    )
    if label is None:
        return frame
    y = bottom + size if below else max(top - size / 4, size)
    return (
        f'{frame}<text x="{max(left, 0):.2f}" y="{y:.2f}" font-size="{size:.2f}" fill="{colour}" '
        f'stroke="#0b1020" stroke-width="{size / 5:.2f}" paint-order="stroke">'
        f"{escape(plain(label)[:24])}</text>"
    )


def _picture(folder: Path | None, name: str) -> str | None:
    """Return a picture as a data URI; None where there is none below the folder."""
    if folder is None:
        return None
    path = (folder / name).resolve()
    # A truth file from elsewhere may name any path; only pictures of the folder belong on a page.
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        return None
    content = path.read_bytes()
    media = next((kind for magic, kind in _MEDIA.items() if content.startswith(magic)), None)
    if media is None:
        return None
    return f"data:{media};base64,{base64.b64encode(content).decode('ascii')}"

