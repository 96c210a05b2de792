"""Sheets of images: a row an image, in it a panel for the truth and for each of its raters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from medmnist_det.drawing import INK, NO_OBJ, PALE, SKY, VERMILION, YELLOW, drawn, shorten
from medmnist_det.labels import Error, LabelSet
from medmnist_det.lettering import left_to_right, width

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Raters that fit beside the truth in one row.
MOST_SHOWN = 6

# Inches: width of a panel, between panels, and of the lines of text above a row and at the end.
_PANEL, _GAP, _HEAD, _FOOT = 3.0, 0.12, 0.5, 0.3
# Points: of a tag's letters, and of its height with its margins.
_LETTERS, _TAG = 8.0, 12.0
# Characters of a class's name in a tag.
_NAME = 14


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """One image of a sheet."""

    #: Row of the image in the label sets.
    image: int
    #: The picture; None draws its boxes on black.
    pixels: UInt8[np.ndarray, "h w"] | None
    #: Rows of the raters to show.
    raters: Sequence[int]
    #: What stands above the row.
    title: str


@drawn
def sheet_figure(
    rows: Sequence[Row],
    truth: LabelSet | None,
    crowd: LabelSet | None,
    caption: str,
    *,
    kind: str = "rater ",
) -> Figure:
    """Return a sheet. The truth has a panel of its own, and lies dashed beneath every other.

    What a rater got wrong is marked where the crowd labels come with provenance. Row by row only
    the raters that it names are shown: a sheet has as many columns as its longest row. ``kind``
    stands before their names.
    """
    from matplotlib.figure import Figure

    labels = crowd or truth
    if labels is None:
        raise ValueError("a sheet needs labels: of the truth, of a crowd, or of both")
    first = int(truth is not None)
    columns = max([first + len(row.raters) for row in rows], default=1)
    heights = [_height(labels, row.image) for row in rows]
    lines = _folded(caption, columns)
    total = sum(heights) + _HEAD * len(rows) + _FOOT + 0.18 * len(lines)
    figure = Figure((columns * (_PANEL + _GAP) + _GAP, total))
    # Placed by hand: a layout would move the panels, and tags off their boxes.
    wide, high = figure.get_size_inches()
    top, left_out = total, 0
    for row, height in zip(rows, heights, strict=True):
        top -= _HEAD
        figure.text(_GAP / wide, (top + 0.27) / high, shorten(row.title, 60), color=INK)
        top -= height
        for column in range(first + len(row.raters)):
            place = (_GAP + column * (_PANEL + _GAP)) / wide, top / high
            axes = figure.add_axes((*place, _PANEL / wide, height / high))
            sketch = _Sketch(axes, labels, row, height)
            if column < first:
                sketch.head("truth")
                sketch.draw_truth(truth)
            else:
                sketch.draw_rater(crowd, truth, row.raters[column - first], kind)
            left_out += sketch.left_out
    if left_out:
        lines.append(f"{left_out} names are left out where there was no room")
    figure.text(_GAP / wide, 0.1 / high, "\n".join(lines), color=INK, fontsize=9, va="bottom")
    return figure


def _height(labels: LabelSet, image: int) -> float:
    """Return the inches of a panel: in the image's proportions, within a quarter and twice."""
    shape = labels.images.height[image] / max(int(labels.images.width[image]), 1)
    return _PANEL * float(np.clip(shape, 0.25, 2.0))


def _folded(text: str, columns: int) -> list[str]:
    """Return the lines of a caption that is as wide as the panels."""
    lines, most = [""], 72 * columns * _PANEL
    for word in text.split(" "):
        if lines[-1] and width(f"{lines[-1]} {word}", 9) > most:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


@dataclass(kw_only=True)
class _Tags:
    """Where tags may stand in a panel: on no other one. In points, counted from the top left."""

    width: float
    height: float
    taken: list[tuple[float, float, float, float]] = field(default_factory=list)

    def place(self, box: Sequence[float], wide: float) -> tuple[float, float] | None:
        """Return the top left corner for a tag of that width; None where all room is taken."""
        left, top, right, bottom = box
        beside = [(x, y) for y in (top - _TAG, bottom) for x in (left, right - wide)]
        beside += [(x, y) for x in (right, left - wide) for y in (top, bottom - _TAG)]
        steps = np.arange(0, self.height - _TAG, _TAG / 2), np.arange(0, self.width - wide, _TAG)
        anywhere = [(float(x), float(y)) for y in steps[0] for x in steps[1]]
        middle = (left + right - wide) / 2, (top + bottom - _TAG) / 2
        anywhere.sort(key=lambda at: (at[0] - middle[0]) ** 2 + (at[1] - middle[1]) ** 2)
        for x, y in (*beside, *anywhere):
            # A tag beside the edge moves in.
            x = min(max(x, 0.0), self.width - wide)
            one = (x, y, x + wide, y + _TAG)
            if y >= 0 and y + _TAG <= self.height and not any(_meet(one, t) for t in self.taken):
                self.taken.append(one)
                return x, y
        return None


