"""Lists with an item for each image: torchvision's dictionaries, supervision's Detections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medmnist_det.errors import InputError, shown
from medmnist_det.formats.arrays import as_array, as_boxes
from medmnist_det.formats.rows import Name, Rows, name_of

#: What an item may say of its boxes, in Detections' words; and of its image, in both.
_OF_DETECTIONS = {"boxes": "xyxy", "scores": "confidence"}


def read_items(
    items: Sequence[Any], what: str, *, scored: bool = False, drawn: bool = False
) -> Rows:
    """Return the rows of a list that has an item for every image, those without a box included.

    An item is a dictionary with ``boxes`` (n, 4), ``labels`` (n,) and, where known, ``scores``,
    ``raters``, ``iscrowd`` and ``area`` (n,); or supervision's Detections, whose classes are
    ``data["class_name"]`` (else ``class_id``) and whose raters are ``data["rater"]``. All items or
    none say ``image_id`` and ``rater_list`` (who looked), the latter in ``metadata`` where they are
    Detections; without the former image k is called k. ``drawn`` asks for raters, ``scored`` for
    scores. Raises InputError that names the argument, the item and the shape.
    """
    read = [_Item(what, k, one) for k, one in enumerate(items)]
    columns: dict[str, Any] = {}
    for name, asked in (("scores", scored), ("raters", drawn), ("iscrowd", False), ("area", False)):
        have = [one.values(name) for one in read]
        some = [k for k, values in enumerate(have) if values is not None]
        lacking = [k for k, values in enumerate(have) if values is None and len(read[k].box)]
        if lacking and (asked or some):
            of_others = "" if asked else ", others have"
            raise InputError(f"{what}: image {lacking[0]} has no {name}{of_others}; add them")
        if some or asked:
            columns[name] = [
                value for values in have for value in ([] if values is None else values)
            ]
    owner = np.repeat(np.arange(len(read)), [len(one.box) for one in read])
    for k, flag in zip(owner.tolist(), columns.get("iscrowd", ()), strict=False):
        if flag not in (0, 1):
            raise InputError(
                f"{what}: image {k}: iscrowd holds {shown(flag)}; give 0 or 1 for every box"
            )
    keys, looked = _said(read, "image_id"), _said(read, "rater_list")
    ids: list[Name] = list(range(len(read)))
    if keys is not None:
        ids = [_key(what, k, value) for k, value in enumerate(keys)]
    if len(set(ids)) < len(ids):
        twice = next(key for k, key in enumerate(ids) if key in ids[:k])
        raise InputError(
            f"{what}: two items have the image_id {shown(twice)}; give every image once"
        )
    first = np.cumsum([0, *(len(one.box) for one in read)])
    numbers = {k: np.array(columns[n], dtype=np.float64)
               for k, n in (("score", "scores"), ("area", "area")) if n in columns}  # fmt: skip
    raters = columns.get("raters")
    files = _said(read, "file_name")
    return Rows(
        what=what,
        place=lambda k: f"box {k - first[owner[k]]} of image {owner[k]}",
        image=[ids[k] for k in owner.tolist()],
        box=np.concatenate([np.zeros((0, 4)), *(one.box for one in read)]),
        label=[label for one in read for label in one.labels()],
        rater=None
        if raters is None
        else [_key(what, k, one, "rater") for k, one in zip(owner.tolist(), raters, strict=True)],
        iscrowd=np.array(columns["iscrowd"], dtype=bool) if "iscrowd" in columns else None,
        images=ids,
        looked=None if looked is None else _pairs(what, ids, looked),
        sizes=_sizes(read, ids),
        files=None if files is None else dict(zip(ids, map(str, files), strict=True)),
        in_order=True,
        nameless=keys is None,
        indices=any(one.indices for one in read),
        **numbers,
    )


class _Item:
    """One image's boxes, whichever form they have."""

    def __init__(self, what: str, k: int, item: Any) -> None:
        self.what, self.k, self.item = what, k, item
        self.detections = hasattr(item, "xyxy")
        if not self.detections and not isinstance(item, Mapping):
            raise InputError(
                f"{what}: item {k} is of type {type(item).__name__}; give a dictionary with boxes "
                "and labels, or supervision's Detections, for every image"
            )
        box = self._get("boxes")
        if box is None:
            raise InputError(f"{what}: image {k} has no boxes; give an array of shape (n, 4)")
        self.box = as_boxes(box, f"{what}: image {k}: boxes")
        named = self.detections and "class_name" in self.item.data
        self.indices = self.detections and not named and len(self.box) > 0

    def _get(self, name: str) -> Any:
        if not self.detections:
            return self.item.get(name)
        if name == "labels":
            return self.item.data.get("class_name", self.item.class_id)
        if name in _OF_DETECTIONS:
            return getattr(self.item, _OF_DETECTIONS[name])
        return self.item.data.get({"raters": "rater"}.get(name, name))

    def about(self, name: str) -> Any:
        """Return what is said of the image; None where nothing is."""
        where = (getattr(self.item, "metadata", None) or {}) if self.detections else self.item
        return where.get(name)

    def values(self, name: str) -> list[Any] | None:
        """Return a column as a list; None where it is not there."""
        given = self._get(name)
        if given is None:
            return None
        try:
            texts = not hasattr(given, "detach") and any(isinstance(one, str) for one in given)
            column = np.array(list(given), dtype=object) if texts else as_array(given)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{self.what}: image {self.k}: {name} are {shown(given)}; give one for every box"
            ) from error
        if column.shape != (len(self.box),):
            raise InputError(
                f"{self.what}: image {self.k}: {name} have shape {column.shape}, not "
                f"({len(self.box)},)"
            )
        return column.tolist()

    def labels(self) -> list[Name]:
        """Return the labels as numbers or names."""
        values = self.values("labels")
        if values is None:
            if len(self.box) == 0:
                return []
            raise InputError(f"{self.what}: image {self.k} has boxes and no labels; add them")
        return [_key(self.what, self.k, one, "label") for one in values]


def _key(what: str, k: int, value: Any, kind: str = "name") -> Name:
    name = name_of(value)
    if name is None:
        raise InputError(
            f"{what}: image {k} has the {kind} {shown(value)}; give a whole number or a text"
        )
    return name


def _said(read: list[_Item], name: str) -> list[Any] | None:
    """Return what all items say of their images; None where none says it."""
    said = [one.about(name) for one in read]
    silent = [k for k, one in enumerate(said) if one is None]
    if len(silent) == len(read):
        return None
    if silent:
        raise InputError(
            f"{read[0].what}: image {silent[0]} has no {name}, others have; say it of all or none"
        )
    return said


def _pairs(what: str, ids: list[Name], lists: list[Any]) -> list[tuple[Name, Name]]:
    if any(isinstance(one, str) for one in lists):
        raise InputError(f"{what}: a rater_list is one text; give a list of raters")
    return [
        (ids[k], _key(what, k, one, "rater")) for k, raters in enumerate(lists) for one in raters
    ]


def _sizes(read: list[_Item], ids: list[Name]) -> dict[Name, tuple[int, int]] | None:
    width, height = _said(read, "width"), _said(read, "height")
    if width is None or height is None:
        return None
    return dict(zip(ids, zip(width, height, strict=True), strict=True))
