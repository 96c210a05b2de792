"""Drift: errors along the sequence of images, whose order is stored."""

import numpy as np
import pytest

from annotators.simulate.options import AnnotatorOptions
from tests.annotators.simulate.split_truth import IMAGES, TRUTH, drawn_by, marks


def errors_by_third(drift):
    found = marks(AnnotatorOptions(family="uniform", proficiency=0.7, drift=drift))
    order = np.array(found.behind["order"]["1"])
    place = np.empty(len(IMAGES) + 1, dtype=int)
    place[order] = np.arange(len(order))
    third = place[np.array(IMAGES.ids)[TRUTH.image]] * 3 // len(order)
    wrong = drawn_by(found.labels, 0) != TRUTH.label
    return [wrong[third == k].mean() for k in range(3)], wrong.mean()


def test_who_tires_errs_more_and_more_and_in_the_mean_as_the_matrix_says():
    (first, second, third), mean = errors_by_third(0.8)
    assert first < second - 0.05 < third - 0.1
    assert mean == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / len(TRUTH)))


def test_who_learns_errs_less_and_less():
    (first, _, third), _ = errors_by_third(-0.8)
    assert first > third + 0.1


def test_the_order_is_everybody_s_own_and_holds_the_images_that_were_seen():
    half = AnnotatorOptions(drift=0.5, coverage=0.5)
    found = marks(half, half, AnnotatorOptions(coverage=0.5))
    assert set(found.behind["order"]) == {"1", "2"}
    for rater in (0, 1):
        looked = found.labels.assigned[found.labels.assigned[:, 1] == rater, 0]
        ids = [IMAGES.ids[k] for k in looked.tolist()]
        order = found.behind["order"][str(rater + 1)]
        assert sorted(order) == ids
        assert order != ids
