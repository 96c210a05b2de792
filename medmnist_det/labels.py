"""The noun that flows: one columnar, frozen, validated table of boxes, and what it refers to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


#: The parts of a data set. Annotators label the first two; the test split has nothing but truth.
Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
CROWD_SPLITS: tuple[Split, ...] = ("train", "val")


class Error(IntEnum):
    """What an annotator got wrong about one box that it drew."""

    NONE = 0  #: a true object, under its own class
    CLASS = 1  #: a true object, under another class
    SPURIOUS = 2  #: nothing is there
    SPLIT = 3  #: one of two boxes around parts of one true object, under any class
    MERGE = 4  #: one box around two true objects, under any class; ``true_object`` is the larger


def _frozen(values: Any, dtype: type[np.generic]) -> np.ndarray:
    """Return the values as an array that nobody can write into: a copy where somebody could."""
    array = np.asarray(values, dtype=dtype)
    if array is values or array.base is not None:
        part: Any = array
        while isinstance(part, np.ndarray):
            if part.flags.writeable:
                array = array.copy()
                break
            part = part.base
    return _own(array)


def _own(array: np.ndarray) -> np.ndarray:
    """Return an array that was just made, closed for writing: nobody needs to copy it."""
    array.setflags(write=False)
    return array


_COLUMNS = {
    "image": np.int64,
    "box": np.float64,
    "label": np.int64,
    "rater": np.int64,
    "score": np.float64,
    "area": np.float64,
    "iscrowd": np.bool_,
    "true_object": np.int64,
    "error": np.int64,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """All boxes of one split, in columns of equal length n, sorted by image.

    ``images`` is the number of images in the split; an image without a box is a fact, not a gap.
    Optional columns are None where the fact is not known, never filled with -1 or 0. Columns are
    read-only, and nobody else can write into them: what the caller still could is copied. Raises
    ValueError for columns that do not fit together.
    """

    images: int
    #: Row of the image in the split's image table, non-decreasing.
    image: Int[np.ndarray, " n"]
    #: ``x_min, y_min, x_max, y_max`` in pixels, maxima exclusive.
    box: Float[np.ndarray, "n 4"]
    #: Class index, 0..L-1.
    label: Int[np.ndarray, " n"]
    #: Row in the list of raters, for crowd labels.
    rater: Int[np.ndarray, " n"] | None = None
    #: Confidence; None for boxes that somebody drew.
    score: Float[np.ndarray, " n"] | None = None
    #: COCO's object area in square pixels where it is not the box's own (a mask's).
    area: Float[np.ndarray, " n"] | None = None
    #: COCO's flag for a region that stands for many objects; None: no box is one.
    iscrowd: Bool[np.ndarray, " n"] | None = None
    #: Row of the true object that the annotator saw; one past the last true object where nothing
    #: was there (``error`` SPURIOUS), so that using it as an index by mistake fails loudly.
    true_object: Int[np.ndarray, " n"] | None = None
    #: An :class:`Error` per box.
    error: Int[np.ndarray, " n"] | None = None
    #: (image, rater) pairs in ascending order: who looked at which image. None: not known.
    assigned: Int[np.ndarray, "m 2"] | None = None

    def __post_init__(self) -> None:
        for name, dtype in _COLUMNS.items():
            column = getattr(self, name)
            if column is None:
                continue
            column = _frozen(column, dtype)
            shape = (len(self.image), 4) if name == "box" else (len(self.image),)
            if column.shape != shape:
                raise ValueError(f"column {name} has shape {column.shape}, not {shape}")
            object.__setattr__(self, name, column)
        if self.assigned is not None:
            assigned = _frozen(self.assigned, np.int64).reshape(-1, 2)
            object.__setattr__(self, "assigned", assigned)
        self._check_values()

    def _check_values(self) -> None:
        if len(self) == 0:
            return
        if self.image[0] < 0 or self.image[-1] >= self.images or np.any(np.diff(self.image) < 0):
            raise ValueError(f"column image is not sorted within 0..{self.images - 1}")
        if not np.isfinite(self.box).all():
            raise ValueError("a box is not finite")
        if np.any(self.box[:, 2:] < self.box[:, :2]):
            raise ValueError("a box has a negative width or height")
        if self.label.min() < 0:
            raise ValueError("a class index is negative")

    def __len__(self) -> int:
        return len(self.image)

    def __eq__(self, other: object) -> bool:
        """Two tables are equal when they know the same columns and every value is the same."""
        if not isinstance(other, Labels):
            return NotImplemented
        return self.images == other.images and all(
            (a is None) == (b is None) and (a is None or b is None or np.array_equal(a, b))
            for a, b in (
                (getattr(self, name), getattr(other, name)) for name in (*_COLUMNS, "assigned")
            )
        )

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def empty(cls, images: int) -> Self:
        """Return a table without a box over that many images."""
        return cls(images=images, image=np.zeros(0), box=np.zeros((0, 4)), label=np.zeros(0))

    @classmethod
    def unsorted(cls, *, images: int, image: np.ndarray, **columns: np.ndarray | None) -> Self:
        """Return a table from rows in any order; rows of one image keep their order."""
        assigned = columns.pop("assigned", None)
        order = np.argsort(image, kind="stable")
        columns = {"image": image, **columns}
        rows = {name: None if c is None else _own(c[order]) for name, c in columns.items()}
        return cls(images=images, assigned=assigned, **rows)  # type: ignore[arg-type]

    @cached_property
    def starts(self) -> Int[np.ndarray, " images+1"]:
        """Rows of image i are ``starts[i]:starts[i + 1]``."""
        return np.searchsorted(self.image, np.arange(self.images + 1))

    @property
    def confidence(self) -> Float[np.ndarray, " n"]:
        """The score of every box; 1 for boxes that somebody drew."""
        return np.ones(len(self)) if self.score is None else self.score

    def select(self, rows: np.ndarray) -> Self:
        """Return the table of the chosen rows (a mask, or ascending row numbers)."""
        kept = {
            name: _own(column[rows])
            for name in _COLUMNS
            if (column := getattr(self, name)) is not None
        }
        return replace(self, **kept)

    def looked(self, raters: int) -> Bool[np.ndarray, "images R"]:
        """Return who looked at which image: everybody, where nobody was assigned."""
        found = np.ones((self.images, raters), dtype=bool)
        if self.assigned is not None:
            found[:] = False
            found[self.assigned[:, 0], self.assigned[:, 1]] = True
        return found

    def of_rater(self, rater: int) -> Self:
        """Return what one rater drew, and which images that rater looked at."""
        if self.rater is None:
            raise ValueError("these labels do not say who drew them")
        assigned = None if self.assigned is None else self.assigned[self.assigned[:, 1] == rater]
        return replace(self.select(self.rater == rater), assigned=assigned)


def stack(parts: Sequence[Labels]) -> Labels:
    """Return one table over the images of all parts, one part's images after the other's.

    ``true_object`` is not renumbered: parts carry rows of the whole split's truth. Raises
    ValueError for parts that do not know the same columns, or for no part at all.
    """
    if not parts:
        raise ValueError("nothing to stack")
    first_image = np.cumsum([0, *(part.images for part in parts)])
    columns: dict[str, np.ndarray | None] = {}
    for name in (*_COLUMNS, "assigned"):
        values = [getattr(part, name) for part in parts]
        if len({value is None for value in values}) > 1:
            raise ValueError(f"only some parts know the column {name}")
        columns[name] = None if values[0] is None else _own(np.concatenate(values))
    shifted = [part.image + first for part, first in zip(parts, first_image, strict=False)]
    columns["image"] = _own(np.concatenate(shifted))
    if columns["assigned"] is not None:
        shift = np.repeat(first_image[:-1], [len(part.assigned) for part in parts])  # type: ignore[arg-type]
        columns["assigned"] = columns["assigned"] + np.stack([shift, np.zeros_like(shift)], axis=1)
    return Labels(images=int(first_image[-1]), **columns)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True, eq=False)
class Images:
    """The image table of a split: row i is image i. Sizes are in pixels."""

    ids: tuple[int | str, ...]
    names: tuple[str, ...]
    width: Int[np.ndarray, " images"]
    height: Int[np.ndarray, " images"]

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            object.__setattr__(self, name, _frozen(getattr(self, name), np.int64))

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Images):
            return NotImplemented
        return (
            self.ids == other.ids
            and self.names == other.names
            and np.array_equal(self.width, other.width)
            and np.array_equal(self.height, other.height)
        )

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, kw_only=True)
class Classes:
    """The category table: class index k has COCO id ``ids[k]`` and is called ``names[k]``."""

    ids: tuple[int, ...]
    names: tuple[str, ...]
    #: Whether somebody called the classes by these ids, and by these names. Where labels came as
    #: names alone, ids were made up, and say nothing beside another table's; and the other way.
    numbered: bool = field(default=True, compare=False)
    named: bool = field(default=True, compare=False)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, kw_only=True)
class LabelSet:
    """Labels with the tables that their columns point into.

    ``raters`` are the names that a file gives its annotators (row k is rater k); None for labels
    without annotators: truth, fused labels, predictions.
    """

    images: Images
    classes: Classes
    labels: Labels
    raters: tuple[int | str, ...] | None = None

    def keep_images(self, kept: Bool[np.ndarray, " images"]) -> Self:
        """Return the label set of some of its images (a mask), which keep their ids."""
        row, labels, images = np.cumsum(kept) - 1, self.labels, self.images
        assigned = labels.assigned
        if assigned is not None:
            assigned = assigned[kept[assigned[:, 0]]]
            assigned = np.stack([row[assigned[:, 0]], assigned[:, 1]], axis=1)
        few = labels.select(kept[labels.image])
        few = replace(few, images=int(kept.sum()), image=row[few.image], assigned=assigned)
        places = np.flatnonzero(kept).tolist()
        return replace(
            self,
            images=Images(
                ids=tuple(images.ids[k] for k in places),
                names=tuple(images.names[k] for k in places),
                width=images.width[kept],
                height=images.height[kept],
            ),
            labels=few,
        )
