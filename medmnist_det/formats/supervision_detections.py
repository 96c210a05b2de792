"""supervision's Detections: one object an image, raters, class names and assignment kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from medmnist_det.formats.arrays import needed
from medmnist_det.formats.items import read_items
from medmnist_det.formats.per_image import Picture, by_image
from medmnist_det.formats.rows import hold
from medmnist_det.labels import LabelSet


def to_supervision(label_set: LabelSet) -> list[Any]:
    """Return a label set as supervision's Detections, one for every image, in order.

    ``class_id`` is the class index, ``confidence`` the score where there is one. ``data`` holds
    ``class_name`` and, for crowd labels, ``rater``; ``metadata`` ``image_id``, ``file_name``,
    ``width``, ``height`` and, where it is known who looked, ``rater_list``. Raises ImportError
    without supervision.
    """
    detections = needed("supervision", "to_supervision()").Detections
    return [_detections(detections, picture) for picture in by_image(label_set)]


def _detections(kind: Any, one: Picture) -> Any:
    data: dict[str, Any] = {"class_name": np.array(one.names, dtype=str)}
    if one.raters is not None:
        mixed = len({type(name) for name in one.raters}) != 1  # of these numpy would make texts
        data["rater"] = np.array(one.raters, dtype=object if mixed else None)
    about = {"image_id": one.id, "file_name": one.file_name}
    about |= {"width": one.width, "height": one.height}
    return kind(
        xyxy=one.box.copy(),
        class_id=one.label.copy(),
        confidence=None if one.score is None else one.score.copy(),
        data=data,
        metadata=about | ({} if one.rater_list is None else {"rater_list": one.rater_list}),
    )


def from_supervision(
    detections: Sequence[Any], classes: Mapping[int, str] | Sequence[str] | None = None
) -> LabelSet:
    """Return the label set of Detections, one for every image, those without a box included.

    Classes are read from ``data["class_name"]``; ``classes`` names all of them, or {id: name}, for
    those that nobody reported. Raises ValueError that names the image for Detections without it.
    """
    rows = read_items(detections, "detections")
    if rows.indices and not isinstance(classes, Mapping):
        named = dict(enumerate(classes or ()))
        if not named:
            raise ValueError(
                "detections: data has no class_name, and class_id counts a list of classes that is "
                "not there; give classes="
            )
        found = hold(rows, classes=named).label_set
        # class_id counts a list: it is nobody's name for a class.
        return replace(found, classes=replace(found.classes, numbered=False))
    return hold(rows, classes=classes).label_set
