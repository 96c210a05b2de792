"""Which object that a detector sees is meant by each box of a crowd."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annotators.infer.parts.grouping import IOU
from medmnist_det.boxes import pairwise_iou
from medmnist_det.labels import Images, Labels
from medmnist_det.reference.teacher import Sightings

if TYPE_CHECKING:
    from jaxtyping import Int

# What overlap and the distance of the corners count in the cost of a match (Tan et al. 2024).
_OVERLAP, _CORNERS = 2.0, 5.0


class Matched(NamedTuple):
    """Pairs of a crowd's box and of a sighting; a sighting has at most one box of each rater."""

    #: Rows of the boxes, ascending.
    box: Int[np.ndarray, " m"]
    #: Rows of the sightings.
    sighting: Int[np.ndarray, " m"]


def match(crowd: Labels, seen: Sightings, images: Images) -> Matched:
    """Return the sighting that is meant by each box of a crowd, at least cost in total.

    The cost of a pair is -p(class) - 2 IoU + 5 L1 (Tan et al. 2024): p is the detector's for the
    class that the box has, times objectness, and L1 the distance of the corners in units of the
    image. The boxes of each rater in each image are an assignment problem (Hungarian method). In
    the paper every box has its output, however far that is; here pairs that overlap less than
    boxes of one group (:data:`annotators.infer.parts.grouping.IOU`) are undone, which leaves boxes
    without a sighting. Nothing gives no pair. Raises ValueError for labels without raters.
    """
    from scipy.optimize import linear_sum_assignment  # slow to import: only where it is needed

    starts = np.searchsorted(seen.image, np.arange(crowd.images + 1))
    boxes, sightings = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for rows in _by_image_and_rater(crowd):
        image = int(crowd.image[rows[0]])
        there = np.arange(int(starts[image]), int(starts[image + 1]))
        drawn, found = crowd.box[rows], seen.box[there]
        iou = pairwise_iou(drawn, found)
        chance = (seen.objectness[there, None] * seen.classes[there])[:, crowd.label[rows]].T
        size = np.array([images.width[image], images.height[image]] * 2)
        apart = np.abs((drawn[:, None] - found[None]) / size).sum(axis=2)
        mine, its = linear_sum_assignment(_CORNERS * apart - chance - _OVERLAP * iou)
        close = iou[mine, its] > IOU
        boxes.append(rows[mine[close]])
        sightings.append(there[its[close]])
    box, sighting = np.concatenate(boxes), np.concatenate(sightings)
    order = np.argsort(box)
    return Matched(box=box[order], sighting=sighting[order])


def _by_image_and_rater(crowd: Labels) -> Iterator[Int[np.ndarray, " k"]]:
    """Yield the rows of what each rater drew in each image."""
    if crowd.rater is None:
        raise ValueError("these labels do not say who drew them")
    if len(crowd) == 0:
        return
    order = np.lexsort((crowd.rater, crowd.image))
    image, rater = crowd.image[order], crowd.rater[order]
    new = (np.diff(image) != 0) | (np.diff(rater) != 0)
    yield from np.split(order, np.flatnonzero(new) + 1)
