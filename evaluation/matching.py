"""Which detection found which object, at every IoU threshold, by COCO's rules.

Both engines match, but neither hands its matches over in bulk: a dictionary per image, class and
size costs more than the whole evaluation. Intervals and the error budget need all of them, so the
same greedy rule is written here once for arrays, and a test holds it to pycocotools' matches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from evaluation.problem import Boxes, Problem, too_large
from medmnist_det.ragged import ranges

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

#: IoU below which a box has nothing to do with an object: TIDE's value.
BACKGROUND_IOU = 0.1

# COCO accepts a hair less than 1 where a threshold is 1.
_HIGHEST = 1 - 1e-10

# Pairs of boxes that are compared at a time: bounds memory to some hundred megabytes.
_CHUNK = 2_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """Detections and objects of the same image that overlap, ordered by detection, then object."""

    detection: Int[np.ndarray, " p"]
    object: Int[np.ndarray, " p"]
    iou: Float[np.ndarray, " p"]

    def select(self, rows: np.ndarray | slice) -> Pairs:
        """Return the chosen pairs (a mask, row numbers or a slice)."""
        return Pairs(detection=self.detection[rows], object=self.object[rows], iou=self.iou[rows])


@dataclass(frozen=True, kw_only=True, eq=False)
class Matches:
    """What COCO's rule makes of n detections at T thresholds.

    ``row`` lists the detections that count (100 an image and class), class by class and by falling
    score; the other columns stand beside it.
    """

    row: Int[np.ndarray, " n"]
    #: Row of the object that was found; one past the last object where there is none.
    found: Int[np.ndarray, "T n"]
    #: Matched to an iscrowd region, or too large to count: neither right nor wrong.
    ignored: Bool[np.ndarray, "T n"]


class Matching:
    """A problem, and what meets what in it: found once, for everything that asks."""

    def __init__(
        self, problem: Problem, thresholds: tuple[float, ...], *, any_class: bool = True
    ) -> None:
        """Prepare matches at the thresholds; nothing is compared before it is asked for.

        Without ``any_class`` matches are made without :attr:`pairs`, from boxes of one class alone:
        quicker where only matches are wanted.
        """
        self.problem, self.thresholds, self._any_class = problem, thresholds, any_class

    @cached_property
    def pairs(self) -> Pairs:
        """The counted detections and the objects that they overlap, whatever the classes.

        Detections are rows of the problem's table. All pairs are there that a threshold, or the
        error budget, can ask for.
        """
        at_least = min((BACKGROUND_IOU, *self.thresholds))
        pairs = overlapping(self.problem.counted_boxes, self.problem.objects, at_least=at_least)
        return Pairs(
            detection=self.problem.counted[pairs.detection], object=pairs.object, iou=pairs.iou
        )

    @cached_property
    def matches(self) -> Matches:
        """COCO's matches at the thresholds."""
        return match(
            self.problem, np.array(self.thresholds), self.pairs if self._any_class else None
        )

    def row(self, threshold: float) -> int:
        """Return the row of the matches that is about a threshold."""
        return self.thresholds.index(threshold)


def overlapping(
    detections: Boxes, objects: Boxes, *, classes: int = 0, at_least: float = 0.0
) -> Pairs:
    """Return all pairs of one image with an IoU above 0 and of ``at_least`` that.

    With ``classes`` (their number) only pairs of one class. An iscrowd region is compared as COCO
    does it: by the share of the detection that lies within.
    """
    parts = list(_overlaps(detections, objects, classes, at_least))
    return Pairs(
        detection=np.concatenate([part.detection for part in parts]),
        object=np.concatenate([part.object for part in parts]),
        iou=np.concatenate([part.iou for part in parts]),
    )


def _overlaps(detections: Boxes, objects: Boxes, classes: int, at_least: float) -> Iterator[Pairs]:
    wanted, known = (
        boxes.image * classes + boxes.label if classes else boxes.image
        for boxes in (detections, objects)
    )
    order = np.argsort(known, kind="stable")
    first = np.searchsorted(known[order], wanted, side="left")
    count = np.searchsorted(known[order], wanted, side="right") - first
    total = np.cumsum(count)
    cuts = np.searchsorted(total, np.arange(0, total[-1] if len(total) else 0, _CHUNK))
    for start, stop in pairwise(np.append(cuts, len(detections))):
        part = slice(start, stop)
        detection = np.repeat(np.arange(start, stop), count[part])
        object_ = order[ranges(first[part], count[part])]
        iou = _iou(detections.bbox[detection], objects.bbox[object_], objects.iscrowd[object_])
        kept = (iou > 0) & (iou >= at_least)
        yield Pairs(detection=detection[kept], object=object_[kept], iou=iou[kept])
    none = np.zeros(0, dtype=np.int64)
    yield Pairs(detection=none, object=none, iou=np.zeros(0))


