"""Which boxes of different raters mean the same object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotators.infer.parts.pairs import (
    Pairs,
    bits_of_raters,
    canonical_order,
    overlapping_pairs,
    sorted_rows,
)
from medmnist_det.labels import Labels

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

#: Overlap from which two boxes speak for one object rather than two. The paper's WBF asks for .4;
#: docs/inference.md measures why a lower value groups wide box noise better and crowds no worse.
IOU = 0.1


@dataclass(frozen=True, kw_only=True, eq=False)
class Groups:
    """A partition of crowd boxes: every group is one supposed object.

    Groups are numbered by image, then in an order that depends on their boxes alone.
    """

    #: Number of the group of every box.
    group: Int[np.ndarray, " n"]
    #: Rows of the boxes, group after group; in a group by rater.
    row: Int[np.ndarray, " n"]
    #: Members of group k are ``row[starts[k]:starts[k + 1]]``.
    starts: Int[np.ndarray, " g+1"]
    #: Row of the image of every group, non-decreasing.
    image: Int[np.ndarray, " g"]

    def __len__(self) -> int:
        return len(self.image)

    @property
    def size(self) -> Int[np.ndarray, " g"]:
        """The number of boxes, hence of raters, of every group."""
        return np.diff(self.starts)


def group_boxes(labels: Labels, *, iou: float = IOU, by_class: bool = False) -> Groups:
    """Return the partition of the boxes into groups of at most one box of each rater.

    It maximises the sum of (IoU - ``iou``) over the pairs of boxes that share a group. ``by_class``
    forbids groups of several classes. The result depends on the boxes, not on their order. No box
    gives no group. Raises ValueError for labels that do not say who drew them.

    1. Boxes that all overlap each other, and nothing else, by more than ``iou`` are a group: no
       other partition can be better. That settles nearly all boxes without a loop.
    2. The others are merged in parallel: each pair of groups that are each other's best partner
       (by mean overlap), until no merger adds to the sum.
    3. Where a box still overlaps a foreign group more than its own, one rater after the other gets
       its boxes assigned anew, optimally (Hungarian method), until the sum stops growing. The
       problem is NP-hard for three raters and more; for two this is exact.
    """
    if labels.rater is None:
        raise ValueError("these labels do not say who drew them")
    order = canonical_order(labels)
    order = order[sorted_rows(labels.image[order], labels.box[order, 0])]
    ordered = _Ordered(labels, order)
    pairs = overlapping_pairs(ordered.image, ordered.box, ordered.rater)
    if by_class:
        pairs = pairs.select(ordered.label[pairs.first] == ordered.label[pairs.second])
    cluster = _settle(ordered, pairs, iou)
    group = np.empty(len(order), dtype=np.int64)
    group[order] = np.unique(cluster, return_inverse=True)[1]
    return numbered_groups(labels, group)


def numbered_groups(labels: Labels, group: Int[np.ndarray, " n"]) -> Groups:
    """Return the groups that a number per box describes; numbers are 0..g-1 and rise by image."""
    if labels.rater is None:
        raise ValueError("these labels do not say who drew them")
    row = np.argsort(group * (int(labels.rater.max(initial=0)) + 1) + labels.rater, kind="stable")
    starts = np.flatnonzero(np.diff(group[row], prepend=-1))
    return Groups(
        group=group,
        row=row,
        starts=np.append(starts, len(row)),
        image=labels.image[row[starts]],
    )


class _Ordered:
    """The columns in canonical order: a box's number then depends on what it is, not where."""

    def __init__(self, labels: Labels, order: Int[np.ndarray, " n"]) -> None:
        rater = np.zeros(0, dtype=np.int64) if labels.rater is None else labels.rater
        self.image, self.box = labels.image[order], labels.box[order]
        self.label, self.rater = labels.label[order], rater[order]


def _settle(boxes: _Ordered, pairs: Pairs, iou: float) -> Int[np.ndarray, " n"]:
    """Return the cluster of every box, as the number of one of its boxes."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(boxes.image)
    close = pairs.select(pairs.iou > iou)
    graph = coo_array((np.ones(len(close.iou)), (close.first, close.second)), shape=(n, n))
    count, component = connected_components(graph, directed=False)
    clear = _is_clear(component, count, close)
    first = np.full(count, n)
    np.minimum.at(first, component, np.arange(n))
    cluster = first[component]
    open_ = np.flatnonzero(~clear[component])
    if len(open_):
        place = np.full(n, -1)
        place[open_] = np.arange(len(open_))
        # Overlaps with other components count for nothing: no merger across is worth it.
        inside = pairs.select(
            (component[pairs.first] == component[pairs.second]) & ~clear[component[pairs.first]]
        )
        inside = Pairs(first=place[inside.first], second=place[inside.second], iou=inside.iou)
        bits = bits_of_raters(boxes.image[open_], boxes.rater[open_])
        merged = _merge(len(open_), inside, bits, iou)
        merged = _improve(merged, inside, boxes.rater[open_], component[open_], iou)
        cluster[open_] = open_[merged]
    return cluster


def _is_clear(component: Int[np.ndarray, " n"], count: int, close: Pairs) -> Bool[np.ndarray, " c"]:
    """Say which components are cliques with one box of each rater at most."""
    size = np.bincount(component, minlength=count)
    edges = np.bincount(component[close.first], minlength=count)
    # Pairs never join boxes of one rater, so that a clique cannot hold two of them.
    return edges == size * (size - 1) // 2


def _merge(n: int, pairs: Pairs, bits: np.ndarray, iou: float) -> Int[np.ndarray, " n"]:
    """Merge mutually best clusters, all at once and again, and return each box's cluster."""
    cluster, size, bits = np.arange(n), np.ones(n), bits.copy()
    a, b, total = pairs.first, pairs.second, pairs.iou
    while len(a):
        mean = total / (size[a] * size[b])
        fits = (mean > iou) & ~(bits[a] & bits[b]).any(axis=1)
        chosen = _mutual(n, a[fits], b[fits], mean[fits])
        if not len(chosen[0]):
            break
        kept, gone = chosen
        new = np.arange(n)
        new[gone] = kept
        size[kept] += size[gone]
        bits[kept] |= bits[gone]
        cluster = new[cluster]
        a, b = new[a], new[b]
        a, b = np.minimum(a, b), np.maximum(a, b)
        outer = a != b
        key, where = np.unique(a[outer] * n + b[outer], return_inverse=True)
        total = np.bincount(where, total[outer], minlength=len(key))
        a, b = np.divmod(key, n)
    return cluster


