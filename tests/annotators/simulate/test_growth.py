"""How errors grow: the mean stays, whatever the difficulty and the place in the sequence."""

import numpy as np
import pytest
from scipy.stats import norm

from annotators.simulate.growth import error_rates, growth

QUANTILES = (np.arange(2000) + 0.5) / 2000


@pytest.mark.parametrize("drift", [-1.0, -0.3, 0.0, 0.5, 1.0])
@pytest.mark.parametrize("strength", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("rate", [0.0, 0.005, 0.02, 0.3, 0.8, 1.0])
def test_the_mean_over_difficulty_and_sequence_is_the_rate(rate, strength, drift):
    score = np.repeat(norm.ppf(QUANTILES), 40) if strength else None
    place = np.tile((2 * np.arange(40) + 1) / 40 - 1, 2000) if drift else None
    found = error_rates(np.full(80_000, rate), strength, score, drift, place)
    # The tails of the 2,000 scores are missing, and forty places are not a line.
    assert found.mean() == pytest.approx(rate, rel=0.02, abs=1e-9)
    assert ((found >= 0) & (found <= 1)).all()


def test_errors_grow_with_difficulty_and_fatigue_and_fall_with_learning():
    rate, line = np.full(5, 0.2), np.linspace(-1, 1, 5)
    assert (np.diff(error_rates(rate, 0.5, line, 0.0, None)) > 0).all()
    assert (np.diff(error_rates(rate, 0.0, None, 0.7, line)) > 0).all()
    assert (np.diff(error_rates(rate, 0.0, None, -0.7, line)) < 0).all()
    assert (np.diff(growth(0.0, None, -0.7, line)) < 0).all()


def test_spreads_grow_with_a_mean_of_one():
    score, place = (
        np.repeat(norm.ppf(QUANTILES), 40),
        np.tile((2 * np.arange(40) + 1) / 40 - 1, 2000),
    )
    for strength, drift in ((0.5, 0.0), (1.0, 0.0), (0.0, 1.0), (0.6, -0.4)):
        found = growth(strength, score if strength else None, drift, place if drift else None)
        assert found.mean() == pytest.approx(1, abs=2e-3)
        assert found.min() > 0
    assert growth(0.0, None, 0.0, None) is None
