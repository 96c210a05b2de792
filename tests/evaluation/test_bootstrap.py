import numpy as np
import pytest

from evaluation.bootstrap import difference, draw, interval, resample
from evaluation.metrics import HEADLINE, PAPER
from evaluation.problem import Boxes, Problem
from evaluation.scores import score_problem
from tests.evaluation.problems import boxes, problem, random_problem


def _scenes(rng, images, hit):
    """Scenes of three objects of one class; each is found with probability ``hit``, plus noise."""
    count = 3 * images
    image = np.repeat(np.arange(images), 3)
    bbox = np.stack([np.tile([0, 50, 100], images), *np.full((3, count), 20)], axis=1)
    found = rng.random(count) < hit
    moved = bbox + np.where(found, 0, 200)[:, None] * np.array([1, 0, 0, 0])
    label = np.zeros(count, dtype=int)
    score = np.where(found, rng.beta(3, 2, count), rng.beta(2, 3, count))
    return Problem(
        images=images,
        classes=1,
        objects=Boxes.of(image=image, bbox=bbox.astype(float), label=label),
        detections=Boxes.of(image=image, bbox=moved.astype(float), label=label, score=score),
    )


def test_the_same_seed_draws_the_same_images_and_another_one_does_not():
    assert np.array_equal(draw(50, 20, seed=3), draw(50, 20, seed=3))
    assert not np.array_equal(draw(50, 20, seed=3), draw(50, 20, seed=4))


def test_every_resample_holds_as_many_images_as_there_are():
    assert (draw(17, 100, seed=0).sum(axis=1) == 17).all()
    assert draw(0, 5, seed=0).shape == (5, 0)


def test_resampling_in_steps_is_told_to_the_progress_bar():
    told = []
    one = random_problem(np.random.default_rng(0), images=4, classes=2, objects=9, detections=9)

    values = resample(one, HEADLINE, resamples=120, seed=0, progress=told.append)

    assert values.shape == (120, 2)
    assert sum(told) == 120


def test_no_object_at_all_gives_no_interval():
    one = problem(boxes(), boxes((0, 0, 0, 0, 5, 5)))

    assert interval(0.5, resample(one, (PAPER,), resamples=10, seed=0)[:, 0]) is None


def test_intervals_cover_the_expected_score_nineteen_times_out_of_twenty():
    rng = np.random.default_rng(11)
    expected = np.mean(
        [
            score_problem(_scenes(rng, 60, 0.8), ("a",), digit_sizes=False).headline[0].value
            for _ in range(600)
        ]
    )
    hits = 0
    for seed in range(200):
        one = _scenes(rng, 60, 0.8)
        value = score_problem(one, ("a",), digit_sizes=False).headline[0].value
        spread = interval(value, resample(one, (PAPER,), resamples=200, seed=seed)[:, 0])
        assert spread.low <= value <= spread.high
        hits += spread.low <= expected <= spread.high

    # 200 trials at .95 have a standard deviation of 3.1; four of them, and a little for the
    # bootstrap's own shortfall with 60 images.
    assert hits >= 190 - 4 * 3.1 - 4


def test_equal_detectors_do_not_differ():
    one = _scenes(np.random.default_rng(0), 30, 0.8)
    values = resample(one, (PAPER,), resamples=100, seed=0)[:, 0]

    found = difference(0.7, 0.7, values - values)

    assert found is not None
    assert (found.value, found.real, found.p_value) == (0.0, False, 1.0)


def test_a_clear_gain_is_real_and_a_nothing_of_a_gain_is_not():
    rng = np.random.default_rng(5)
    deltas = rng.normal(0.05, 0.01, 1000)

    clear, nothing = difference(0.5, 0.55, deltas), difference(0.5, 0.505, deltas - 0.045)

    assert clear is not None
    assert nothing is not None
    assert (clear.real, nothing.real) == (True, False)
    assert clear.p_value < 0.01 < nothing.p_value


def test_an_undefined_score_has_no_difference():
    assert difference(None, 0.5, np.zeros(10)) is None


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_intervals_stay_within_zero_and_one(value):
    found = interval(value, np.linspace(0, 1, 100))

    assert found is not None
    assert 0 <= found.low <= found.high <= 1
