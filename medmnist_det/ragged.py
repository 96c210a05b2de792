"""Rows of different lengths that lie one behind the other in flat arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Int


def ranges(starts: Int[np.ndarray, " k"], counts: Int[np.ndarray, " k"]) -> Int[np.ndarray, " n"]:
    """Return ``starts[0], starts[0] + 1, ...`` (``counts[0]`` numbers), then those of the next row.

    No row, or rows of no length, give an empty array.

    >>> ranges(np.array([10, 0, 5]), np.array([2, 0, 3])).tolist()
    [10, 11, 5, 6, 7]
    """
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(int(counts.sum()))
