"""Look-alikes: what a digit is taken for comes from how it looks."""

import numpy as np
import pytest

from annotators.simulate.crowd import SimulatedCrowd
from annotators.simulate.instance import LookAlikes
from annotators.simulate.options import AnnotatorOptions
from medmnist_det.errors import InputError
from tests.annotators.simulate.split_truth import NAMES, drawn_by, made_of, marks


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.5, 0.97])
def test_error_rates_have_the_mean_that_is_asked_for_in_every_class(optdigits, rate):
    truth, _, looks = made_of(optdigits, 3000)
    found = LookAlikes(looks.margins, truth.label).error_rates(np.full(10, rate))
    for k in range(10):
        mine = found[truth.label == k]
        assert mine.mean() == pytest.approx(rate, abs=1e-9)
        assert ((mine > 0) & (mine < 1)).all()
    assert found.std() > 0.1 * min(rate, 1 - rate)


def test_rates_of_nought_and_one_stay(optdigits):
    truth, _, looks = made_of(optdigits, 200)
    found = LookAlikes(looks.margins, truth.label).error_rates(np.arange(10) % 2.0)
    assert np.array_equal(found, truth.label % 2)


def test_digits_are_taken_for_what_they_are_nearest_to(optdigits):
    truth, images, looks = made_of(optdigits, 6000)
    one = AnnotatorOptions(family="instance", proficiency=0.6)
    said = drawn_by(marks(one, truth=truth, images=images, looks=looks).labels, 0, truth)
    assert (said == truth.label).mean() == pytest.approx(0.6, abs=4 * np.sqrt(0.24 / 6000))
    assert (said == 10).mean() == pytest.approx(0.04, abs=4 * np.sqrt(0.04 / 6000))
    margins = looks.margins.copy()
    margins[np.arange(6000), truth.label] = np.inf
    nearest = margins.argmin(axis=1)
    named = (said != truth.label) & (said < 10)
    assert (said[named] == nearest[named]).mean() > 0.6
    # Digits that lie near another class are wrong more often than those that lie far from all.
    near = margins.min(axis=1) < np.median(margins.min(axis=1))
    wrong = said != truth.label
    assert wrong[near].mean() > wrong[~near].mean() + 0.2


def test_two_annotators_make_the_same_mistake_about_the_same_digit(optdigits):
    truth, images, looks = made_of(optdigits, 4000)

    def alike(family):
        one = AnnotatorOptions(family=family, proficiency=0.6)
        labels = marks(one, one, truth=truth, images=images, looks=looks).labels
        a, b = (drawn_by(labels, k, truth) for k in (0, 1))
        wrong = (a != truth.label) & (b != truth.label) & (a < 10) & (b < 10)
        return (a == b)[wrong].mean()

    assert alike("instance") > 0.5 > 3 * alike("uniform")


def test_the_matrix_that_comes_out_is_told(optdigits):
    truth, images, looks = made_of(optdigits, 4000)
    crowd = SimulatedCrowd.of(
        (AnnotatorOptions(family="instance", difficulty=0.3), AnnotatorOptions()), NAMES, 0
    )
    drawn = crowd.annotate(truth, images, "train", looks).labels
    told = crowd.describe({"train": truth}, {"train": drawn}, {"train": looks})["annotators"]
    matrix = np.array(told[0]["reported"]["matrix"])
    assert matrix.sum(axis=1) == pytest.approx(1)
    # Faint digits look like others, too: by class it is no longer .8 to the last digit.
    assert matrix[:10].diagonal() == pytest.approx(0.8, abs=0.03)
    counts = np.zeros((10, 11))
    np.add.at(counts, (truth.label, drawn_by(drawn, 0, truth)), 1)
    expected = matrix[:10] * counts.sum(axis=1, keepdims=True)
    assert (np.abs(counts - expected) <= 4 * np.sqrt(expected) + 3).all()
    assert "reported" not in told[1]


def test_objects_of_which_no_digit_is_known_are_refused():
    with pytest.raises(InputError, match="--family instance takes digits for what they look like"):
        marks(AnnotatorOptions(family="instance"))
