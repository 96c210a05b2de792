import numpy as np
import pytest
from hypothesis import given, settings

from evaluation.confusion import confusion, pair_up, working_point
from evaluation.problem import Boxes
from evaluation.quality import label_quality
from medmnist_det.boxes import pairwise_iou
from tests.evaluation.problems import boxes, matching, problem, problems

# A right box, a wrong name, a box on nothing; the last object is missed.
_OBJECTS = boxes((0, 0, 0, 0, 20, 20), (0, 1, 50, 0, 20, 20), (1, 1, 0, 0, 20, 20))
_BOXES = boxes(
    (0, 0, 0, 0, 20, 20), (0, 0, 50, 0, 20, 10), (1, 1, 200, 0, 20, 20), score=[0.9, 0.8, 0.7]
)


def test_the_matrix_of_a_known_case():
    found = confusion(matching(problem(_OBJECTS, _BOXES, images=2)), iou=0.4, score=0.0)

    #       called 0, called 1, missed
    expected = [[1, 0, 0], [1, 0, 1], [0, 1, 0]]
    assert found.counts.tolist() == expected


def test_boxes_below_the_score_are_left_out():
    found = confusion(matching(problem(_OBJECTS, _BOXES, images=2)), iou=0.4, score=0.85)

    assert found.counts.tolist() == [[1, 0, 0], [0, 0, 2], [0, 0, 0]]


def test_label_quality_of_a_known_case():
    found = label_quality(problem(_OBJECTS, _BOXES, images=2))

    assert (found.boxes, found.objects) == (3, 3)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert found.class_accuracy == pytest.approx(1 / 2)
    assert found.mean_iou == pytest.approx((1 + 0.5) / 2)


def test_shares_of_nothing_are_undefined():
    none, some = boxes(), boxes((0, 0, 0, 0, 9, 9))

    empty = label_quality(problem(none, none))
    unlabelled = label_quality(problem(some, none))

    assert (empty.precision, empty.recall, empty.class_accuracy, empty.mean_iou) == (None,) * 4
    assert (unlabelled.precision, unlabelled.recall) == (None, 0.0)


def test_the_closest_pair_is_joined_first_whatever_the_scores():
    objects = boxes((0, 0, 0, 0, 20, 20))
    near, nearer = (0, 0, 4, 0, 20, 20), (0, 1, 1, 0, 20, 20)

    found = pair_up(boxes(near, nearer, score=[0.9, 0.1]), objects, iou=0.4)

    assert found.pairs.detection.tolist() == [1]
    assert found.spurious.tolist() == [0]


def test_a_box_in_a_crowd_region_counts_neither_way():
    objects = Boxes.of(
        image=np.array([0]),
        bbox=np.array([[0.0, 0, 100, 100]]),
        label=np.array([0]),
        iscrowd=np.array([True]),
    )

    found = label_quality(problem(objects, boxes((0, 0, 10, 10, 20, 20))))

    assert (found.precision, found.recall) == (None, None)


@settings(max_examples=300, deadline=None)
@given(problems(crowds=False))
def test_pairs_are_those_of_picking_the_closest_one_by_one(one):
    found = pair_up(one.detections, one.objects, iou=0.3)

    iou = pairwise_iou(one.detections.corners, one.objects.corners)
    iou[one.detections.image[:, None] != one.objects.image] = 0
    same = one.detections.label[:, None] == one.objects.label
    picked = []
    while iou.size and iou.max() >= 0.3 - 1e-12:
        order = np.lexsort((~same.ravel(), -iou.round(12).ravel()))
        a, b = np.unravel_index(order[0], iou.shape)
        picked.append((iou[a, b], same[a, b]))
        iou[a], iou[:, b] = 0, 0

    pairs = found.pairs
    mine = one.detections.label[pairs.detection] == one.objects.label[pairs.object]
    assert len(set(pairs.detection)) == len(set(pairs.object)) == len(pairs.iou)
    # Ties may be broken differently, so what is compared is how close the first pairs are.
    assert len(pairs.iou) == 0 or pairs.iou.max() == pytest.approx(picked[0][0])
    assert len(found.spurious) + len(mine) == len(one.detections)
    assert len(found.missed) + len(mine) == len(one.objects)


def test_the_working_point_is_where_f1_is_best():
    # Right, right, wrong, right, wrong ... of 4 objects: F1 = 2/5, 4/6, 4/7, 6/8, 6/9.
    objects = boxes(*((k, 0, 0, 0, 9, 9) for k in range(4)))
    guesses = boxes(
        (0, 0, 0, 0, 9, 9),
        (1, 0, 0, 0, 9, 9),
        (1, 0, 90, 0, 9, 9),
        (2, 0, 0, 0, 9, 9),
        (3, 0, 90, 0, 9, 9),
        score=[0.9, 0.8, 0.7, 0.6, 0.5],
    )

    assert working_point(matching(problem(objects, guesses, images=4)), 0.4) == 0.6


def test_without_a_right_box_every_box_is_kept():
    assert working_point(matching(problem(boxes(), boxes((0, 0, 0, 0, 9, 9)))), 0.4) == 0.0
