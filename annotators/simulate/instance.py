"""What an object is taken for, by how this very digit looks: errors that no matrix holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    Many = Float[np.ndarray, " n"]

# How sharply looks decide. At 3 a digit that lies as far from the nearest wrong class as digits do
# in the mean has 20 times (e**3) the odds of one that lies right between the two.
_SHARPNESS = 3.0


class LookAlikes:
    """Which classes the objects of a split look like.

    With m_j how much nearer an object's digit is to its own class than to class j
    (:attr:`medmnist_det.scenes.looks.Looks.margins`), i its class and S = 3:

        h = log sum over j != i of exp(-S m_j)
        P(error) = 1 / (1 + exp(b_i - h)),   P(j | error) = exp(-S m_j - h)

    where b_i is chosen so that the mean of P(error) over the objects of the class is the rate that
    is asked for. That is a softmax over a nearest-mean classifier's distances, in which the right
    class has a bonus of b_i.
    """

    def __init__(self, margins: Float[np.ndarray, "n L"], label: Int[np.ndarray, " n"]) -> None:
        self.label = label
        score = -_SHARPNESS * margins
        score[np.arange(len(label)), label] = -np.inf
        highest = score.max(axis=1, keepdims=True, initial=-1e300)
        weight = np.exp(score - highest)
        total = weight.sum(axis=1, keepdims=True)
        #: The probability of every wrong class, given an error.
        self.shares: Float[np.ndarray, "n L"] = weight / total
        self.pull: Many = (highest + np.log(total))[:, 0]

    def error_rates(self, rate: Float[np.ndarray, " L"]) -> Many:
        """Return the probability of an error for every object; ``rate`` is the mean by class."""
        found = np.empty(len(self.label))
        for k, mean in enumerate(rate.tolist()):
            rows = np.flatnonzero(self.label == k)
            found[rows] = mean if mean in (0.0, 1.0) else _with_mean(self.pull[rows], mean)
        return found


def _with_mean(pull: Many, mean: float) -> Many:
    """Return 1 / (1 + exp(b - pull)) with the b that gives this mean.

    Newton's method, or halving where that would leave the bounds of b.
    """
    if not len(pull):
        return pull
    edge = np.log(1 / mean - 1)
    low, high = pull.min() + edge, pull.max() + edge
    b = (low + high) / 2
    for _ in range(_ROUNDS):
        found = 1 / (1 + np.exp(b - pull))
        excess = found.mean() - mean
        low, high = (b, high) if excess > 0 else (low, b)
        step = excess / max((found * (1 - found)).mean(), 1e-300)
        if abs(step) < _EXACT:
            break
        b = b + step if low < b + step < high else (low + high) / 2
    return 1 / (1 + np.exp(b - pull))


# Newton needs four to eight rounds; halving alone would need 50.
_ROUNDS, _EXACT = 60, 1e-13
