"""The error budget: where the points go that a detector does not score.

Six kinds of error, after TIDE (Bolya et al., ECCV 2020). A detection that COCO's rule leaves
without an object is judged by its *partner*: the object of its image that it overlaps most, of any
class. ``t`` is the IoU threshold of the metric, ``b`` = 0.1.

    class       partner of another class, IoU >= t    repair: it gets the partner's class
    location    partner of its class, b <= IoU < t    repair: it gets the partner's box
    both        partner of another class, b <= IoU < t                    repair: removed
    duplicate   partner of its class, IoU >= t, found by a better one     repair: removed
    background  no partner, or IoU < b                                    repair: removed
    missed      an object that is not found, nor partner of a class or location error; repair: it
                is no longer asked for

Repaired boxes compete: the best scored one on an object becomes right, the others are removed.
After all six repairs nothing is wrong, so what they gain together is exactly 1 - mAP. TIDE reports
what each repair gains alone; such gains do not add up. We report them too (``alone``), and as the
budget each repair's mean gain over all orders in which the six can be made (its Shapley value):
these points add up to what is lost, and depend on no order.

Where we differ from TIDE: its partner is sought among objects of the same class first, so that a
box right on an object but of the wrong class is called a location error if it also grazes a
neighbour of its own class. A class whose objects are all missed scores 1 once it is not asked for
and claims nothing, 0 while it claims something; TIDE drops the class. Boxes suffice; no
segmentation is looked at. Iscrowd regions and what falls on them are left out, as in AP.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from math import factorial
from typing import TYPE_CHECKING

import numpy as np

from evaluation.matching import Matching
from evaluation.metrics import Metric, union
from evaluation.mistakes import (
    CLASS,
    KINDS,
    LOCATION,
    MISSED,
    RIGHT,
    Partners,
    find_partners,
    judge,
)
from evaluation.resampling import RecallSteps

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

# All 64 sets of repairs, as rows of six flags.
_SETS = np.array(list(product((False, True), repeat=len(KINDS))))


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What one kind of error costs a metric, in points (100 points are a mAP of 1)."""

    kind: str
    #: Detections of this kind (objects for missed); a mean over the metric's thresholds.
    count: float
    #: This kind's part of the points that are lost; the six parts add up.
    points: float
    #: Points that repairing this kind alone would gain: TIDE's number.
    alone: float


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The six losses of one metric. ``lost`` is their sum: 100 x (1 - mAP)."""

    metric: Metric
    lost: float
    losses: tuple[Loss, ...]


def error_budgets(
    matching: Matching,
    metrics: tuple[Metric, ...],
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[Budget, ...]:
    """Return where the points of each metric are lost; nothing where there is no object.

    Over several thresholds every number is the mean of the thresholds' own. The matching has all
    thresholds of the metrics. ``progress`` is told of every threshold done.
    """
    if not matching.problem.to_be_found.any():
        return ()
    partners, cases = find_partners(matching), {}
    for threshold in union(metrics):
        case = _Case(matching, partners, threshold)
        cases[threshold] = case.counts(), case.values()
        progress(1)
    return tuple(_budget(one, [cases[value] for value in one.thresholds]) for one in metrics)


def _budget(metric: Metric, cases: list[tuple[np.ndarray, np.ndarray]]) -> Budget:
    """Return the mean of the thresholds' counts and of their mAPs after every set of repairs."""
    counts, values = zip(*cases, strict=True)
    count, value = np.mean(counts, axis=0), 100 * np.mean(values, axis=0)
    points = _shapley(value)
    return Budget(
        metric=metric,
        lost=float(100 - value[0]),
        losses=tuple(
            Loss(
                kind=kind,
                count=float(count[k]),
                points=float(points[k]),
                alone=float(value[_one(k)] - value[0]),
            )
            for k, kind in enumerate(KINDS)
        ),
    )


def _one(kind: int) -> int:
    """Return the row of ``_SETS`` that repairs this kind alone."""
    return 1 << (len(KINDS) - 1 - kind)


