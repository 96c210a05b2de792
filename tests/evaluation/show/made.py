"""An assessment whose numbers all differ, so that no two columns can change places unseen."""

from __future__ import annotations

import numpy as np

from evaluation.assessment import Assessment, Comparison
from evaluation.bootstrap import Difference, Interval
from evaluation.budget import KINDS, Budget, Loss
from evaluation.confusion import Confusion, pair_up
from evaluation.metrics import HEADLINE, union
from evaluation.problem import Boxes, Truth
from evaluation.quality import Quality
from evaluation.scores import ClassScore, Mean, Scores, SizeScore
from medmnist_det.labels import Classes
from tests.evaluation.problems import boxes, problem

NAMES = ("cat", "$\\frac{$", "b" * 256, "never seen")
COCO_NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")  # fmt: skip

#: Rows: objects; columns: boxes; last: no_obj.
COUNTS = np.array(
    [[10, 3, 0, 0, 2], [1, 20, 4, 0, 5], [0, 6, 30, 0, 7], [0, 0, 0, 0, 0], [8, 9, 11, 12, 0]]
)


def curves(shift: float = 0.0) -> np.ndarray:
    """Precision falls along recall, differently for every threshold and class with objects."""
    made = np.full((len(union(HEADLINE)), 101, 3), np.nan)
    for row in range(len(made)):
        for k in range(3):
            made[row, :, k] = np.linspace(1 - 0.01 * row, 0.5 - 0.1 * k, 101) - shift
    return made


def mean(value: float, classes: int) -> Mean:
    return Mean(value=value, classes=classes, of=4)


def interval(low: float, high: float) -> Interval:
    return Interval(low=low, high=high, resamples=1000)


def scores(shift: float = 0.0) -> Scores:
    rows = [(0.91, 0.71, 0.51), (0.82, 0.62, 0.42), (0.73, 0.53, 0.33)]
    classes = [
        ClassScore(
            name=name,
            objects=15 * (k + 1),
            detections=1000 * (k + 1) + 7,
            ap=(a - shift, b - shift),
            ar=c,
        )
        for k, (name, (a, b, c)) in enumerate(zip(NAMES, rows, strict=False))
    ]
    classes.append(ClassScore(name=NAMES[3], objects=0, detections=12, ap=(None, None), ar=None))
    sizes = (("0 to 16 px", 21, 0.11), ("16 to 24 px", 69, 0.41))
    return Scores(
        images=7,
        objects=90,
        iscrowd_regions=2,
        detections=6033,
        engine="hotcoco",
        metrics=HEADLINE,
        headline=(mean(0.82 - shift, 3), mean(0.62 - shift, 2)),
        coco={name: mean(0.011 * (k + 1), 1 + k % 3) for k, name in enumerate(COCO_NAMES)},
        classes=tuple(classes),
        sizes=tuple(
            SizeScore(
                name=name,
                objects=count,
                ap=(mean(low, 3), mean(low + 0.05, 3)),
                ar=mean(low + 0.1, 3),
            )
            for name, count, low in sizes
        ),
        thresholds=union(HEADLINE),
        precision=curves(shift),
        defined=(0, 1, 2),
        beyond=0,
    )


def budgets() -> tuple[Budget, ...]:
    """Points of the first metric: 4 .. 1.5; of the second one more each."""
    return tuple(
        Budget(
            metric=metric,
            lost=sum(4 - 0.5 * i + k for i in range(6)),
            losses=tuple(
                Loss(
                    kind=kind,
                    count=100 * (k + 1) + 11 * i,
                    points=4 - 0.5 * i + k,
                    alone=7 - 0.3 * i + k,
                )
                for i, kind in enumerate(KINDS)
            ),
        )
        for k, metric in enumerate(HEADLINE)
    )


def truth() -> Truth:
    objects = boxes((0, 0, 10, 20, 30, 40), (0, 1, 200, 100, 20, 10), (1, 2, 5, 6, 7, 8))
    return Truth(
        source="truth[1].json",
        ids=(1, 2),
        names=("a&b.png", "second.png"),
        sizes=np.array([[320, 240], [100, 50]]),
        classes=Classes(ids=(1, 2, 3, 4), names=NAMES),
        boxes=objects,
    )


def confusion_of(counts: np.ndarray, meeting: tuple[Boxes, Boxes] | None = None) -> Confusion:
    """Return confusions with these counts; pairs are those of the boxes that score .6 or more."""
    objects, detections = meeting or (boxes(), boxes())
    true, given = np.nonzero(counts)
    return Confusion(
        classes=np.arange(len(counts) - 1),
        true=true,
        given=given,
        count=counts[true, given],
        iou=0.4,
        score=0.6,
        pairing=pair_up(detections, objects, iou=0.4, kept=detections.score >= 0.6),
    )


def assessment(shift: float = 0.0, source: str = "preds[a].json") -> Assessment:
    """Image 1: an object found, one missed, a box on nothing, one below the working point."""
    true = truth()
    detections = boxes(
        (0, 0, 11, 20, 30, 40),
        (0, 2, 250, 200, 40, 30),
        (0, 1, 0, 0, 5, 5),
        (1, 0, 5, 6, 7, 8),
        score=[0.9, 0.8, 0.1, 0.75],
    )
    return Assessment(
        source=source,
        truth=true,
        facts={"digits": "optdigits", "fingerprint": "sha256:[feed]"},
        problem=problem(true.boxes, detections, images=2, classes=4),
        scores=scores(shift),
        intervals=(interval(0.7811, 0.8411), interval(0.5911, 0.6511)),
        resampled=np.zeros((1000, 2)),
        seed=3,
        budgets=budgets(),
        confusion=confusion_of(COUNTS, (true.boxes, detections)),
        quality=Quality(
            images=7,
            objects=90,
            boxes=6033,
            iou=0.4,
            precision=0.123,
            recall=0.234,
            class_accuracy=0.345,
            mean_iou=0.456,
        ),
        not_looked=5,
        warnings=("a warning",),
    )


def comparison() -> Comparison:
    """The second is better on the first metric; on the other nobody knows."""
    return Comparison(
        first=assessment(0.03, "first.json"),
        second=assessment(0.0, "second.json"),
        differences=(
            Difference(value=0.03, interval=interval(0.01, 0.055), p_value=0.012),
            Difference(value=0.029, interval=interval(-0.011, 0.06), p_value=0.234),
        ),
    )
