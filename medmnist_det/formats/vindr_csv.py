"""CSV tables of boxes, in the columns of VinDr-CXR and of the published MED-MNIST labels.

One row a box. Whoever looked and found nothing has one row of class "No finding" (14) on the box
0,0,1,1; in files without raters an image without an object has one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from medmnist_det.errors import InputError, listed, shown
from medmnist_det.files import read_text, write_atomically
from medmnist_det.formats.entries import LARGEST
from medmnist_det.formats.names import adopt, numbered, refuse_names, refuse_outside
from medmnist_det.labels import Classes, Images, Labels, LabelSet

#: VinDr-CXR's number and name for "looked and found nothing".
NOTHING_ID = 14
NOTHING = "No finding"

_BOX = ("x_min", "y_min", "x_max", "y_max")
_NEEDED = ("image_id", "class_id", *_BOX)
_NOWHERE = (0.0, 0.0, 1.0, 1.0)


def write_csv(path: Path, label_set: LabelSet) -> None:
    """Write a label set as one CSV file, atomically.

    ``class_id`` is the class index, ``rad_id`` the rater, ``score`` is there where labels have one.
    An image that nobody was assigned has a row without ``rad_id``. Raises InputError for more
    classes than fit below "No finding", for names that would not come back, and when the disk
    refuses.
    """
    _refuse_what_would_not_come_back(path, label_set)
    if len(label_set.classes) > NOTHING_ID:
        raise InputError(
            f"{path}: {len(label_set.classes)} classes do not fit a CSV file, whose class "
            f"{NOTHING_ID} is {NOTHING!r}: export YOLO or VOC"
        )
    has_rater, has_score = label_set.raters is not None, label_set.labels.score is not None
    columns = ["image_id", "file_name", "class_name", "class_id", *_BOX]
    columns += ["rad_id"] * has_rater + ["score"] * has_score + ["image_width", "image_height"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(_rows(label_set))
    write_atomically(path, [text.getvalue().encode()])


def _refuse_what_would_not_come_back(path: Path, label_set: LabelSet) -> None:
    images, raters = label_set.images, label_set.raters or ()
    refuse_names(path, "a class", label_set.classes.names)
    refuse_names(path, "an image", [*images.ids, *images.names])
    refuse_names(path, "a rater", raters)
    if any(map(_is_nothing, label_set.classes.names)):
        raise InputError(f"{path}: a class is called {NOTHING!r}, which means none here; rename it")
    for what, ids in (("images", images.ids), ("raters", raters)):
        if len(set(map(str, ids))) < len(ids):
            raise InputError(
                f"{path}: two ids of {what} are the same number and text, which look alike in a "
                "CSV file; rename one"
            )


def _is_nothing(name: str | None) -> bool:
    return name is not None and name.strip().casefold() == NOTHING.casefold()


def _rows(label_set: LabelSet) -> Iterator[dict[str, Any]]:
    labels = label_set.labels
    names = label_set.raters or ()
    rater = [None] * len(labels) if labels.rater is None else labels.rater.tolist()
    assigned: list[list[int | None]] = [[] for _ in range(len(label_set.images))]
    for image, who in [] if labels.assigned is None else labels.assigned.tolist():
        assigned[image].append(who)
    for i, (first, last) in enumerate(zip(labels.starts, labels.starts[1:], strict=False)):
        image = {
            "image_id": label_set.images.ids[i],
            "file_name": label_set.images.names[i],
            "image_width": label_set.images.width[i],
            "image_height": label_set.images.height[i],
        }
        for k in range(first, last):
            yield image | {
                "class_name": label_set.classes.names[labels.label[k]],
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
    A class 14 with another name than "No finding" is a class. ``like`` gives the tables of images
    and classes that the file refers to, and how its raters are written; without it they are read
    off the file, where images need ``image_width`` and ``image_height``, and names that are all
    whole numbers become numbers. Raises InputError that names the line and the remedy, also for
    rows that contradict each other and for boxes that leave their image.
    """
    rows = _read_rows(path)
    names = _agreed(rows, lambda row: row.label, lambda row: row.class_name, "class_name")
    for row in rows:
        row.settle(names)
    boxes = [row for row in rows if not row.nothing]
    named = [row for row in rows if row.rater is not None]
    _refuse_contradictions(boxes, rows)
    images, image_of = _read_images(path, rows, like)
    classes, number = _read_classes(boxes, names, like)
    raters = _read_raters(named, like) if named else None
    seat = {str(name): k for k, name in enumerate(raters or ())}
    image = np.array([image_of(row.image, row.line) for row in boxes], dtype=np.int64)
    box = np.array([row.box for row in boxes], dtype=np.float64).reshape(-1, 4)
    refuse_outside(images, image, box, 0, lambda k: f"{path}, line {boxes[k].line}")
    pairs = sorted({(image_of(row.image, row.line), seat[str(row.rater)]) for row in named})
    labels = Labels.unsorted(
        images=len(images),
        image=image,
        box=box,
        label=np.array([number(row) for row in boxes], dtype=np.int64),
        rater=np.array([seat[str(row.rater)] for row in boxes], dtype=np.int64) if named else None,
        score=_read_scores(boxes),
        assigned=np.array(pairs, dtype=np.int64).reshape(-1, 2) if named else None,
    )
    return LabelSet(images=images, classes=classes, labels=labels, raters=raters)


