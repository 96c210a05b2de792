"""How far raters agree: Krippendorff's alpha for boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotators.infer.parts.grouping import Groups, group_boxes
from medmnist_det.errors import InputError
from medmnist_det.labels import LabelSet

if TYPE_CHECKING:
    from jaxtyping import Float, Int

#: IoU above which two boxes are about one place, as in KaLOS.
IOU = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Agreement:
    """Alpha: 1 for full agreement, 0 for what chance gives, below 0 for less."""

    #: Over all units of all images.
    alpha: float
    #: Mean over the images of each image's own alpha: what KaLOS calls the data set's.
    mean_of_images: float
    #: Each image's own alpha; NaN where fewer than two raters looked.
    of_image: Float[np.ndarray, " images"]
    #: Of every class against all else; NaN where nobody reports the class.
    of_class: Float[np.ndarray, " L"]
    #: Of all raters but one; NaN where too few are left. The rater that disagrees most leaves the
    #: highest value behind.
    without: Float[np.ndarray, " R"]
    #: Of every two raters, on the images that both looked at; NaN where neither drew a box on any.
    pairwise: Float[np.ndarray, "R R"]
    #: Units with two values or more: supposed objects, and images that all found empty.
    objects: int
    empty_images: int


def nominal_alpha(counts: Float[np.ndarray, "u c"]) -> float:
    """Return Krippendorff's alpha for nominal values: ``counts[u, c]`` raters gave unit u value c.

    Units with fewer than two values say nothing. One value for everything is full agreement, 1
    (as in KaLOS; the formula is 0 / 0 there), and no unit gives NaN. Krippendorff 2011, "Computing
    Krippendorff's Alpha-Reliability", section C.
    """
    where = np.zeros(len(counts), dtype=np.int64)
    return float(_alphas(counts, where, 1)[0])


def agreement(crowd: LabelSet, *, iou: float = IOU) -> Agreement:
    """Return the agreement of crowd labels.

    1. Localise: group the boxes that overlap by more than ``iou``, whatever their class, at most
       one of each rater (:mod:`annotators.infer.parts.grouping`).
    2. Every group is a unit; the value of an assigned rater is the class, or "absent". An image in
       which nobody drew anything is a unit on which all agree: absent. Raters who did not look
       have no value.
    3. Nominal alpha over these units: of all, by class (the class against all else), by image, with
       one rater left out, and of every two raters. Where raters are left out, units that only they
       saw go with them.

    Raises InputError where no image was looked at by two raters, ValueError for labels without
    raters or assignment.
    """
    units = _Units(crowd, group_boxes(crowd.labels, iou=iou))
    counts, image, empty = units.counts, units.image, units.empty
    enough = counts.sum(axis=1) >= 2
    if not enough.any():
        raise InputError(
            "agreement needs images that two raters or more looked at; here every image has one"
        )
    of_image = _alphas(counts, image, units.images)
    return Agreement(
        alpha=nominal_alpha(counts),
        mean_of_images=float(np.nanmean(of_image)),
        of_image=of_image,
        of_class=np.array([_one_class(counts[enough], k) for k in range(units.classes)]),
        without=_left_out(units),
        pairwise=_pairs(units),
        objects=int((~empty & enough).sum()),
        empty_images=int((empty & enough).sum()),
    )


def _alphas(
    counts: Float[np.ndarray, "u c"], where: Int[np.ndarray, " u"], parts: int
) -> Float[np.ndarray, " parts"]:
    """Return the alpha of every part; ``where`` is the part of every unit."""
    values = counts.sum(axis=1)
    counts, where, values = counts[values >= 2], where[values >= 2], values[values >= 2]
    agreed = np.bincount(where, _agreed(counts), parts)
    totals = np.stack([np.bincount(where, column, parts) for column in counts.T], axis=1)
    return _alpha(totals, agreed)


def _agreed(counts: Float[np.ndarray, "u c"]) -> Float[np.ndarray, " u"]:
    """Return the values of every unit times the chance that another of its values is the same."""
    values = counts.sum(axis=1)
    return (counts * (counts - 1)).sum(axis=1) / np.maximum(values - 1, 1)


def _alpha(
    totals: Float[np.ndarray, "*parts c"], agreed: Float[np.ndarray, "*parts"]
) -> Float[np.ndarray, "*parts"]:
    """Return alpha from how often every value was given, and from the sum of :func:`_agreed`."""
    total = totals.sum(axis=-1)
    chance = total**2 - (totals**2).sum(axis=-1)
    alpha = np.where(total > 0, 1.0, np.nan)
    varied = chance > 0
    alpha[varied] -= (total[varied] - 1) * (total - agreed)[varied] / chance[varied]
    return alpha


def _one_class(counts: Float[np.ndarray, "u c"], label: int) -> float:
    mine = counts[:, label]
    if not mine.any():
        return float("nan")
    return nominal_alpha(np.stack([mine, counts.sum(axis=1) - mine], axis=1))


class _Units:
    """The reliability data: groups of boxes, then the images that all found empty."""

    def __init__(self, crowd: LabelSet, groups: Groups) -> None:
        labels = crowd.labels
        if labels.rater is None or labels.assigned is None or crowd.raters is None:
            raise ValueError("these labels do not say who drew them or who looked")
        self.raters, self.classes = len(crowd.raters), len(crowd.classes)
        self.images, self.groups = labels.images, len(groups)
        #: Who looked at which image.
        self.look_image, self.look_rater = labels.assigned.T
        #: Every box: its group, rater and class. Sums over them do not depend on the input's order.
        self.group = np.repeat(np.arange(len(groups)), groups.size)
        self.rater, self.label = labels.rater[groups.row], labels.label[groups.row]
        self.team = np.bincount(self.look_image, minlength=self.images)
        blank = np.flatnonzero((self.team > 0) & (np.diff(labels.starts) == 0))
        columns = self.classes + 1
        drawn = np.bincount(self.group * columns + self.label, minlength=len(groups) * columns)
        self.image = np.concatenate([groups.image, blank])
        self.empty = np.arange(len(self.image)) >= len(groups)
        #: How many raters gave every value to the unit, the last being "absent".
        self.counts = np.zeros((len(self.image), columns))
        self.counts[: len(groups)] = drawn.reshape(-1, columns)
        self.counts[:, -1] = self.team[self.image] - self.counts.sum(axis=1)


def _left_out(units: _Units) -> Float[np.ndarray, " R"]:
    """Return alpha without each rater.

    Sums over all units change by what the rater adds to each: by the same amount wherever "absent"
    is the value, so that images do for these, and only boxes are gone through one by one.
    """
    counts, raters = units.counts, units.raters
    absent = _without_one(counts, np.full(len(counts), units.classes))
    by_image = np.stack([np.bincount(units.image, c, units.images) for c in absent.T], axis=1)
    each = counts[units.group]
    told = _without_one(each, units.label)
    # A group that only this rater drew is none without the rater.
    only = (each[:, :-1].sum(axis=1) == 1) & (each.sum(axis=1) >= 2)
    told[only, :-1], told[only, -1] = -each[only], -_agreed(each[only])
    told -= absent[units.group]
    change = np.stack(
        [
            np.bincount(units.look_rater, by_image[units.look_image, c], raters)
            + np.bincount(units.rater, told[:, c], raters)
            for c in range(told.shape[1])
        ],
        axis=1,
    )
    # Images that are empty without the rater are units on which the others agree.
    image, rater = np.divmod(np.unique(units.image[units.group] * raters + units.rater), raters)
    lonely = np.bincount(image, minlength=units.images)[image] == 1
    others = np.maximum(units.team[image[lonely]] - 1, 0)
    others = np.bincount(rater[lonely], np.where(others >= 2, others, 0), raters)
    totals = _totals(counts) + change[:, :-1]
    totals[:, -1] += others
    agreed = np.where(counts.sum(axis=1) >= 2, _agreed(counts), 0.0).sum()
    return _alpha(np.round(totals), agreed + change[:, -1] + others)


def _totals(counts: Float[np.ndarray, "u c"]) -> Float[np.ndarray, " c"]:
    return counts[counts.sum(axis=1) >= 2].sum(axis=0)


def _without_one(
    counts: Float[np.ndarray, "n c"], value: Int[np.ndarray, " n"]
) -> Float[np.ndarray, "n c+1"]:
    """Return how counts and (last) agreement of units change without one rater's value."""
    number = counts.sum(axis=1)
    fewer = counts.copy()
    fewer[np.arange(len(value)), value] -= 1
    fewer[number < 3] = 0  # one value compares with nothing
    change = np.concatenate([fewer - counts, (_agreed(fewer) - _agreed(counts))[:, None]], axis=1)
    change[number < 2] = 0
    return change


