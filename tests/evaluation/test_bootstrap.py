import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.bootstrap import difference, draw, interval, resample
from evaluation.metrics import HEADLINE, PAPER
from evaluation.problem import Boxes, Problem
from evaluation.scores import score_problem
from tests.evaluation.problems import boxes, matching, problem, random_problem


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


def _drawn(images, resamples, seed, **options):
    return np.concatenate([*draw(images, resamples, seed, **options)])


def test_the_same_seed_draws_the_same_images_and_another_one_does_not():
    assert np.array_equal(_drawn(50, 20, 3), _drawn(50, 20, 3))
    assert not np.array_equal(_drawn(50, 20, 3), _drawn(50, 20, 4))


def test_every_resample_holds_as_many_images_as_there_are():
    assert (_drawn(17, 100, 0).sum(axis=1) == 17).all()
    assert _drawn(0, 5, 0).shape == (5, 0)


@given(st.integers(1, 40), st.integers(1, 60), st.integers(1, 70))
def test_what_is_drawn_does_not_depend_on_how_many_are_drawn_at_a_time(images, resamples, step):
    np.testing.assert_array_equal(
        _drawn(images, resamples, 7, step=step), _drawn(images, resamples, 7, step=resamples)
    )


def test_the_images_drawn_are_those_of_one_call_of_the_generator():
    picks = np.random.Generator(np.random.Philox(5)).integers(0, 30, size=(50, 30))

    expected = [np.bincount(row, minlength=30) for row in picks]

    np.testing.assert_array_equal(_drawn(30, 50, 5), expected)


def test_the_weights_of_many_images_are_never_all_in_memory():
    tracemalloc.start()
    one = problem(boxes((0, 0, 0, 0, 9, 9)), boxes((0, 0, 0, 0, 9, 9)), images=100_000)
    resample(matching(one), (PAPER,), resamples=400, seed=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    # All of them would be 160 MB as the int32 that they are, and were six times that.
    assert peak < 60e6


def test_resampling_in_steps_is_told_to_the_progress_bar():
    told = []
    one = random_problem(np.random.default_rng(0), images=4, classes=2, objects=9, detections=9)

    values = resample(matching(one), HEADLINE, resamples=120, seed=0, progress=told.append)

    assert values.shape == (120, 2)
    assert sum(told) == 120


def test_no_object_at_all_gives_no_interval():
    one = problem(boxes(), boxes((0, 0, 0, 0, 5, 5)))

    assert interval(0.5, resample(matching(one), (PAPER,), resamples=10, seed=0)[:, 0]) is None


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
        spread = interval(value, resample(matching(one), (PAPER,), resamples=200, seed=seed)[:, 0])
        assert spread.low <= value <= spread.high
        hits += spread.low <= expected <= spread.high

    # 200 trials at .95 have a standard deviation of 3.1; four of them, and a little for the
    # bootstrap's own shortfall with 60 images.
    assert hits >= 190 - 4 * 3.1 - 4


def test_equal_detectors_do_not_differ():
    one = _scenes(np.random.default_rng(0), 30, 0.8)
    values = resample(matching(one), (PAPER,), resamples=100, seed=0)[:, 0]

    found = difference(0.7, 0.7, values - values)

    assert found is not None
    assert (found.value, found.real, found.p_value) == (0.0, False, 1.0)


@settings(max_examples=400, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(40, 1200),
    st.floats(-3, 3),
    st.sampled_from([1e-12, 0.01, 1.0]),
    st.booleans(),
)
def test_zero_lies_outside_the_interval_exactly_where_p_is_below_a_twentieth(
    seed, count, sigmas, scale, few_values
):
    rng = np.random.default_rng(seed)
    deltas = scale * rng.standard_normal(count)
    # On the border, and a hair beside it, as often as anywhere.
    border = np.sort(deltas - deltas.mean())[[count // 40, -1 - count // 40]]
    value = rng.choice(
        [sigmas * scale, *border, *np.nextafter(border, 0), *np.nextafter(border, 9)]
    )
    if few_values:
        deltas, value = np.round(deltas / scale), float(np.round(value / scale))

    found = difference(0.0, float(value), deltas)

    assert found is not None
    outside = not found.interval.low <= 0 <= found.interval.high
    assert found.real == outside == (found.p_value < 0.05)


def test_deltas_that_nothing_but_their_spread_can_tell_apart_are_real_one_time_in_twenty():
    rng = np.random.default_rng(3)
    real = 0
    for _ in range(2000):
        # A difference of pure noise, and resamples with the same spread around it.
        value = rng.normal(0, 0.01)
        found = difference(0.0, value, rng.normal(value, 0.01, 400))
        real += found is not None and found.real

    # 100 of 2,000 in the mean; four standard deviations of 9.7.
    assert abs(real - 100) < 40


@pytest.mark.parametrize("count", [2, 39, 40])
def test_fewer_than_forty_resamples_make_no_interval(count):
    values = np.linspace(0, 1, count)

    assert (interval(0.5, values) is None) == (count < 40)
    assert (difference(0.1, 0.5, values) is None) == (count < 40)


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
