"""What is said of every supposed object: by the raters, and by a detector that did not learn it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annotators.infer.parts.evidence import coincidence
from annotators.infer.parts.grouping import IOU, Groups, group_boxes
from annotators.infer.parts.pairs import overlapping_pairs
from annotators.infer.parts.spurious import ENOUGH
from medmnist_det.labels import Labels, LabelSet
from medmnist_det.reference.lessons import NOT_ASSIGNED
from medmnist_det.reference.teacher import Sightings

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

# Overlap of two sightings from which the less sure one may be the other's shadow.
_NEAR = 0.2
# Kinds of sightings by how sure the detector is, equally many in each.
_GRADES = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Heard:
    """Every group of boxes that may mean one object, in columns."""

    crowd: LabelSet
    #: Of the crowd's boxes, and behind them the sightings.
    groups: Groups
    #: What every rater called it: a class, L for a miss, or ``NOT_ASSIGNED``.
    reports: Int[np.ndarray, "n R"]
    #: The row of the detector's sighting; that past the last one for none.
    sighting: Int[np.ndarray, " n"]
    sightings: Sightings
    #: The kind of every sighting, :data:`KINDS` behind the last one: that there is none.
    kind: Int[np.ndarray, " s+1"]
    #: How many images somebody looked at, and how many each rater.
    images: int
    looked: Int[np.ndarray, " R"]
    #: The chance that two boxes of unrelated images overlap enough to be grouped.
    coincidence: float

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def sighted(self) -> Bool[np.ndarray, " n"]:
        """Whether the detector sees it."""
        return self.sighting < len(self.sightings.image)

    @property
    def drawn(self) -> Bool[np.ndarray, "n R"]:
        """Which raters drew it."""
        return (self.reports >= 0) & (self.reports < len(self.crowd.classes))

    @property
    def compared(self) -> bool:
        """Whether enough was drawn by two raters or more to compare them."""
        return int((self.drawn.sum(axis=1) >= 2).sum()) >= ENOUGH

    def log_classes(self) -> Float[np.ndarray, "n L"]:
        """Return the log probabilities of the classes by the detector; where it sees nothing, 0."""
        every = np.log(np.maximum(self.sightings.classes, _TINY))
        return np.concatenate([every, np.zeros((1, every.shape[1]))])[self.sighting]


_TINY = 1e-9
#: How many kinds of sightings there are: the grades of those that lie apart, then of the others.
KINDS = 2 * _GRADES


def hear(crowd: LabelSet, sightings: Sightings) -> Heard:
    """Return what raters and a detector say; images that nobody looked at are left out.

    The detector's boxes are grouped with the raters' as if it were one of them
    (:func:`annotators.infer.group_boxes`). Raises ValueError for labels without raters or
    assignment.
    """
    labels = crowd.labels
    if labels.rater is None or labels.assigned is None or crowd.raters is None:
        raise ValueError("these labels do not say who drew them or who looked")
    raters, classes = len(crowd.raters), len(crowd.classes)
    assigned = labels.looked(raters)
    somebody = assigned.sum(axis=1) > 0
    seen, near = _usable(sightings, somebody)
    # Behind the crowd's own boxes, so that numbers say which are which.
    image = np.concatenate([labels.image, seen.image])
    order = np.argsort(image, kind="stable")
    both = Labels(
        images=labels.images,
        image=image[order],
        box=np.concatenate([labels.box, seen.box])[order],
        label=np.concatenate([labels.label, seen.classes.argmax(axis=1)])[order],
        rater=np.concatenate([labels.rater, np.full(len(seen.image), raters)])[order],
    )
    found = group_boxes(both, iou=IOU)
    groups = Groups(
        group=found.group[np.argsort(order)],
        row=order[found.row],
        starts=found.starts,
        image=found.image,
    )
    own = groups.group[: len(labels)]
    # 1,000 raters and 100,000 objects are 200 MB.
    reports = np.where(assigned[groups.image], classes, NOT_ASSIGNED).astype(np.int16)
    reports[own, labels.rater] = labels.label
    sighting = np.full(len(groups), len(seen.image))
    sighting[groups.group[len(labels) :]] = np.arange(len(seen.image))
    return Heard(
        crowd=crowd,
        groups=groups,
        reports=reports,
        sighting=sighting,
        sightings=seen,
        kind=np.append(graded(seen.objectness, _GRADES) + _GRADES * near, KINDS),
        images=int(somebody.sum()),
        looked=assigned.sum(axis=0),
        coincidence=coincidence(replace(crowd, labels=both), IOU),
    )


def _usable(
    sightings: Sightings, looked: Bool[np.ndarray, " images"]
) -> tuple[Sightings, Bool[np.ndarray, " s"]]:
    """Return the sightings in images that somebody looked at, by image, the surest first.

    And whether each lies near a surer one, whose shadow it may be.
    """
    box = sightings.box
    kept = looked[sightings.image] & (box[:, 2:] > box[:, :2]).all(axis=1)
    some = sightings.select(np.flatnonzero(kept))
    some = some.select(np.lexsort((*some.box.T[::-1], -some.objectness, some.image)))
    by_edge = np.lexsort((some.box[:, 0], some.image))
    everybody = np.arange(len(by_edge))
    pairs = overlapping_pairs(some.image[by_edge], some.box[by_edge], everybody)
    less_sure = np.maximum(by_edge[pairs.first], by_edge[pairs.second])
    near = np.zeros(len(by_edge), dtype=bool)
    near[less_sure[pairs.iou > _NEAR]] = True
    return some, near


def graded(values: np.ndarray, grades: int) -> np.ndarray:
    """Return which of equally many each value is among, from the least on; equal ones together."""
    if values.size == 0:
        return np.zeros(values.shape, dtype=np.int64)
    return np.searchsorted(np.quantile(values, np.arange(1, grades) / grades), values, side="right")
