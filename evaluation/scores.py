"""From curves to numbers: mean AP, COCO's twelve, and every class and size of object.

A number that does not exist is None here, never -1 and never NaN: a class without an object has
no AP. Every mean says how many classes it covers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evaluation.engines import COCO_SIZES, LIMITS, RECALLS, Curves, Engine, Size, run_by_class
from evaluation.metrics import COCO, HEADLINE, Metric, union
from evaluation.problem import Problem

if TYPE_CHECKING:
    from jaxtyping import Float


# An object of exactly a border's area belongs to both sides, as in COCO.
def _ranges(borders: Sequence[float]) -> tuple[Size, ...]:
    """Return the ranges between the borders: sides of squares in pixels, the first 0."""
    *ends, last = itertools.pairwise(borders)
    between = [Size(f"{low:g} to {high:g} px", low**2, high**2) for low, high in ends]
    return (*between, Size(f"over {last[0]:g} px", last[0] ** 2, last[1] ** 2))


# COCO's largest object has an area of 1e10.
_END = 1e5

#: Finer than COCO's three, whose borders (32 and 96) it keeps: digits have sides of 8 to 99 px.
DIGIT_SIZES = _ranges((0, 16, 24, 32, 48, 64, 96, _END))

# Objects are cut into so many equal parts where the ranges above say nothing.
_PARTS = 5


def size_ranges(area: Float[np.ndarray, " n"]) -> tuple[Size, ...]:
    """Return the ranges by which objects of these areas are told apart.

    They are :data:`DIGIT_SIZES`, unless one of these holds more than half of the objects: then the
    borders are quintiles of the objects' own sides, rounded to three digits. Objects of one size
    are one range.
    """
    side = np.sqrt(area[area <= _END**2])
    counts, _ = np.histogram(side, [size.low**0.5 for size in DIGIT_SIZES] + [_END])
    if len(side) == 0 or counts.max() <= len(side) / 2:
        return DIGIT_SIZES
    inner = np.quantile(side, np.arange(1, _PARTS) / _PARTS)
    borders = sorted({float(f"{border:.3g}") for border in inner} - {0.0})
    return _ranges((0.0, *borders, _END))


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A mean over classes; None where no class has an object."""

    value: float | None
    #: Classes that the mean covers, of all classes.
    classes: int
    of: int


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """The numbers of one class, in the order of the metrics."""

    name: str
    objects: int
    detections: int
    ap: tuple[float | None, ...]
    #: The highest recall within 100 detections an image, averaged over COCO's thresholds.
    ar: float | None


@dataclass(frozen=True, kw_only=True)
class SizeScore:
    """The numbers for objects within a range of areas; means over the classes that have any."""

    name: str
    objects: int
    ap: tuple[Mean, ...]
    ar: Mean


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """All numbers of one detector on one truth."""

    images: int
    objects: int
    iscrowd_regions: int
    detections: int
    engine: Engine
    metrics: tuple[Metric, ...]
    #: One mean per metric.
    headline: tuple[Mean, ...]
    #: COCO's twelve under their usual names.
    coco: dict[str, Mean]
    classes: tuple[ClassScore, ...]
    sizes: tuple[SizeScore, ...]
    #: Whether the ranges of sizes are parts of these objects, of about equal numbers.
    own_sizes: bool = False
    thresholds: tuple[float, ...]
    #: Precision at 101 recalls of the classes :attr:`defined`.
    precision: Float[np.ndarray, "T 101 k"]
    #: Indices of the classes that have an object to be found, ascending.
    defined: tuple[int, ...]
    #: Boxes beyond the 100 best of their class and image, which COCO does not count.
    beyond: int

    @property
    def used(self) -> tuple[int, ...]:
        """Indices of the classes that have an object or a box: the others are not worth a row."""
        return tuple(k for k, row in enumerate(self.classes) if row.objects or row.detections)

    @property
    def undefined(self) -> tuple[ClassScore, ...]:
        """Used classes that no mean can cover: no object, or none that is not too large."""
        return tuple(self.classes[k] for k in self.used if self.classes[k].ap[0] is None)


def score_problem(
    problem: Problem,
    names: tuple[str, ...],
    *,
    metrics: tuple[Metric, ...] = HEADLINE,
    engine: Engine = "hotcoco",
    digit_sizes: bool = True,
) -> Scores:
    """Return all numbers of a problem whose classes are called ``names``.

    ``digit_sizes`` adds numbers for :func:`size_ranges` of the objects, of which those with objects
    are kept. A problem without a class, an image or a box is valid: what is undefined is None.
    """
    thresholds = union((*metrics, COCO))
    area = problem.objects.area[~problem.objects.iscrowd]
    sizes = COCO_SIZES + (size_ranges(area) if digit_sizes else ())
    curves = run_by_class(problem, np.array(thresholds), sizes=sizes, engine=engine)
    table = _Table(curves, thresholds, metrics, len(sizes), problem.classes)
    counted = ~problem.objects.iscrowd
    objects = np.bincount(problem.objects.label[counted], minlength=problem.classes)
    detections = np.bincount(problem.detections.label, minlength=problem.classes)
    defined = problem.classes_with_objects.tolist()
    every_ap = zip(*map(table.ap_of_each, metrics), strict=True)
    known = dict(zip(defined, zip(every_ap, table.ar_of_each(), strict=True), strict=True))
    nothing = ((None,) * len(metrics), None)
    return Scores(
        images=problem.images,
        objects=int(counted.sum()),
        iscrowd_regions=int((~counted).sum()),
        detections=len(problem.detections),
        engine=engine,
        metrics=metrics,
        headline=tuple(table.ap(metric) for metric in metrics),
        coco=_twelve(table),
        classes=tuple(
            ClassScore(
                name=name,
                objects=int(objects[k]),
                detections=int(detections[k]),
                ap=known.get(k, nothing)[0],
                ar=known.get(k, nothing)[1],
            )
            for k, name in enumerate(names)
        ),
        sizes=_by_size(problem, table, sizes[len(COCO_SIZES) :], metrics),
        own_sizes=digit_sizes and sizes[len(COCO_SIZES) :] != DIGIT_SIZES,
        thresholds=thresholds,
        precision=table.precision,
        defined=tuple(defined),
        beyond=len(problem.detections) - len(problem.counted),
    )