def _shapley(value: Float[np.ndarray, " 64"]) -> Float[np.ndarray, " 6"]:
    """Return every repair's mean gain over all orders of repairs, from the value of every set."""
    n = len(KINDS)
    size = _SETS.sum(axis=1)
    weight = np.array([factorial(s) * factorial(n - s - 1) / factorial(n) for s in range(n)])
    points = np.zeros(n)
    for kind in range(n):
        without = np.flatnonzero(~_SETS[:, kind])
        points[kind] = np.sum(
            weight[size[without]] * (value[without + _one(kind)] - value[without])
        )
    return points


class _Case:
    """All detections that count and all objects at one threshold, each with its kind."""

    def __init__(self, matching: Matching, partners: Partners, threshold: float) -> None:
        verdicts = judge(matching, threshold, partners)
        self.problem, self.row, self.partner = matching.problem, verdicts.row, verdicts.object
        self.kind, self.free, self.missed = verdicts.kind, verdicts.free, verdicts.missed
        self.score = matching.problem.detections.score[self.row]

    def counts(self) -> Int[np.ndarray, " 6"]:
        detections = np.bincount(self.kind, minlength=RIGHT + 1)[:RIGHT]
        detections[MISSED] = self.missed.sum()
        return detections

    def values(self) -> Float[np.ndarray, " 64"]:
        """Return mAP after every set of repairs."""
        problem = self.problem
        proper = problem.to_be_found
        objects = np.bincount(problem.objects.label[proper], minlength=problem.classes)
        missed = np.bincount(problem.objects.label[self.missed], minlength=problem.classes)
        won = np.stack([self._winners(kinds) for kinds in _MENDING])
        value = np.zeros(len(_SETS))
        for relabelled in (False, True):
            rows = np.flatnonzero(_SETS[:, CLASS] == relabelled)
            label = problem.detections.label[self.row]
            if relabelled:
                mended = self.kind == CLASS
                label[mended] = problem.objects.label[self.partner[mended]]
            order = np.lexsort((self.row, -self.score, label))
            ends = np.searchsorted(label[order], np.arange(problem.classes + 1))
            for k in np.flatnonzero(objects):
                mine = order[ends[k] : ends[k + 1]]
                asked = objects[k] - missed[k] * _SETS[rows, MISSED]
                value[rows] += _ap(self.kind[mine], won[:, mine], rows, asked)
        return value / np.count_nonzero(objects)

    def _winners(self, mended: list[int]) -> Bool[np.ndarray, " n"]:
        """Mark the best scored of the mended detections on each object that is still free."""
        rows = np.flatnonzero(np.isin(self.kind, mended))
        rows = rows[self.free[self.partner[rows]]]
        rows = rows[np.lexsort((self.row[rows], -self.score[rows]))]
        best = np.zeros(len(self.row), dtype=bool)
        best[rows[np.unique(self.partner[rows], return_index=True)[1]]] = True
        return best


# The kinds whose repair makes boxes right, in all four combinations, and which of these each set
# of repairs makes.
_MENDING: list[list[int]] = [[], [LOCATION], [CLASS], [CLASS, LOCATION]]
_MENDED_IN = 2 * _SETS[:, CLASS] + _SETS[:, LOCATION]


def _ap(
    kind: Int[np.ndarray, " n"],
    won: Bool[np.ndarray, "4 n"],
    rows: Int[np.ndarray, " s"],
    asked: Int[np.ndarray, " s"],
) -> Float[np.ndarray, " s"]:
    """Return AP of one class, its detections by falling score, after the sets in ``rows``."""
    if len(kind) == 0:
        return np.where(asked == 0, 1.0, 0.0)
    # Running counts of each kind and of each way to win; only places that can be right matter.
    kinds = np.cumsum(kind == np.arange(len(KINDS))[:, None], axis=1)
    right = np.cumsum((kind == RIGHT) | won, axis=1)
    place = np.flatnonzero((kind == RIGHT) | won.any(axis=0))
    mended, wrong = _MENDED_IN[rows], (~_SETS[rows]).astype(np.int64)
    found = right[mended][:, place]
    ap = RecallSteps(asked).ap(found, found + wrong @ kinds[:, place])
    claims_nothing = right[mended, -1] + wrong @ kinds[:, -1] == 0
    return np.where(asked == 0, claims_nothing, ap)
