"""The composer: digits placed on a canvas, with tight boxes. MED-MNIST's images.

Follows the published labels, not the paper's text where the two differ (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, get_args

import numpy as np

from medmnist_det.errors import InputError, shown
from medmnist_det.labels import Labels, Split
from medmnist_det.scenes.background import Background, background
from medmnist_det.scenes.digits import SIDE, Digits
from medmnist_det.scenes.resize import nonzero_range, resize
from medmnist_det.streams import stream

if TYPE_CHECKING:
    from jaxtyping import Bool, Int, UInt8

#: Scenes that share one stream of random numbers, and the unit of work of a worker.
BLOCK = 512

# Rounds of redrawing before a scene is called impossible. The default needs 12.
_MOST_ROUNDS = 2000


@dataclass(frozen=True, kw_only=True)
class SceneOptions:
    """What scenes look like. The defaults reproduce the statistics of the published labels.

    Raises InputError, which calls a field by its option: ``max_iou`` is ``--max-iou``.
    """

    #: Side of the square image in pixels, 32..4096.
    canvas: int = 320
    #: Smallest and largest side of a digit's cell in pixels, at least 10. Uniform.
    side: tuple[int, int] = (10, 99)
    #: Share of images without a digit, 0..1.
    empty: float = 0.55
    #: Fewest and most digits of an image that is not empty, 1..100. Uniform.
    count: tuple[int, int] = (1, 9)
    #: A digit is placed again while its cell has at least this IoU with an earlier digit; 0..1.
    max_iou: float = 0.25
    #: What lies behind the digits; they are added to it, and clipped at 255. Labels stay the same.
    background: Background = "black"

    def __post_init__(self) -> None:
        if self.background not in get_args(Background):
            known = ", ".join(get_args(Background))
            raise InputError(f"--background {shown(self.background)} is not known: choose {known}")
        if not 32 <= self.canvas <= 4096:
            raise InputError(f"--canvas {self.canvas} is not from 32 to 4096 pixels")
        low, high = self.side
        if not 10 <= low <= high:
            raise InputError(
                f"--side {low},{high} is not an ascending range from 10 pixels: smaller digits "
                "lose their strokes"
            )
        if high > self.canvas:
            raise InputError(
                f"--side {low},{high} does not fit --canvas {self.canvas}: lower the largest side "
                f"to {self.canvas} or enlarge the canvas"
            )
        if not 0 <= self.empty <= 1:
            raise InputError(f"--empty {self.empty} is not a share from 0 to 1")
        fewest, most = self.count
        if not 1 <= fewest <= most <= 100:
            raise InputError(
                f"--count {fewest},{most} is not an ascending range from 1 to 100 digits"
            )
        if not 0 < self.max_iou <= 1:
            raise InputError(f"--max-iou {self.max_iou} is not above 0 and at most 1")


def default_side(canvas: int) -> tuple[int, int]:
    """Return the published range of cell sides, 10..99 px on 320, in proportion to the canvas."""
    return max(10, round(canvas * 10 / 320)), max(10, round(canvas * 99 / 320))


@dataclass(frozen=True, kw_only=True, eq=False)
class Scenes:
    """Consecutive scenes of a split: their true labels, and their pixels on demand."""

    labels: Labels
    canvas: int
    #: The digit of the split that every box holds.
    digit: Int[np.ndarray, " n"]
    #: The resized digit of every box, cut to the box.
    strokes: list[UInt8[np.ndarray, "h w"]]
    #: What lies behind the digits of a row; None where all is black.
    behind: Callable[[int], UInt8[np.ndarray, "canvas canvas"]] | None = None

    @cached_property
    def _corners(self) -> list[list[int]]:
        return self.labels.box.astype(np.int64).tolist()

    @cached_property
    def _on_black(self) -> list[bool]:
        """Say of every digit whether nothing but black is where it will be."""
        if self.behind is not None:
            return [False] * len(self.labels)
        image, box = self.labels.image, self.labels.box
        free = np.ones(len(box), dtype=bool)
        for back in range(1, len(box)):
            together = image[back:] == image[:-back]
            if not together.any():
                break
            low = np.maximum(box[back:, :2], box[:-back, :2])
            high = np.minimum(box[back:, 2:], box[:-back, 2:])
            free[back:] &= ~(together & (low < high).all(axis=1))
        return free.tolist()

    def pixels(self, row: int) -> UInt8[np.ndarray, "canvas canvas"]:
        """Return the image of one scene; overlapping digits add up and are clipped at 255."""
        image = np.zeros((self.canvas, self.canvas), dtype=np.uint8)
        self.draw(row, image)
        return image

    def draw(self, row: int, image: UInt8[np.ndarray, "canvas canvas"]) -> None:
        """Draw one scene onto a black image of any memory layout."""
        if self.behind is not None:
            image[:] = self.behind(row)
        starts = self.labels.starts
        for k in range(starts[row], starts[row + 1]):
            x_min, y_min, x_max, y_max = self._corners[k]
            under, stroke = image[y_min:y_max, x_min:x_max], self.strokes[k]
            if self._on_black[k]:
                under[:] = stroke
            else:
                np.minimum(under, ~stroke, out=under)  # ~stroke is 255 - stroke
                under += stroke


def compose_block(
    options: SceneOptions, digits: Digits, seed: int, split: Split, block: int, count: int = BLOCK
) -> Scenes:
    """Return the first ``count`` scenes of one block: images ``block * BLOCK`` and following.

    A scene depends on the arguments and its own number alone, not on ``count``. Raises InputError
    where the options ask for more digits than find a place.
    """
    placed = _place(options, digits.images[split], stream(seed, "scenes", split, block))
    placed = placed[:, placed[0] < count]
    behind = _behind(options, seed, split, block * BLOCK)
    return _render(options, digits, split, placed, count, behind)


def compose(
    options: SceneOptions, digits: Digits, seed: int, split: Split, index: int
) -> tuple[UInt8[np.ndarray, "canvas canvas"], Labels]:
    """Return image ``index`` of a split (counted from 0) and its true labels.

    Equals what a whole block gives, bit for bit. Raises InputError as :func:`compose_block` does.
    """
    block, row = divmod(index, BLOCK)
    placed = _place(options, digits.images[split], stream(seed, "scenes", split, block))
    placed = placed[:, placed[0] == row]
    placed[0] = 0
    scenes = _render(options, digits, split, placed, 1, _behind(options, seed, split, index))
    return scenes.pixels(0), scenes.labels


def _behind(
    options: SceneOptions, seed: int, split: Split, first: int
) -> Callable[[int], UInt8[np.ndarray, "canvas canvas"]] | None:
    """Return what gives the background of each row of scenes that begin with image ``first``."""
    if options.background == "black":
        return None
    return lambda row: background(options.background, options.canvas, seed, split, first + row)


def _place(
    options: SceneOptions, pool: UInt8[np.ndarray, "n 28 28"], rng: np.random.Generator
) -> Int[np.ndarray, "5 n"]:
    """Return the rows image, digit, side, x, y of a block's cells, sorted by image.

    All scenes of the block get their first digit at once, then their second, and so on: a few array
    operations a round instead of a Python loop a digit.
    """
    fewest, most = options.count
    counts = rng.integers(fewest, most + 1, BLOCK) * (rng.random(BLOCK) >= options.empty)
    digit = rng.integers(0, len(pool), (BLOCK, most))
    cells = np.zeros((BLOCK, most, 3), dtype=np.int64)  # side, x, y
    extents = np.zeros((BLOCK, most, 4), dtype=np.int64)  # where the strokes are
    for slot in range(most):
        waiting = np.flatnonzero(counts > slot)
        for _ in range(_MOST_ROUNDS):
            if not waiting.size:
                break
            side = rng.integers(options.side[0], options.side[1] + 1, waiting.size)
            x, y = rng.integers(0, options.canvas - side + 1, (2, waiting.size))
            cell = np.stack([x, y, x + side, y + side], axis=1)
            free = _overlap_below(options.max_iou, cell, extents[waiting, :slot])
            done = waiting[free]
            cells[done, slot] = np.stack([side, x, y], axis=1)[free]
            strokes = _stroke_extents(pool[digit[done, slot]], side[free])
            extents[done, slot] = strokes + cell[free][:, [0, 1, 0, 1]]
            waiting = waiting[~free]
        if waiting.size:
            raise InputError(
                f"{slot + 1} digits of {options.side[0]}..{options.side[1]} pixels find no room on "
                f"--canvas {options.canvas} with IoU below {options.max_iou}: enlarge the canvas, "
                "or lower the largest side or the largest count"
            )
    image, slot = np.nonzero(np.arange(most) < counts[:, None])
    return np.concatenate([[image, digit[image, slot]], cells[image, slot].T])


def _overlap_below(
    limit: float, cell: Int[np.ndarray, "n 4"], earlier: Int[np.ndarray, "n k 4"]
) -> np.ndarray:
    """Say for every cell whether its IoU with all earlier digits of its scene is low enough."""
    low = np.maximum(cell[:, None, :2], earlier[:, :, :2])
    high = np.minimum(cell[:, None, 2:], earlier[:, :, 2:])
    overlap = np.maximum(high - low, 0).prod(axis=2)
    size = (cell[:, 2:] - cell[:, :2]).prod(axis=1)
    union = size[:, None] + (earlier[:, :, 2:] - earlier[:, :, :2]).prod(axis=2) - overlap
    return (overlap < limit * union).all(axis=1)


def _stroke_extents(
    images: UInt8[np.ndarray, "n 28 28"], side: Int[np.ndarray, " n"]
) -> Int[np.ndarray, "n 4"]:
    """Return x_min, y_min, x_max, y_max of the pixels that the resized strokes reach in their cell.

    Known without resizing: a pixel is reached where its weights touch a row and a column with ink.
    May exceed the tight box by pixels that are rounded to black; only placing looks at it.
    """
    extents = np.empty((len(images), 4), dtype=np.int64)
    for axis in (0, 1):
        first, end = _span(np.any(images, axis=axis + 1))
        extents[:, axis], extents[:, axis + 2] = nonzero_range(SIDE, side, first, end - 1)
    return extents


def _span(ink: Bool[np.ndarray, "n k"]) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Return the first true column of every row, and one past the last."""
    return ink.argmax(axis=1), ink.shape[1] - ink[:, ::-1].argmax(axis=1)


