from __future__ import annotations

import math

import numpy as np
import pytest

from annotators.learn.parts.posteriors import (
    NormalGamma,
    corrected,
    errors,
    expected_log,
)
from medmnist_det.boxes import cxcywh_to_xyxy


def density(mean, precision, m, kappa, a, b):
    """The logarithm of a Normal-Gamma density, from its definition."""
    normal = (
        0.5 * math.log(kappa * precision / (2 * math.pi))
        - 0.5 * kappa * precision * (mean - m) ** 2
    )
    gamma = a * math.log(b) - math.lgamma(a) + (a - 1) * math.log(precision) - b * precision
    return normal + gamma


def likelihood(values, mean, precision):
    return sum(
        0.5 * math.log(precision / (2 * math.pi)) - 0.5 * precision * (v - mean) ** 2
        for v in values
    )


def test_the_posterior_is_the_prior_times_the_likelihood():
    rng = np.random.default_rng(0)
    error, rater = rng.normal(0.1, 0.2, (40, 4)), rng.integers(0, 3, 40)
    before = NormalGamma.prior(3)
    after = before.after(error, rater)
    for k in range(3):
        for c in range(4):
            values = error[rater == k, c]
            ratio = []
            for mean, precision in ((0.0, 5.0), (0.1, 20.0), (-0.3, 60.0), (0.5, 1.0)):
                old = density(mean, precision, 0.0, 10.0, 10.0, 0.5)
                new = density(
                    mean,
                    precision,
                    after.mean[k, c],
                    after.count[k, c],
                    after.shape[k, c],
                    after.rate[k, c],
                )
                ratio.append(old + likelihood(values, mean, precision) - new)
            # The evidence: the same wherever one asks.
            assert np.ptp(ratio) < 1e-8


def test_boxes_that_count_twice_are_two_boxes():
    error, rater = np.array([[0.1, 0.2, 0.0, -0.1], [0.3, 0.0, 0.1, 0.1]]), np.array([0, 0])
    one = NormalGamma.prior(1).after(error, rater, np.array([2.0, 1.0]))
    two = NormalGamma.prior(1).after(error[[0, 0, 1]], rater[[0, 0, 0]])
    for name in ("mean", "count", "shape", "rate"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name))


def test_a_rater_without_a_box_stays_at_the_prior():
    after = NormalGamma.prior(2).after(np.ones((3, 4)), np.zeros(3, dtype=np.int64))
    assert (after.mean[1] == 0).all()
    assert (after.precision[1] == 20).all()
    np.testing.assert_allclose(after.mean[0], 3 / 13)


def test_what_is_corrected_has_no_error_left():
    true = np.array([[10.0, 20, 50, 80], [100, 100, 110, 160]])
    bias = np.array([[0.1, -0.2, 0.05, 0.3], [-0.1, 0.0, -0.2, 0.1]])
    side = true[:, 2:] - true[:, :2]
    centre = (true[:, 2:] + true[:, :2]) / 2 + bias[:, :2] * side
    drawn_side = side * (1 + bias[:, 2:])
    drawn = np.concatenate([centre - drawn_side / 2, centre + drawn_side / 2], axis=1)
    np.testing.assert_allclose(errors(drawn, true), bias, atol=1e-12)
    np.testing.assert_allclose(cxcywh_to_xyxy(corrected(drawn, bias)), true)


def test_expected_logarithms_are_those_of_many_draws():
    alpha = np.array([[10.0, 1.0, 1.0], [2.0, 5.0, 0.5]])
    draws = np.random.default_rng(0)
    for row, expected in zip(alpha, expected_log(alpha), strict=True):
        logs = np.log(draws.dirichlet(row, 200_000))
        # Five standard errors.
        assert (np.abs(logs.mean(axis=0) - expected) < 5 * logs.std(axis=0) / 200_000**0.5).all()


@pytest.mark.parametrize("row", [[3.0, 2.0], [0.5, 0.5, 7.0]])
def test_expected_logarithms_are_slopes_of_the_normaliser(row):
    """E[ln p_k] is the slope of ln B(alpha) in alpha_k."""

    def log_beta(alpha):
        return sum(map(math.lgamma, alpha)) - math.lgamma(sum(alpha))

    for k in range(len(row)):
        up, down = list(row), list(row)
        up[k], down[k] = up[k] + 1e-5, down[k] - 1e-5
        slope = (log_beta(up) - log_beta(down)) / 2e-5
        assert expected_log(np.array(row))[k] == pytest.approx(slope, abs=1e-6)
