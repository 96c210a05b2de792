"""Verdicts hold for every score: what is asked of all boxes answers for the better ones alone."""

import numpy as np
import pytest
from hypothesis import given, settings

from evaluation.budget import error_budgets
from evaluation.metrics import Metric
from evaluation.mistakes import KINDS, RIGHT, judge
from tests.evaluation.problems import boxes, matching, problem, problems

# A right box, a wrong name, a box on nothing; the last object is missed.
_OBJECTS = boxes((0, 0, 0, 0, 20, 20), (0, 1, 50, 0, 20, 20), (1, 1, 0, 0, 20, 20))
_BOXES = boxes(
    (0, 0, 0, 0, 20, 20), (0, 0, 50, 0, 20, 10), (1, 1, 200, 0, 20, 20), score=[0.9, 0.8, 0.7]
)


def _verdicts(one, threshold=0.4):
    return judge(matching(one, Metric("m", (threshold,))), threshold)


def test_every_box_of_a_known_case_is_judged_by_its_object():
    found = _verdicts(problem(_OBJECTS, _BOXES, images=2))

    said = {
        int(row): ([*KINDS, "right"][kind], int(partner))
        for row, kind, partner in zip(found.row, found.kind, found.object, strict=True)
    }
    assert len(KINDS) == RIGHT
    assert said == {0: ("right", 0), 1: ("class", 1), 2: ("background", 3)}
    assert found.found_until.tolist() == [0.9, 0.8, -np.inf]


@pytest.mark.parametrize(
    ("score", "mistakes"),
    [
        (0.0, [{"class": 1}, {"background": 1, "missed": 1}, {}]),
        (0.8, [{"class": 1}, {"missed": 1}, {}]),
        (0.81, [{"missed": 1}, {"missed": 1}, {}]),
        (0.95, [{"missed": 2}, {"missed": 1}, {}]),
    ],
)
def test_mistakes_are_counted_where_they_happen(score, mistakes):
    found = _verdicts(problem(_OBJECTS, _BOXES, images=3)).per_image(score)

    assert [
        {kind: int(n) for kind, n in zip(KINDS, row, strict=True) if n} for row in found
    ] == mistakes


@settings(max_examples=200, deadline=None)
@given(problems())
def test_counts_at_a_score_are_the_error_budget_of_the_boxes_from_it_on(one):
    for threshold, score in ((0.4, 0.0), (0.4, 0.5), (0.75, 0.6)):
        kept = one.detections.select(one.detections.score >= score)
        few = problem(one.objects, kept, images=one.images, classes=one.classes)
        metric = Metric("m", (threshold,))
        budget = next(iter(error_budgets(matching(few, metric), (metric,))), None)

        counts = _verdicts(one, threshold).per_image(score).sum(axis=0).tolist()

        if budget is not None:
            assert counts == [loss.count for loss in budget.losses]
