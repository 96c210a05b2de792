"""Boxes as arrays: areas, overlaps, conversions and the grid on which drawn boxes lie.

A box is ``(x_min, y_min, x_max, y_max)`` in pixels with exclusive maxima, so that its width is
``x_max - x_min``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

# Steps per pixel. Simulated boxes lie on this dyadic grid: their widths, COCO's [x, y, w, h] and
# the way back are then exact in float64, so writing and reading a file changes no bit. One step
# is far below any disagreement worth simulating (a 1 px box at IoU > .99 still has 600 steps).
GRID = 2**16

# Square pixels. Far below any box worth comparing; keeps 0 / 0 from becoming NaN.
_SMALLEST_UNION = 1e-9


def areas(boxes: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, " n"]:
    """Return the area of every box in square pixels; an empty input gives an empty array."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def pairwise_iou(
    a: Float[np.ndarray, "n 4"], b: Float[np.ndarray, "m 4"]
) -> Float[np.ndarray, "n m"]:
    """Return the intersection over union of every box in ``a`` with every box in ``b``.

    Values lie in [0, 1]. Two boxes of zero area score 0, never NaN, and an empty ``a`` or ``b``
    gives an empty matrix of shape (n, m).
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])  # (n, m, 2)
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])  # (n, m, 2)
    overlap = np.maximum(high - low, 0.0).prod(axis=-1)  # (n, m)
    union = areas(a)[:, None] + areas(b)[None, :] - overlap
    return overlap / np.maximum(union, _SMALLEST_UNION)


def paired_iou(a: Float[np.ndarray, "n 4"], b: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, " n"]:
    """Return the intersection over union of each box in ``a`` with the box of ``b`` beside it.

    Equals the diagonal of :func:`pairwise_iou`, bit for bit, in linear memory.
    """
    width = np.minimum(a[:, 2], b[:, 2]) - np.maximum(a[:, 0], b[:, 0])
    height = np.minimum(a[:, 3], b[:, 3]) - np.maximum(a[:, 1], b[:, 1])
    overlap = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    return overlap / np.maximum(areas(a) + areas(b) - overlap, _SMALLEST_UNION)


def xyxy_to_cxcywh(boxes: Float[np.ndarray, "*n 4"]) -> Float[np.ndarray, "*n 4"]:
    """Return centre and size of boxes: x and y, then width and height."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=-1)


def cxcywh_to_xyxy(place: Float[np.ndarray, "*n 4"]) -> Float[np.ndarray, "*n 4"]:
    """Return the boxes of centres and sizes."""
    half = place[..., 2:] / 2
    return np.concatenate([place[..., :2] - half, place[..., :2] + half], axis=-1)


def snap(boxes: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n 4"]:
    """Return the boxes with every coordinate moved to the nearest multiple of 1/65536 pixel."""
    steps = boxes * GRID
    np.rint(steps, out=steps)
    steps *= 1 / GRID  # exact: GRID is a power of two
    return steps


def xyxy_to_xywh(boxes: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n 4"]:
    """Return COCO's ``[x, y, width, height]`` of every box."""
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def xywh_to_xyxy(boxes: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n 4"]:
    """Return the corners of every COCO ``[x, y, width, height]`` box."""
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
