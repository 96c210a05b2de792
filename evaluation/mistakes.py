"""What every box and every object is at one IoU threshold: right, or which kind of mistake.

The six kinds are those of the error budget (``evaluation/budget.py`` defines them). COCO matches by
falling score, so what a box is does not depend on boxes that score less: verdicts hold for every
score above which boxes are kept, and only *missed* has to be asked again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evaluation.matching import BACKGROUND_IOU, Matching
from evaluation.problem import Problem

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

KINDS = ("class", "location", "both", "duplicate", "background", "missed")
CLASS, LOCATION, BOTH, DUPLICATE, BACKGROUND, MISSED = range(6)
RIGHT = 6  # in place of a kind


@dataclass(frozen=True, kw_only=True, eq=False)
class Partners:
    """The most overlapping object of every detection (one past the last: none), and their IoU."""

    object: Int[np.ndarray, " n"]
    iou: Float[np.ndarray, " n"]
    same_class: Bool[np.ndarray, " n"]


def find_partners(matching: Matching) -> Partners:
    """Return every detection's partner, of any class: the object that it is judged by."""
    problem, pairs = matching.problem, matching.pairs
    detections, objects = problem.detections, problem.objects
    pairs = pairs.select((pairs.iou >= BACKGROUND_IOU) & problem.to_be_found[pairs.object])
    same = detections.label[pairs.detection] == objects.label[pairs.object]
    # Of equal overlaps the object of its own class: that is the lesser mistake.
    order = np.lexsort((-pairs.object, same, pairs.iou, pairs.detection))
    last = order[np.flatnonzero(np.diff(pairs.detection[order], append=-1))]
    found = np.full(len(detections), len(objects), dtype=np.int64)
    iou, same_class = np.zeros(len(detections)), np.zeros(len(detections), dtype=bool)
    found[pairs.detection[last]] = pairs.object[last]
    iou[pairs.detection[last]] = pairs.iou[last]
    same_class[pairs.detection[last]] = same[last]
    return Partners(object=found, iou=iou, same_class=same_class)


@dataclass(frozen=True, kw_only=True, eq=False)
class Verdicts:
    """The counted detections at one threshold, by class and falling score, and the objects.

    Detections that are neither right nor wrong (on an iscrowd region, say) are not among them.
    """

    problem: Problem
    #: Rows of the detections.
    row: Int[np.ndarray, " n"]
    #: An index into :data:`KINDS`, or :data:`RIGHT`.
    kind: Int[np.ndarray, " n"]
    #: The object that a box is judged by; one past the last where there is none.
    object: Int[np.ndarray, " n"]
    #: Objects to be found that no box is right on.
    free: Bool[np.ndarray, " objects"]
    #: Those of them that are nobody's partner in a class or location error.
    missed: Bool[np.ndarray, " objects"]
    #: An object is missed where only boxes above this score are kept; -inf for what is missed
    #: anyway, and for what nobody has to find.
    found_until: Float[np.ndarray, " objects"]

    def missed_at(self, score: float) -> Bool[np.ndarray, " objects"]:
        """Return which objects are missed when boxes from ``score`` on are kept."""
        return self.problem.to_be_found & (self.found_until < score)

    def wrong_at(self, score: float) -> Int[np.ndarray, " w"]:
        """Return the places in ``row`` of the wrong boxes from ``score`` on."""
        return np.flatnonzero(
            (self.kind != RIGHT) & (self.problem.detections.score[self.row] >= score)
        )

    def per_image(self, score: float) -> Int[np.ndarray, "images 6"]:
        """Return how many mistakes of every kind each image has with boxes from ``score`` on."""
        counts = np.zeros((self.problem.images, len(KINDS)), dtype=np.int64)
        wrong = self.wrong_at(score)
        image = self.problem.detections.image[self.row[wrong]]
        np.add.at(counts, (image, self.kind[wrong]), 1)
        missed = self.problem.objects.image[self.missed_at(score)]
        counts[:, MISSED] = np.bincount(missed, minlength=self.problem.images)
        return counts


def judge(matching: Matching, threshold: float, partners: Partners | None = None) -> Verdicts:
    """Return what every counted detection and every object is at one of the matching's thresholds.

    ``partners`` are :func:`find_partners`' answer, if known. No detection gives empty columns.
    """
    partners = find_partners(matching) if partners is None else partners
    problem, matches, t = matching.problem, matching.matches, matching.row(threshold)
    counts = ~matches.ignored[t]
    row, found = matches.row[counts], matches.found[t][counts]
    right = found < len(problem.objects)
    iou, same = partners.iou[row], partners.same_class[row]
    kind = np.select(
        [right, iou < min(BACKGROUND_IOU, threshold), iou >= threshold],
        [RIGHT, BACKGROUND, np.where(same, DUPLICATE, CLASS)],
        np.where(same, LOCATION, BOTH),
    )
    free = problem.to_be_found.copy()
    free[found[right]] = False
    finds = np.isin(kind, (RIGHT, CLASS, LOCATION))
    judged_by = np.where(right, found, partners.object[row])
    found_until = np.full(len(problem.objects), -np.inf)
    np.maximum.at(found_until, judged_by[finds], problem.detections.score[row[finds]])
    return Verdicts(
        problem=problem,
        row=row,
        kind=kind,
        object=judged_by,
        free=free,
        missed=problem.to_be_found & np.isneginf(found_until),
        found_until=found_until,
    )
