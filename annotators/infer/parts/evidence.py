"""What the raters said, in the form in which EM reads it: few distinct cases with their counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from annotators.infer.parts.grouping import Groups
from annotators.infer.parts.pairs import canonical_order
from medmnist_det.boxes import paired_iou
from medmnist_det.labels import Labels, LabelSet
from medmnist_det.ragged import ranges

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """Groups with the same reports of the same assigned raters are one unit with a weight.

    With three raters and ten classes 100,000 images come down to some hundred units; with a large
    crowd nearly every group is its own. Memory is linear in boxes and assignments.
    """

    classes: int
    raters: int
    #: Unit of every group, and how many groups every unit stands for.
    unit: Int[np.ndarray, " g"]
    weight: Float[np.ndarray, " u"]
    #: Reports of unit k: rows ``starts[k]:starts[k + 1]`` of these two.
    starts: Int[np.ndarray, " u+1"]
    rater: Int[np.ndarray, " m"]
    label: Int[np.ndarray, " m"]
    #: Which set of assigned raters looked at the unit; set s: ``set_rater[set_starts[s]:...]``.
    team: Int[np.ndarray, " u"]
    team_starts: Int[np.ndarray, " s+1"]
    team_rater: Int[np.ndarray, " p"]
    #: How many images every rater was assigned, empty ones included, and how many there are.
    looked: Float[np.ndarray, " R"]
    images: int
    #: The chance that two boxes of unrelated images overlap enough to be grouped.
    coincidence: float

    @cached_property
    def size(self) -> Int[np.ndarray, " u"]:
        """How many raters drew a box."""
        return np.diff(self.starts)

    @cached_property
    def assigned(self) -> Int[np.ndarray, " u"]:
        """N: how many raters looked."""
        return np.diff(self.team_starts)[self.team]

    @property
    def compared(self) -> float:
        """How many groups three raters or more drew: what all that is learned of them rests on."""
        return float(self.weight[self.size >= 3].sum())

    @cached_property
    def owner(self) -> Int[np.ndarray, " m"]:
        """The unit of every report."""
        return np.repeat(np.arange(len(self.weight)), self.size)

    def votes(self) -> Float[np.ndarray, "u L"]:
        """Return how many raters reported each class."""
        cell = self.owner * self.classes + self.label
        count = np.bincount(cell, minlength=len(self.weight) * self.classes)
        return count.reshape(-1, self.classes).astype(np.float64)


def collect(crowd: LabelSet, groups: Groups, *, iou: float, names: bool = True) -> Evidence:
    """Return the evidence of grouped crowd labels; ``iou`` is what they were grouped by.

    Without ``names`` it says who drew, but not under which name, as if there were one class. Raises
    ValueError for labels without raters or without assignment.
    """
    labels = crowd.labels
    if labels.rater is None or labels.assigned is None or crowd.raters is None:
        raise ValueError("these labels do not say who drew them or who looked")
    raters, classes = len(crowd.raters), len(crowd.classes) if names else 1
    team_of_image, team_starts, team_rater = _teams(labels, raters)
    team = team_of_image[groups.image]
    rater, label = labels.rater[groups.row], labels.label[groups.row]
    label = label if names else np.zeros_like(label)
    first, unit = _units(groups, team, rater, label, raters, classes)
    size = groups.size[first]
    starts = np.concatenate([[0], np.cumsum(size)])
    member = ranges(groups.starts[first], size)
    return Evidence(
        classes=classes,
        raters=raters,
        unit=unit,
        weight=np.bincount(unit, minlength=len(first)).astype(np.float64),
        starts=starts,
        rater=rater[member],
        label=label[member],
        team=team[first],
        team_starts=team_starts,
        team_rater=team_rater,
        looked=np.bincount(labels.assigned[:, 1], minlength=raters).astype(np.float64),
        images=labels.images,
        coincidence=coincidence(crowd, iou),
    )


def favourites(seen: Evidence) -> Int[np.ndarray, " u"]:
    """Return the class of every unit with most votes; of equal ones that of the first rater."""
    votes = seen.votes()  # reports stand in the order of the raters
    most = votes.max(axis=1, initial=0)[seen.owner]
    place = np.where(votes[seen.owner, seen.label] == most, np.arange(len(seen.label)), np.inf)
    first = np.full(len(votes), np.inf)
    np.minimum.at(first, seen.owner, place)
    return seen.label[first.astype(np.int64)]


def _teams(
    labels: Labels, raters: int
) -> tuple[Int[np.ndarray, " images"], Int[np.ndarray, " s+1"], Int[np.ndarray, " p"]]:
    """Return the team of every image with boxes, and the members of every team."""
    filled = np.flatnonzero(np.diff(labels.starts))
    looked = labels.assigned[np.isin(labels.assigned[:, 0], filled)]  # type: ignore[index]
    image, rater = looked.T
    starts = np.searchsorted(image, filled)
    first = np.arange(len(filled))
    which = first
    if raters < 63 and len(filled):
        code = np.add.reduceat(np.int64(1) << rater, starts)
        _, first, which = np.unique(code, return_index=True, return_inverse=True)
    size = np.diff(starts, append=len(image))[first]
    team_starts = np.concatenate([[0], np.cumsum(size)])
    team = np.zeros(labels.images, dtype=np.int64)
    team[filled] = which
    return team, team_starts, rater[ranges(starts[first], size)]


def _units(
    groups: Groups,
    team: Int[np.ndarray, " g"],
    rater: Int[np.ndarray, " m"],
    label: Int[np.ndarray, " m"],
    raters: int,
    classes: int,
) -> tuple[Int[np.ndarray, " u"], Int[np.ndarray, " g"]]:
    """Return one group of every unit, and the unit of every group."""
    if len(groups) == 0 or (classes + 1) ** raters >= 2**62:
        return np.arange(len(groups)), np.arange(len(groups))
    digit = (label + 1) * (classes + 1) ** rater  # all reports of a group as one number
    code = np.unique(np.add.reduceat(digit, groups.starts[:-1]), return_inverse=True)[1]
    teams = int(team.max(initial=0)) + 1
    _, first, unit = np.unique(code * teams + team, return_index=True, return_inverse=True)
    return first, unit


def coincidence(crowd: LabelSet, iou: float) -> float:
    """Pair every box with one half a data set away, in units of the image, and count overlaps."""
    labels, images = crowd.labels, crowd.images
    order = canonical_order(labels)
    side = np.stack([images.width, images.height] * 2, axis=1)[labels.image]
    box = (labels.box / side)[order]
    image = labels.image[order]
    other = np.roll(np.arange(len(order)), len(order) // 2)
    apart = image != image[other]
    hits = (paired_iou(box, box[other]) > iou)[apart].sum()
    # Half a pseudo-pair, so that the chance is never zero.
    return float((hits + 0.5) / (apart.sum() + 1.0))
