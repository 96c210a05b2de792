"""Statistics over seeds, against scipy, statsmodels' definition by hand, and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evaluation.benchmark.statistics import gap_closed, holm, paired, spread

NUMBERS = st.lists(st.floats(0, 1), min_size=2, max_size=8)


@given(NUMBERS)
def test_the_interval_is_student_s(values):
    found = spread(values)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.deviation == pytest.approx(np.std(values, ddof=1))
    if found.deviation > 1e-9:
        low, high = stats.t.interval(
            0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values)
        )
        assert (found.low, found.high) == pytest.approx((low, high))


def test_one_value_has_a_mean_and_nothing_else():
    found = spread([0.5])
    assert (found.mean, found.deviation, found.low, found.high, found.seeds) == (
        0.5,
        None,
        None,
        None,
        1,
    )
    with pytest.raises(ValueError, match="no value"):
        spread([])


def test_differences_are_paired_by_seed():
    first = {20: 0.70, 21: 0.75, 22: 0.72, 30: 0.1}
    second = {22: 0.75, 20: 0.72, 21: 0.76, 31: 0.9}
    found = paired(first, second)
    test = stats.ttest_rel([0.72, 0.76, 0.75], [0.70, 0.75, 0.72])
    assert found.gain.mean == pytest.approx(0.02)
    assert found.p_value == pytest.approx(test.pvalue)
    assert found.gain.seeds == 3
    assert paired({1: 0.5}, {2: 0.5}) is None
    assert paired({1: 0.5}, {1: 0.6}).p_value is None


def test_equal_differences_leave_no_doubt_and_none_at_all_leave_it_all():
    assert paired({0: 0.5, 1: 0.25}, {0: 0.75, 1: 0.5}).p_value == 0
    assert paired({0: 0.5, 1: 0.25}, {0: 0.5, 1: 0.25}).p_value == 1


def test_holm_as_in_his_paper():
    # The smallest times 4, the next times 3, then 2, then 1, and never below an earlier one.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.6, 0.9]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10), st.randoms())
def test_holm_lies_between_nothing_and_bonferroni_whatever_the_order(values, random):
    found = holm(values)
    assert all(
        p <= q <= min(1, len(values) * p) + 1e-12 for p, q in zip(values, found, strict=True)
    )
    order = list(range(len(values)))
    random.shuffle(order)
    shuffled = holm([values[k] for k in order])
    assert shuffled == pytest.approx([found[k] for k in order])


def by_seed(values):
    return dict(enumerate(values))


def test_the_gap_closed_is_a_ratio_of_means_with_fieller_s_interval():
    baseline, oracle, method = [0.766, 0.760, 0.764], [0.797, 0.795, 0.796], [0.782, 0.778, 0.779]
    found = gap_closed(by_seed(method), by_seed(baseline), by_seed(oracle), {})

    gained, whole = np.subtract(method, baseline), np.subtract(oracle, baseline)
    assert found.share == pytest.approx(gained.mean() / whole.mean())
    assert found.by_seed == pytest.approx(by_seed(gained / whole))
    # Its ends are where a t test of gained - share * whole says .05.
    for end in (found.low, found.high):
        assert stats.ttest_1samp(gained - end * whole, 0).pvalue == pytest.approx(0.05)
    assert found.low < found.share < found.high


def test_it_is_undefined_exactly_where_the_gap_is_within_noise_over_three_seeds():
    rng = np.random.default_rng(0)
    real = 0
    for _ in range(300):
        baseline, oracle, method = rng.normal([[0.70], [0.71], [0.705]], 0.004, (3, 3))
        found = gap_closed(by_seed(method), by_seed(baseline), by_seed(oracle), {})
        gap = stats.ttest_rel(oracle, baseline)
        told = gap.pvalue < 0.05 and gap.statistic > 0
        assert (found is not None) == told
        real += told
    assert 20 < real < 280


def test_of_one_or_two_seeds_the_images_say_what_noise_is():
    baseline, oracle, method = {0: 0.70, 1: 0.71}, {0: 0.72, 1: 0.73}, {0: 0.71, 1: 0.715}
    # Half an interval over images of .02 a seed is .014 for the mean of two, and .03 is .021.
    assert gap_closed(method, baseline, oracle, {0: 0.02, 1: 0.02}).share == pytest.approx(0.375)
    assert gap_closed(method, baseline, oracle, {0: 0.02, 1: 0.02}).low is None
    assert gap_closed(method, baseline, oracle, {0: 0.03, 1: 0.03}) is None
    assert gap_closed(method, baseline, oracle, {0: 0.02, 1: None}) is None
    assert gap_closed({0: 0.71}, baseline, oracle, {0: 0.021}) is None
    assert gap_closed({0: 0.71}, baseline, oracle, {0: 0.019}).share == pytest.approx(0.5)


def test_an_oracle_below_the_baseline_leaves_no_gap():
    worse = {k: 0.5 + k / 1000 for k in range(3)}
    better = {k: 0.7 + k / 1000 for k in range(3)}
    assert gap_closed(worse, better, worse, {}) is None
    assert gap_closed({5: 0.1}, better, worse, {}) is None


def test_fieller_s_interval_holds_the_true_share_in_nineteen_of_twenty_cases():
    rng, inside, defined = np.random.default_rng(1), 0, 0
    for _ in range(2000):
        seeds = rng.normal(0, 0.01, 4)  # what all methods of a seed share
        baseline, method, oracle = (
            by_seed(mean + seeds + rng.normal(0, 0.001, 4)) for mean in (0.76, 0.775, 0.79)
        )
        found = gap_closed(method, baseline, oracle, {})
        if found is not None:
            defined += 1
            inside += found.low <= 0.5 <= found.high
    assert defined == 2000
    # Binomial with p = .95: four standard deviations are .0195.
    assert inside / defined == pytest.approx(0.95, abs=0.0195)
