"""Weighted Boxes Fusion as the paper uses it (Le et al. 2023, Algorithm 1), all images at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from annotators.infer.parts.grouping import numbered_groups
from annotators.infer.parts.pairs import bits_of_raters, canonical_order
from annotators.infer.parts.result import Inference, fused
from medmnist_det.boxes import paired_iou
from medmnist_det.errors import InputError
from medmnist_det.labels import Labels, LabelSet
from medmnist_det.ragged import ranges

if TYPE_CHECKING:
    from jaxtyping import Float, Int, UInt64


@dataclass(frozen=True, kw_only=True)
class WbfOptions:
    """Options of WBF. Raises InputError for values out of bounds."""

    #: A box joins a fused box that it overlaps by more, 0 to 1. The paper's text; its code has .5.
    iou: float = 0.4
    #: Fuse boxes of one class only, as the library does; else by overlap, with a vote on the class.
    by_class: bool = True
    #: A weight for every rater (proficiency), a millionth to a million; None: all alike.
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.iou < 1:
            raise InputError(f"--iou {self.iou} is not from 0 to below 1")
        low, high = _WEIGHTS
        for weight in self.weights or ():
            if not low <= weight <= high:
                raise InputError(f"--weights {weight:g} is not from {low:g} to {high:g}")


# Sums and products of these stay far from what a float can hold.
_WEIGHTS = (1e-6, 1e6)


def wbf(crowd: LabelSet, options: WbfOptions | None = None) -> Inference:
    """Return the fused boxes of each image: Solovyev et al. 2021, as in Le et al. 2023.

    Go through the boxes by falling score times weight; a box joins the fused box that it overlaps
    most, if by more than ``iou``, and opens a new one else. A fused box is the mean of its members,
    weighted by score times weight; its score is their mean, times min(T, N), over the sum of the
    weights of the N raters assigned to the image (T members: the paper's c = min(T, N) is N times
    the score where scores and weights are 1).

    With ``by_class`` this equals ``ensemble_boxes`` wherever that is well defined. Where it is not:
    equal scores are taken by rater, then by position, whatever the order of the input; and a rater
    who is already in a fused box cannot join it again. Without ``by_class`` the class of a fused
    box is the one with the most weight, of equal ones the first member's.

    A crowd without a box gives no label. Raises InputError where weights and raters differ in
    number, ValueError for labels without raters or assignment.
    """
    options = options or WbfOptions()
    labels = crowd.labels
    if labels.rater is None or labels.assigned is None or crowd.raters is None:
        raise ValueError("these labels do not say who drew them or who looked")
    weights = np.array(options.weights or (1.0,) * len(crowd.raters))
    if len(weights) != len(crowd.raters):
        raise InputError(
            f"--weights has {len(weights)} values for {len(crowd.raters)} raters: give one each"
        )
    classes = len(crowd.classes)
    weight = np.maximum(labels.confidence * weights[labels.rater], _LIGHTEST)
    bucket = labels.image * classes + labels.label if options.by_class else labels.image
    order = _falling(labels, bucket, weight)
    bits = bits_of_raters(labels.image, labels.rater)
    cluster, box = _in_chunks(order, labels.box, weight, bits, bucket, options.iou)
    group = np.empty(len(order), dtype=np.int64)
    group[order] = cluster
    groups = numbered_groups(labels, group)
    label, votes = _vote(cluster, labels.label[order], weight[order], len(groups), classes)
    team, image = labels.assigned[:, 0], groups.image
    looked = np.bincount(team, minlength=labels.images)[image]
    total = np.bincount(team, weights[labels.assigned[:, 1]], labels.images)[image]
    mean = np.bincount(group, weight, len(groups)) / np.maximum(groups.size, 1)
    return fused(
        crowd,
        groups,
        np.ones(len(groups), dtype=bool),
        box=box,
        posterior=votes,
        existence=np.minimum(groups.size / np.maximum(looked, 1), 1.0),
        label=label,
        score=mean * np.minimum(groups.size, looked) / np.maximum(total, _LIGHTEST),
    )


# Boxes of score 0 count for nearly nothing, and a mean of such boxes is still a mean.
_LIGHTEST = 1e-12


def _falling(
    labels: Labels, bucket: Int[np.ndarray, " n"], weight: Float[np.ndarray, " n"]
) -> Int[np.ndarray, " n"]:
    """Return the rows by bucket, then by falling weight, then in canonical order."""
    order = canonical_order(labels)
    if len(order) and (weight != weight[0]).any():
        return order[np.lexsort((-weight[order], bucket[order]))]
    # One sort of whole numbers: several times faster than a stable sort by bucket.
    key = bucket[order] * len(order) + np.arange(len(order))
    key.sort()
    return order[key % max(len(order), 1)]


# Boxes that are fused at once: what fits a processor's cache takes two thirds of the time.
_CHUNK = 40_000


def _in_chunks(
    order: Int[np.ndarray, " n"],
    box: Float[np.ndarray, "n 4"],
    weight: Float[np.ndarray, " n"],
    bits: UInt64[np.ndarray, "n words"],
    bucket: Int[np.ndarray, " n"],
    iou: float,
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, "c 4"]]:
    """Return the cluster of every row of ``order``, the sweeping order, and every cluster's box."""
    start = np.flatnonzero(np.diff(bucket[order], prepend=-1))
    cuts = start[np.searchsorted(start, np.arange(0, len(bucket), _CHUNK))[:-1]]
    cuts = np.unique(np.concatenate([[0], cuts, [len(bucket)]]))
    cluster, means, found = np.empty(len(bucket), dtype=np.int64), [np.zeros((0, 4))], 0
    for begin, end in pairwise(cuts.tolist()):
        rows = order[begin:end]
        local, mean = _sweep(box[rows], weight[rows], bits[rows], bucket[rows], iou)
        cluster[begin:end] = local + found
        means.append(mean)
        found += len(mean)
    return cluster, np.concatenate(means)


