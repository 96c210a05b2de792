"""Mean AP of many resamples of the images, from matches that are made once.

A resample gives every image a weight: how often it was drawn. AP needs, per class, the running
sums of the weights of right and of claimed detections by falling score. Precision can peak only
where a right detection stands, and a step of recall passes a whole number of the 101 recalls, so
the sums are looked at in those places alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from evaluation.engines import RECALLS
from evaluation.matching import Matches
from evaluation.problem import Problem

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

# Numbers that are worked on at a time: rows of this many stay within a core's cache.
_CHUNK = 200_000

# pycocotools adds this to every denominator.
_TINY = np.spacing(1)


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassMatches:
    """The n counted detections of one class by falling score, and its objects, as weights see them.

    ``right`` and ``claimed`` say which detections found an object and which count at all.
    """

    label: int
    image: Int[np.ndarray, " n"]
    right: Bool[np.ndarray, "T n"]
    claimed: Bool[np.ndarray, "T n"]
    #: The image of every object to be found.
    objects: Int[np.ndarray, " m"]


def by_class(problem: Problem, matches: Matches) -> Iterator[ClassMatches]:
    """Yield the matches of each class that has an object to be found."""
    label = problem.detections.label[matches.row]
    image = problem.detections.image[matches.row]
    proper = np.flatnonzero(problem.to_be_found)
    proper = proper[np.argsort(problem.objects.label[proper], kind="stable")]
    classes = problem.classes_with_objects
    known = problem.objects.label[proper]
    starts, ends = (np.searchsorted(label, classes, side=side) for side in _SIDES)
    firsts, lasts = (np.searchsorted(known, classes, side=side) for side in _SIDES)
    for k, label_ in enumerate(classes.tolist()):
        part = slice(starts[k], ends[k])
        claimed = ~matches.ignored[:, part]
        yield ClassMatches(
            label=label_,
            image=image[part],
            right=claimed & (matches.found[:, part] < len(problem.objects)),
            claimed=claimed,
            objects=problem.objects.image[proper[firsts[k] : lasts[k]]],
        )


_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


def resampled_ap(
    problem: Problem, matches: Matches, weights: Int[np.ndarray, "B images"]
) -> Float[np.ndarray, "B T k"]:
    """Return AP of every class with objects at every threshold for B weightings of the images.

    Weights of 1 give what the engines give. NaN where a weighting leaves a class without an object.
    """
    weights = np.asarray(weights, dtype=np.int32)
    classes = len(problem.classes_with_objects)
    result = np.full((len(weights), len(matches.found), classes), np.nan)
    for k, one in enumerate(by_class(problem, matches)):
        rows = max(1, _CHUNK // max(1, len(one.image), len(one.objects)))
        for start in range(0, len(weights), rows):
            part = slice(start, start + rows)
            result[part, :, k] = _class_ap(one, weights[part])
    return result


def _class_ap(one: ClassMatches, weights: Int[np.ndarray, "b images"]) -> Float[np.ndarray, "b T"]:
    objects = weights.take(one.objects, axis=1).sum(axis=1, dtype=np.int64)
    passed = RecallSteps(objects)
    weight = weights.take(one.image, axis=1)
    claimed = np.cumsum(weight, axis=1)
    result = np.empty((len(weights), len(one.right)))
    for t, (right, counts) in enumerate(zip(one.right, one.claimed, strict=True)):
        place = np.flatnonzero(right)
        so_far = claimed if counts.all() else np.cumsum(weight * counts, axis=1)
        result[:, t] = passed.ap(
            np.cumsum(weight.take(place, axis=1), axis=1), so_far.take(place, axis=1)
        )
    return result


class RecallSteps:
    """How many of the 101 recalls lie at or below k of N objects found, for each row's own N.

    Raises nothing: rows with N = 0 give an AP of NaN.
    """

    def __init__(self, objects: Int[np.ndarray, " b"]) -> None:
        self.objects = objects
        numbers, self._which = np.unique(objects, return_inverse=True)
        # k / N in the engines' own floating point, so that ties with a recall fall as theirs do.
        tables = [
            np.searchsorted(RECALLS, np.arange(n + 1) / max(n, 1), side="right") for n in numbers
        ]
        lengths = np.array([len(table) for table in tables])
        self._start = (np.cumsum(lengths) - lengths)[self._which]
        self._table = np.concatenate(tables)

    def ap(
        self, right: Int[np.ndarray, "b n"], claimed: Int[np.ndarray, "b n"]
    ) -> Float[np.ndarray, " b"]:
        """Return the mean of 101 precisions from running sums by falling score; 0 without any."""
        undefined = self.objects == 0
        if right.shape[1] == 0:
            return np.where(undefined, np.nan, 0.0)
        best = self.envelope(right, claimed)
        passed = self._table.take(self._start[:, None] + right)
        steps = np.diff(passed, axis=1, prepend=0)
        return np.where(undefined, np.nan, np.einsum("bn,bn->b", best, steps) / len(RECALLS))

    @staticmethod
    def envelope(
        right: Int[np.ndarray, "b n"], claimed: Int[np.ndarray, "b n"]
    ) -> Float[np.ndarray, "b n"]:
        """Return the best precision at this recall or a higher one."""
        precision = right / (claimed + _TINY)
        return np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
