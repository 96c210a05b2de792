"""How the digits of a split look: how much ink they have, and which other digits they are like."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from medmnist_det.labels import Split
from medmnist_det.scenes.digits import Digits

if TYPE_CHECKING:
    from jaxtyping import Float, Int, UInt8

# Pixels of a digit that are summed to one, along a side: thin strokes that lie beside each other
# then count as nearly the same.
_CELL = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Looks:
    """The looks of all objects of a split, computed when they are asked for."""

    #: All digits of the split, of which scenes are composed, and their classes.
    digits: UInt8[np.ndarray, "pool 28 28"]
    classes: Int[np.ndarray, " pool"]
    #: The digit that object k is made of.
    digit: Int[np.ndarray, " n"]

    @classmethod
    def of(cls, digits: Digits, split: Split, digit: Int[np.ndarray, " n"]) -> Looks:
        """Return the looks of objects that are made of these digits of a split."""
        return cls(digits=digits.images[split], classes=digits.labels[split], digit=digit)

    @cached_property
    def contrast(self) -> Float[np.ndarray, " n"]:
        """Mean grey level of every object's digit within its tight box, 0..1, before resizing."""
        used, row = np.unique(self.digit, return_inverse=True)
        digits = self.digits[used]
        area = np.ones(len(used), dtype=np.int64)
        for axis in (1, 2):
            ink = np.any(digits, axis=axis)
            area *= ink.shape[1] - ink.argmax(axis=1) - ink[:, ::-1].argmax(axis=1)
        return (digits.sum(axis=(1, 2), dtype=np.int64) / (255 * area))[row]

    @cached_property
    def margins(self) -> Float[np.ndarray, "n 10"]:
        """How much nearer every object's digit is to its own class than to each class.

        Distances are squared ones to the mean of a class, its pixels summed two by two; of its own
        class a digit is left out. In units of the mean distance from the nearest wrong class; 0 for
        the own class, and negative where another class is nearer. All products and sums are of
        whole numbers that float64 holds exactly, so that no machine sums them up otherwise.
        """
        return _margins(self.digits, self.classes)[self.digit]


def _margins(
    digits: UInt8[np.ndarray, "pool 28 28"], classes: Int[np.ndarray, " pool"]
) -> Float[np.ndarray, "pool 10"]:
    count, side = len(digits), digits.shape[1] // _CELL
    cells = digits.reshape(count, side, _CELL, side, _CELL)
    pixels = cells.sum(axis=(2, 4), dtype=np.uint16).reshape(count, -1).astype(np.float64)
    members = np.bincount(classes, minlength=10).astype(np.float64)
    totals = np.stack([pixels[classes == k].sum(axis=0) for k in range(10)])
    members = np.maximum(members, 1)
    distance = (
        np.einsum("ij,ij->i", totals, totals) / members**2 - 2 * (pixels @ totals.T) / members
    )
    distance += np.einsum("ij,ij->i", pixels, pixels)[:, None]
    own = np.arange(count), classes
    others = np.maximum(members[classes] - 1, 1)
    distance[own] *= (members[classes] / others) ** 2  # from the mean of the others
    margin = distance - distance[own][:, None]
    wrong = margin.copy()
    wrong[own] = np.inf
    nearest = np.abs(np.rint(wrong.min(axis=1))).astype(np.int64)
    return margin / max(int(nearest.sum()) / max(count, 1), 1.0)
