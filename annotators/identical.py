"""Boxes of different raters that are the same to the last digit: labels that began as another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medmnist_det.labels import LabelSet

if TYPE_CHECKING:
    from jaxtyping import Float

# Groups of identical boxes that are counted at a time: keeps memory flat.
_CHUNK = 4096


def identical(crowd: LabelSet) -> Float[np.ndarray, "R R"]:
    """Return the share of each rater's boxes (row) that another rater (column) has, too.

    Of the boxes on images that both looked at, those with the same four numbers, whatever their
    class. NaN where there is no such box, and on the diagonal. Whoever draws freely hits no box of
    another's: a share well above nought says that one of the two began with the other's labels. On
    whole pixels tiny boxes may meet by chance.
    """
    labels, raters = crowd.labels, len(crowd.raters or ())
    if labels.rater is None:
        raise ValueError("these labels do not say who drew them")
    looked = labels.looked(raters)
    rows = np.column_stack([labels.image, labels.box])
    order = np.lexsort(rows.T[::-1])
    new = np.any(np.diff(rows[order], axis=0, prepend=np.nan) != 0, axis=1)
    group, who = np.cumsum(new) - 1, labels.rater[order]
    several = np.bincount(group, minlength=1)[group] > 1
    shared = np.zeros((raters, raters))
    names, group = np.unique(group[several], return_inverse=True)
    for first in range(0, len(names), _CHUNK):
        mine = (group >= first) & (group < first + _CHUNK)
        has = np.zeros((min(_CHUNK, len(names) - first), raters))
        np.add.at(has, (group[mine] - first, who[several][mine]), 1)
        shared += has.T @ np.minimum(has, 1)
    boxes = np.zeros((labels.images, raters))
    np.add.at(boxes, (labels.image, labels.rater), 1)
    drawn = boxes.T @ looked
    np.fill_diagonal(drawn, 0)
    return np.divide(shared, drawn, out=np.full_like(drawn, np.nan), where=drawn > 0)
