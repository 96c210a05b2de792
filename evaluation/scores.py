"""From curves to numbers: mean AP, COCO's twelve, and every class and size of object.

A number that does not exist is None here, never -1 and never NaN: a class without an object has
no AP. Every mean says how many classes it covers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evaluation.engines import COCO_SIZES, LIMITS, Curves, Engine, Size, run
from evaluation.metrics import COCO, HEADLINE, Metric, union
from evaluation.problem import Problem

if TYPE_CHECKING:
    from jaxtyping import Float

#: Finer than COCO's three, whose borders (32 and 96) it keeps: digits have sides of 8 to 99 px.
#: An object of exactly a border's area belongs to both sides, as in COCO.
DIGIT_SIZES = tuple(
    Size(
        f"{low} to {high} px" if high < 1e5 else f"over {low} px", float(low) ** 2, float(high) ** 2
    )
    for low, high in ((0, 16), (16, 24), (24, 32), (32, 48), (48, 64), (64, 96), (96, 100_000))
)


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
    crowd_regions: int
    detections: int
    engine: Engine
    metrics: tuple[Metric, ...]
    #: One mean per metric.
    headline: tuple[Mean, ...]
    #: COCO's twelve under their usual names.
    coco: dict[str, Mean]
    classes: tuple[ClassScore, ...]
    sizes: tuple[SizeScore, ...]
    thresholds: tuple[float, ...]
    #: Precision at 101 recalls; NaN rows for classes without an object.
    precision: Float[np.ndarray, "T 101 K"]

    @property
    def undefined(self) -> tuple[ClassScore, ...]:
        """Classes that no mean can cover: no object, or none of at most 1e10 square pixels."""
        return tuple(row for row in self.classes if row.ap[0] is None)


def score_problem(
    problem: Problem,
    names: tuple[str, ...],
    *,
    metrics: tuple[Metric, ...] = HEADLINE,
    engine: Engine = "hotcoco",
    digit_sizes: bool = True,
) -> Scores:
    """Return all numbers of a problem whose classes are called ``names``.

    ``digit_sizes`` adds numbers for seven ranges of object sizes, of which those with objects are
    kept. A problem without a class, an image or a box is valid: what is undefined is None.
    """
    thresholds = union((*metrics, COCO))
    sizes = COCO_SIZES + (DIGIT_SIZES if digit_sizes else ())
    curves = run(problem, np.array(thresholds), sizes=sizes, engine=engine)
    table = _Table(curves, thresholds)
    counted = ~problem.objects.crowd
    objects = np.bincount(problem.objects.label[counted], minlength=problem.classes)
    detections = np.bincount(problem.detections.label, minlength=problem.classes)
    ap, ar = [table.ap_of_each(metric) for metric in metrics], table.ar_of_each()
    return Scores(
        images=problem.images,
        objects=int(counted.sum()),
        crowd_regions=int((~counted).sum()),
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
                ap=tuple(values[k] for values in ap),
                ar=ar[k],
            )
            for k, name in enumerate(names)
        ),
        sizes=_by_size(problem, table, sizes[len(COCO_SIZES) :], metrics),
        thresholds=thresholds,
        precision=curves.precision[:, :, :, 0, -1],
    )


@dataclass(frozen=True)
class _Table:
    curves: Curves
    thresholds: tuple[float, ...]

    def rows(self, metric: Metric) -> list[int]:
        # By position in the list that the metric's own values went into: no float is compared.
        place = {value: row for row, value in enumerate(self.thresholds)}
        return [place[value] for value in metric.thresholds]

    def ap(self, metric: Metric, *, size: int = 0, limit: int = -1) -> Mean:
        return _mean(self.curves.precision[..., size, limit][self.rows(metric)])

    def ar(self, *, size: int = 0, limit: int = -1) -> Mean:
        return _mean(self.curves.recall[..., size, limit][self.rows(COCO)])

    def ap_of_each(self, metric: Metric) -> list[float | None]:
        return _each(self.curves.precision[..., 0, -1][self.rows(metric)])

    def ar_of_each(self) -> list[float | None]:
        return _each(self.curves.recall[..., 0, -1][self.rows(COCO)])


def _mean(values: Float[np.ndarray, "*any K"]) -> Mean:
    known = np.isfinite(values)
    covered = np.atleast_1d(known.any(axis=tuple(range(values.ndim - 1))))
    return Mean(
        value=float(np.mean(values[known])) if known.any() else None,
        classes=int(covered.sum()),
        of=len(covered),
    )


def _each(values: Float[np.ndarray, "*any K"]) -> list[float | None]:
    """Return the mean of every class; None for one without an object, whose values are all NaN."""
    # One class a row in memory: numpy then adds each in the order in which it adds one alone, and
    # the last digit is that of a mean taken by hand from pycocotools' array.
    rows = np.ascontiguousarray(np.moveaxis(values, -1, 0))
    means = rows.reshape(len(rows), math.prod(values.shape[:-1])).mean(axis=1)
    return [None if np.isnan(mean) else float(mean) for mean in means]


def _twelve(table: _Table) -> dict[str, Mean]:
    half, three_quarters = Metric("AP50", COCO.thresholds[:1]), Metric("AP75", COCO.thresholds[5:6])
    named = {"AP": table.ap(COCO), "AP50": table.ap(half), "AP75": table.ap(three_quarters)}
    for row, size in enumerate(COCO_SIZES[1:], start=1):
        named[f"AP{size.name[0]}"] = table.ap(COCO, size=row)
    for row, limit in enumerate(LIMITS):
        named[f"AR{limit}"] = table.ar(limit=row)
    for row, size in enumerate(COCO_SIZES[1:], start=1):
        named[f"AR{size.name[0]}"] = table.ar(size=row)
    return named


def _by_size(
    problem: Problem, table: _Table, sizes: tuple[Size, ...], metrics: tuple[Metric, ...]
) -> tuple[SizeScore, ...]:
    area = problem.objects.area[~problem.objects.crowd]
    rows = []
    for row, size in enumerate(sizes, start=len(COCO_SIZES)):
        within = (area >= size.low) & (area <= size.high)
        if within.any():
            rows.append(
                SizeScore(
                    name=size.name,
                    objects=int(within.sum()),
                    ap=tuple(table.ap(metric, size=row) for metric in metrics),
                    ar=table.ar(size=row),
                )
            )
    return tuple(rows)
