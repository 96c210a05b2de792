from __future__ import annotations

import numpy as np
from hypothesis import given

from annotators.infer.methods.majority_vote import majority_vote
from medmnist_det.labels import LabelSet
from tests.annotators.crowds import crowd, shuffled, small_crowds

BOX = (10.0, 10.0, 50.0, 50.0)


def test_half_of_the_assigned_raters_are_enough_fewer_are_not() -> None:
    rows = [(0, 0, 1, BOX), (1, 0, 1, BOX), (1, 1, 1, BOX), (2, 0, 1, BOX)]
    pairs = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 2)]
    found = majority_vote(crowd(rows, images=3, assigned=pairs))
    assert found.labels.image.tolist() == [1, 2]
    assert found.existence.tolist() == [2 / 3, 1 / 2]


def test_the_class_is_the_one_with_most_votes() -> None:
    found = majority_vote(crowd([(0, 0, 2, BOX), (0, 1, 0, BOX), (0, 2, 2, BOX)]))
    assert found.labels.label.tolist() == [2]
    assert found.posterior.tolist() == [[1 / 3, 0, 2 / 3]]


def test_a_tie_goes_to_the_rater_who_comes_first() -> None:
    rows = [(0, 1, 0, BOX), (0, 0, 2, BOX), (0, 2, 1, BOX), (0, 3, 1, BOX), (0, 4, 2, BOX)]
    assert majority_vote(crowd(rows, raters=5)).labels.label.tolist() == [2]


def test_the_box_is_the_plain_mean_and_knows_its_members() -> None:
    found = majority_vote(crowd([(0, 2, 1, (12, 10, 52, 54)), (0, 0, 1, BOX)]))
    assert found.labels.box.tolist() == [[11, 10, 51, 52]]
    assert sorted(found.support.tolist()) == [0, 1]


@given(small_crowds())
def test_the_result_does_not_depend_on_the_order_of_the_boxes(label_set: LabelSet) -> None:
    a, b = majority_vote(label_set), majority_vote(shuffled(label_set, 5))
    np.testing.assert_allclose(a.labels.box, b.labels.box, atol=1e-12)
    assert a.labels.label.tolist() == b.labels.label.tolist()
    assert np.array_equal(a.posterior, b.posterior)


def test_no_box_gives_no_label() -> None:
    assert len(majority_vote(crowd([])).labels) == 0
