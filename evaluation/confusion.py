"""Who is taken for whom: boxes paired with objects whatever their classes, at one working point.

COCO matches within a class, so it cannot say what a wrong box should have been. Here the closest
pairs are joined first (largest IoU, then equal class), one box to one object: no score and no
order of the input decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evaluation.matching import Matching, Pairs, overlapping
from evaluation.problem import Boxes

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairing:
    """One-to-one pairs of boxes and objects, and what was left over on either side."""

    pairs: Pairs
    #: Rows of boxes on no object. Boxes that lie in an iscrowd region are not among them.
    spurious: Int[np.ndarray, " s"]
    #: Rows of objects that no box is on.
    missed: Int[np.ndarray, " m"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Confusion:
    """Counts of objects by true class (rows) and of boxes by given class (columns).

    Only classes that an object or a box has stand in it. One past the last class as column are
    objects that no box is on, as row boxes that are on no object.
    """

    #: Class indices, ascending.
    classes: Int[np.ndarray, " k"]
    #: Rows and columns of the cells that are not 0, row by row, and what they count.
    true: Int[np.ndarray, " c"]
    given: Int[np.ndarray, " c"]
    count: Int[np.ndarray, " c"]
    iou: float
    #: Boxes below this score were left out.
    score: float
    #: Boxes are rows of the problem's detections.
    pairing: Pairing

    @property
    def counts(self) -> Int[np.ndarray, "k+1 k+1"]:
        """The matrix itself, which takes 8 (k + 1)^2 bytes."""
        counts = np.zeros((len(self.classes) + 1,) * 2, dtype=np.int64)
        counts[self.true, self.given] = self.count
        return counts


def pair_up(
    boxes: Boxes,
    objects: Boxes,
    *,
    iou: float,
    kept: Bool[np.ndarray, " n"] | None = None,
    pairs: Pairs | None = None,
) -> Pairing:
    """Return the pairs of at least that IoU, closest first. Either side may be empty.

    Boxes that are not ``kept`` take no part. ``pairs`` are those of at least a lower IoU, if known.
    """
    pairs = overlapping(boxes, objects, at_least=iou) if pairs is None else pairs
    spurious = np.ones(len(boxes), dtype=bool) if kept is None else kept.copy()
    pairs = pairs.select((pairs.iou >= iou) & spurious[pairs.detection])
    in_crowd = objects.iscrowd[pairs.object]
    spurious[pairs.detection[in_crowd]] = False
    pairs = _closest(pairs.select(np.flatnonzero(~in_crowd)), boxes, objects)
    spurious[pairs.detection] = False
    missed = ~objects.iscrowd
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


@dataclass(frozen=True, kw_only=True, eq=False)
class ByScore:
    """The boxes that count at one IoU, by falling score, and what keeping them gives.

    Boxes of equal score are kept or dropped together: ``score`` lists each score once.
    """

    #: Every counted box: its score, and whether COCO's rule gives it an object.
    every: Float[np.ndarray, " n"]
    right: Bool[np.ndarray, " n"]
    #: Scores at which boxes can be cut off, falling, and what is kept from there on.
    score: Float[np.ndarray, " s"]
    precision: Float[np.ndarray, " s"]
    recall: Float[np.ndarray, " s"]
    f1: Float[np.ndarray, " s"]

    @property
    def best(self) -> float:
        """The score with the best F1; of equal ones the highest; 0 where no box is right."""
        return float(self.score[np.argmax(self.f1)]) if self.right.any() else 0.0


def by_score(matching: Matching, iou: float) -> ByScore:
    """Return precision, recall and F1 over all classes together for every score to cut off at.

    F1 = 2 x right / (kept + objects), with COCO's matches at that IoU, which is one of the
    matching's. Recall and F1 are 0 where there is no object.
    """
    problem, matches, row = matching.problem, matching.matches, matching.row(iou)
    counts = ~matches.ignored[row]
    score = problem.detections.score[matches.row[counts]]
    right = matches.found[row][counts] < len(problem.objects)
    order = np.argsort(-score, kind="stable")
    score, right = score[order], right[order]
    last = np.flatnonzero(np.diff(score, append=-np.inf))
    found, objects = np.cumsum(right)[last], np.count_nonzero(problem.to_be_found)
    return ByScore(
        every=score,
        right=right,
        score=score[last],
        precision=found / (last + 1),
        recall=found / max(objects, 1),
        f1=2 * found / (last + 1 + objects),
    )


def working_point(matching: Matching, iou: float) -> float:
    """Return the score above (and at) which keeping boxes gives the best F1 (:func:`by_score`)."""
    return by_score(matching, iou).best


def confusion(matching: Matching, *, iou: float, score: float | None = None) -> Confusion:
    """Return the confusions of the counted boxes that score at least ``score``.

    Without one from the :func:`working_point` at that IoU.
    """
    problem = matching.problem
    boxes, objects = problem.detections, problem.objects
    score = working_point(matching, iou) if score is None else score
    kept = np.zeros(len(boxes), dtype=bool)
    kept[problem.counted] = problem.counted_boxes.score >= score
    pairing = pair_up(boxes, objects, iou=iou, kept=kept, pairs=matching.pairs)
    pairs, nothing = pairing.pairs, problem.classes
    missed, spurious = objects.label[pairing.missed], boxes.label[pairing.spurious]
    true = [objects.label[pairs.object], missed, np.full(len(spurious), nothing)]
    given = [boxes.label[pairs.detection], np.full(len(missed), nothing), spurious]
    cell = np.sort(np.concatenate(true) * (nothing + 1) + np.concatenate(given))
    first = np.flatnonzero(np.diff(cell, prepend=-1))
    true, given = np.divmod(cell[first], nothing + 1)
    there = np.bincount(np.concatenate([objects.label, boxes.label[kept]]), minlength=nothing)
    classes = np.flatnonzero(there)
    return Confusion(
        classes=classes,
        true=np.searchsorted(classes, true),
        given=np.searchsorted(classes, given),
        count=np.diff(first, append=len(cell)),
        iou=iou,
        score=score,
        pairing=pairing,
    )
