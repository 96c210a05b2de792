"""Objects that touch each other: which pairs, and how much of an object others cover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medmnist_det.boxes import areas
from medmnist_det.labels import Labels

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@dataclass(frozen=True, kw_only=True, eq=False)
class Touching:
    """Pairs of boxes of one image that overlap or share an edge, sorted; ``first < second``."""

    first: Int[np.ndarray, " p"]
    second: Int[np.ndarray, " p"]
    #: What both boxes cover, in square pixels; 0 where they share an edge only.
    overlap: Float[np.ndarray, " p"]


def touching(labels: Labels) -> Touching:
    """Return all pairs of boxes that touch. Time grows with the largest number in an image."""
    image, box = labels.image, labels.box
    first, second, overlap = [], [], []
    for back in range(1, len(box)):
        rows = np.flatnonzero(image[back:] == image[:-back])
        if not rows.size:
            break
        low = np.maximum(box[rows, :2], box[rows + back, :2])
        high = np.minimum(box[rows, 2:], box[rows + back, 2:])
        near = (low <= high).all(axis=1)
        first.append(rows[near])
        second.append(rows[near] + back)
        overlap.append((high - low)[near].prod(axis=1))
    if not first:
        none = np.zeros(0, dtype=np.int64)
        return Touching(first=none, second=none, overlap=np.zeros(0))
    a, b, shared = map(np.concatenate, (first, second, overlap))
    order = np.lexsort((b, a))
    return Touching(first=a[order], second=b[order], overlap=shared[order])


def covered(labels: Labels, pairs: Touching) -> Float[np.ndarray, " n"]:
    """Return the share of every box that other boxes cover; what two cover counts twice, up to 1.

    A box without an area has 0.
    """
    total = np.bincount(pairs.first, pairs.overlap, minlength=len(labels))
    total += np.bincount(pairs.second, pairs.overlap, minlength=len(labels))
    return np.minimum(total / np.maximum(areas(labels.box), 1e-9), 1.0)
