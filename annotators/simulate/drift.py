"""The sequence in which annotators look at their images, along which they tire or learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medmnist_det.streams import stream

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


def reading_order(
    looked: Bool[np.ndarray, " images"], seed: int, split: str, rater: int
) -> Int[np.ndarray, " k"]:
    """Return the images of a rater in the order in which they are looked at: at random."""
    rows = np.flatnonzero(looked)
    return rows[np.argsort(stream(seed, "order", split, rater).random(len(rows)), kind="stable")]


def places(order: Int[np.ndarray, " k"], images: int) -> Float[np.ndarray, " images"]:
    """Return where in the sequence each image comes: from -1, the first, to 1, the last.

    Evenly spaced within these bounds, (2 k + 1) / n - 1 for the k-th of n. Images that are not in
    the sequence have NaN.
    """
    found = np.full(images, np.nan)
    found[order] = (2 * np.arange(len(order)) + 1) / max(len(order), 1) - 1
    return found
