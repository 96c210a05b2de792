"""CSV tables of boxes, in the columns of VinDr-CXR and of the published MED-MNIST labels.

One row a box. Whoever looked and found nothing has one row of class "No finding" on the box
0,0,1,1; in files without raters an image without an object has one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medmnist_det.errors import InputError
from medmnist_det.files import read_bytes, write_atomically
from medmnist_det.formats.names import adopt, numbered
from medmnist_det.labels import Classes, Images, Labels, LabelSet

#: VinDr-CXR's number and name for "looked and found nothing".
NOTHING_ID = 14
NOTHING = "No finding"

_BOX = ("x_min", "y_min", "x_max", "y_max")
_NEEDED = ("image_id", "class_id", *_BOX)


def write_csv(path: Path, table: LabelSet) -> None:
    """Write a label set as one CSV file, atomically.

    ``class_id`` is the class index, ``rad_id`` the rater, ``score`` is there where labels have one.
    An image that nobody was assigned has a row without ``rad_id``. Raises InputError for more
    classes than fit below "No finding", and when the disk refuses.
    """
    if len(table.classes) > NOTHING_ID:
        raise InputError(
            f"{path}: {len(table.classes)} classes do not fit a CSV file, whose class {NOTHING_ID} "
            f"is {NOTHING!r}: export YOLO or VOC"
        )
    has_rater, has_score = table.raters is not None, table.labels.score is not None
    columns = ["image_id", "file_name", "class_name", "class_id", *_BOX]
    columns += ["rad_id"] * has_rater + ["score"] * has_score + ["image_width", "image_height"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(_rows(table))
    write_atomically(path, [text.getvalue().encode()])


def _rows(table: LabelSet) -> Iterator[dict[str, Any]]:
    labels = table.labels
    names = table.raters or ()
    rater = [None] * len(labels) if labels.rater is None else labels.rater.tolist()
    assigned: list[list[int | None]] = [[] for _ in range(len(table.images))]
    for image, who in [] if labels.assigned is None else labels.assigned.tolist():
        assigned[image].append(who)
    for i, (first, last) in enumerate(zip(labels.starts, labels.starts[1:], strict=False)):
        image = {
            "image_id": table.images.ids[i],
            "file_name": table.images.names[i],
            "image_width": table.images.width[i],
            "image_height": table.images.height[i],
        }
        for k in range(first, last):
            yield image | {
                "class_name": table.classes.names[labels.label[k]],
                "class_id": labels.label[k],
                "rad_id": _name(names, rater[k]),
                "score": None if labels.score is None else repr(float(labels.score[k])),
                **dict(zip(_BOX, map(repr, labels.box[k].tolist()), strict=True)),
            }
        for who in assigned[i] or [None]:
            if who not in rater[first:last] and not (who is None and first < last):
                yield image | {
                    "class_name": NOTHING,
                    "class_id": NOTHING_ID,
                    "rad_id": _name(names, who),
                    "score": 1.0,
                    **dict(zip(_BOX, (0, 0, 1, 1), strict=True)),
                }


def _name(raters: Sequence[int | str], rater: int | None) -> int | str | None:
    return None if rater is None else raters[rater]


def read_csv(path: Path, like: LabelSet | None = None) -> LabelSet:
    """Return the label set of a CSV file (plain or gzipped): ours, VinDr-CXR's or MED-MNIST's.

    Rows of an image may stand anywhere. Every rater with a row for an image was assigned to it.
    ``like`` gives the tables of images and classes that the file refers to; without it they are
    read off the file, where images without ``image_width`` and ``image_height`` are refused.
    Raises InputError that names the line and the remedy.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: is not a text file in UTF-8 ({error}); save it as CSV"
        ) from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
    if missing:
        raise InputError(
            f"{path}: has no column {', '.join(missing)}; a CSV of boxes has {', '.join(_NEEDED)}"
        )
    rows = [_Row(path, reader.line_num, row) for row in reader]
    images, image_of = _read_images(rows) if like is None else adopt(path, like.images)
    classes = _read_classes(rows) if like is None else like.classes
    named = [row for row in rows if row.rater is not None]
    raters = numbered(row.rater for row in named) if named else None
    boxes = [row for row in rows if not row.nothing]
    for row in boxes:
        if row.label >= len(classes):
            row.complain(f"class_id is {row.label}; the last class is {len(classes) - 1}")
        if named and row.rater is None:
            row.complain("has a box but no rad_id; say who drew it")
    number = {str(name): k for k, name in enumerate(raters or ())}
    pairs = sorted({(image_of(row.image, row.line), number[str(row.rater)]) for row in named})
    labels = Labels.unsorted(
        images=len(images),
        image=np.array([image_of(row.image, row.line) for row in boxes], dtype=np.int64),
        box=np.array([row.box for row in boxes]).reshape(-1, 4),
        label=np.array([row.label for row in boxes], dtype=np.int64),
        rater=np.array([number[str(row.rater)] for row in boxes], dtype=np.int64)
        if named
        else None,
        score=np.array([row.score for row in boxes]) if _have_scores(boxes) else None,
        assigned=np.array(pairs, dtype=np.int64).reshape(-1, 2) if named else None,
    )
    return LabelSet(images=images, classes=classes, labels=labels, raters=raters)


