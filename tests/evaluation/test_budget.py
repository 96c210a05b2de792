import numpy as np
import pytest
from hypothesis import given, settings

from evaluation.budget import KINDS, error_budgets
from evaluation.metrics import COCO, PAPER, Metric
from evaluation.scores import score_problem
from tests.evaluation.problems import boxes, matching, problem, problems

#: Two objects of class 0 and two of class 1, far apart, on one image.
_OBJECTS = (
    (0, 0, 0, 0, 20, 20),
    (0, 0, 100, 0, 20, 20),
    (0, 1, 0, 100, 20, 20),
    (0, 1, 100, 100, 20, 20),
)


def error_budget(one, metric):
    return next(iter(error_budgets(matching(one, metric), (metric,))), None)


def _losses(detections, metric=PAPER):
    found = error_budget(problem(boxes(*_OBJECTS), detections), metric)
    assert found is not None
    return found, {loss.kind: loss for loss in found.losses}


def _all_of(kind, losses):
    """Every point lost is the kind's, whichever way one counts."""
    others = [loss for name, loss in losses.items() if name != kind]
    assert all(loss.points == pytest.approx(0) for loss in others)
    assert all(loss.alone == pytest.approx(0) for loss in others)
    assert all(loss.count == 0 for loss in others)
    assert losses[kind].alone == pytest.approx(losses[kind].points)


# AP of a class of which one of two objects is found, without a false box: recall .5 passes 51 of
# the 101 recalls (0, .01, ..., .5).
_HALF = 51 / 101


def test_perfect_boxes_lose_nothing():
    found, losses = _losses(boxes(*_OBJECTS))

    assert found.lost == pytest.approx(0)
    assert all(loss.count == 0 and loss.points == 0 for loss in losses.values())


def test_a_missed_object_costs_its_class_its_recall():
    found, losses = _losses(boxes(*_OBJECTS[:3]))

    assert found.lost == pytest.approx(100 * (1 - _HALF) / 2)
    assert losses["missed"].count == 1
    assert losses["missed"].points == pytest.approx(found.lost)
    _all_of("missed", losses)


def test_an_overlap_on_the_threshold_is_enough_for_a_class_error():
    half = (0, 0, 100, 100, 20, 10)  # the upper half of object 3, called class 0
    _, losses = _losses(
        boxes(*_OBJECTS[:3], half, score=[0.9, 0.9, 0.9, 0.5]), Metric("mAP@0.5", (0.5,))
    )

    assert losses["class"].count == 1
    assert losses["both"].count == 0


def test_a_relabelled_box_costs_class_points_only():
    wrong = (0, 0, 100, 100, 20, 20)  # object 3, called class 0
    found, losses = _losses(boxes(*_OBJECTS[:3], wrong, score=[0.9, 0.9, 0.9, 0.5]))

    # Class 0 keeps its AP: the wrong box comes last. Class 1 finds one of two.
    assert found.lost == pytest.approx(100 * (1 - _HALF) / 2)
    assert losses["class"].count == 1
    assert losses["class"].points == pytest.approx(found.lost)
    _all_of("class", losses)


def test_a_shifted_box_costs_location_points_only():
    shifted = (0, 1, 112, 100, 20, 20)  # IoU 8 / 32 = .25 with object 3
    found, losses = _losses(boxes(*_OBJECTS[:3], shifted, score=[0.9, 0.9, 0.9, 0.5]))

    assert found.lost == pytest.approx(100 * (1 - _HALF) / 2)
    assert losses["location"].count == 1
    assert losses["location"].points == pytest.approx(found.lost)
    _all_of("location", losses)


def test_a_shifted_box_of_the_wrong_class_is_both_and_leaves_its_object_missed():
    both = (0, 0, 112, 100, 20, 20)
    found, losses = _losses(boxes(*_OBJECTS[:3], both, score=[0.9, 0.9, 0.9, 0.5]))

    assert losses["both"].count == 1
    assert losses["missed"].count == 1
    assert losses["both"].points == pytest.approx(0)  # last of its class: it costs nothing
    assert losses["missed"].points == pytest.approx(found.lost)


