"""How simulated annotators misplace boxes: three laws, each a function of many boxes at once.

All return boxes inside their image, with a positive area, on the grid of 1/65536 pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from medmnist_det.boxes import paired_iou, snap

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

    from annotators.simulate.box_law import BoxLaw

    Boxes = Float[np.ndarray, "n 4"]
    Sizes = Float[np.ndarray, "n 2"]  # width and height of the image of every box, pixels
    Rows = Int[np.ndarray, " k"]

# From this p on the ball spans less volume than the shells wherever the image does not cut it.
_BALL_FROM = 0.25


def iou_noise(
    boxes: Boxes,
    sizes: Sizes,
    p: float,
    rng: np.random.Generator,
    scale: Float[np.ndarray, " n"] | None = None,
) -> Boxes:
    """Draw each box uniformly from all boxes of its image whose IoU with the true box exceeds p.

    Le et al. 2023 ask for IoU > p; that the law is uniform, and over boxes inside the image, is our
    reading: it is the only one with a meaning down to p = 0 (docs/decisions.md). The inequality is
    strict, also for the boxes as stored. p = 1 returns the boxes. True boxes lie in their images
    and have an area. ``scale`` multiplies the radius 1/p - 1 of each box's ball of boxes: its p is
    then 1 / (1 + scale (1/p - 1)).

    Exact rejection from one of two proposals, for each box from the one that spans less volume.
    """
    if p >= 1:
        return boxes.copy()
    least = np.array([p])  # one for all, or one for each box
    if scale is not None and p > 0:
        least = 1 / (1 + scale * (1 / p - 1))

    def least_of(rows: Rows) -> Float[np.ndarray, " k"]:
        return least if len(least) == 1 else least.take(rows)

    ball = _Ball(boxes, sizes, least)
    whole = ball.whole() & (least >= _BALL_FROM)
    cut = np.flatnonzero(~whole)
    shells = _Shells(boxes.take(cut, axis=0), sizes.take(cut, axis=0), least_of(cut))
    narrow = ball.volume(cut) > shells.volumes[:, -1]

    def enough(rows: Rows, drawn: Boxes) -> Bool[np.ndarray, " k"]:
        return paired_iou(boxes.take(rows, axis=0), drawn) > least_of(rows)

    def enough_inside(rows: Rows, drawn: Boxes) -> Bool[np.ndarray, " k"]:
        x_min, y_min, x_max, y_max = drawn.T
        width, height = sizes.take(rows, axis=0).T
        inside = (x_min >= 0) & (y_min >= 0) & (x_max <= width) & (y_max <= height)
        return inside & enough(rows, drawn)

    out = boxes.copy()
    _until_good(out, np.flatnonzero(whole), partial(ball.draw, rng), enough)
    _until_good(out, cut[~narrow], partial(ball.draw, rng), enough_inside)
    place = np.cumsum(~whole) - 1  # rows of ``shells``
    _until_good(out, cut[narrow], lambda rows: shells.draw(rng, place[rows]), enough_inside)
    return out


def gaussian_noise(
    boxes: Boxes,
    sizes: Sizes,
    p: float,
    rng: np.random.Generator,
    scale: Float[np.ndarray, " n"] | None = None,
) -> Boxes:
    """Move each corner by independent normal noise of (1 - p) / 10 of the image's side, and clip.

    This is what the published code of Le et al. does. Unlike there, boxes keep their fractions of a
    pixel, and one that is turned inside out is drawn again. p = 1 returns the boxes. ``scale``
    multiplies the spread of each box.
    """
    if p >= 1:
        return boxes.copy()
    spread = (1 - p) * 0.1 * sizes[:, [0, 1, 0, 1]]
    if scale is not None:
        spread = spread * scale[:, None]

    def draw(rows: Rows) -> Boxes:
        noisy = boxes[rows] + spread[rows] * rng.standard_normal((len(rows), 4))
        return np.clip(noisy, 0, sizes[rows][:, [0, 1, 0, 1]])

    out = boxes.copy()
    _until_good(out, np.arange(len(boxes)), draw, _has_area)
    return out


def sized_noise(
    boxes: Boxes,
    sizes: Sizes,
    law: BoxLaw,
    rng: np.random.Generator,
    scale: Float[np.ndarray, " n"] | None = None,
) -> Boxes:
    """Shift and scale each box by normal errors that depend on its side, and clip it to its image.

    The law of every error is that of :class:`BoxLaw`; ``scale`` multiplies the spread of each box's
    errors. ``biased``, the model of Tan et al. 2024 (BDC) with the shifts taken at the centre, is
    the case without pixels. A box that loses its area is drawn again. A law without errors returns
    the boxes.
    """
    if not law:
        return boxes.copy()
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    side = boxes[:, 2:] - boxes[:, :2]
    mean, std = law.relative(side)
    if scale is not None:
        std = std * scale[:, None]

    def draw(rows: Rows) -> Boxes:
        error = mean[rows] + std[rows] * rng.standard_normal((len(rows), 4))
        middle = centre[rows] + error[:, :2] * side[rows]
        half = side[rows] * (1 + error[:, 2:]) / 2
        corners = np.concatenate([middle - half, middle + half], axis=1)
        return np.clip(corners, 0, sizes[rows][:, [0, 1, 0, 1]])

    out = boxes.copy()
    _until_good(out, np.arange(len(boxes)), draw, _has_area)
    return out


def _has_area(_: Rows, drawn: Boxes) -> Bool[np.ndarray, " k"]:
    return (drawn[:, 0] < drawn[:, 2]) & (drawn[:, 1] < drawn[:, 3])


def _until_good(
    out: Boxes,
    waiting: Rows,
    draw: Callable[[Rows], Boxes],
    good: Callable[[Rows, Boxes], Bool[np.ndarray, " k"]],
) -> None:
    """Fill the rows ``waiting`` of ``out`` with boxes that are drawn until they are good.

    A box that never comes out keeps its place, which is good under every law: so it is where p is
    so near 1, or the box so thin, that the grid has no other.
    """
    for _ in range(_MOST_ROUNDS):
        if not waiting.size:
            return
        # The last few get many tries in one round: a round costs more than its draws.
        tries = max(1, _FULL_ROUND // waiting.size)
        rows = np.repeat(waiting, tries) if tries > 1 else waiting
        drawn = snap(draw(rows))
        accepted = good(rows, drawn)
        out[rows.compress(accepted)] = drawn.compress(accepted, axis=0)
        waiting = waiting[~accepted.reshape(-1, tries).any(axis=1)]


# Every proposal is accepted with 4% or more where it can be at all: after so many rounds, of many
# tries each in the end, only the impossible is left.
_MOST_ROUNDS = 400

# Boxes drawn at once at the least.
_FULL_ROUND = 512


class _Ball:
    """Proposes uniformly from the L1 ball of radius 1/p - 1 around the corners, in box units.

    The ball holds every box with IoU > p: with I and O the lengths by which sides move inwards and
    outwards, 1/IoU - 1 = [1/((1-Ix)(1-Iy)) - 1] + [(1 + Ox/(1-Ix))(1 + Oy/(1-Iy)) - 1] is at least
    Ix + Iy + Ox + Oy. Good for large p: at p = .8 seven of ten proposals are accepted.
    """

    def __init__(self, boxes: Boxes, sizes: Sizes, p: Float[np.ndarray, " n|1"]) -> None:
        side = boxes[:, 2:] - boxes[:, :2]
        self.boxes = boxes
        self.radius = (1 / np.maximum(p, 1e-9) - 1)[:, None] * side[:, [0, 1, 0, 1]]
        self.room = boxes.copy()
        np.subtract(sizes, boxes[:, 2:], out=self.room[:, 2:])
        # No box lies beyond a side that touches the image's edge: it can only move inwards.
        self.edge = self.room <= 0
        left, top, right, bottom = self.edge.T.astype(np.int64)
        self.not_negative = ~(left + 2 * top)
        self.negative = 4 * right + 8 * bottom

    def whole(self) -> Bool[np.ndarray, " n"]:
        """Say for every box whether its ball lies in the image as a whole."""
        left, top, right, bottom = (self.room >= self.radius).T
        return left & top & right & bottom

    def volume(self, rows: Rows) -> Float[np.ndarray, " k"]:
        """Return the volume of the balls less the halves beyond edges, in pixels to the fourth."""
        return (self.radius[rows] * np.where(self.edge[rows], 1, 2)).prod(axis=1) / 24

    def draw(self, rng: np.random.Generator, rows: Rows) -> Boxes:
        drawn = rng.random((len(rows), 5))
        direction = (drawn[:, 4] * 16).astype(np.int64)
        direction &= self.not_negative[rows]
        direction |= self.negative[rows]
        moved = _gaps(drawn[:, :4])  # uniform on the simplex
        moved *= _SIGNS.take(direction, axis=0)
        moved *= self.radius.take(rows, axis=0)
        moved += self.boxes.take(rows, axis=0)
        return moved


def _gaps(drawn: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n 4"]:
    """Return the smallest number of each row, and by how much each next one is larger.

    Sorted by whole columns: np.sort along rows of four takes seven times as long.
    """
    column = list(np.ascontiguousarray(drawn.T))
    for a, b in ((0, 1), (2, 3), (0, 2), (1, 3), (1, 2)):
        low, high = np.minimum(column[a], column[b]), np.maximum(column[a], column[b])
        column[a], column[b] = low, high
    gaps = np.empty(drawn.shape)
    gaps[:, 0] = column[0]
    for k in (1, 2, 3):
        np.subtract(column[k], column[k - 1], out=gaps[:, k])
    return gaps


# All 16 ways in which four sides can move: bit k is set where side k moves towards 0.
_SIGNS = 1.0 - 2.0 * ((np.arange(16)[:, None] >> np.arange(4)) & 1)


class _Shells:
    """Proposes uniformly from a union of boxes in the space of corners, cut by the image.

    IoU > p bounds the product of width and height (in units of the true box, 1 where smaller) by
    1/p. Shell k holds the widths from 2**k to 2**(k+1), hence heights below 2**-k / p. A shell is
    drawn in proportion to its volume, then corners in it; a box whose width belongs to another
    shell is refused, so that every box is proposed with the same density. Good for small p, where
    the ball is nearly empty, and in narrow places; at p = 0 the image is the only bound.
    """

    def __init__(self, boxes: Boxes, sizes: Sizes, p: Float[np.ndarray, " n|1"]) -> None:
        self.side = boxes[:, 2:] - boxes[:, :2]
        p = p[:, None]
        largest = np.minimum(sizes / self.side, 1 / np.maximum(p, 1e-9))  # in units of the true box
        self.scale = 2.0 ** np.arange(1 + int(np.log2(largest[:, 0].max(initial=1))))  # 2**k
        height = 1 / np.maximum(p * self.scale, 1e-9)
        longest = np.stack([np.broadcast_to(2 * self.scale, height.shape), height], axis=2)
        longest = np.minimum(longest, largest[:, None])  # (n, K, 2)
        # Along one axis IoU > p lets a side move inwards by 1 - p, and outwards by (l - p)/(1 + p)
        # while the length stays below l.
        out = self.side[:, None] * (longest - p[:, None]) / (1 + p[:, None])
        inner = np.concatenate([boxes[:, :2], boxes[:, 2:]], axis=1)
        inner += (1 - p) * self.side[:, [0, 1, 0, 1]] * np.array([1, 1, -1, -1])
        self.low = np.concatenate(
            [
                np.maximum(0, boxes[:, None, :2] - out),
                np.broadcast_to(inner[:, None, 2:], out.shape),
            ],
            axis=2,
        )
        high = np.concatenate(
            [
                np.broadcast_to(inner[:, None, :2], out.shape),
                np.minimum(sizes[:, None], boxes[:, None, 2:] + out),
            ],
            axis=2,
        )
        self.span = high - self.low
        possible = (self.scale * p < 1) & (self.scale <= largest[:, :1])
        self.volumes = np.cumsum(self.span.prod(axis=2) * possible, axis=1)

    def draw(self, rng: np.random.Generator, rows: Rows) -> Boxes:
        choice = rng.random((len(rows), 1)) * self.volumes[rows, -1:]
        shell = (choice >= self.volumes[rows]).sum(axis=1)
        drawn = self.low[rows, shell] + rng.random((len(rows), 4)) * self.span[rows, shell]
        width = np.maximum((drawn[:, 2] - drawn[:, 0]) / self.side[rows, 0], 1)
        elsewhere = (width < self.scale[shell]) | (width >= 2 * self.scale[shell])
        drawn[elsewhere] = 0  # refused, as it has no area
        return drawn
