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
segmentation is looked at. Crowd regions and what falls on them are left out, as in AP.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from math import factorial

import numpy as np
from jaxtyping import Bool, Float, Int

from evaluation.matching import match, overlapping
from evaluation.metrics import Metric
from evaluation.problem import Problem
from evaluation.resampling import RecallSteps, to_be_found

#: IoU below which a box has nothing to do with an object: TIDE's value.
BACKGROUND_IOU = 0.1

KINDS = ("class", "location", "both", "duplicate", "background", "missed")
_CLASS, _LOCATION, _BOTH, _DUPLICATE, _BACKGROUND, _MISSED = range(6)
_RIGHT = 6  # in place of a kind

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


def error_budget(
    problem: Problem, metric: Metric, *, progress: Callable[[int], None] = lambda done: None
) -> Budget | None:
    """Return where the points of a metric are lost; None where the metric is undefined.

    Over several thresholds every number is the mean of the thresholds' own. ``progress`` is told
    of every threshold done.
    """
    if not to_be_found(problem).any():
        return None
    partner = _partners(problem)
    counts, values = [], []
    for threshold in metric.thresholds:
        case = _Case(problem, partner, threshold)
        counts.append(case.counts())
        values.append(case.values())
        progress(1)
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
        points[kind] = np.sum(weight[size[without]] * (value[without + _one(kind)] - value[without]))
    return points


@dataclass(frozen=True, kw_only=True, eq=False)
class _Partners:
    """The most overlapping object of every detection (one past the last: none), and their IoU."""

    object: Int[np.ndarray, " n"]
    iou: Float[np.ndarray, " n"]
    same_class: Bool[np.ndarray, " n"]


def _partners(problem: Problem) -> _Partners:
    detections, objects = problem.detections, problem.objects
    pairs = overlapping(detections, objects, at_least=BACKGROUND_IOU)
    pairs = pairs.select(to_be_found(problem)[pairs.object])
    same = detections.label[pairs.detection] == objects.label[pairs.object]
    # Of equal overlaps the object of its own class: that is the lesser mistake.
    order = np.lexsort((-pairs.object, same, pairs.iou, pairs.detection))
    last = order[np.flatnonzero(np.diff(pairs.detection[order], append=-1))]
    found = np.full(len(detections), len(objects), dtype=np.int64)
    iou, same_class = np.zeros(len(detections)), np.zeros(len(detections), dtype=bool)
    found[pairs.detection[last]] = pairs.object[last]
    iou[pairs.detection[last]] = pairs.iou[last]
    same_class[pairs.detection[last]] = same[last]
    return _Partners(object=found, iou=iou, same_class=same_class)


class _Case:
    """All detections and objects at one threshold, each with its kind."""

    def __init__(self, problem: Problem, partners: _Partners, threshold: float) -> None:
        matches = match(problem, np.array([threshold]))
        counts = ~matches.ignored[0]
        row, found = matches.row[counts], matches.found[0][counts]
        right = found < len(problem.objects)
        partner, iou = partners.object[row], partners.iou[row]
        same = partners.same_class[row]
        self.problem, self.row, self.partner = problem, row, partner
        self.kind = np.select(
            [right, iou < min(BACKGROUND_IOU, threshold), iou >= threshold],
            [_RIGHT, _BACKGROUND, np.where(same, _DUPLICATE, _CLASS)],
            np.where(same, _LOCATION, _BOTH),
        )
        self.free = to_be_found(problem)
        self.free[found[right]] = False
        self.missed = self.free.copy()
        self.missed[partner[(self.kind == _CLASS) | (self.kind == _LOCATION)]] = False

    def counts(self) -> Int[np.ndarray, " 6"]:
        detections = np.bincount(self.kind, minlength=_RIGHT + 1)[:_RIGHT]
        detections[_MISSED] = self.missed.sum()
        return detections

    def values(self) -> Float[np.ndarray, " 64"]:
        """Return mAP after every set of repairs."""
        problem = self.problem
        proper = to_be_found(problem)
        objects = np.bincount(problem.objects.label[proper], minlength=problem.classes)
        missed = np.bincount(problem.objects.label[self.missed], minlength=problem.classes)
        value = np.zeros(len(_SETS))
        for relabelled in (False, True):
            sets = np.flatnonzero(_SETS[:, _CLASS] == relabelled)
            right, claimed = self._after(_SETS[sets])
            label = problem.detections.label[self.row].copy()
            if relabelled:
                mended = self.kind == _CLASS
                label[mended] = problem.objects.label[self.partner[mended]]
            order = np.lexsort((self.row, -problem.detections.score[self.row], label))
            ends = np.searchsorted(label[order], np.arange(problem.classes + 1))
            for k in np.flatnonzero(objects):
                rows = order[ends[k] : ends[k + 1]]
                asked = objects[k] - missed[k] * _SETS[sets, _MISSED]
                value[sets] += _ap(right[:, rows], claimed[:, rows], asked)
        return value / np.count_nonzero(objects)

    def _after(
        self, sets: Bool[np.ndarray, "s 6"]
    ) -> tuple[Bool[np.ndarray, "s n"], Bool[np.ndarray, "s n"]]:
        """Return which detections are right, and which are there, after each set of repairs."""
        repaired = np.append(sets, np.zeros((len(sets), 1), dtype=bool), axis=1)[:, self.kind]
        right = np.repeat((self.kind == _RIGHT)[None], len(sets), axis=0)
        for s, pair in enumerate(sets[:, [_CLASS, _LOCATION]]):
            mended = np.isin(self.kind, np.flatnonzero(pair))
            right[s, self._winners(mended)] = True
        return right, right | ~repaired

    def _winners(self, mended: Bool[np.ndarray, " n"]) -> Int[np.ndarray, " w"]:
        """Return the best scored of the mended detections on each object that is still free."""
        rows = np.flatnonzero(mended)
        rows = rows[self.free[self.partner[rows]]]
        rows = rows[np.lexsort((self.row[rows], -self.problem.detections.score[self.row[rows]]))]
        return rows[np.unique(self.partner[rows], return_index=True)[1]]


def _ap(
    right: Bool[np.ndarray, "s n"], claimed: Bool[np.ndarray, "s n"], asked: Int[np.ndarray, " s"]
) -> Float[np.ndarray, " s"]:
    ap = RecallSteps(asked).ap(np.cumsum(right, axis=1), np.cumsum(claimed, axis=1))
    return np.where(asked == 0, ~claimed.any(axis=1), ap)
