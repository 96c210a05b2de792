"""What is scored: the boxes of a truth and of a detector in columns, free of ids and file names.

Boxes keep COCO's ``[x, y, width, height]`` exactly as a file gives them: corners and back would
cost the last bit of a width, and an IoU that sits on a threshold would then flip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from medmnist_det.boxes import xywh_to_xyxy, xyxy_to_xywh
from medmnist_det.labels import Classes, Labels, LabelSet
from medmnist_det.ragged import ranges

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

_TYPES = {
    "image": np.int64,
    "bbox": np.float64,
    "label": np.int64,
    "score": np.float64,
    "area": np.float64,
    "iscrowd": np.bool_,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Boxes:
    """The boxes of a split in columns of equal length n, sorted by image, read-only."""

    #: Row of the image; images stand in ascending order of their ids, as pycocotools orders them.
    image: Int[np.ndarray, " n"]
    #: ``x, y, width, height`` in pixels.
    bbox: Float[np.ndarray, "n 4"]
    #: Class index, 0..K-1.
    label: Int[np.ndarray, " n"]
    #: Confidence; 1 for boxes that somebody drew.
    score: Float[np.ndarray, " n"]
    #: Square pixels; a truth file may say that the object is smaller than its box.
    area: Float[np.ndarray, " n"]
    #: COCO's flag for a region that stands for many objects.
    iscrowd: Bool[np.ndarray, " n"]

    def __post_init__(self) -> None:
        for name, dtype in _TYPES.items():
            column = np.asarray(getattr(self, name), dtype=dtype).view()
            column.setflags(write=False)
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.image)

    @classmethod
    def of(
        cls,
        *,
        image: np.ndarray,
        bbox: np.ndarray,
        label: np.ndarray,
        score: np.ndarray | None = None,
        area: np.ndarray | None = None,
        iscrowd: np.ndarray | None = None,
    ) -> Self:
        """Return the table of rows in any order; rows of one image keep their order.

        Without ``score`` every box scores 1, without ``area`` it is the box's own, without
        ``iscrowd`` no box is a region of many objects. No row at all is an empty table.
        """
        count = len(image)
        table = cls(
            image=image,
            bbox=bbox.reshape(-1, 4),
            label=label,
            score=np.ones(count) if score is None else score,
            area=bbox[:, 2] * bbox[:, 3] if area is None else area,
            iscrowd=np.zeros(count, dtype=bool) if iscrowd is None else iscrowd,
        )
        if np.all(image[1:] >= image[:-1]):
            return table
        return table.select(np.argsort(image, kind="stable"))

    @classmethod
    def of_labels(cls, labels: Labels, **replaced: np.ndarray | None) -> Self:
        """Return labels as a table; ``replaced`` columns take the place of theirs."""
        columns: dict[str, Any] = {
            "image": labels.image,
            "bbox": xyxy_to_xywh(labels.box),
            "label": labels.label,
            "score": labels.score,
            "area": labels.area,
            "iscrowd": labels.iscrowd,
        }
        columns.update(replaced)
        return cls.of(**columns)

    def select(self, rows: np.ndarray) -> Self:
        """Return the table of the chosen rows (a mask or row numbers that keep images sorted)."""
        return type(self)(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @property
    def corners(self) -> Float[np.ndarray, "n 4"]:
        """``x_min, y_min, x_max, y_max`` of every box."""
        return xywh_to_xyxy(self.bbox)


#: So many detections of a class count in an image.
MOST_COUNTED = 100

#: Square pixels. Larger objects, and larger detections that match none, count neither way in COCO.
LARGEST_AREA = 1e10


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """One detector's boxes against the truth: all that an engine needs."""

    images: int
    classes: int
    objects: Boxes
    detections: Boxes

    @cached_property
    def counted(self) -> Int[np.ndarray, " n"]:
        """Rows of the detections that COCO counts: the 100 best scored of every image and class.

        Of equal scores the first in the file, as with pycocotools' stable sort. Nothing else ever
        reaches an engine or a match: their memory grows with what one image holds of one class.
        """
        boxes = self.detections
        everything = np.arange(len(boxes))
        if np.bincount(boxes.image, minlength=1).max() <= MOST_COUNTED:
            return everything
        group = boxes.image * max(self.classes, 1) + boxes.label
        ordered = np.sort(group)
        full = ordered[MOST_COUNTED:]
        full = full[full == ordered[:-MOST_COUNTED]]
        if len(full) == 0:
            return everything
        place = np.minimum(np.searchsorted(full, group), len(full) - 1)
        rows = np.flatnonzero(full[place] == group)
        rows = rows[np.lexsort((-boxes.score[rows], group[rows]))]
        size = np.diff(np.flatnonzero(np.diff(group[rows], prepend=-1)), append=len(rows))
        kept = np.ones(len(boxes), dtype=bool)
        kept[rows[ranges(np.zeros_like(size), size) >= MOST_COUNTED]] = False
        return np.flatnonzero(kept)

    @cached_property
    def counted_boxes(self) -> Boxes:
        """The detections of the rows :attr:`counted`."""
        every = len(self.counted) == len(self.detections)
        return self.detections if every else self.detections.select(self.counted)

    @cached_property
    def to_be_found(self) -> Bool[np.ndarray, " objects"]:
        """Which objects count: no region of many objects, nothing too large for COCO."""
        return ~(self.objects.iscrowd | too_large(self.objects))

    @cached_property
    def classes_with_objects(self) -> Int[np.ndarray, " k"]:
        """The classes that have an AP, ascending: those with an object to be found."""
        label = self.objects.label[self.to_be_found]
        return np.flatnonzero(np.bincount(label, minlength=self.classes))


