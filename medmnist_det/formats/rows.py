"""Boxes that a program holds in memory, a row each, as a label set; complaints name the row.

Tables, lists of dictionaries and other libraries' objects are all read into :class:`Rows`, whose
images, classes and raters are called as the caller calls them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from medmnist_det.errors import InputError, listed, shown
from medmnist_det.formats.entries import LARGEST
from medmnist_det.labels import Classes, Images, Labels, LabelSet

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

#: What images, classes and raters are called by.
Name = int | str


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Boxes in columns of equal length n, in any order."""

    #: The argument that holds them, for messages.
    what: str
    #: Says in words which row of the caller's a row is.
    place: Callable[[int], str]
    image: list[Name]
    #: ``x_min, y_min, x_max, y_max`` in pixels.
    box: Float[np.ndarray, "n 4"]
    label: list[Name]
    rater: list[Name] | None = None
    score: Float[np.ndarray, " n"] | None = None
    area: Float[np.ndarray, " n"] | None = None
    iscrowd: Bool[np.ndarray, " n"] | None = None
    #: All images in order, those without a box included. None: not known.
    images: list[Name] | None = None
    #: Who looked at which image. None: not known.
    looked: list[tuple[Name, Name]] | None = None
    sizes: dict[Name, tuple[int, int]] | None = None
    #: Names of the images' files, where they differ from what the images are called.
    files: dict[Name, str] | None = None
    #: Whether image k is item k of a list; and whether it is called k, as nothing says otherwise.
    in_order: bool = False
    nameless: bool = False
    #: Labels are indices of a list of classes that is not there: supervision's ``class_id``.
    indices: bool = False

    def refuse(self, k: int, why: str) -> None:
        """Raise InputError about a row."""
        raise InputError(f"{self.what}: {self.place(k)} {why}")


@dataclass(frozen=True, kw_only=True)
class Held:
    """A label set from memory, and what its caller knows its images and classes by."""

    label_set: LabelSet
    #: Whether item k of another list can be meant for image k; and whether nothing else can say so.
    in_order: bool = False
    nameless: bool = False
    indices: bool = False
    #: Whether anything says how large the images are.
    sized: bool = True


def hold(
    rows: Rows,
    *,
    images: Iterable[Any] | Mapping[Any, tuple[int, int]] | None = None,
    assigned: Any = None,
    classes: Sequence[str] | Mapping[int, str] | None = None,
    size: tuple[int, int] | None = None,
    zero_area: bool = False,
) -> Held:
    """Return the label set of rows.

    ``images`` lists all images, those without a box included (with a mapping: their widths and
    heights); without it they are those that the rows know of. ``size`` is the width and height of
    all. Where neither says how large they are, all count as large as the farthest edge of a box.
    ``assigned`` says who looked at which image: "all", {image: raters}, or pairs of both.
    ``classes`` are the names of all classes, or {label: name}; without it they are those that
    occur. Raises InputError that names the argument and the row.
    """
    ids, own_sizes = _images(rows, images)
    row_of = {key: k for k, key in enumerate(ids)}
    for k, key in enumerate(rows.image):
        if key not in row_of:
            rows.refuse(k, f"is on image {shown(key)}, which images= does not list; add it there")
    table, label = _classes(rows, classes)
    _refuse_boxes(rows, zero_area)
    raters, rater, pairs = _raters(rows, row_of, assigned)
    columns = {name: getattr(rows, name) for name in ("score", "area", "iscrowd")}
    labels = Labels.unsorted(
        images=len(ids),
        image=np.array([row_of[key] for key in rows.image], dtype=np.int64),
        box=rows.box,
        label=label,
        rater=rater,
        assigned=pairs,
        **columns,
    )
    width, height = _sizes(rows, ids, own_sizes, size)
    files = rows.files or {}
    names = tuple(str(files.get(key, key)) for key in ids)
    table_of_images = Images(ids=ids, names=names, width=width, height=height)
    return Held(
        label_set=LabelSet(images=table_of_images, classes=table, labels=labels, raters=raters),
        in_order=rows.in_order,
        nameless=rows.nameless,
        sized=size is not None or bool(own_sizes),
        indices=rows.indices and not isinstance(classes, Mapping),
    )


def name_of(value: Any) -> Name | None:
    """Return a whole number or a text as Python's own; None for what can name nothing."""
    if type(value) is int or type(value) is str:
        return value
    if hasattr(value, "item") and getattr(value, "size", 1) != 0:
        try:
            value = value.item()  # numpy's and torch's single values
        except (RuntimeError, TypeError, ValueError):
            return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        value = int(value)  # what pandas makes of numbers beside a gap
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value) if isinstance(value, str) else value


