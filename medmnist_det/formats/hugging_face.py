"""Hugging Face ``datasets``: a row an image, its boxes in a list, raters and assignment kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medmnist_det.boxes import xywh_to_xyxy, xyxy_to_xywh
from medmnist_det.errors import InputError, shown
from medmnist_det.files import inside
from medmnist_det.formats.arrays import needed
from medmnist_det.formats.items import read_items
from medmnist_det.formats.per_image import by_image
from medmnist_det.formats.rows import hold
from medmnist_det.labels import LabelSet


def to_datasets(label_set: LabelSet, images: str | Path | None = None) -> Any:
    """Return a label set as a Hugging Face Dataset, a row for every image, in order.

    Columns: ``image_id``, ``file_name``, ``width``, ``height``, and ``objects``, a list of
    ``bbox`` (x, y, width, height), ``category`` (a ClassLabel) and, where known, ``rater`` and
    ``score``; ``rater_list`` where it is known who looked. With the folder ``images`` there is an
    ``image``, too. Raises ImportError without ``datasets``.
    """
    hf = needed("datasets", "to_datasets()")
    rows = [_row(one, images) for one in by_image(label_set)]
    labels, people = label_set.labels, label_set.raters
    one_object = {
        "bbox": hf.List(hf.Value("float64"), length=4),
        "category": hf.ClassLabel(names=list(label_set.classes.names)),
    }
    if labels.rater is not None:
        one_object["rater"] = _value(hf, people or ())
    if labels.score is not None:
        one_object["score"] = hf.Value("float64")
    features = {
        "image_id": _value(hf, label_set.images.ids),
        "file_name": hf.Value("string"),
        "width": hf.Value("int64"),
        "height": hf.Value("int64"),
        "objects": hf.List(one_object),
    }
    if labels.assigned is not None:
        features["rater_list"] = hf.List(_value(hf, people or ()))
    if images is not None:
        features["image"] = hf.Image()
    columns = {name: [row[name] for row in rows] for name in features}
    return hf.Dataset.from_dict(columns, features=hf.Features(features))


def _value(hf: Any, names: Sequence[int | str]) -> Any:
    """Return the type of a column of names; mixed ones have none. Raises InputError."""
    kinds = {type(name) for name in names}
    if len(kinds) > 1:
        raise InputError("numbers and texts as names do not go into one column; write all as texts")
    return hf.Value("string" if kinds == {str} else "int64")


def _row(one: Any, images: str | Path | None) -> dict[str, Any]:
    columns: dict[str, list[Any]] = {
        "bbox": xyxy_to_xywh(one.box).tolist(),
        "category": one.label.tolist(),
    }
    if one.raters is not None:
        columns["rater"] = one.raters
    if one.score is not None:
        columns["score"] = one.score.tolist()
    objects = _rows(columns)
    row = {
        "image_id": one.id,
        "file_name": one.file_name,
        "width": one.width,
        "height": one.height,
        "objects": objects,
        "rater_list": one.rater_list,
    }
    return row if images is None else row | {"image": str(inside(Path(images), one.file_name))}


def _rows(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def from_datasets(dataset: Any, classes: Mapping[int, str] | None = None) -> LabelSet:
    """Return the label set of a Hugging Face Dataset with the columns of :func:`to_datasets`.

    Categories are 1, 2, ... in the order of the ClassLabel, or {category: name} as ``classes`` has
    them in that order. Raises ValueError that names the column that is missing, or the image.
    """
    missing = {"image_id", "objects"} - set(dataset.column_names)
    if missing:
        raise InputError(f"dataset: has no column {', '.join(sorted(missing))}")
    objects = dataset.features["objects"]
    feature = getattr(objects, "feature", objects)
    names = getattr(feature.get("category"), "names", None) if hasattr(feature, "get") else None
    if names is None:
        raise InputError("dataset: objects has no category of ClassLabel, which names the classes")
    known = list(names) if classes is None else classes
    if classes is not None and list(classes.values()) != list(names):
        raise InputError(f"classes: the dataset's are {', '.join(names)}; give them in this order")
    bare = dataset.remove_columns([n for n in dataset.column_names if n == "image"])
    return hold(read_items([_item(row, names) for row in bare], "dataset"), classes=known).label_set


def _item(row: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    objects = row["objects"]
    if isinstance(objects, dict):  # as older versions give a list of dictionaries back
        objects = _rows(objects)
    for one in objects:
        if one["category"] is None or not 0 <= one["category"] < len(names):
            raise InputError(
                f"dataset: image {shown(row['image_id'])} has the category {one['category']}; "
                f"give 0 to {len(names) - 1}"
            )
        if one["bbox"] is None:
            raise InputError(f"dataset: image {shown(row['image_id'])} has an object without bbox")
    box = np.array([one["bbox"] for one in objects], dtype=np.float64).reshape(-1, 4)
    item = {
        "boxes": xywh_to_xyxy(box),
        "labels": [names[one["category"]] for one in objects],
        "raters": [one["rater"] for one in objects] if _have(objects, "rater") else None,
        "scores": [one["score"] for one in objects] if _have(objects, "score") else None,
    }
    about = ("image_id", "file_name", "width", "height", "rater_list")
    return item | {name: row[name] for name in about if row.get(name) is not None}


def _have(objects: list[dict[str, Any]], name: str) -> bool:
    return any(one.get(name) is not None for one in objects)
