"""The two engines that score boxes: hotcoco, which is fast, and pycocotools, which defines AP.

Both get the same arrays and give the same numbers. What the known tools stumble over is settled
here, once: ids are row numbers + 1 (an annotation with id 0 counts as unmatched in pycocotools),
thresholds are found by position, never by comparing floats, and an undefined number is NaN.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from evaluation.problem import LARGEST_AREA, MOST_COUNTED, Boxes, Problem

if TYPE_CHECKING:
    from jaxtyping import Float, Int

Engine = Literal["hotcoco", "pycocotools"]

#: At most so many detections of a class count in an image: COCO's three limits.
LIMITS = (1, 10, MOST_COUNTED)

#: The recalls at which precision is read: COCO's 101.
RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class Size:
    """Objects by area in square pixels, both ends included."""

    name: str
    low: float
    high: float


#: COCO's ranges. The first is always all objects.
COCO_SIZES = (
    Size("all", 0.0, LARGEST_AREA),
    Size("small", 0.0, 32.0**2),
    Size("medium", 32.0**2, 96.0**2),
    Size("large", 96.0**2, LARGEST_AREA),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Curves:
    """What an engine returns for T thresholds, K classes, A sizes and the three :data:`LIMITS`.

    NaN marks a class without an object of that size: there is nothing to find, so no number.
    """

    precision: Float[np.ndarray, "T 101 K A 3"]
    recall: Float[np.ndarray, "T K A 3"]


def run(
    problem: Problem,
    thresholds: Float[np.ndarray, " T"],
    *,
    sizes: tuple[Size, ...] = COCO_SIZES,
    engine: Engine = "hotcoco",
) -> Curves:
    """Return precision at 101 recalls, and the highest recall, at every threshold.

    No image, no object or no detection is a valid problem. ``pycocotools`` is imported only when
    asked for.
    """
    function = {"hotcoco": _hotcoco, "pycocotools": _pycocotools}[engine]
    # hotcoco 1.3 leaves the first of two equal ranges empty, so each range is asked for once.
    ranges = list(dict.fromkeys((size.low, size.high) for size in sizes))
    place = [ranges.index((size.low, size.high)) for size in sizes]
    precision, recall = function(problem, np.asarray(thresholds, dtype=np.float64), ranges)
    for values in (precision, recall):
        values[values < 0] = np.nan
    if len(ranges) < len(sizes):
        precision, recall = precision[:, :, :, place], recall[:, :, place]
    return Curves(precision=precision, recall=recall)


# Bytes of precision that are asked for at a time: 100 classes with eleven sizes at eleven
# thresholds. Both engines hold some three times as much.
_BYTES = 30_000_000


def run_by_class(
    problem: Problem,
    thresholds: Float[np.ndarray, " T"],
    *,
    sizes: tuple[Size, ...] = COCO_SIZES,
    engine: Engine = "hotcoco",
) -> Iterator[Curves]:
    """Yield :func:`run` of ``problem.classes_with_objects``, some classes at a time.

    Other classes have no curve, and cost nothing. No such class yields nothing.
    """
    one_class = 8 * len(thresholds) * len(RECALLS) * len(sizes) * len(LIMITS)
    step = max(1, _BYTES // max(one_class, 1))
    classes = problem.classes_with_objects
    for start in range(0, len(classes), step):
        part = _only(problem, classes[start : start + step])
        yield run(part, thresholds, sizes=sizes, engine=engine)


def _only(problem: Problem, classes: Int[np.ndarray, " k"]) -> Problem:
    """Return the problem of some of the classes, and of the images where anything of these is."""
    if len(classes) == problem.classes:
        return problem
    place = np.full(problem.classes, -1)
    place[classes] = np.arange(len(classes))
    objects, detections = (
        boxes.select(place[boxes.label] >= 0) for boxes in (problem.objects, problem.counted_boxes)
    )
    present = np.zeros(problem.images, dtype=bool)
    present[objects.image] = present[detections.image] = True
    row = np.cumsum(present) - 1
    return Problem(
        images=int(present.sum()),
        classes=len(classes),
        objects=replace(objects, image=row[objects.image], label=place[objects.label]),
        detections=replace(detections, image=row[detections.image], label=place[detections.label]),
    )


def describe(engine: Engine) -> str:
    """Return the engine's name and version."""
    if engine == "hotcoco":
        import hotcoco

        return f"hotcoco {hotcoco.__version__}"
    # Only where it has to be: importing this takes longer than scoring a small file.
    from importlib.metadata import version

    return f"{engine} {version(engine)}"


_Arrays = tuple[np.ndarray, np.ndarray]
_Ranges = list[tuple[float, float]]


def _configure(evaluator: Any, thresholds: np.ndarray, ranges: _Ranges) -> None:
    evaluator.params.iouThrs = thresholds
    evaluator.params.maxDets = list(LIMITS)
    evaluator.params.areaRng = [list(ends) for ends in ranges]
    # The first range is all objects, the only one that pycocotools calls by its name.
    evaluator.params.areaRngLbl = ["all", *map(str, range(1, len(ranges)))]


def _hotcoco(problem: Problem, thresholds: np.ndarray, ranges: _Ranges) -> _Arrays:
    import hotcoco

    objects, detections = problem.objects, problem.counted_boxes
    truth = hotcoco.COCO.from_arrays(
        _images(problem),
        _categories(problem),
        objects.image + 1,
        objects.label + 1,
        objects.bbox,
        area=objects.area,
        iscrowd=objects.iscrowd.astype(np.int64),
    )
    rows = np.empty((len(detections), 7))
    rows[:, 0] = detections.image + 1
    rows[:, 1:5] = detections.bbox
    rows[:, 5] = detections.score
    rows[:, 6] = detections.label + 1
    evaluator = hotcoco.COCOeval(truth, truth.load_res(rows), "bbox")
    _configure(evaluator, thresholds, ranges)
    evaluator.evaluate()
    evaluator.accumulate()
    result: Any = evaluator.eval
    return result["precision"], result["recall"]


def _pycocotools(problem: Problem, thresholds: np.ndarray, ranges: _Ranges) -> _Arrays:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def index(boxes: Boxes) -> COCO:
        coco = COCO()
        content: Any = {
            "images": _images(problem),
            "categories": _categories(problem),
            "annotations": _annotations(boxes),
        }
        coco.dataset = content
        coco.createIndex()
        return coco

    # It reports its progress with bare print calls; our output is for our results.
    with contextlib.redirect_stdout(io.StringIO()):
        evaluator = COCOeval(index(problem.objects), index(problem.counted_boxes), "bbox")
        _configure(evaluator, thresholds, ranges)
        evaluator.evaluate()
        evaluator.accumulate()
    return evaluator.eval["precision"], evaluator.eval["recall"]


def _images(problem: Problem) -> list[dict[str, Any]]:
    return [{"id": key} for key in range(1, problem.images + 1)]


def _categories(problem: Problem) -> list[dict[str, Any]]:
    return [{"id": key, "name": str(key)} for key in range(1, problem.classes + 1)]


def _annotations(boxes: Boxes) -> list[dict[str, Any]]:
    columns = (boxes.image + 1, boxes.label + 1, boxes.bbox, boxes.score, boxes.area, boxes.iscrowd)
    return [
        {
            "id": row,
            "image_id": image,
            "category_id": label,
            "bbox": bbox,
            "score": score,
            "area": area,
            "iscrowd": int(crowd),
        }
        for row, (image, label, bbox, score, area, crowd) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True), start=1
        )
    ]