def _have_scores(boxes: list[_Row]) -> bool:
    # VinDr's published file gives every drawn box a score of 1: that says nothing.
    return any(row.score != 1 for row in boxes)


class _Row:
    """One row, with every value checked; complaints name the line."""

    def __init__(self, path: Path, line: int, row: dict[str, str | None]) -> None:
        self.path, self.line, self.row = path, line, row
        self.image = row["image_id"] or self.complain("has no image_id")
        self.rater = row.get("rad_id") or None
        self.label = int(self.number("class_id", whole=True))
        self.nothing = self.label == NOTHING_ID or row.get("class_name") == NOTHING
        self.score = self.number("score") if row.get("score") else 1.0
        self.box = (0.0, 0.0, 1.0, 1.0) if self.nothing else tuple(map(self.number, _BOX))
        if not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            self.complain(f"box {self.box} has no area; x_min < x_max and y_min < y_max")

    def number(self, name: str, *, whole: bool = False) -> float:
        text = self.row.get(name)
        try:
            value = float(text or "")
        except ValueError:
            value = np.nan
        if not np.isfinite(value) or (whole and (value < 0 or value != int(value))):
            self.complain(f"{name} is {text!r}; give a {'whole' if whole else 'finite'} number")
        return value

    def complain(self, what: str) -> Any:
        raise InputError(f"{self.path}, line {self.line}: {what}")


def _read_images(rows: list[_Row]) -> tuple[Images, Any]:
    first = {row.image: row for row in reversed(rows)}
    order = dict.fromkeys(row.image for row in rows)
    if all(name.isdecimal() and str(int(name)) == name for name in order):
        ids: tuple[int | str, ...] = tuple(map(int, order))
    else:
        ids = tuple(order)
    some = [first[name] for name in order]
    images = Images(
        ids=ids,
        names=tuple(row.row.get("file_name") or row.image for row in some),
        width=np.array([row.number("image_width", whole=True) for row in some], dtype=np.int64),
        height=np.array([row.number("image_height", whole=True) for row in some], dtype=np.int64),
    )
    index = {name: k for k, name in enumerate(order)}
    return images, lambda name, _: index[name]


def _read_classes(rows: list[_Row]) -> Classes:
    names = {
        row.label: row.row.get("class_name") or str(row.label) for row in rows if not row.nothing
    }
    count = 1 + max(names, default=0)
    return Classes(ids=tuple(range(count)), names=tuple(names.get(k, str(k)) for k in range(count)))