def test_a_second_box_before_the_right_ones_is_a_duplicate():
    second = (0, 0, 1, 0, 20, 20)
    found, losses = _losses(boxes(*_OBJECTS, second, score=[0.9, 0.1, 0.9, 0.9, 0.5]))

    # Class 0: right, duplicate, right. Precision 1 up to recall .5, 2/3 beyond.
    ap = (51 + 50 * 2 / 3) / 101
    assert found.lost == pytest.approx(100 * (1 - ap) / 2)
    assert losses["duplicate"].count == 1
    assert losses["duplicate"].points == pytest.approx(found.lost)
    _all_of("duplicate", losses)


def test_a_box_on_nothing_before_the_right_ones_is_background():
    stray = (0, 0, 300, 300, 20, 20)
    found, losses = _losses(boxes(*_OBJECTS, stray, score=[0.9, 0.1, 0.9, 0.9, 0.5]))

    ap = (51 + 50 * 2 / 3) / 101
    assert found.lost == pytest.approx(100 * (1 - ap) / 2)
    assert losses["background"].points == pytest.approx(found.lost)
    _all_of("background", losses)


def test_of_two_repaired_boxes_on_one_object_one_becomes_right():
    wrong, shifted = (0, 0, 100, 100, 20, 20), (0, 1, 112, 100, 20, 20)
    found, losses = _losses(boxes(*_OBJECTS[:3], wrong, shifted, score=[0.9, 0.9, 0.9, 0.5, 0.4]))

    # Either repair gains everything; neither gains anything after the other: they share.
    assert losses["class"].alone == pytest.approx(found.lost)
    assert losses["location"].alone == pytest.approx(found.lost)
    assert losses["class"].points == pytest.approx(found.lost / 2)
    assert losses["location"].points == pytest.approx(found.lost / 2)
    assert losses["missed"].count == 0


def test_a_wrong_name_on_the_right_place_is_a_class_error_even_beside_an_object_of_that_name():
    # TIDE's own order of tests would call it a location error of the neighbour.
    objects = boxes((0, 0, 0, 0, 20, 20), (0, 1, 12, 0, 20, 20))
    found = error_budget(
        problem(objects, boxes((0, 0, 12, 0, 20, 20), (0, 0, 0, 0, 20, 20), score=[0.5, 0.9])),
        PAPER,
    )

    assert found is not None
    assert {loss.kind for loss in found.losses if loss.count} == {"class"}


def test_the_budget_over_several_thresholds_is_the_mean_of_theirs():
    shifted = (0, 1, 104, 100, 20, 20)  # IoU 16 / 24 = .667: located at .5 to .65, not beyond
    _, losses = _losses(boxes(*_OBJECTS[:3], shifted), COCO)

    assert losses["location"].count == pytest.approx(0.6)
    assert losses["location"].points == pytest.approx(0.6 * 100 * (1 - _HALF) / 2)


def test_nothing_to_find_has_no_budget():
    assert error_budget(problem(boxes(), boxes((0, 0, 0, 0, 5, 5))), PAPER) is None


@settings(max_examples=400, deadline=None)
@given(problems())
def test_the_points_add_up_to_what_is_lost(one):
    for metric in (PAPER, Metric("some", (0.05, 0.5, 1.0))):
        found = error_budget(one, metric)
        if not one.to_be_found.any():
            assert found is None
            continue
        names = tuple(map(str, range(one.classes)))
        scores = score_problem(one, names, metrics=(metric,), digit_sizes=False)
        assert found is not None
        assert tuple(loss.kind for loss in found.losses) == KINDS
        assert found.lost == pytest.approx(100 * (1 - scores.headline[0].value), abs=1e-9)
        assert sum(loss.points for loss in found.losses) == pytest.approx(found.lost, abs=1e-9)
        assert np.isfinite([loss.alone for loss in found.losses]).all()
