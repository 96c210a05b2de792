"""The worst images as drawings: the picture with truth and boxes on it, as self-contained SVG."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from evaluation.assessment import Assessment
from evaluation.confusion import mistakes_per_image, pair_up
from evaluation.problem import Boxes
from medmnist_det.drawing import MARKS, shorten
from medmnist_det.errors import InputError
from medmnist_det.files import inside, regular
from medmnist_det.terminal.tables import plain

#: Stroke colours of what a drawing can show, in the order of the legend.
LEGEND = MARKS
_FOUND, _MISSED, _RIGHT, _WRONG, _SPURIOUS = LEGEND.values()

# Characters of a class's name in a drawing; an ellipsis stands where more were.
_NAME = 14

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
    mistakes = mistakes_per_image(found.problem, found.confusion.pairing)
    order = np.argsort(-mistakes, kind="stable")[:count]
    return [
        _draw(found, int(k), images, iou, score, int(mistakes[k])) for k in order if mistakes[k]
    ]


def _draw(
    found: Assessment, k: int, images: Path | None, iou: float, score: float, mistakes: int
) -> Drawing:
    problem = found.problem
    objects = problem.objects.select(problem.objects.image == k)
    boxes = problem.counted_boxes
    boxes = boxes.select((boxes.image == k) & (boxes.score >= score))
    name = plain(found.truth.names[k])
    width, height = _size(found, k, objects, boxes)
    marks = "".join(_marks(found.truth.classes.names, objects, boxes, iou, width, height))
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
        f"{np.count_nonzero(~objects.iscrowd)} objects, {len(boxes)} boxes",
    )


def _size(found: Assessment, k: int, objects: Boxes, boxes: Boxes) -> tuple[int, int]:
    if found.truth.sizes is not None:
        width, height = found.truth.sizes[k].tolist()
        return width, height
    corners = np.concatenate([objects.corners, boxes.corners])[:, 2:]
    width, height = np.ceil(corners.max(axis=0, initial=1)).astype(int).tolist()
    return width, height


def _marks(
    names: tuple[str, ...], objects: Boxes, boxes: Boxes, iou: float, width: int, height: int
) -> Iterator[str]:
    """Yield frames: thin and silent where all is well, thick and labelled where it is not."""
    pairing = pair_up(boxes, objects, iou=iou)
    pencil = _Pencil(width, height)
    short = [shorten(name, _NAME) for name in names]
    missed, spurious = set(pairing.missed.tolist()), set(pairing.spurious.tolist())
    true = dict(zip(pairing.pairs.detection.tolist(), pairing.pairs.object.tolist(), strict=True))
    for j in range(len(objects)):
        name = short[objects.label[j]]
        if j in missed:
            yield pencil.frame(objects.corners[j], _MISSED, name, below=True)
        else:
            yield pencil.frame(objects.corners[j], _FOUND)
    for j in range(len(boxes)):
        said = f"{short[boxes.label[j]]} {boxes.score[j]:.2f}"
        if j in spurious:
            yield pencil.frame(boxes.corners[j], _SPURIOUS, said, dashed=True)
        elif j in true and boxes.label[j] != objects.label[true[j]]:
            was = short[objects.label[true[j]]]
            yield pencil.frame(boxes.corners[j], _WRONG, f"{was} \u2192 {said}", dashed=True)
        else:
            yield pencil.frame(boxes.corners[j], _RIGHT, dashed=True)


@dataclass(frozen=True)
class _Pencil:
    width: int
    height: int

    def frame(
        self,
        corners: np.ndarray,
        colour: str,
        label: str | None = None,
        *,
        dashed: bool = False,
        below: bool = False,
    ) -> str:
        left, top, right, bottom = corners.tolist()
        dash = ' stroke-dasharray="5 3"' if dashed else ""
        stroke = 1 if label is None else 2.2
        frame = (
            f'<rect x="{left:.2f}" y="{top:.2f}" width="{right - left:.2f}" '
            f'height="{bottom - top:.2f}" fill="none" stroke="{colour}" stroke-width="{stroke}" '
            f'vector-effect="non-scaling-stroke"{dash}/>'
        )
        if label is None:
            return frame
        size = max(self.width, self.height) / 26
        y = min(bottom + size, self.height - size / 4) if below else max(top - size / 3, size)
        # Labels near the right edge grow to the left, so that none is cut off.
        x, anchor = (right, "end") if left > 0.75 * self.width else (max(left, 0.0), "start")
        return (
            f'{frame}<text x="{min(x, self.width):.2f}" y="{y:.2f}" text-anchor="{anchor}" '
            f'font-size="{size:.2f}" fill="{colour}" stroke="#0b1020" '
            f'stroke-width="{size / 4:.2f}" paint-order="stroke">{escape(label)}</text>'
        )


def _picture(folder: Path | None, name: str) -> str | None:
    """Return a picture as a data URI; None where there is none below the folder."""
    if folder is None:
        return None
    try:
        # A truth file may name any path; only pictures of the folder belong on a page.
        content = regular(inside(folder, name)).read_bytes()
    except (OSError, InputError):
        # A name that no file can have, or a picture that may not be read.
        return None
    media = next((kind for magic, kind in _MEDIA.items() if content.startswith(magic)), None)
    if media is None:
        return None
    return f"data:{media};base64,{base64.b64encode(content).decode('ascii')}"
