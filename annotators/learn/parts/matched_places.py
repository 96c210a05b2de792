"""Where a crowd, or a detector, sees something: each of their boxes belongs to one place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annotators.infer.parts.box_model import mean_boxes
from annotators.infer.parts.grouping import group_boxes
from annotators.infer.parts.pairs import canonical_order
from annotators.infer.parts.result import within
from annotators.learn.parts.matching import match
from annotators.learn.parts.posteriors import NormalGamma, corrected
from medmnist_det.boxes import cxcywh_to_xyxy
from medmnist_det.hashes import label_hash
from medmnist_det.labels import Labels, LabelSet
from medmnist_det.reference.lessons import Lessons, looked_at
from medmnist_det.reference.teacher import Sightings

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """Places of a crowd's boxes, and of what a detector sees, in columns."""

    #: Row of the image.
    image: Int[np.ndarray, " s"]
    #: Place of every box of the crowd.
    owner: Int[np.ndarray, " n"]
    #: Whether the detector sees something there.
    seen: Bool[np.ndarray, " s"]
    #: The detector's box; where it sees nothing, the mean of the raters'.
    box: Float[np.ndarray, "s 4"]
    #: The detector's; where it sees nothing, 0 and even classes.
    objectness: Float[np.ndarray, " s"]
    classes: Float[np.ndarray, "s L"]

    def __len__(self) -> int:
        return len(self.image)

    @property
    def support(self) -> Int[np.ndarray, " s"]:
        """How many raters drew a box there."""
        return np.bincount(self.owner, minlength=len(self))

    def sums(self, values: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "s k"]:
        """Return the sums over the crowd's boxes of each place."""
        columns = [np.bincount(self.owner, column, len(self)) for column in values.T]
        return np.stack(columns, axis=1)


def sorted_crowd(crowd: LabelSet) -> LabelSet:
    """Return a crowd in an order that depends on its boxes alone: sums then round the same."""
    labels, order = crowd.labels, canonical_order(crowd.labels)
    if labels.rater is None or labels.assigned is None:
        raise ValueError("these labels do not say who drew them or who looked")
    plain = Labels(
        images=labels.images,
        image=labels.image[order],
        box=labels.box[order],
        label=labels.label[order],
        rater=labels.rater[order],
        assigned=labels.assigned,
    )
    return replace(crowd, labels=plain)


def places_of(crowd: LabelSet, seen: Sightings, *, least: float, alone: float = 2.0) -> Places:
    """Return the places of a crowd's boxes and of a detector's sightings.

    Boxes that mean one sighting (:func:`annotators.learn.parts.matching.match`) are at one place;
    those that mean none are grouped with each other, as crowds are without a detector. Sightings
    below the objectness ``least`` count for nothing, and those that no rater's box means are places
    from ``alone`` on.
    """
    seen = seen.select(seen.objectness >= least)
    labels = crowd.labels
    found = match(labels, seen, crowd.images)
    drawn = np.zeros(len(seen.image), dtype=bool)
    drawn[found.sighting] = True
    kept = np.flatnonzero(drawn | (seen.objectness >= alone))
    number = np.cumsum(np.isin(np.arange(len(drawn)), kept)) - 1
    left = np.ones(len(labels), dtype=bool)
    left[found.box] = False
    rest = labels.select(left)
    groups = group_boxes(rest)
    owner = np.empty(len(labels), dtype=np.int64)
    owner[found.box] = number[found.sighting]
    owner[left] = len(kept) + groups.group
    classes = len(crowd.classes)
    return Places(
        image=np.concatenate([seen.image[kept], groups.image]),
        owner=owner,
        seen=np.arange(len(kept) + len(groups)) < len(kept),
        box=np.concatenate([seen.box[kept], mean_boxes(rest, groups)]),
        objectness=np.concatenate([seen.objectness[kept], np.zeros(len(groups))]),
        classes=np.concatenate([seen.classes[kept], np.full((len(groups), classes), 1 / classes)]),
    )


def located(crowd: LabelSet, places: Places, believed: NormalGamma) -> Float[np.ndarray, "s 4"]:
    """Return the box of every place: the mean of the raters' boxes, less the bias of each.

    Weighted by the precision that is expected of a rater; cut to the image. Where nobody drew a
    box, the detector's.
    """
    labels, rater = crowd.labels, crowd.labels.rater
    weight = believed.precision[rater]
    total = places.sums(weight)
    place = places.sums(weight * corrected(labels.box, believed.mean[rater]))
    mean = cxcywh_to_xyxy(place / np.maximum(total, 1e-300))
    box = np.where(total > 0, mean, places.box)
    return within(box, places.image, crowd.images)


def assigned_to(crowd: LabelSet) -> Bool[np.ndarray, "images R"]:
    """Return who looked at which image."""
    return crowd.labels.looked(len(crowd.raters or ()))


def lessons_at(
    crowd: LabelSet,
    image: Int[np.ndarray, " s"],
    box: Float[np.ndarray, "s 4"],
    classes: Float[np.ndarray, "s L"],
    weight: Float[np.ndarray, " s"],
) -> Lessons:
    """Return the lessons of objects at some places, in the order of the images."""
    order = np.argsort(image, kind="stable")
    whole = (box[order, 2:] > box[order, :2]).all(axis=1)
    order = order[whole]
    labels = Labels(
        images=crowd.labels.images,
        image=image[order],
        box=box[order],
        label=classes[order].argmax(axis=1),
    )
    return Lessons(
        label_set=replace(crowd, labels=labels, raters=None),
        classes=classes[order],
        weight=weight[order],
        looked=looked_at(crowd),
        beside=label_hash(crowd),  # what comes after an epoch is learned from all boxes and names
    )
