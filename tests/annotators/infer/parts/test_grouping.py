from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given

from annotators.infer.parts.grouping import group_boxes
from annotators.simulate.options import AnnotatorOptions
from medmnist_det.boxes import pairwise_iou
from medmnist_det.labels import Labels, LabelSet
from tests.annotators.crowds import crowd, shuffled, simulated, small_crowds, truth


def as_sets(label_set: LabelSet, **options: object) -> set[frozenset[tuple[object, ...]]]:
    """Groups as sets of boxes, each box with its number of copies before it."""
    labels = label_set.labels
    groups = group_boxes(labels, **options)  # type: ignore[arg-type]
    keys = [
        (int(labels.image[k]), int(labels.rater[k]), int(labels.label[k]), *labels.box[k].tolist())  # type: ignore[index]
        for k in range(len(labels))
    ]
    return {
        frozenset(keys[k] for k in groups.row[first:last])
        for first, last in zip(groups.starts, groups.starts[1:], strict=False)
    }


def value(labels: Labels, group: np.ndarray, iou: float) -> float:
    """The sum that grouping maximises, from its definition."""
    overlap = pairwise_iou(labels.box, labels.box)
    together = (group[:, None] == group) & ~np.eye(len(group), dtype=bool)
    return float(((overlap - iou) * together).sum() / 2)


def best_value(labels: Labels, iou: float) -> float:
    """The best partition of all, by trying every one."""

    def partitions(n: int) -> list[list[int]]:
        if n == 0:
            return [[]]
        return [[*p, k] for p in partitions(n - 1) for k in range(max(p, default=-1) + 2)]

    best = -np.inf
    for partition in partitions(len(labels)):
        group = np.array(partition)
        pairs = set(zip(group.tolist(), labels.rater.tolist(), strict=True))  # type: ignore[union-attr]
        if len(pairs) == len(group):
            best = max(best, value(labels, group, iou))
    return best


@given(small_crowds())
def test_a_group_has_one_image_and_one_box_of_a_rater_at_most(label_set: LabelSet) -> None:
    labels = label_set.labels
    groups = group_boxes(labels)
    assert sorted(groups.row.tolist()) == list(range(len(labels)))
    for k, (first, last) in enumerate(zip(groups.starts, groups.starts[1:], strict=False)):
        rows = groups.row[first:last]
        assert len(set(labels.rater[rows].tolist())) == len(rows) > 0  # type: ignore[index]
        assert set(labels.image[rows].tolist()) == {int(groups.image[k])}
        assert (groups.group[rows] == k).all()


@given(small_crowds())
def test_groups_do_not_depend_on_the_order_of_the_boxes(label_set: LabelSet) -> None:
    assert as_sets(shuffled(label_set, 1)) == as_sets(label_set)


@given(small_crowds())
def test_groups_by_class_hold_one_class(label_set: LabelSet) -> None:
    groups = group_boxes(label_set.labels, by_class=True)
    pairs = set(zip(groups.group.tolist(), label_set.labels.label.tolist(), strict=True))
    assert len(pairs) == len(groups)


@given(small_crowds())
def test_two_raters_are_grouped_as_well_as_any_partition_can(label_set: LabelSet) -> None:
    labels = label_set.labels
    rows = (labels.rater < 2) & (labels.image == 0)  # type: ignore[operator]
    few = labels.select(rows)
    assume(len(few) <= 7)
    groups = group_boxes(few, iou=0.3)
    assert value(few, groups.group, 0.3) == pytest.approx(best_value(few, 0.3), abs=1e-9)


def test_several_raters_are_grouped_nearly_as_well_as_any_partition_can() -> None:
    """The problem is NP-hard; on 200 crowded images the loss is below 1% of the sum."""
    rng = np.random.default_rng(0)
    got = best = 0.0
    for _ in range(200):
        corner = rng.uniform(0, 30, (7, 2))
        box = np.concatenate([corner, corner + rng.uniform(25, 40, (7, 2))], axis=1)
        labels = crowd([(0, k % 3, 0, tuple(box[k])) for k in range(7)]).labels  # type: ignore[misc]
        got += value(labels, group_boxes(labels, iou=0.2).group, 0.2)
        best += best_value(labels, 0.2)
    assert got > 0.99 * best


def test_the_best_assignment_is_taken_not_the_first() -> None:
    # Rater 1's box overlaps both of rater 0's boxes; greedily it takes the left one (IoU .6), and
    # rater 1's other box, which only fits there, is left alone.
    left, right = (0, 0, 100, 100), (60, 0, 160, 100)
    rows = [
        (0, 0, 0, left),
        (0, 0, 0, right),
        (0, 1, 0, (25, 0, 125, 100)),
        (0, 1, 0, (-35 + 35, 0, 60, 100)),
    ]
    table = crowd(rows, raters=2)  # type: ignore[arg-type]
    groups = group_boxes(table.labels, iou=0.1)
    assert len(groups) == 2
    assert set(groups.size.tolist()) == {2}


def test_no_box_gives_no_group() -> None:
    assert len(group_boxes(crowd([]).labels)) == 0


def test_labels_without_raters_are_refused() -> None:
    with pytest.raises(ValueError, match="do not say who drew them"):
        group_boxes(Labels.empty(3))


@pytest.mark.parametrize("p", [0.6, 0.8, 0.9])
def test_true_objects_are_grouped_exactly_right(p: float) -> None:
    table, _ = simulated(truth(), (AnnotatorOptions(proficiency=p),) * 3)
    labels = table.labels
    groups = group_boxes(labels)
    pairs = set(zip(groups.group.tolist(), labels.true_object.tolist(), strict=True))  # type: ignore[union-attr]
    objects = len(set(labels.true_object.tolist()))  # type: ignore[union-attr]
    assert len(pairs) == len(groups) == objects


def test_a_thousand_raters_in_one_image_are_kept_apart() -> None:
    rng = np.random.default_rng(0)
    rows = [
        (0, r, 0, (x + a, 50 + b, x + 60 + a, 110 + b))
        for (r, x) in product(range(130), (50, 70))
        for a, b in [rng.uniform(-4, 4, 2)]
    ]
    groups = group_boxes(crowd(rows, raters=130).labels)  # type: ignore[arg-type]
    assert groups.size.tolist() == [130, 130]
