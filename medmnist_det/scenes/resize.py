"""Resizing of digits, exact to the bit: the resizer is a part of what the data set is.

Resizers of image libraries differ in up to 9% of the tight boxes, and some differ between builds of
one library. Here both passes are matrix products of whole numbers and whole 256ths in float32, so
that every product and partial sum is exact and no order of summation, vector unit or BLAS changes a
bit.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Int, UInt8

# Interpolation weights are whole 256ths. Grey levels times two of them are whole 65536ths of up to
# 255: 24 bits, which float32 has.
_UNIT = 256


def resize(images: UInt8[np.ndarray, "n h w"], side: int) -> UInt8[np.ndarray, "n side side"]:
    """Return the images at ``side`` x ``side`` pixels: bilinear with half-pixel centres.

    Equals OpenCV's INTER_LINEAR up to the rounding of weights to 1/256 and of the result to whole
    grey levels (half up). No smoothing when shrinking. An empty input gives an empty output.
    """
    count, height, width = images.shape
    rows, columns = _weights(height, side), _weights(width, side)
    # One product for all images, then one for each.
    wide = images.reshape(-1, width).astype(np.float32) @ columns.T
    exact = rows @ wide.reshape(count, height, side)
    exact += 0.5
    return exact.astype(np.uint8)


@cache
def _weights(source: int, target: int) -> Float[np.ndarray, "target source"]:
    """Return the share of every source pixel in every target pixel; rows sum to 1."""
    # Centre of target pixel i in source pixels, as the fraction position / (2 * target).
    position = (2 * np.arange(target) + 1) * source - target
    low = position // (2 * target)
    part = (position - low * 2 * target) * _UNIT
    upper = (part + target) // (2 * target)  # rounds half up
    weights = np.zeros((target, source), dtype=np.float32)
    row = np.arange(target)
    np.add.at(weights, (row, np.clip(low, 0, source - 1)), _UNIT - upper)
    np.add.at(weights, (row, np.clip(low + 1, 0, source - 1)), upper)
    weights /= _UNIT
    weights.setflags(write=False)
    return weights


def nonzero_range(
    source: int,
    side: Int[np.ndarray, " n"],
    first: Int[np.ndarray, " n"],
    last: Int[np.ndarray, " n"],
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Return the first target pixel that pixels ``first..last`` reach, and one past the last.

    ``side`` is the number of target pixels of each row.
    """
    low, high = _reach(source, int(side.max(initial=1)))
    return low[side, first], high[side, last]


@cache
def _reach(source: int, largest: int) -> tuple[np.ndarray, np.ndarray]:
    """Return :func:`nonzero_range` by target size and source pixel."""
    low = np.zeros((largest + 1, source), dtype=np.int64)
    high = np.zeros((largest + 1, source), dtype=np.int64)
    for target in range(1, largest + 1):
        reached = _weights(source, target) > 0  # (target, source)
        # When shrinking, some source pixels reach nothing: look at those behind them as well.
        from_here = np.logical_or.accumulate(reached[:, ::-1], axis=1)[:, ::-1]
        up_to_here = np.logical_or.accumulate(reached, axis=1)
        low[target] = from_here.argmax(axis=0)
        high[target] = target - up_to_here[::-1].argmax(axis=0)
    return low, high