def is_gap(value: Any) -> bool:
    """Return whether a cell of a table is empty: None, NaN, or what a library has for it."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and math.isnan(value)


def ordered(names: Iterable[Name]) -> tuple[Name, ...]:
    """Return names in ascending order, each once, numbers before texts."""
    return tuple(sorted(set(names), key=lambda name: (isinstance(name, str), name)))


def _images(rows: Rows, images: Any) -> tuple[tuple[Name, ...], dict[Name, Any]]:
    """Return the ids of all images in order, and the sizes that the argument gives."""
    if images is None:
        known = rows.images
        return (ordered(rows.image) if known is None else tuple(known)), rows.sizes or {}
    if isinstance(images, str) or not isinstance(images, Iterable):
        raise InputError(f"images={shown(images)}: give a list of all images, or {{image: size}}")
    given = list(images)
    ids = [_named("images", value) for value in given]
    if len(set(ids)) < len(ids):
        twice = next(key for k, key in enumerate(ids) if key in ids[:k])
        raise InputError(f"images: {shown(twice)} is there twice; remove one")
    missing = set(rows.images or ()) - set(ids)
    if missing:
        raise InputError(
            f"images: lacks {shown(ordered(missing)[0])}, which {rows.what} holds "
            f"({len(missing):,} such images); list all images"
        )
    if isinstance(images, Mapping):
        return tuple(ids), {key: images[value] for key, value in zip(ids, given, strict=True)}
    return tuple(ids), rows.sizes or {}


def _named(what: str, value: Any) -> Name:
    name = name_of(value)
    if name is None:
        raise InputError(f"{what}: {shown(value)} names nothing; give a whole number or a text")
    return name


def _sizes(
    rows: Rows, ids: tuple[Name, ...], own: dict[Name, Any], size: tuple[int, int] | None
) -> tuple[np.ndarray, np.ndarray]:
    if size is not None:
        found = [size] * len(ids)
    elif own:
        missing = next((key for key in ids if key not in own), None)
        if missing is not None:
            raise InputError(f"{rows.what}: image {shown(missing)} has no size, others have one")
        found = [own[key] for key in ids]
    else:
        edge = np.ceil(rows.box[:, 2:].max(axis=0, initial=1.0))
        return np.full(len(ids), edge[0]), np.full(len(ids), edge[1])
    for one in found:
        numbers = [name_of(value) for value in one] if isinstance(one, Iterable) else []
        if len(numbers) != 2 or not all(isinstance(n, int) and 1 <= n <= LARGEST for n in numbers):
            raise InputError(
                f"size={shown(one)}: give width and height in pixels, such as (640, 480)"
            )
    pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _classes(rows: Rows, classes: Any) -> tuple[Classes, np.ndarray]:
    """Return the classes, and every row's class index."""
    known = ordered(rows.label)
    texts = [isinstance(one, str) for one in known]
    if any(texts) and not all(texts):
        raise InputError(
            f"{rows.what}: labels are numbers and names ({shown(known[0])}, {shown(known[-1])}); "
            "give one kind"
        )
    by_name = all(texts) and bool(texts)
    kinds = {"numbered": True, "named": True}
    if isinstance(classes, Mapping):
        ids = tuple(_named("classes", key) for key in classes)
        names = tuple(map(str, classes.values()))
        if not all(isinstance(key, int) for key in ids):
            raise InputError(f"classes={shown(classes)}: give {{number: name}}")
    elif classes is not None:
        if isinstance(classes, str) or not isinstance(classes, Iterable):
            raise InputError(f"classes={shown(classes)}: give a list of names, or {{number: name}}")
        names = tuple(map(str, classes))
        if known and not by_name:
            raise InputError(
                f"classes={shown(names)}: does not say which of the labels {_span(known)} in "
                f"{rows.what} is {shown(names[0]) if names else 'which'}; give {{number: name}}"
            )
        ids, kinds["numbered"] = tuple(range(1, len(names) + 1)), False
    elif by_name:
        ids, names = tuple(range(1, len(known) + 1)), tuple(map(str, known))
        kinds["numbered"] = False
    else:
        ids, names = known, tuple(map(str, known))
        kinds["named"] = False
    keys: tuple[Name, ...] = names if by_name else ids
    if len(set(keys)) < len(keys):
        raise InputError(f"classes: {listed(keys)} holds a class twice; remove one")
    index = {key: k for k, key in enumerate(keys)}
    for k, one in enumerate(rows.label):
        if one not in index:
            rows.refuse(k, f"has the label {shown(one)}, which classes= lacks: {listed(keys)}")
    label = np.array([index[one] for one in rows.label], dtype=np.int64)
    return Classes(ids=ids, names=names, **kinds), label  # type: ignore[arg-type]


