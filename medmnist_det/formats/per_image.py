"""A label set image by image, as libraries with one object an image want it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medmnist_det.labels import LabelSet

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """One image and its n boxes; what is not known is None."""

    id: int | str
    file_name: str
    width: int
    height: int
    #: ``x_min, y_min, x_max, y_max`` in pixels.
    box: Float[np.ndarray, "n 4"]
    #: Class indices, and what the classes are called.
    label: Int[np.ndarray, " n"]
    names: list[str]
    raters: list[int | str] | None
    score: Float[np.ndarray, " n"] | None
    #: Who looked at the image.
    rater_list: list[int | str] | None


def by_image(label_set: LabelSet) -> Iterator[Picture]:
    """Yield the images of a label set in order, those without a box included."""
    labels, images = label_set.labels, label_set.images
    people: list[int | str] = list(label_set.raters or ())
    looked: list[list[int | str]] | None = None
    if labels.assigned is not None:
        looked = [[] for _ in images.ids]
        for image, rater in labels.assigned.tolist():
            looked[image].append(people[rater])
    starts = labels.starts.tolist()
    for k, (key, name) in enumerate(zip(images.ids, images.names, strict=True)):
        rows = slice(starts[k], starts[k + 1])
        label = labels.label[rows]
        raters: list[int | str] | None = None
        if labels.rater is not None:
            raters = [people[one] for one in labels.rater[rows].tolist()]
        yield Picture(
            id=key,
            file_name=name,
            width=int(images.width[k]),
            height=int(images.height[k]),
            box=labels.box[rows],
            label=label,
            names=[label_set.classes.names[one] for one in label.tolist()],
            raters=raters,
            score=None if labels.score is None else labels.score[rows],
            rater_list=None if looked is None else looked[k],
        )
