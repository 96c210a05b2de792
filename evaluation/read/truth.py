"""Reading truth: any COCO file of boxes, ours or another data set's.

Two readers share the work. The quick one takes whole files that keep to the format: it parses
straight into typed columns, skips what is not needed (segmentations, keypoints) and so stays
within the memory of the boxes. Whatever it does not like goes to the thorough one, which defines
what is accepted and says which entry is at fault.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from evaluation.problem import Boxes, Truth, in_order
from medmnist_det.errors import InputError, shown
from medmnist_det.files import read_bytes, refuse_pipe
from medmnist_det.formats.coco import coco_lists
from medmnist_det.formats.entries import LARGEST, Entries
from medmnist_det.labels import Classes

if TYPE_CHECKING:
    from jaxtyping import Float, Int

# A lookup table may be so many times longer than what it looks up.
_DENSE = 8


def read_truth(path: Path) -> Truth:
    """Return the boxes of a COCO file, plain or gzipped, with its images in order of their ids.

    Widths and heights of images are read where every image has them. Boxes without an area and
    iscrowd regions are accepted, as pycocotools accepts them. Raises InputError that names the
    file, the entry and the remedy.
    """
    refuse_pipe(path)
    return _at_once(path, read_bytes(path)) or _entry_by_entry(path)


class _Image(msgspec.Struct, gc=False):
    id: int
    file_name: str
    width: int
    height: int


class _Category(msgspec.Struct, gc=False):
    id: int
    name: str


class _Annotation(msgspec.Struct, gc=False):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float
    iscrowd: int


class _File(msgspec.Struct, gc=False):
    images: list[_Image]
    categories: list[_Category]
    annotations: list[_Annotation]


_decoder = msgspec.json.Decoder(_File)


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Keep Python from looking for garbage among hundreds of thousands of new objects.

    None of them is garbage, and looking would cost as much as parsing them does.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _at_once(path: Path, content: bytes) -> Truth | None:
    with no_collection():
        try:
            return _from_file(path, _decoder.decode(content))
        except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError, RecursionError):
            return None


def _from_file(path: Path, file: _File) -> Truth | None:
    rows = file.annotations
    truth_ids = [image.id for image in file.images]
    class_ids = [category.id for category in file.categories]
    image = row_of(np.array([row.image_id for row in rows], dtype=np.int64), truth_ids)
    label = row_of(np.array([row.category_id for row in rows], dtype=np.int64), class_ids)
    bbox = stacked([row.bbox for row in rows])
    area = np.array([row.area for row in rows], dtype=np.float64)
    fine = (
        len(set(truth_ids)) == len(truth_ids)
        and len(set(class_ids)) == len(class_ids)
        and all(1 <= side <= LARGEST for one in file.images for side in (one.width, one.height))
        and image.max(initial=-1) < len(truth_ids)
        and label.max(initial=-1) < len(class_ids)
        and sound(bbox)
        and np.isfinite(area).all()
    )
    if not fine:
        return None
    return _truth(
        path,
        ids=truth_ids,
        names=[image.file_name for image in file.images],
        sizes=np.array([(image.width, image.height) for image in file.images], dtype=np.int64),
        classes=Classes(ids=tuple(class_ids), names=tuple(one.name for one in file.categories)),
        image=image,
        label=label,
        bbox=bbox,
        area=area,
        iscrowd=np.array([row.iscrowd for row in rows], dtype=np.int64) != 0,
    )


def row_of(
    wanted: Int[np.ndarray, " n"], ids: list[int] | tuple[int, ...]
) -> Int[np.ndarray, " n"]:
    """Return the row in ``ids`` of every value; ``len(ids)`` for a value that is not there."""
    known = np.array(ids, dtype=np.int64)
    if len(known) == 0:
        return np.zeros(len(wanted), dtype=np.int64)
    low, span = int(known.min()), int(known.max()) - int(known.min())
    if span <= _DENSE * len(known):
        # Ids that count from somewhere, as most do, are looked up in one step. What lies below the
        # lowest is a huge number without a sign.
        table = np.full(span + 2, len(known))
        table[known - low] = np.arange(len(known))
        return table.take(np.minimum((wanted - low).view(np.uint64), np.uint64(span + 1)))
    order = np.argsort(known, kind="stable")
    row = order[np.minimum(np.searchsorted(known[order], wanted), len(known) - 1)]
    return np.where(known[row] == wanted, row, len(known))


def stacked(boxes: list[tuple[float, float, float, float]]) -> Float[np.ndarray, "n 4"]:
    """Return many small tuples as one array; an empty list gives shape (0, 4)."""
    flat = np.fromiter(chain.from_iterable(boxes), dtype=np.float64, count=4 * len(boxes))
    return flat.reshape(-1, 4)


def sound(bbox: Float[np.ndarray, "n 4"]) -> bool:
    """Say whether no box lies beyond all images, not even at NaN, and no side is negative."""
    low, high, side = bbox.min(initial=0), bbox.max(initial=0), bbox[:, 2:].min(initial=0)
    return bool(low >= -LARGEST and high <= LARGEST and side >= 0)


def _entry_by_entry(path: Path) -> Truth:
    content = coco_lists(path)
    images = Entries(path, "image", content["images"])
    categories = Entries(path, "category", content["categories"])
    annotations = Entries(path, "annotation", content["annotations"])
    ids, class_ids = images.unique("id"), categories.unique("id")
    for k, key in enumerate(class_ids):
        if not isinstance(key, int):
            raise InputError(
                f"{path}, category {k}: id is {shown(key)}; category ids are whole numbers"
            )
    return _truth(
        path,
        ids=list(ids),
        names=list(images.texts("file_name", ids)),
        sizes=_sizes(images),
        classes=Classes(ids=class_ids, names=categories.texts("name", class_ids)),
        image=annotations.lookup("image_id", ids, "images"),
        label=annotations.lookup("category_id", class_ids, "categories"),
        bbox=annotations.bboxes("bbox", zero_area=True),
        area=annotations.numbers("area") if annotations.have("area") else None,
        iscrowd=annotations.flags("iscrowd") if annotations.have("iscrowd") else None,
    )


def _sizes(images: Entries) -> Int[np.ndarray, "images 2"] | None:
    if not all("width" in row and "height" in row for row in images.rows):
        return None
    return np.stack([images.pixels("width"), images.pixels("height")], axis=1)


def _truth(path: Path, *, ids: list[Any], names: list[str], **columns: Any) -> Truth:
    """Return the truth with its images and classes, until here as in the file, in id order.

    Means over classes taken in another order may differ from pycocotools' in the last digit.
    """
    order, image_row = in_order(ids)
    sizes, classes = columns.pop("sizes"), columns.pop("classes")
    class_order, class_row = in_order(classes.ids)
    classes = Classes(
        ids=tuple(classes.ids[k] for k in class_order),
        names=tuple(classes.names[k] for k in class_order),
    )
    image, label = image_row[columns.pop("image")], class_row[columns.pop("label")]
    sizes = None if sizes is None else sizes.reshape(-1, 2)[order]
    ids = [ids[k] for k in order]
    return Truth(
        source=str(path),
        ids=tuple(ids),
        names=tuple(names[k] for k in order),
        sizes=sizes,
        classes=classes,
        boxes=Boxes.of(image=image, label=label, **columns),
        warnings=() if sizes is None else _outside(path, ids, sizes, image, columns["bbox"]),
    )


# Pixels beyond an edge from which a box is worth a word: less comes from rounding.
_BEYOND = 0.5


def _outside(
    path: Path,
    ids: list[Any],
    sizes: Int[np.ndarray, "images 2"],
    image: Int[np.ndarray, " n"],
    bbox: Float[np.ndarray, "n 4"],
) -> tuple[str, ...]:
    """Return a sentence about boxes that reach out of their images; rows as in the file."""
    low, high = bbox[:, :2], bbox[:, :2] + bbox[:, 2:]
    outside = ((low < -_BEYOND) | (high > sizes[image] + _BEYOND)).any(axis=1)
    if not outside.any():
        return ()
    k = int(np.argmax(outside))
    width, height = sizes[image[k]].tolist()
    return (
        f"{path}: {int(outside.sum()):,} of {len(bbox):,} boxes reach out of their images (first: "
        f"annotation {k}, {bbox[k].tolist()} on image {shown(ids[image[k]])} of {width} x {height} "
        "pixels); they are scored as they are",
    )