def too_large(boxes: Boxes) -> Bool[np.ndarray, " n"]:
    """Return which boxes lie outside COCO's range of all areas."""
    return (boxes.area < 0) | (boxes.area > LARGEST_AREA)


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """The truth of a split: its boxes and the ids and names that other files refer to it by."""

    #: Where it comes from, for messages: a file, or "the truth".
    source: str
    #: Ascending.
    ids: tuple[int | str, ...]
    names: tuple[str, ...]
    #: Width and height of every image in pixels; None where the file does not say.
    sizes: Int[np.ndarray, "images 2"] | None
    classes: Classes
    boxes: Boxes
    #: What is odd about it, a sentence each.
    warnings: tuple[str, ...] = field(default=())

    def problem(self, detections: Boxes) -> Problem:
        """Return the scoring problem of a detector's boxes on this truth."""
        return Problem(
            images=len(self.ids),
            classes=len(self.classes),
            objects=self.boxes,
            detections=detections,
        )

    def only(self, kept: Bool[np.ndarray, " images"]) -> Truth:
        """Return the truth of the kept images; boxes have to be :func:`renumbered` to fit it."""
        rows = np.flatnonzero(kept)
        return Truth(
            source=self.source,
            ids=tuple(self.ids[k] for k in rows),
            names=tuple(self.names[k] for k in rows),
            sizes=None if self.sizes is None else self.sizes[rows],
            classes=self.classes,
            boxes=renumbered(self.boxes, kept),
            warnings=self.warnings,
        )


def problem_of(truth: LabelSet, labels: Labels) -> tuple[Truth, Problem]:
    """Return the problem of labels whose rows point into the truth's image and class tables.

    Without a score column every box scores 1. Where the labels say who looked at which image, those
    that nobody looked at are left out: they are no empty images. Raises ValueError where the tables
    do not fit.
    """
    if labels.images != len(truth.images):
        raise ValueError(f"predictions for {labels.images} images, truth for {len(truth.images)}")
    if labels.label.max(initial=-1) >= len(truth.classes):
        raise ValueError(
            f"class index {labels.label.max()} in the predictions, but the truth has "
            f"{len(truth.classes)} classes, counted from 0 in label sets"
        )
    table, place = truth_of(truth), in_order(truth.images.ids)[1]
    # A detection's area is its box's, as in pycocotools.
    boxes = Boxes.of_labels(labels, image=place[labels.image], area=None)
    if labels.assigned is not None:
        looked = np.zeros(labels.images, dtype=bool)
        looked[place[labels.assigned[:, 0]]] = True
        table, boxes = table.only(looked), renumbered(boxes, looked)
    return table, table.problem(boxes)


def renumbered(boxes: Boxes, kept: Bool[np.ndarray, " images"]) -> Boxes:
    """Return the boxes of the kept images, with images counted among the kept."""
    chosen = boxes.select(kept[boxes.image])
    row = np.cumsum(kept) - 1
    columns = {name: getattr(chosen, name) for name in _TYPES}
    return Boxes(**columns | {"image": row[chosen.image]})


def in_order(ids: Sequence[int | str]) -> tuple[list[int], Int[np.ndarray, " n"]]:
    """Return the rows of the ids in ascending order, numbers before texts, and each row's place."""
    order = sorted(range(len(ids)), key=lambda k: (isinstance(ids[k], str), ids[k]))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return order, place


def truth_of(labels: LabelSet, source: str = "the truth") -> Truth:
    """Return a label set as truth, its images put into ascending order of their ids."""
    order, row = in_order(labels.images.ids)
    table = labels.labels
    return Truth(
        source=source,
        ids=tuple(labels.images.ids[k] for k in order),
        names=tuple(labels.images.names[k] for k in order),
        sizes=np.stack([labels.images.width, labels.images.height], axis=1)[order],
        classes=labels.classes,
        boxes=Boxes.of_labels(table, image=row[table.image], score=None),
    )
