from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from annotators.recovery import recovery, recovery_rows


def raters(matrix: np.ndarray, **values: Any) -> dict[str, Any]:
    count, classes = len(matrix), matrix.shape[1] - 1
    standard = {
        "spurious": np.zeros(count),
        "prior": np.full(classes, 1 / classes),
        "box_bias": None,
    }
    return {"matrix": matrix} | standard | values


def drawn(seed: int, count: int = 5, classes: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(classes + 1), (count, classes + 1))


def test_the_truth_has_no_error() -> None:
    one = raters(drawn(0), box_bias=np.ones((5, 4)))
    found = recovery(one, one)
    assert (found.matrix, found.miss, found.spurious, found.box_bias) == (0, 0, 0, 0)
    assert found.skill == pytest.approx(1)


def test_the_matrix_error_is_tannos_over_the_class_rows() -> None:
    a, b = drawn(0, 2), drawn(1, 2)
    expected = sum(
        (a[r, i, j] - b[r, i, j]) ** 2 for r in range(2) for i in range(3) for j in range(4)
    ) / (2 * 3)
    b[:, -1] = 0.25  # what is hallucinated does not count
    assert recovery(raters(a), raters(b)).matrix == pytest.approx(expected)


def test_rates_and_biases() -> None:
    matrix = np.zeros((1, 3, 3))
    matrix[0, 0], matrix[0, 1] = (0.5, 0.3, 0.2), (0, 1, 0)
    true = np.zeros((1, 3, 3))
    true[0, 0], true[0, 1] = (0.6, 0.3, 0.1), (0, 0.8, 0.2)
    prior = np.array([0.75, 0.25])
    found = recovery(
        raters(matrix, spurious=np.array([0.4]), prior=prior, box_bias=np.array([[0.1, 0, 0, 0]])),
        raters(true, spurious=np.array([0.1]), box_bias=np.zeros((1, 4))),
    )
    assert found.miss == pytest.approx(abs(0.75 * 0.1 - 0.25 * 0.2))
    assert found.spurious == pytest.approx(0.3)
    assert found.box_bias == pytest.approx(0.05)
    assert found.skill is None
    assert ("skill, rank correlation", "undefined") in recovery_rows(found)


@pytest.mark.parametrize("seed", range(5))
def test_the_rank_correlation_is_spearmans_with_ties(seed: int) -> None:
    a, b = drawn(seed, 8), drawn(seed + 100, 8)
    a[3], b[5] = a[2], b[1]
    prior = np.full(3, 1 / 3)
    skill = [one[:, :-1].diagonal(axis1=1, axis2=2) @ prior for one in (a, b)]
    found = recovery(raters(a), raters(b))
    assert found.skill == pytest.approx(spearmanr(*skill).statistic)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="matrices of shape"):
        recovery(raters(drawn(0, 2)), raters(drawn(0, 3)))
