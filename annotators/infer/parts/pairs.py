"""Pairs of boxes that overlap, and the order of boxes that depends on nothing but the boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medmnist_det.boxes import paired_iou
from medmnist_det.labels import Labels

if TYPE_CHECKING:
    from jaxtyping import Float, Int, UInt64


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """Pairs of boxes of different raters in one image, with their IoU; ``first < second``."""

    first: Int[np.ndarray, " p"]
    second: Int[np.ndarray, " p"]
    iou: Float[np.ndarray, " p"]

    def select(self, rows: np.ndarray) -> Pairs:
        """Return some of the pairs."""
        return Pairs(first=self.first[rows], second=self.second[rows], iou=self.iou[rows])


def canonical_order(labels: Labels) -> Int[np.ndarray, " n"]:
    """Return the rows sorted by image, rater, box, class and score.

    The same boxes come in the same order, whatever that of the input: only boxes that nothing
    tells apart keep it.
    """
    rater = np.zeros(len(labels), dtype=np.int64) if labels.rater is None else labels.rater
    return sorted_rows(labels.image, rater, *labels.box.T, labels.label, labels.confidence)


def sorted_rows(*keys: np.ndarray) -> Int[np.ndarray, " n"]:
    """Return the rows sorted by the keys, the most important first; equal rows keep their order.

    Like ``numpy.lexsort`` with its keys turned around. Rows that are sorted already cost one look,
    and further keys are sorted by only where the first three leave ties.
    """
    if _in_order(keys, None):
        return np.arange(len(keys[0]))
    order = np.lexsort(keys[2::-1])
    return order if _in_order(keys, order) else np.lexsort(keys[::-1])


def _in_order(keys: tuple[np.ndarray, ...], order: np.ndarray | None) -> bool:
    tied: np.ndarray | None = None  # rows equal to the next one in all keys so far
    for key in keys:
        column = key if order is None else key[order]
        if tied is None:
            here, there = column[:-1], column[1:]
            tied = np.arange(len(here))
        else:
            here, there = column[tied], column[tied + 1]
        if (here > there).any():
            return False
        tied = tied[here == there]
    return True


def overlapping_pairs(
    image: Int[np.ndarray, " n"], box: Float[np.ndarray, "n 4"], rater: Int[np.ndarray, " n"]
) -> Pairs:
    """Return all pairs of boxes of different raters that overlap.

    A sweep from left to right: rows are sorted by image and x_min, and each box meets the next one,
    then the next but one, as long as that one begins before it ends. Memory is linear in the boxes
    and in the pairs found.
    """
    parts: list[Pairs] = []
    here, step = np.arange(len(image)), 0
    while len(here):
        step += 1
        here = here[here + step < len(image)]
        there = here + step
        near = (image[here] == image[there]) & (box[there, 0] < box[here, 2])
        here, there = here[near], there[near]
        iou = np.where(rater[here] == rater[there], 0.0, paired_iou(box[here], box[there]))
        kept = iou > 0
        parts.append(Pairs(first=here[kept], second=there[kept], iou=iou[kept]))
    empty = np.zeros(0, dtype=np.int64)
    return Pairs(
        first=np.concatenate([empty, *(part.first for part in parts)]),
        second=np.concatenate([empty, *(part.second for part in parts)]),
        iou=np.concatenate([np.zeros(0), *(part.iou for part in parts)]),
    )


def bits_of_raters(
    image: Int[np.ndarray, " n"], rater: Int[np.ndarray, " n"]
) -> UInt64[np.ndarray, "n words"]:
    """Return one bit per rater: two boxes of an image have it in common where the rater drew both.

    Beyond 64 raters bits are numbered within the image, so that a few words do for a thousand.
    """
    raters = int(rater.max(initial=0)) + 1
    if raters <= 64:
        return (np.uint64(1) << rater.astype(np.uint64))[:, None]
    key, where = np.unique(image * raters + rater, return_inverse=True)
    first = np.searchsorted(key // raters, key // raters)
    rank = (np.arange(len(key)) - first)[where]
    bits = np.zeros((len(image), int(rank.max(initial=0)) // 64 + 1), dtype=np.uint64)
    bits[np.arange(len(image)), rank // 64] = np.uint64(1) << (rank % 64).astype(np.uint64)
    return bits