def _render(
    options: SceneOptions,
    digits: Digits,
    split: Split,
    placed: Int[np.ndarray, "5 n"],
    count: int,
    behind: Callable[[int], UInt8[np.ndarray, "canvas canvas"]] | None,
) -> Scenes:
    """Return the scenes of placed cells; digits of one size are resized together, for speed."""
    image, digit, side, x, y = placed
    box = np.empty((placed.shape[1], 4), dtype=np.int64)
    strokes: list[np.ndarray] = [np.empty((0, 0), dtype=np.uint8)] * placed.shape[1]
    for size in np.flatnonzero(np.bincount(side)).tolist():
        rows = np.flatnonzero(side == size)
        resized = resize(digits.images[split][digit[rows]], size)
        across, down = np.any(resized, axis=1), np.any(resized, axis=2)
        if not np.any(across, axis=1).all():
            vanished = digit[rows][~np.any(across, axis=1)][0]
            raise InputError(
                f"digit {vanished} of the {split} digits vanishes at {size} pixels: raise the "
                "smallest side"
            )
        (left, right), (top, bottom) = _span(across), _span(down)
        tight = np.stack([left, top, right, bottom], axis=1)
        for row, pixels, (x_min, y_min, x_max, y_max) in zip(
            rows.tolist(), resized, tight.tolist(), strict=True
        ):
            strokes[row] = pixels[y_min:y_max, x_min:x_max]
        box[rows] = tight + np.stack([x[rows], y[rows], x[rows], y[rows]], axis=1)
    labels = Labels(
        images=count, image=image, box=box.astype(np.float64), label=digits.labels[split][digit]
    )
    return Scenes(labels=labels, canvas=options.canvas, digit=digit, strokes=strokes, behind=behind)
