from __future__ import annotations

import numpy as np
import pytest

from annotators.learn.parts.calibration import Calibration, calibrated, log_shares

RNG = np.random.default_rng(0)
LOGS = np.log(RNG.dirichlet(np.ones(4), 3000))


def settled(belief: np.ndarray, logs: np.ndarray = LOGS) -> Calibration:
    how = Calibration.of(4)
    for _ in range(20):
        how = calibrated(logs, belief, how)
    return how


def drawn(how: Calibration) -> np.ndarray:
    share = np.exp(log_shares(LOGS, how))
    return np.eye(4)[(share.cumsum(axis=1) < RNG.random((len(LOGS), 1))).sum(axis=1)]


def height(belief: np.ndarray, how: Calibration) -> float:
    return float((belief * log_shares(LOGS, how)).sum()) + how.log_prior()


def test_what_probabilities_are_worth_is_found_from_what_is_true() -> None:
    """3,000 draws: standard errors are about .04."""
    true = Calibration(2.5, np.array([0.3, -0.2, 0.4, -0.5]))
    found = settled(drawn(true))
    assert found.sharpness == pytest.approx(2.5, abs=0.2)
    assert found.shift - found.shift.mean() == pytest.approx(true.shift, abs=0.2)


def test_a_detector_at_its_word_stays_so() -> None:
    assert settled(drawn(Calibration.of(4))).sharpness == pytest.approx(1.0, abs=0.1)


def test_at_the_end_the_sum_has_no_slope() -> None:
    """By finite differences."""
    belief = drawn(Calibration(2.0, np.zeros(4))) * RNG.random((len(LOGS), 1))
    found, step = settled(belief), 1e-4
    for k in range(5):
        way = step * np.eye(5)[k]
        up = Calibration(found.sharpness + way[0], found.shift + way[1:])
        down = Calibration(found.sharpness - way[0], found.shift - way[1:])
        assert (height(belief, up) - height(belief, down)) / (2 * step) == pytest.approx(
            0, abs=0.01
        )


def test_it_never_gets_worse_even_from_far_away() -> None:
    belief = drawn(Calibration(2.0, np.zeros(4)))
    how = Calibration(30.0, np.array([9.0, -9.0, 0.0, 5.0]))
    for _ in range(10):
        new = calibrated(LOGS, belief, how)
        assert height(belief, new) >= height(belief, how)
        how = new
    assert how.sharpness == pytest.approx(settled(belief).sharpness, abs=0.01)


def test_no_sighting_leaves_the_prior() -> None:
    none = np.zeros((0, 4))
    found = settled(none, none)
    assert found.sharpness == 1
    assert (found.shift == 0).all()