def _read_rows(path: Path) -> list[_Row]:
    # Strict: a quote that is not closed would swallow the rows behind it.
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        header = next(reader, [])
        missing = [name for name in _NEEDED if name not in header]
        if missing:
            raise InputError(
                f"{path}: has no column {', '.join(missing)}; a CSV of boxes has "
                f"{', '.join(_NEEDED)}"
            )
        twice = [name for name in header if header.count(name) > 1]
        if twice:
            raise InputError(f"{path}: has two columns {shown(twice[0])}; remove one")
        rows = []
        for fields in filter(None, reader):
            if len(fields) != len(header):
                raise InputError(
                    f"{path}, line {reader.line_num}: has {len(fields)} fields, but the header has "
                    f"{len(header)}; mend the line"
                )
            rows.append(_Row(path, reader.line_num, dict(zip(header, fields, strict=True))))
        return rows
    except csv.Error as error:
        raise InputError(
            f"{path}, line {reader.line_num}: is not CSV ({error}); look for a quote that is not "
            "closed"
        ) from error


class _Row:
    """One row, with every value checked; complaints name the line."""

    def __init__(self, path: Path, line: int, row: dict[str, str]) -> None:
        self.path, self.line, self.row = path, line, row
        self.image = row["image_id"] or self.complain("has no image_id")
        self.rater = row.get("rad_id") or None
        self.class_name = row.get("class_name") or None
        self.label = int(self.number("class_id", whole=True))
        self.score = self.number("score") if row.get("score") else None
        self.nothing = _is_nothing(self.class_name)
        self.box = _NOWHERE

    def settle(self, names: dict[Hashable, Any]) -> None:
        """Read the box, knowing what the classes of the file are called."""
        if self.label == NOTHING_ID and self.class_name is None:
            own = names.get(NOTHING_ID)
            if own is not None and not _is_nothing(own):
                self.complain(
                    f"does not say whether class {NOTHING_ID} is {shown(own)}, as in other lines, "
                    f"or {NOTHING!r}; give its class_name"
                )
            self.nothing = True
        blank = not any(self.row[name] for name in _BOX)
        if not (self.nothing and blank):
            self.box = tuple(map(self.number, _BOX))
        if not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            self.complain(f"box {self.box} has no area; x_min < x_max and y_min < y_max")
        if self.nothing and self.box != _NOWHERE:
            self.complain(
                f"class {self.label} means {NOTHING!r} here, but has the box {self.box}, not "
                "0,0,1,1; give the class a class_name of its own, or remove the box"
            )

    def number(self, name: str, *, whole: bool = False) -> float:
        text = self.row.get(name)
        try:
            value = float(text or "")
        except ValueError:
            value = np.nan
        if not np.isfinite(value) or (whole and (value < 0 or value != int(value))):
            kind = "whole" if whole else "finite"
            self.complain(f"{name} is {shown(text)}; give a {kind} number")
        if abs(value) > LARGEST:
            self.complain(f"{name} is {shown(text)}; numbers go up to {LARGEST:,.0f}")
        return value

    def size(self) -> tuple[int, int] | None:
        """Return width and height of the image; None where the row does not say them."""
        names = ("image_width", "image_height")
        if not any(self.row.get(name) for name in names):
            return None
        width, height = (int(self.number(name, whole=True)) for name in names)
        if not (width and height):
            self.complain(f"the image has {width}x{height} pixels; sizes are from 1")
        return width, height

    def complain(self, what: str) -> NoReturn:
        raise InputError(f"{self.path}, line {self.line}: {what}")