def _iou(
    a: Float[np.ndarray, "p 4"], b: Float[np.ndarray, "p 4"], iscrowd: Bool[np.ndarray, " p"]
) -> Float[np.ndarray, " p"]:
    """Return the IoU of paired ``x, y, width, height`` boxes in pycocotools' own arithmetic."""
    (ax, ay, aw, ah), (bx, by, bw, bh) = a.T, b.T
    width = np.minimum(ax + aw, bx + bw) - np.maximum(ax, bx)
    height = np.minimum(ay + ah, by + bh) - np.maximum(ay, by)
    touch = (width > 0) & (height > 0)
    overlap = np.where(touch, width * height, 0.0)
    union = np.where(iscrowd, aw * ah, aw * ah + bw * bh - overlap)
    return np.divide(overlap, union, out=np.zeros(len(a)), where=touch & (union > 0))


def match(
    problem: Problem, thresholds: Float[np.ndarray, " T"], pairs: Pairs | None = None
) -> Matches:
    """Return COCO's greedy matches of the counted detections with objects of their class.

    By falling score, each detection takes the free object that it overlaps most, if by the
    threshold at least; of equal ones the later. An iscrowd region is taken only where no object is
    free, and by any number of detections. ``pairs`` are those of all classes, if they are known.
    No detection gives columns of length 0.
    """
    row, objects = problem.counted, problem.objects
    detections = problem.counted_boxes
    limits = np.minimum(np.asarray(thresholds, dtype=np.float64), _HIGHEST)
    # Zero is a threshold that boxes pass which do not even touch; COCO never asks for it.
    lowest = float(limits.min(initial=1.0))
    if pairs is None:
        pairs = overlapping(detections, objects, classes=problem.classes, at_least=lowest)
    else:
        same = problem.detections.label[pairs.detection] == objects.label[pairs.object]
        pairs = pairs.select(same & (pairs.iou >= lowest))
        place = np.searchsorted(row, pairs.detection)
        pairs = Pairs(detection=place, object=pairs.object, iou=pairs.iou)
    none, spare = len(objects), ~problem.to_be_found
    found = np.full((len(limits), len(row)), none, dtype=np.int64)
    _greedy(pairs, _ranks(problem), spare, objects.iscrowd, limits, found)
    ignored = np.append(spare, False)[found] | ((found == none) & too_large(detections))
    order = np.lexsort((-detections.score, detections.label))
    return Matches(row=row[order], found=found[:, order], ignored=ignored[:, order])


def _ranks(problem: Problem) -> Int[np.ndarray, " n"]:
    """Return the place of every counted detection among those of its image and class."""
    boxes = problem.counted_boxes
    order = np.lexsort((-boxes.score, boxes.label, boxes.image))
    group = boxes.image[order] * max(problem.classes, 1) + boxes.label[order]
    size = np.diff(np.flatnonzero(np.diff(group, prepend=-1)), append=len(order))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = ranges(np.zeros_like(size), size)
    return rank


def _greedy(
    pairs: Pairs,
    rank: Int[np.ndarray, " n"],
    spare: Bool[np.ndarray, " objects"],
    iscrowd: Bool[np.ndarray, " objects"],
    limits: Float[np.ndarray, " T"],
    found: Int[np.ndarray, "T n"],
) -> None:
    """Fill ``found``, one rank of all images and classes at a time."""
    taken = np.zeros((len(limits), len(spare)), dtype=bool)
    # Within a detection the order of the objects decides ties: the later wins.
    step = rank[pairs.detection]
    order = np.argsort(step, kind="stable")
    pairs, step = pairs.select(order), step[order]
    starts = np.flatnonzero(np.diff(step, prepend=-1))
    for start, stop in pairwise(np.append(starts, len(step))):
        one = pairs.select(slice(start, stop))
        first = np.flatnonzero(np.diff(one.detection, prepend=-1))
        detection = one.detection[first]
        group = np.repeat(np.arange(len(first)), np.diff(first, append=stop - start))
        free = one.iou >= limits[:, None]
        free &= ~taken[:, one.object] | iscrowd[one.object]
        proper = np.maximum.reduceat(free & ~spare[one.object], first, axis=1)
        free &= ~(proper[:, group] & spare[one.object])
        iou = np.where(free, one.iou, -1.0)
        best = free & (iou == np.maximum.reduceat(iou, first, axis=1)[:, group])
        place = np.where(best, np.arange(stop - start), -1)
        pick = np.maximum.reduceat(place, first, axis=1)
        level, hit = np.nonzero(pick >= 0)
        object_ = one.object[pick[level, hit]]
        found[level, detection[hit]] = object_
        taken[level, object_] = True