def _sweep(
    box: Float[np.ndarray, "n 4"],
    weight: Float[np.ndarray, " n"],
    bits: UInt64[np.ndarray, "n words"],
    bucket: Int[np.ndarray, " n"],
    iou: float,
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, "c 4"]]:
    """Fuse whole buckets.

    The first boxes of all buckets take their turn together, then the second ones, and so on: in
    a bucket that is the algorithm's own order. Cluster k of a bucket lives in the row of the
    bucket's k-th box until all is done.
    """
    start = np.flatnonzero(np.diff(bucket, prepend=-1))
    length = np.diff(start, append=len(bucket))
    first = np.repeat(start, length)
    turn = np.arange(len(bucket)) - first
    later = np.flatnonzero(turn)
    later = later[np.argsort(turn[later].astype(np.int32), kind="stable")]
    stops = np.cumsum(np.bincount(turn)[1:]) if len(later) else np.zeros(0, dtype=np.int64)
    mass, mean = weight.copy(), box.copy()
    taken, cluster = bits.copy(), np.arange(len(bucket))
    count = np.ones(len(bucket), dtype=np.int64)  # of the bucket that starts in this row
    for begin, end in pairwise([0, *stops.tolist()]):
        row = later[begin:end]
        home = first[row]
        best = _best_cluster(row, home, count[home], box, bits, mean, taken, iou)
        opens = np.flatnonzero(best < 0)
        if len(opens):
            slot = home[opens] + count[home[opens]]
            count[home[opens]] += 1
            mean[slot], mass[slot], taken[slot] = box[row[opens]], 0.0, 0
            best[opens] = slot
        added, before = weight[row], mean[best]
        heavy = mass[best] + added
        mass[best] = heavy
        mean[best] = before + (box[row] - before) * (added / heavy)[:, None]
        taken[best] |= bits[row]
        cluster[row] = best
    used = np.zeros(len(bucket), dtype=bool)
    used[cluster] = True
    return (np.cumsum(used) - 1)[cluster], mean[used]


def _best_cluster(
    row: Int[np.ndarray, " k"],
    home: Int[np.ndarray, " k"],
    count: Int[np.ndarray, " k"],
    box: Float[np.ndarray, "n 4"],
    bits: UInt64[np.ndarray, "n words"],
    mean: Float[np.ndarray, "n 4"],
    taken: UInt64[np.ndarray, "n words"],
    iou: float,
) -> Int[np.ndarray, " k"]:
    """Return the cluster that each box overlaps most, the earliest of equal ones; -1 for none."""
    if (count == 1).all():
        overlap = paired_iou(mean[home], box[row])
        shared = (taken[home] & bits[row]) != 0
        overlap[shared[:, 0] if shared.shape[1] == 1 else shared.any(axis=1)] = 0.0
        return np.where(overlap > iou, home, -1)
    start = np.cumsum(count) - count
    candidate = ranges(home, count)
    offset = candidate - np.repeat(home, count)
    each = np.repeat(row, count)
    overlap = paired_iou(mean[candidate], box[each])
    overlap[((taken[candidate] & bits[each]) != 0).any(axis=1)] = 0.0
    most = np.maximum.reduceat(overlap, start)
    place = np.where(overlap == np.repeat(most, count), offset, len(box))
    return np.where(most > iou, home + np.minimum.reduceat(place, start), -1)


def _vote(
    cluster: Int[np.ndarray, " n"],
    label: Int[np.ndarray, " n"],
    weight: Float[np.ndarray, " n"],
    clusters: int,
    classes: int,
) -> tuple[Int[np.ndarray, " c"], Float[np.ndarray, "c L"]]:
    """Return the class of every cluster and the shares of the vote; rows are in sweeping order."""
    opener = np.empty(clusters, dtype=np.int64)
    opener[cluster[::-1]] = np.arange(len(label))[::-1]  # the last that is written is the first
    own, each = label[opener], np.arange(clusters)
    if (label == own[cluster]).all():
        sure = np.zeros((clusters, classes))
        sure[each, own] = 1.0
        return own, sure
    votes = np.bincount(cluster * classes + label, weight, clusters * classes)
    votes = votes.reshape(clusters, classes)
    # Sums of the same weights in another order differ by less than this.
    most = votes.max(axis=1) * (1 - 1e-9)
    winner = np.where(votes[each, own] >= most, own, votes.argmax(axis=1))
    return winner, votes / votes.sum(axis=1, keepdims=True)