def _agreed(
    rows: list[_Row],
    key: Callable[[_Row], Hashable],
    value: Callable[[_Row], Any],
    name: str,
) -> dict[Hashable, Any]:
    """Return what the rows say of every key, None where none does; no two may differ."""
    found: dict[Hashable, tuple[Any, int]] = {}
    for row in rows:
        said = value(row)
        first, line = found.get(key(row), (None, 0))
        if first is None:
            found[key(row)] = said, row.line
        elif said is not None and said != first:
            row.complain(
                f"{name} is {shown(said)}, but {shown(first)} in line {line}, for the same "
                f"{'class_id' if name == 'class_name' else 'image_id'}; correct one"
            )
    return {one: said for one, (said, _) in found.items()}


def _refuse_contradictions(boxes: list[_Row], rows: list[_Row]) -> None:
    named = any(row.rater is not None for row in rows)
    drawn = {(row.image, row.rater): row for row in reversed(boxes)}
    for row in rows:
        if named and row.nothing and (row.image, row.rater) in drawn:
            first = drawn[row.image, row.rater].line
            row.complain(f"says {NOTHING!r}, but line {first} has a box there; remove one")
        if named and row.rater is None and not row.nothing:
            row.complain("has a box but no rad_id; say who drew it")


def _read_scores(boxes: list[_Row]) -> np.ndarray | None:
    scores = [row.score for row in boxes]
    # VinDr's published file gives every drawn box a score of 1: that says nothing.
    if all(score in (None, 1) for score in scores):
        return None
    if None in scores:
        boxes[scores.index(None)].complain("has no score, and other boxes have one; give it one")
    return np.array(scores, dtype=np.float64)


def _read_images(
    path: Path, rows: list[_Row], like: LabelSet | None
) -> tuple[Images, Callable[[str, int], int]]:
    sizes = _agreed(rows, lambda row: row.image, _Row.size, "image_width x image_height")
    files = _agreed(
        rows, lambda row: row.image, lambda row: row.row.get("file_name") or None, "file_name"
    )
    first = {row.image: row for row in reversed(rows)}
    if like is not None:
        images, find = adopt(path, like.images)
        for name, size in sizes.items():
            k = find(str(name), first[str(name)].line)
            if size not in (None, (images.width[k], images.height[k])):
                first[str(name)].complain(
                    f"the image has {size[0]}x{size[1]} pixels, but "
                    f"{images.width[k]}x{images.height[k]} in the table of images; name the table "
                    "that these labels belong to"
                )
        return images, find
    order = list(dict.fromkeys(row.image for row in rows))
    for name in order:
        if sizes[name] is None:
            first[name].complain("does not say how large the image is; add image_width and _height")
    width, height = np.array([sizes[name] for name in order], dtype=np.int64).reshape(-1, 2).T
    index = {name: k for k, name in enumerate(order)}
    images = Images(
        ids=numbered(order),
        names=tuple(files[name] or name for name in order),
        width=width,
        height=height,
    )
    return images, lambda name, _: index[name]


def _read_classes(
    boxes: list[_Row], names: dict[Hashable, Any], like: LabelSet | None
) -> tuple[Classes, Callable[[_Row], int]]:
    if like is not None:
        return like.classes, lambda row: _given_class(row, like.classes)
    used = sorted({row.label for row in boxes})
    # Below "No finding" numbers count: a gap is a class without a box. Above, they are ids that
    # somebody chose, as large as they like.
    ids = range(1 + max(used, default=0)) if max(used, default=0) < NOTHING_ID else used
    place = {key: k for k, key in enumerate(ids)}
    texts = tuple(str(key if names.get(key) is None else names[key]) for key in ids)
    return Classes(ids=tuple(ids), names=texts), lambda row: place[row.label]


def _given_class(row: _Row, classes: Classes) -> int:
    if row.label >= len(classes):
        row.complain(f"class_id is {row.label}; the last class is {len(classes) - 1}")
    if row.class_name not in (None, classes.names[row.label]):
        row.complain(
            f"class {row.label} is called {shown(row.class_name)}, but "
            f"{shown(classes.names[row.label])} in the table of classes ({listed(classes.names)}); "
            "name the table that these labels belong to"
        )
    return row.label


def _read_raters(named: list[_Row], like: LabelSet | None) -> tuple[int | str, ...]:
    texts = {str(row.rater) for row in named}
    given = () if like is None else like.raters or ()
    if texts <= set(map(str, given)):
        return given
    found = numbered(sorted(texts))
    return tuple(sorted(found))  # type: ignore[type-var]  # all numbers, or all texts
