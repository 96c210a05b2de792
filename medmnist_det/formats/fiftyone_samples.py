"""FiftyOne's samples: one an image, raters and assignment kept.

Samples, not its Dataset, so that no database is needed before the user wants one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medmnist_det.boxes import xywh_to_xyxy, xyxy_to_xywh
from medmnist_det.errors import InputError
from medmnist_det.files import inside
from medmnist_det.formats.arrays import needed
from medmnist_det.formats.items import read_items
from medmnist_det.formats.per_image import Picture, by_image
from medmnist_det.formats.rows import hold
from medmnist_det.labels import LabelSet


def to_fiftyone(label_set: LabelSet, images: str | Path, field: str = "ground_truth") -> list[Any]:
    """Return a label set as FiftyOne samples, one for every image of the folder ``images``.

    ``fiftyone.Dataset().add_samples(...)`` takes them. ``field`` holds the detections, whose boxes
    are relative to the image; each has its label and, where known, ``confidence`` and ``rater``.
    Samples have ``image_id`` and, where it is known who looked, ``rater_list``. Raises ImportError
    without fiftyone.
    """
    fo = needed("fiftyone", "to_fiftyone()")
    samples = []
    for one in by_image(label_set):
        sample = fo.Sample(
            filepath=str(inside(Path(images), one.file_name).absolute()),
            metadata=fo.ImageMetadata(width=one.width, height=one.height),
            image_id=one.id,
        )
        if one.rater_list is not None:
            sample["rater_list"] = one.rater_list
        sample[field] = fo.Detections(detections=_detections(fo, one))
        samples.append(sample)
    return samples


def _detections(fo: Any, one: Picture) -> list[Any]:
    side = np.array([one.width, one.height, one.width, one.height], dtype=np.float64)
    relative = xyxy_to_xywh(one.box) / side
    found = []
    for k, (box, name) in enumerate(zip(relative.tolist(), one.names, strict=True)):
        more: dict[str, Any] = {} if one.raters is None else {"rater": one.raters[k]}
        if one.score is not None:
            more["confidence"] = float(one.score[k])
        found.append(fo.Detection(label=name, bounding_box=box, **more))
    return found


def from_fiftyone(
    samples: Iterable[Any],
    field: str = "ground_truth",
    classes: Mapping[int, str] | Sequence[str] | None = None,
) -> LabelSet:
    """Return the label set of FiftyOne samples: a dataset, a view, or a list.

    Images are called by ``image_id``, else by their files' names. Samples need the size of their
    image (``dataset.compute_metadata()``). ``classes`` names all classes, or {id: name}; else those
    that occur. Corners may differ from what went in by a rounding error: boxes are relative there.
    Raises ValueError that names the sample.
    """
    items = [_item(k, sample, field) for k, sample in enumerate(samples)]
    return hold(read_items(items, "samples"), classes=classes).label_set


def _item(k: int, sample: Any, field: str) -> dict[str, Any]:
    if sample.metadata is None or not sample.metadata.width:
        raise InputError(
            f"samples: sample {k} does not say how large its image is; run "
            "dataset.compute_metadata() first"
        )
    if not sample.has_field(field):
        raise InputError(f"samples: sample {k} has no field {field!r}; name the field of its boxes")
    found = [] if sample[field] is None else list(sample[field].detections)
    width, height = sample.metadata.width, sample.metadata.height
    box = np.array([one.bounding_box for one in found], dtype=np.float64).reshape(-1, 4)
    raters = [getattr(one, "rater", None) for one in found]
    scores = [one.confidence for one in found]
    name, called = Path(sample.filepath).name, _field(sample, "image_id")
    item: dict[str, Any] = {
        "boxes": xywh_to_xyxy(box) * np.array([width, height, width, height]),
        "labels": [one.label for one in found],
        "raters": raters if any(one is not None for one in raters) else None,
        "scores": scores if any(one is not None for one in scores) else None,
        "image_id": name if called is None else called,
        "file_name": name,
        "width": width,
        "height": height,
    }
    looked = _field(sample, "rater_list")
    return item if looked is None else item | {"rater_list": list(looked)}


def _field(sample: Any, name: str) -> Any:
    return sample[name] if sample.has_field(name) else None
