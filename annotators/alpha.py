"""How far raters agree: Krippendorff's alpha for boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotators.infer.parts.grouping import Groups, group_boxes
from medmnist_det.errors import InputError
from medmnist_det.labels import LabelSet

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

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
    everybody = np.arange(units.raters)
    counts, image, empty = units.of(everybody)
    enough = counts.sum(axis=1) >= 2
    if not enough.any():
        raise InputError(
            "agreement needs images that two raters or more looked at; here every image has one"
        )
    counts, image, empty = counts[enough], image[enough], empty[enough]
    of_image = _alphas(counts, image, units.images)
    pairwise = np.full((units.raters, units.raters), np.nan)
    for a in range(units.raters):
        for b in range(a):
            common, _, blank = units.of(np.array([b, a]))
            # A box on an image that only one looked at has one value, which compares with nothing.
            if (common[~blank].sum(axis=1) >= 2).any():
                pairwise[a, b] = pairwise[b, a] = nominal_alpha(common)
    return Agreement(
        alpha=nominal_alpha(counts),
        mean_of_images=float(np.nanmean(of_image)),
        of_image=of_image,
        of_class=np.array([_one_class(counts, k) for k in range(units.classes)]),
        without=np.array([nominal_alpha(units.of(np.delete(everybody, k))[0]) for k in everybody]),
        pairwise=pairwise,
        objects=int((~empty).sum()),
        empty_images=int(empty.sum()),
    )


def _alphas(
    counts: Float[np.ndarray, "u c"], where: Int[np.ndarray, " u"], parts: int
) -> Float[np.ndarray, " parts"]:
    """Return the alpha of every part; ``where`` is the part of every unit."""
    values = counts.sum(axis=1)
    counts, where, values = counts[values >= 2], where[values >= 2], values[values >= 2]
    same = (counts * (counts - 1)).sum(axis=1) / np.maximum(values - 1, 1)
    total = np.bincount(where, values, parts)
    agreed = np.bincount(where, same, parts)
    squares = np.zeros(parts)
    for column in counts.T:
        squares += np.bincount(where, column, parts) ** 2
    chance = total**2 - squares
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
    """The reliability data, from which the counts of any choice of raters can be read."""

    def __init__(self, crowd: LabelSet, groups: Groups) -> None:
        labels = crowd.labels
        if labels.rater is None or labels.assigned is None or crowd.raters is None:
            raise ValueError("these labels do not say who drew them or who looked")
        self.raters, self.classes, self.images = (
            len(crowd.raters),
            len(crowd.classes),
            labels.images,
        )
        self.group_image = groups.image
        self.drawn = _by_rater(labels.rater, self.raters, groups.group, labels.label)
        looked = labels.assigned[:, 1]
        self.looked = _by_rater(looked, self.raters, labels.assigned[:, 0])

    def of(
        self, raters: Int[np.ndarray, " r"]
    ) -> tuple[Float[np.ndarray, "u L+1"], Int[np.ndarray, " u"], Bool[np.ndarray, " u"]]:
        """Return counts (last: absent), images and emptiness of the units of some raters."""
        nothing = np.zeros(0, dtype=np.int64)
        group = np.concatenate([nothing, *(self.drawn[k][0] for k in raters)])
        label = np.concatenate([nothing, *(self.drawn[k][1] for k in raters)])
        image = np.concatenate([nothing, *(self.looked[k][0] for k in raters)])
        seen, number = np.unique(image, return_counts=True)
        unit, where = np.unique(group, return_inverse=True)
        home = self.group_image[unit]
        columns = self.classes + 1
        counts = np.bincount(where * columns + label, minlength=len(unit) * columns)
        counts = counts.reshape(-1, columns).astype(np.float64)
        counts[:, -1] = number[np.searchsorted(seen, home)] - counts.sum(axis=1)
        blank = ~np.isin(seen, home)
        void = np.zeros((int(blank.sum()), columns))
        void[:, -1] = number[blank]
        empty = np.arange(len(unit) + len(void)) >= len(unit)
        return np.concatenate([counts, void]), np.concatenate([home, seen[blank]]), empty


def _by_rater(
    rater: Int[np.ndarray, " n"], raters: int, *columns: np.ndarray
) -> Sequence[tuple[np.ndarray, ...]]:
    order = np.argsort(rater, kind="stable")
    cuts = np.searchsorted(rater[order], np.arange(1, raters))
    return list(zip(*(np.split(column[order], cuts) for column in columns), strict=True))
