from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.infer import dawid_skene, group_boxes
from annotators.learn.parts.objects import objects_of
from annotators.simulate.options import AnnotatorOptions
from medmnist_det.boxes import paired_iou
from medmnist_det.reference.lessons import NOT_ASSIGNED
from tests.annotators.crowds import crowd, shuffled, simulated, small_crowds, truth

NEAR, FAR = (10, 10, 50, 50), (200, 200, 240, 260)


def test_who_drew_who_missed_and_who_never_looked_differ():
    found = objects_of(
        crowd(
            [(0, 0, 2, NEAR), (0, 1, 1, NEAR), (0, 3, 1, NEAR), (1, 1, 0, FAR)],
            images=2,
            raters=4,
            assigned=[(0, 0), (0, 1), (0, 2), (0, 3), (1, 1), (1, 3)],
        )
    )
    assert found.reports.tolist() == [[2, 1, 3, 1], [NOT_ASSIGNED, 0, NOT_ASSIGNED, 3]]
    assert found.label.tolist() == [1, 0]
    assert found.support.tolist() == [3, 1]
    assert found.assigned.tolist() == [4, 2]
    np.testing.assert_allclose(found.votes, [[0, 2 / 3, 1 / 3], [1, 0, 0]])


def test_of_classes_with_equal_votes_the_first_raters_is_the_objects():
    assert objects_of(crowd([(0, 0, 2, NEAR), (0, 1, 0, NEAR)])).label.tolist() == [2]


@settings(max_examples=50, deadline=None)
@given(small_crowds())
def test_reports_are_the_groups_written_out(found):
    objects, groups, labels = objects_of(found), group_boxes(found.labels), found.labels
    for k in range(len(groups)):
        rows = groups.row[groups.starts[k] : groups.starts[k + 1]]
        literal = [len(found.classes)] * len(found.raters)
        for row in rows:
            literal[labels.rater[row]] = labels.label[row]
        assert objects.reports[k].tolist() == literal


@settings(max_examples=25, deadline=None)
@given(small_crowds(), st.integers(0, 99))
def test_the_order_of_the_boxes_changes_nothing(found, seed):
    assert (
        objects_of(shuffled(found, seed)).lessons().digest() == objects_of(found).lessons().digest()
    )


def test_names_change_neither_boxes_nor_what_is_kept():
    true = truth(600)
    found = simulated(true, [AnnotatorOptions(proficiency=0.7, spurious=0.3)] * 3)[0]
    labels = found.labels
    names = np.random.default_rng(1).integers(0, 10, len(labels))
    other = objects_of(replace(found, labels=replace(labels, label=names)))
    objects = objects_of(found)
    np.testing.assert_array_equal(objects.box, other.box)
    np.testing.assert_array_equal(objects.kept, other.kept)


def test_what_three_raters_invent_is_not_kept_and_boxes_are_as_good_as_those_of_dawid_skene():
    true = truth(1500)
    found = simulated(true, [AnnotatorOptions(proficiency=0.8, spurious=0.3)] * 3)[0]
    objects = objects_of(found)
    assert abs(objects.kept.sum() - len(true.labels)) < 0.02 * len(true.labels)
    assert (~objects.kept).sum() > 300  # about 1,350 boxes were invented
    ours = _fit(objects.lessons().label_set.labels, true.labels)
    assert ours > _fit(dawid_skene(found).labels, true.labels) - 0.002


def _fit(labels, true):
    """Return the mean IoU of the true boxes with the best box of their image."""
    pairs = [
        (k, row)
        for k in range(len(true))
        for row in range(labels.starts[true.image[k]], labels.starts[true.image[k] + 1])
    ]
    k, row = np.array(pairs).T
    best = np.zeros(len(true))
    np.maximum.at(best, k, paired_iou(true.box[k], labels.box[row]))
    return best.mean()


def test_where_no_image_has_two_raters_all_boxes_are_kept_as_they_were_drawn():
    rows = [(0, 0, 2, NEAR), (1, 1, 0, FAR)]
    found = objects_of(crowd(rows, images=2, raters=2, assigned=[(0, 0), (1, 1)])).lessons()
    np.testing.assert_allclose(found.label_set.labels.box, [NEAR, FAR])
    assert found.label_set.labels.label.tolist() == [2, 0]


def test_a_crowd_without_a_box_has_no_object():
    found = objects_of(crowd([]))
    assert len(found) == 0
    assert found.reports.shape == (0, 3)
    assert found.lessons().looked.tolist() == [True]


def test_labels_without_raters_are_refused():
    found = crowd([(0, 0, 2, NEAR)])
    with pytest.raises(ValueError, match="do not say who drew them"):
        objects_of(replace(found, labels=replace(found.labels, rater=None), raters=None))