def _pairs(units: _Units) -> Float[np.ndarray, "R R"]:
    """Return the alpha of every two raters on their common images, from sparse products.

    A product over images or groups visits the pairs of raters that share one: the work grows with
    the raters of an image, not with all there are.
    """
    from scipy.sparse import csr_array

    def table(rows: np.ndarray, columns: np.ndarray, width: int) -> csr_array:
        ones = np.ones(len(rows))
        return csr_array((ones, (rows, columns)), shape=(units.raters, width))

    box_image = units.image[units.group]
    looked = table(units.look_rater, units.look_image, units.images)
    drawn = table(units.rater, box_image, units.images)
    drew = drawn.copy()
    drew.data[:] = 1.0
    here = table(units.rater, units.group, units.groups)
    busy = (drew @ looked.T).toarray()
    blank = (looked @ looked.T).toarray() - busy - busy.T + (drew @ drew.T).toarray()
    alone = (drawn @ looked.T).toarray()
    filled = alone + alone.T - (here @ here.T).toarray()
    total = 2 * (filled + blank)
    agreed, squares, absent = 2 * blank, np.zeros_like(total), total.copy()
    for k in range(units.classes):
        mine = units.label == k
        named = table(units.rater[mine], box_image[mine], units.images)
        count = (named @ looked.T).toarray()
        count += count.T
        squares += count**2
        absent -= count
        same = table(units.rater[mine], units.group[mine], units.groups)
        agreed += 2 * (same @ same.T).toarray()
    chance = total**2 - squares - absent**2
    alpha = np.ones_like(total)
    varied = chance > 0
    alpha[varied] -= (total[varied] - 1) * (total - agreed)[varied] / chance[varied]
    alpha[filled <= 0] = np.nan
    np.fill_diagonal(alpha, np.nan)
    return alpha