def _meet(a: Sequence[float], b: Sequence[float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


class _Sketch:
    """One panel: a picture with boxes on it, and tags that say what they are."""

    def __init__(self, axes: Axes, labels: LabelSet, row: Row, height: float) -> None:
        self.axes, self.image, self.left_out = axes, row.image, 0
        self.names = [shorten(name, _NAME) for name in labels.classes.names]
        high, wide = int(labels.images.height[row.image]), int(labels.images.width[row.image])
        pixels = np.zeros((high, wide), np.uint8) if row.pixels is None else row.pixels
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=255)
        axes.set_facecolor("#000000")
        axes.grid(visible=False)
        axes.set(xticks=[], yticks=[])
        for side in axes.spines.values():
            side.set(visible=True, edgecolor=PALE)
        # Square pixels: the panel may be larger than the picture on two sides.
        self.scale = 72 * min(_PANEL / wide, height / high)
        self.tags = _Tags(width=self.scale * wide, height=self.scale * high)

    def head(self, text: str) -> None:
        self.axes.set_title(shorten(text, 32), fontsize=9, pad=3, color=INK)

    def draw_truth(self, truth: LabelSet | None) -> None:
        if truth is None:
            return
        rows = _rows(truth, self.image)
        for k in rows:
            self._frame(truth.labels.box[k], YELLOW, "--", 1.2)
        for k in rows:
            self._tag(truth.labels.box[k], self.names[truth.labels.label[k]], YELLOW)

    def draw_rater(
        self, crowd: LabelSet | None, truth: LabelSet | None, rater: int, kind: str
    ) -> None:
        """Draw what a rater drew over the truth; tags of errors first, for they need the room."""
        if crowd is None or crowd.labels.rater is None:
            raise ValueError("these labels do not say who drew them")
        labels, by = crowd.labels, crowd.labels.rater
        self.head(f"{kind}{(crowd.raters or ())[rater]}")
        if truth is not None:
            for k in _rows(truth, self.image):
                self._frame(truth.labels.box[k], YELLOW, "--", 1.2)
        mine = [k for k in _rows(crowd, self.image) if by[k] == rater]
        tags = [(labels.box[k], *self._said(crowd, truth, k)) for k in mine]
        for box, _, colour in tags:
            self._frame(box, colour, "-", 1.4)
        objects = labels.true_object
        if truth is not None and objects is not None:
            found = set(objects[mine].tolist())
            missed = [k for k in _rows(truth, self.image) if k not in found]
            names = [self.names[truth.labels.label[k]] for k in missed]
            tags += [
                (truth.labels.box[k], f"{NO_OBJ} ({name})", VERMILION)
                for k, name in zip(missed, names, strict=True)
            ]
        for box, text, colour in sorted(tags, key=lambda tag: tag[2] != VERMILION):
            self._tag(box, text, colour)

    def _said(self, crowd: LabelSet, truth: LabelSet | None, k: int) -> tuple[str, str]:
        """Return what a box is tagged with, and its colour."""
        labels = crowd.labels
        said = self.names[labels.label[k]]
        if truth is None or labels.error is None or labels.true_object is None:
            return said, SKY
        if labels.error[k] == Error.NONE:
            return said, SKY
        if labels.error[k] == Error.SPURIOUS:
            return f"{said} ({NO_OBJ})", VERMILION
        right = self.names[truth.labels.label[labels.true_object[k]]]
        if labels.error[k] == Error.SPLIT:
            return f"{said} (part of {right})", VERMILION
        if labels.error[k] == Error.MERGE:
            return f"{said} ({right} and another)", VERMILION
        return f"{said} ({right})", VERMILION

    def _frame(self, box: Float[np.ndarray, " 4"], colour: str, line: str, thick: float) -> None:
        from matplotlib.patches import Rectangle

        left, top, right, bottom = (box - 0.5).tolist()  # from the middle of the first pixel
        self.axes.add_patch(
            Rectangle(
                (left, top),
                right - left,
                bottom - top,
                fill=False,
                edgecolor=colour,
                linewidth=thick,
                linestyle=line,
            )
        )

    def _tag(self, box: Float[np.ndarray, " 4"], text: str, colour: str) -> None:
        wide = width(text, _LETTERS) + 4
        place = self.tags.place((box * self.scale).tolist(), wide)
        if place is None:
            self.left_out += 1
            return
        x, y = (place[0] + 2) / self.scale - 0.5, (place[1] + _TAG - 3) / self.scale - 0.5
        self._lead(box, (place[0], place[1], place[0] + wide, place[1] + _TAG), colour)
        self.axes.text(
            x, y, left_to_right(text), color="#000000", fontsize=_LETTERS, va="baseline", zorder=4,
            bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.0},
        )  # fmt: skip

    def _lead(self, box: Any, tag: Sequence[float], colour: str) -> None:
        """Draw a line from a tag to its box where they do not touch."""
        near = [float(side) for side in box * self.scale]
        if _meet((near[0] - 1, near[1] - 1, near[2] + 1, near[3] + 1), tag):
            return
        x = [np.clip((tag[0] + tag[2]) / 2, near[0], near[2]), (tag[0] + tag[2]) / 2]
        y = [np.clip((tag[1] + tag[3]) / 2, near[1], near[3]), (tag[1] + tag[3]) / 2]
        self.axes.plot(
            np.array(x) / self.scale - 0.5, np.array(y) / self.scale - 0.5, color=colour, lw=0.8
        )


def _rows(labels: LabelSet, image: int) -> range:
    return range(*labels.labels.starts[image : image + 2].tolist())