def _span(known: Sequence[Name]) -> str:
    return f"{known[0]} to {known[-1]}" if len(known) > 1 else f"{known[0]}"


def _refuse_boxes(rows: Rows, zero_area: bool) -> None:
    box = rows.box
    size = box[:, 2:] - box[:, :2]
    for wrong, why in (
        (~np.isfinite(box).all(axis=1), "is not finite"),
        (np.abs(box).max(axis=1, initial=0) > LARGEST, "lies beyond a thousand million pixels"),
        ((size < 0).any(axis=1), "has a negative size"),
        ((size == 0).any(axis=1) & (not zero_area), "has no area"),
    ):
        if wrong.any():
            k = int(np.argmax(wrong))
            rows.refuse(k, f"{shown(box[k].tolist())} {why}; boxes are x_min, y_min, x_max, y_max")
    for name in ("score", "area"):
        column = getattr(rows, name)
        if column is not None and not np.isfinite(column).all():
            k = int(np.argmin(np.isfinite(column)))
            rows.refuse(k, f"has the {name} {column[k]}; give a finite number")
    if rows.area is not None and (rows.area < 0).any():
        k = int(np.argmax(rows.area < 0))
        rows.refuse(k, f"has the area {rows.area[k]}; give 0 or more")


def _raters(
    rows: Rows, row_of: Mapping[Name, int], assigned: Any
) -> tuple[tuple[Name, ...] | None, np.ndarray | None, np.ndarray | None]:
    """Return the raters, every row's, and the pairs of image and rater that say who looked."""
    if rows.rater is None:
        if assigned is not None:
            raise InputError(f"assigned: {rows.what} does not say who drew its boxes; leave it out")
        return None, None, None
    if assigned is not None and rows.looked is not None:
        raise InputError(f"assigned: {rows.what} says itself who looked; leave one of the two out")
    everybody = isinstance(assigned, str)
    if everybody and assigned != "all":
        raise InputError(f"assigned={shown(assigned)}: give 'all', {{image: raters}} or pairs")
    pairs = rows.looked if assigned is None or everybody else _pairs(assigned, row_of)
    raters = ordered([*rows.rater, *(rater for _, rater in pairs or ())])
    alike = {str(one) for one in raters if isinstance(one, int)} & set(raters)
    if alike:
        raise InputError(
            f"{rows.what}: has a rater {shown(min(alike))} and a rater {min(alike)}, who look "
            "alike; write both as texts or both as numbers"
        )
    number = {name: k for k, name in enumerate(raters)}
    rater = np.array([number[name] for name in rows.rater], dtype=np.int64)
    if everybody:
        looked = np.indices((len(row_of), len(raters))).reshape(2, -1).T
        return raters, rater, looked
    if pairs is None:
        return raters, rater, None
    seen = sorted({(row_of[image], number[name]) for image, name in pairs})
    known = set(seen)
    for k, (image, who) in enumerate(zip(rows.image, rater.tolist(), strict=True)):
        if (row_of[image], who) not in known:
            rows.refuse(
                k,
                f"is by rater {shown(raters[who])} on image {shown(image)}, at which that rater "
                "did not look by what is assigned; add the rater there",
            )
    return raters, rater, np.array(seen, dtype=np.int64).reshape(-1, 2)


def _pairs(assigned: Any, row_of: Mapping[Name, int]) -> list[tuple[Name, Name]]:
    form = "assigned: give 'all', {image: [raters]} or pairs of image and rater"
    if isinstance(assigned, Mapping):
        if any(isinstance(raters, str) for raters in assigned.values()):
            raise InputError(f"{form}; a rater alone is a list of one")
        assigned = [(image, rater) for image, raters in assigned.items() for rater in raters]
    elif hasattr(assigned, "columns"):
        if not {"image", "rater"} <= set(assigned.columns):
            raise InputError("assigned: the table has no columns image and rater")
        assigned = zip(assigned["image"], assigned["rater"], strict=True)
    elif not isinstance(assigned, Iterable):
        raise InputError(f"{form}, not {shown(assigned)}")
    found = []
    for pair in assigned:
        try:
            image, rater = [pair] if isinstance(pair, str) else pair
        except (TypeError, ValueError):
            raise InputError(f"{form}, not {shown(pair)}") from None
        found.append((_named("assigned", image), _named("assigned", rater)))
        if found[-1][0] not in row_of:
            raise InputError(
                f"assigned: image {shown(found[-1][0])} is not among the images; list all with "
                "images="
            )
    return found