class _Table:
    """What the numbers need of all curves; most of what an engine returns is not among it."""

    def __init__(
        self,
        curves: Iterable[Curves],
        thresholds: tuple[float, ...],
        metrics: tuple[Metric, ...],
        sizes: int,
        classes: int,
    ) -> None:
        # By position in the list that the metric's own values went into: no float is compared.
        place = {value: row for row, value in enumerate(thresholds)}
        self._rows = {one: [place[value] for value in one.thresholds] for one in (*metrics, COCO)}
        self._all_classes = classes
        coco, of_coco, more = self._rows[COCO], len(COCO_SIZES), sizes - len(COCO_SIZES)
        whole = [np.zeros((len(thresholds), len(RECALLS), 0))]
        sized = [np.zeros((len(coco), len(RECALLS), 0, of_coco))]
        means = [np.zeros((len(metrics), 0, more))]
        recall = [np.zeros((len(coco), 0, sizes, len(LIMITS)))]
        for one in curves:
            best = one.precision[..., -1]
            # Copies, so that an engine's arrays can go before the next ones come.
            whole.append(best[..., 0].copy())
            sized.append(best[..., :of_coco][coco])
            finer = best[..., of_coco:]
            means.append(np.stack([finer[self._rows[m]].mean(axis=(0, 1)) for m in metrics]))
            recall.append(one.recall[coco])
        self.precision = np.concatenate(whole, axis=2)
        self._sized = np.concatenate(sized, axis=2)
        self._means = dict(zip(metrics, np.concatenate(means, axis=1), strict=True))
        self._recall = np.concatenate(recall, axis=1)

    def ap(self, metric: Metric) -> Mean:
        return self._mean(self.precision[self._rows[metric]])

    def coco_ap(self, rows: slice = slice(None), *, size: int = 0) -> Mean:
        return self._mean(self._sized[rows, ..., size])

    def ap_of_size(self, metric: Metric, size: int) -> Mean:
        return self._mean(self._means[metric][:, size - len(COCO_SIZES)])

    def ar(self, *, size: int = 0, limit: int = -1) -> Mean:
        return self._mean(self._recall[..., size, limit])

    def ap_of_each(self, metric: Metric) -> list[float | None]:
        return _each(self.precision[self._rows[metric]])

    def ar_of_each(self) -> list[float | None]:
        return _each(self._recall[..., 0, -1])

    def _mean(self, values: Float[np.ndarray, "*any k"]) -> Mean:
        known = np.isfinite(values)
        return Mean(
            value=float(np.mean(values[known])) if known.any() else None,
            classes=int(known.any(axis=tuple(range(values.ndim - 1))).sum()),
            of=self._all_classes,
        )


def _each(values: Float[np.ndarray, "*any K"]) -> list[float | None]:
    """Return the mean of every class; None for one without an object, whose values are all NaN."""
    # One class a row in memory: numpy then adds each in the order in which it adds one alone, and
    # the last digit is that of a mean taken by hand from pycocotools' array.
    rows = np.ascontiguousarray(np.moveaxis(values, -1, 0))
    means = rows.reshape(len(rows), math.prod(values.shape[:-1])).mean(axis=1)
    return [None if np.isnan(mean) else float(mean) for mean in means]


def _twelve(table: _Table) -> dict[str, Mean]:
    half, three_quarters = slice(0, 1), slice(5, 6)
    named = {"AP": table.coco_ap(), "AP50": table.coco_ap(half)}
    named["AP75"] = table.coco_ap(three_quarters)
    for row, size in enumerate(COCO_SIZES[1:], start=1):
        named[f"AP{size.name[0]}"] = table.coco_ap(size=row)
    for row, limit in enumerate(LIMITS):
        named[f"AR{limit}"] = table.ar(limit=row)
    for row, size in enumerate(COCO_SIZES[1:], start=1):
        named[f"AR{size.name[0]}"] = table.ar(size=row)
    return named


def _by_size(
    problem: Problem, table: _Table, sizes: tuple[Size, ...], metrics: tuple[Metric, ...]
) -> tuple[SizeScore, ...]:
    area = problem.objects.area[~problem.objects.iscrowd]
    rows = []
    for row, size in enumerate(sizes, start=len(COCO_SIZES)):
        within = (area >= size.low) & (area <= size.high)
        if within.any():
            rows.append(
                SizeScore(
                    name=size.name,
                    objects=int(within.sum()),
                    ap=tuple(table.ap_of_size(metric, row) for metric in metrics),
                    ar=table.ar(size=row),
                )
            )
    return tuple(rows)
