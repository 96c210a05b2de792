"""Images as drawings that need no script: the picture with truth and boxes on it, as SVG."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

import numpy as np

from evaluation.mistakes import CLASS, KINDS, RIGHT
from evaluation.show.page.html import text
from evaluation.show.page.scene import Scored, size_of
from medmnist_det.drawing import MARKS, shorten

_FOUND, _MISSED, _RIGHT, _WRONG, _OTHER = MARKS.values()

#: What the frames of a drawing mean, in the order of the legend.
LEGEND = {
    "object, found": _FOUND,
    "object, missed": _MISSED,
    "box, right": _RIGHT,
    "box, wrong class": _WRONG,
    "box, another false positive": _OTHER,
}

#: The ground where there is no picture, and beneath labels, how much of it covers a picture, and
#: the colour of letters on it. The edge of a label has the colour of its frame.
GROUND, COVER, LETTERS = "#0b1020", 0.82, "#ffffff"

# Characters of a class's name in a drawing; an ellipsis stands where more were.
_NAME = 14


def draw(one: Scored, image: int, picture: str | None) -> str:
    """Return an image with its objects and a file's boxes at the working point, as an SVG element.

    Frames are thin and silent where all is well, thick and labelled where it is not. Labels keep
    clear of each other while there is room.
    """
    found, verdicts = one.assessment, one.verdicts
    width, height = size_of([one], image)
    names = [shorten(name, _NAME) for name in found.truth.classes.names]
    pencil = _Pencil(width, height)
    objects, boxes = found.problem.objects, found.problem.detections
    missed = verdicts.missed_at(one.score)
    for j in np.flatnonzero(objects.image == image).tolist():
        if missed[j]:
            pencil.frame(objects.bbox[j], _MISSED, f"{names[objects.label[j]]} missed")
        else:
            pencil.frame(objects.bbox[j], _FOUND)
    here = (boxes.image[verdicts.row] == image) & (boxes.score[verdicts.row] >= one.score)
    for k in np.flatnonzero(here).tolist():
        row, kind = verdicts.row[k], int(verdicts.kind[k])
        said = f"{names[boxes.label[row]]} {boxes.score[row]:.2f}"
        if kind == RIGHT:
            pencil.frame(boxes.bbox[row], _RIGHT, dashed=True)
        elif kind == CLASS:
            was = names[objects.label[verdicts.object[k]]]
            pencil.frame(boxes.bbox[row], _WRONG, f"{was} \u2192 {said}", dashed=True)
        else:
            pencil.frame(boxes.bbox[row], _OTHER, f"{said} {KINDS[kind]}", dashed=True)
    name = text(found.truth.names[image])
    ground = (
        f'<image href="{picture}" width="{width}" height="{height}" preserveAspectRatio="none"/>'
        if picture
        else f'<rect width="{width}" height="{height}" fill="{GROUND}"/>'
    )
    label = f"{name}: {text(summary(one, image))}"
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}">'
        f"{ground}{''.join(pencil.frames)}{''.join(pencil.labels)}</svg>"
    )


def summary(one: Scored, image: int) -> str:
    """Return an image's mistakes in words: ``2 missed, 1 background``."""
    counts = one.mistakes[image].tolist()
    said = ", ".join(f"{n} {kind}" for kind, n in zip(KINDS, counts, strict=True) if n)
    return said or "no mistake"


@dataclass
class _Pencil:
    """Draws frames, and labels where none is yet."""

    width: int
    height: int
    frames: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    taken: list[tuple[float, float, float, float]] = field(default_factory=list)

    def frame(
        self, bbox: np.ndarray, colour: str, label: str | None = None, *, dashed: bool = False
    ) -> None:
        x, y, width, height = bbox.tolist()
        dash = ' stroke-dasharray="5 3"' if dashed else ""
        stroke = 1 if label is None else 2.2
        self.frames.append(
            f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" fill="none" '
            f'stroke="{colour}" stroke-width="{stroke}" vector-effect="non-scaling-stroke"{dash}/>'
        )
        if label is not None:
            self._label(x, y, x + width, y + height, colour, label)

    def _label(
        self, left: float, top: float, right: float, bottom: float, colour: str, label: str
    ) -> None:
        letters = sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in label)
        size = min(max(self.width, self.height) / 26, self.height / 5)
        size = min(size, self.width / (0.6 * letters + 0.8))
        wide, high = (0.6 * letters + 0.6) * size, 1.25 * size
        places = [
            (left, top - high),
            (left, bottom),
            (right - wide, top - high),
            (right - wide, bottom),
            (right, top),
            (left - wide, top),
            (left, top),
        ]
        near = len(places)
        # Where all of these are taken: the first row of the picture that is free, and a line.
        places += [(left, row * high) for row in range(int(self.height / high))]
        fitting = [
            (min(max(x, 0.0), self.width - wide), min(max(y, 0.0), self.height - high))
            for x, y in places
        ]
        free = (k for k, place in enumerate(fitting) if self._is_free(*place, wide, high))
        chosen = next(free, 0)
        x, y = fitting[chosen]
        if chosen >= near:
            self.labels.append(
                f'<line x1="{x + wide / 2:.2f}" y1="{y + high / 2:.2f}" x2="{left:.2f}" '
                f'y2="{top:.2f}" stroke="{colour}" vector-effect="non-scaling-stroke"/>'
            )
        self.taken.append((x, y, x + wide, y + high))
        self.labels.append(
            f'<rect x="{x:.2f}" y="{y:.2f}" width="{wide:.2f}" height="{high:.2f}" '
            f'fill="{GROUND}" fill-opacity="{COVER}" stroke="{colour}" '
            f'stroke-width="{0.08 * size:.2f}"/><text x="{x + 0.3 * size:.2f}" '
            f'y="{y + 0.95 * size:.2f}" font-size="{size:.2f}" fill="{LETTERS}" '
            f'textLength="{wide - 0.6 * size:.2f}" lengthAdjust="spacingAndGlyphs">'
            f"{text(label)}</text>"
        )

    def _is_free(self, x: float, y: float, wide: float, high: float) -> bool:
        return all(
            x >= right or x + wide <= left or y >= bottom or y + high <= top
            for left, top, right, bottom in self.taken
        )
