"""Who is taken for whom: boxes paired with objects whatever their classes, at one working point.

COCO matches within a class, so it cannot say what a wrong box should have been. Here the closest
pairs are joined first (largest IoU, then equal class), one box to one object: no score and no
order of the input decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from evaluation.matching import Pairs, match, overlapping
from evaluation.problem import Boxes, Problem
from evaluation.resampling import to_be_found


@dataclass(frozen=True, kw_only=True, eq=False)
class Confusion:
    """Counts of objects by true class (rows) and of boxes by given class (columns).

    The last column counts objects that no box is on, the last row boxes that are on no object.
    """

    counts: Int[np.ndarray, "K+1 K+1"]
    iou: float
    #: Boxes below this score were left out.
    score: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairing:
    """One-to-one pairs of boxes and objects, and what was left over on either side."""

    pairs: Pairs
    #: Rows of boxes on no object. Boxes that lie in a crowd region are not among them.
    spurious: Int[np.ndarray, " s"]
    #: Rows of objects that no box is on.
    missed: Int[np.ndarray, " m"]


def pair_up(boxes: Boxes, objects: Boxes, *, iou: float) -> Pairing:
    """Return the pairs of at least that IoU, closest first. Either side may be empty."""
    pairs = overlapping(boxes, objects, at_least=iou)
    in_crowd = objects.crowd[pairs.object]
    spurious = np.ones(len(boxes), dtype=bool)
    spurious[pairs.detection[in_crowd]] = False
    pairs = _closest(pairs.select(np.flatnonzero(~in_crowd)), boxes, objects)
    spurious[pairs.detection] = False
    missed = ~objects.crowd
    missed[pairs.object] = False
    return Pairing(pairs=pairs, spurious=np.flatnonzero(spurious), missed=np.flatnonzero(missed))


def _closest(pairs: Pairs, boxes: Boxes, objects: Boxes) -> Pairs:
    """Return the pairs that joining closest first keeps: round by round, the mutual favourites."""
    same = boxes.label[pairs.detection] == objects.label[pairs.object]
    pairs = pairs.select(np.lexsort((pairs.object, pairs.detection, ~same, -pairs.iou)))
    kept = [pairs.select(slice(0, 0))]
    while len(pairs.iou):
        # Pairs stand closest first, so the first mention of a box or object is its favourite.
        first = np.zeros((2, len(pairs.iou)), dtype=bool)
        first[0, np.unique(pairs.detection, return_index=True)[1]] = True
        first[1, np.unique(pairs.object, return_index=True)[1]] = True
        chosen = pairs.select(np.flatnonzero(first.all(axis=0)))
        kept.append(chosen)
        pairs = pairs.select(
            ~(np.isin(pairs.detection, chosen.detection) | np.isin(pairs.object, chosen.object))
        )
    return Pairs(
        detection=np.concatenate([part.detection for part in kept]),
        object=np.concatenate([part.object for part in kept]),
        iou=np.concatenate([part.iou for part in kept]),
    )


def working_point(problem: Problem, iou: float) -> float:
    """Return the score above (and at) which keeping boxes gives the best F1 over all classes.

    F1 = 2 x right / (kept + objects), with COCO's matches at that IoU. Of equal ones the highest
    score; 0 where no box is right.
    """
    matches = match(problem, np.array([iou]))
    counts = ~matches.ignored[0]
    score = problem.detections.score[matches.row[counts]]
    right = matches.found[0][counts] < len(problem.objects)
    if not right.any():
        return 0.0
    order = np.argsort(-score, kind="stable")
    score, right = score[order], np.cumsum(right[order])
    # Boxes of equal score are kept or dropped together.
    last = np.flatnonzero(np.diff(score, append=-np.inf))
    f1 = 2 * right[last] / (last + 1 + np.count_nonzero(to_be_found(problem)))
    return float(score[last[np.argmax(f1)]])


def kept_at(boxes: Boxes, score: float) -> Bool[np.ndarray, " n"]:
    """Return which boxes a working point keeps."""
    return boxes.score >= score


def confusion(problem: Problem, *, iou: float, score: float) -> Confusion:
    """Return the confusion matrix of the boxes that score at least ``score``."""
    boxes = problem.detections.select(kept_at(problem.detections, score))
    pairing = pair_up(boxes, problem.objects, iou=iou)
    counts = np.zeros((problem.classes + 1, problem.classes + 1), dtype=np.int64)
    true = problem.objects.label[pairing.pairs.object]
    np.add.at(counts, (true, boxes.label[pairing.pairs.detection]), 1)
    np.add.at(counts[:, -1], problem.objects.label[pairing.missed], 1)
    np.add.at(counts[-1], boxes.label[pairing.spurious], 1)
    return Confusion(counts=counts, iou=iou, score=score)


def mistakes_per_image(problem: Problem, *, iou: float, score: float) -> Float[np.ndarray, " i"]:
    """Return the mistakes in every image: missed objects, boxes on nothing, wrong classes."""
    boxes = problem.detections.select(kept_at(problem.detections, score))
    pairing = pair_up(boxes, problem.objects, iou=iou)
    wrong = boxes.label[pairing.pairs.detection] != problem.objects.label[pairing.pairs.object]
    images = (
        problem.objects.image[pairing.missed],
        boxes.image[pairing.spurious],
        problem.objects.image[pairing.pairs.object[wrong]],
    )
    return np.bincount(np.concatenate(images), minlength=problem.images).astype(np.float64)