def _mutual(
    n: int, a: Int[np.ndarray, " p"], b: Int[np.ndarray, " p"], value: Float[np.ndarray, " p"]
) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]]:
    """Return the pairs in which each is the other's best partner; of equal ones the first wins."""
    here, there = np.concatenate([a, b]), np.concatenate([b, a])
    order = np.lexsort((there, -np.concatenate([value, value]), here))
    first = order[np.diff(here[order], prepend=-1) > 0]
    best = np.full(n, -1)
    best[here[first]] = there[first]
    low = here[first]
    low = low[(best[best[low]] == low) & (low < best[low])]
    return low, best[low]


def _improve(
    cluster: Int[np.ndarray, " n"],
    pairs: Pairs,
    rater: Int[np.ndarray, " n"],
    component: Int[np.ndarray, " n"],
    iou: float,
) -> Int[np.ndarray, " n"]:
    """Reassign boxes, rater by rater, in the components where that can add to the sum."""
    shaky = np.unique(component[_discontent(cluster, pairs, iou)])
    if not len(shaky):
        return cluster
    cluster = cluster.copy()
    order = np.argsort(component, kind="stable")
    starts = np.searchsorted(component[order], shaky, side="left")
    stops = np.searchsorted(component[order], shaky, side="right")
    by_component = np.argsort(component[pairs.first], kind="stable")
    keys = component[pairs.first][by_component]
    firsts, lasts = np.searchsorted(keys, shaky), np.searchsorted(keys, shaky, side="right")
    for start, stop, first, last in zip(starts, stops, firsts, lasts, strict=True):
        rows = order[start:stop]
        few = pairs.select(by_component[first:last])
        overlap = np.zeros((len(rows), len(rows)))
        i, j = np.searchsorted(rows, few.first), np.searchsorted(rows, few.second)
        overlap[i, j] = overlap[j, i] = few.iou
        local = np.unique(cluster[rows], return_inverse=True)[1]
        cluster[rows] = rows[_reassign(local, overlap - iou, rater[rows])]
    return cluster


def _discontent(cluster: Int[np.ndarray, " n"], pairs: Pairs, iou: float) -> Bool[np.ndarray, " n"]:
    """Say which boxes would add more to the sum in another cluster, or alone.

    Where there is none, no reassignment of one rater's boxes can be better than the present one.
    """
    n = len(cluster)
    size = np.bincount(cluster, minlength=n)
    box = np.concatenate([pairs.first, pairs.second])
    other = cluster[np.concatenate([pairs.second, pairs.first])]
    key, where = np.unique(box * n + other, return_inverse=True)
    total = np.bincount(where, np.concatenate([pairs.iou, pairs.iou]), minlength=len(key))
    box, other = np.divmod(key, n)
    own = other == cluster[box]
    at_home = -iou * (size[cluster] - 1.0)
    at_home[box[own]] += total[own]
    best_abroad = np.zeros(n)
    np.maximum.at(best_abroad, box[~own], total[~own] - iou * size[other[~own]])
    return best_abroad > at_home + _ROUNDING


# Sums of overlaps in another order differ by less.
_ROUNDING = 1e-9


def _reassign(
    cluster: Int[np.ndarray, " k"], gain: Float[np.ndarray, "k k"], rater: Int[np.ndarray, " k"]
) -> Int[np.ndarray, " k"]:
    """Return clusters (numbers of boxes in them) after reassigning rater by rater."""
    from scipy.optimize import linear_sum_assignment

    n = len(cluster)
    member = np.zeros((n, n))  # box, cluster; as many clusters as boxes can be needed
    member[np.arange(n), cluster] = 1
    raters = np.unique(rater)
    best = -np.inf
    for _ in range(n):  # the sum grows every time; this many rounds were never seen
        for one in raters:
            mine = np.flatnonzero(rater == one)
            member[mine] = 0
            worth = gain[mine] @ member  # (boxes of the rater, clusters); 0 for an empty cluster
            rows, columns = linear_sum_assignment(worth, maximize=True)
            member[mine[rows], columns] = 1
        total = float((member * (gain @ member)).sum())
        if total <= best + _ROUNDING:
            break
        best = total
    first = np.argmax(member, axis=0)  # the first box of every cluster
    return first[np.argmax(member, axis=1)]
