"""The objects of a crowd: what every rater called each, and where it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annotators.infer.methods.dawid_skene import EmOptions, believe, worth_keeping
from annotators.infer.parts.box_model import BoxModel, fuse_boxes
from annotators.infer.parts.class_model import maximise, unseen
from annotators.infer.parts.em import votes_as_belief
from annotators.infer.parts.evidence import Evidence, collect, favourites
from annotators.infer.parts.grouping import IOU, Groups, group_boxes
from annotators.infer.parts.result import within
from medmnist_det.labels import Labels, LabelSet
from medmnist_det.reference.lessons import NOT_ASSIGNED, Lessons, looked_at

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


@dataclass(frozen=True, kw_only=True, eq=False)
class Objects:
    """Every group of boxes of a crowd that may mean one object, in columns.

    Rows are those of :attr:`groups`: by image, then in an order that the boxes alone decide.
    """

    crowd: LabelSet
    groups: Groups
    #: What every rater called it: a class, L for a miss, or ``NOT_ASSIGNED``.
    reports: Int[np.ndarray, "n R"]
    #: The class of most boxes; of equal ones that of the first rater.
    label: Int[np.ndarray, " n"]
    #: The fused box in pixels, within the image.
    box: Float[np.ndarray, "n 4"]
    #: The probability that there is an object: by who drew and who did not, whatever the names.
    existence: Float[np.ndarray, " n"]
    #: Groups worth learning from: those with which the expected F1 of the objects is greatest.
    kept: Bool[np.ndarray, " n"]
    #: Mean number of spurious boxes of every rater in an image; 0 where no image has two raters.
    spurious: Float[np.ndarray, " R"]
    #: What the boxes told of the raters' hands.
    habits: BoxModel

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def support(self) -> Int[np.ndarray, " n"]:
        """How many raters drew it."""
        return self.groups.size

    @property
    def assigned(self) -> Int[np.ndarray, " n"]:
        """N: how many raters looked at its image."""
        return (self.reports != NOT_ASSIGNED).sum(axis=1)

    @property
    def votes(self) -> Float[np.ndarray, "n L"]:
        """The share of its boxes that is of each class. Rows sum to 1."""
        classes = np.arange(len(self.crowd.classes))
        return (self.reports[..., None] == classes).sum(axis=1) / self.support[:, None]

    def lessons(self) -> Lessons:
        """Return the objects that are kept as lessons: majority class, weight 1, reports."""
        rows = np.flatnonzero(self.kept)
        labels = Labels(
            images=self.crowd.labels.images,
            image=self.groups.image[rows],
            box=self.box[rows],
            label=self.label[rows],
        )
        return Lessons(
            label_set=replace(self.crowd, labels=labels, raters=None),
            classes=np.eye(len(self.crowd.classes))[labels.label],
            weight=np.ones(len(rows)),
            looked=looked_at(self.crowd),
            reports=self.reports[rows],
        )


def objects_of(crowd: LabelSet) -> Objects:
    """Return the objects of a crowd, by what does not depend on the names of the boxes.

    Boxes are grouped as for ``dawid-skene`` (:func:`annotators.infer.group_boxes`), and so are
    fused by the bias and precision of each rater's boxes. How likely a group is an object follows
    from the same EM with one class: a method that learns names with the detector must not start
    from what another one thinks of them. Where no image has two raters it is the share of raters
    who drew it. A crowd without a box has no object. Does not depend on the order of the input.
    Raises ValueError for labels without raters or assignment.
    """
    groups = group_boxes(crowd.labels, iou=IOU)
    seen = collect(crowd, groups, iou=IOU)
    existence, kept, spurious = _existence(crowd, groups)
    box, habits = fuse_boxes(crowd.labels, groups, existence, seen.raters)
    box = within(box, groups.image, crowd.images)
    label = np.zeros(0, dtype=np.int64)
    return Objects(
        crowd=crowd,
        groups=groups,
        reports=_reports(crowd, groups, seen),
        label=favourites(seen)[seen.unit] if len(groups) else label,
        box=box,
        existence=existence,
        kept=kept & (box[:, 2:] > box[:, :2]).all(axis=1),
        spurious=spurious,
        habits=habits,
    )


def _existence(
    crowd: LabelSet, groups: Groups
) -> tuple[Float[np.ndarray, " n"], Bool[np.ndarray, " n"], Float[np.ndarray, " R"]]:
    """Return how likely each group is an object, which are worth keeping, and spurious rates."""
    seen = collect(crowd, groups, iou=IOU, names=False)
    if len(groups) == 0 or seen.assigned.max() < 2:
        belief = votes_as_belief(seen)
        model, spurious = maximise(belief, seen, None), np.zeros(seen.raters)
    else:
        end, rates = believe(crowd, groups, seen, EmOptions(iou=IOU))
        belief, model, spurious = end.belief, end.model, rates.rate
    there = (1 - belief[:, -1])[seen.unit]
    return there, worth_keeping(there, unseen(model, seen, belief)), spurious


def _reports(crowd: LabelSet, groups: Groups, seen: Evidence) -> Int[np.ndarray, "n R"]:
    """Return what every rater called each group."""
    labels = crowd.labels
    looked = labels.looked(seen.raters)
    # 1,000 raters and 100,000 objects are 200 MB.
    found = np.where(looked[groups.image], len(crowd.classes), NOT_ASSIGNED).astype(np.int16)
    found[groups.group, labels.rater] = labels.label
    return found
