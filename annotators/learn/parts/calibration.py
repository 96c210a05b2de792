"""What a detector's probabilities of classes are worth: sharpened, and shifted by class."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

# Standard deviations of the sharpness around 1, and of the shifts around 0, before any evidence.
_WIDTH = 1.0
# Steps of Newton's method in a round of EM; halvings of a step until it is one upwards.
_STEPS, _HALVINGS = 3, 30


class Calibration(NamedTuple):
    """P(class | sighting) is proportional to exp(shift) times its probability ** sharpness."""

    sharpness: float
    shift: Float[np.ndarray, " L"]

    @classmethod
    def of(cls, classes: int) -> Self:
        """Return that of a detector that is taken at its word."""
        return cls(1.0, np.zeros(classes))

    def log_prior(self) -> float:
        """Return the log of the normal prior, up to a constant."""
        return -0.5 * float((self.sharpness - 1) ** 2 + (self.shift**2).sum()) / _WIDTH**2


def log_shares(log_classes: Float[np.ndarray, "n L"], how: Calibration) -> Float[np.ndarray, "n L"]:
    """Return the calibrated log probabilities; rows of their exponentials sum to 1."""
    raw = how.sharpness * log_classes + how.shift
    raw -= raw.max(axis=1, keepdims=True)
    return raw - np.log(np.exp(raw).sum(axis=1, keepdims=True))


def calibrated(
    log_classes: Float[np.ndarray, "n L"], belief: Float[np.ndarray, "n L"], before: Calibration
) -> Calibration:
    """Return a calibration that makes a belief likelier than ``before`` does, or as likely.

    Newton's method on a concave sum: of belief times log probability, and of the log prior. A row
    counts by its sum. No sighting: only the prior speaks.
    """
    now, height = before, _height(log_classes, belief, before)
    for _ in range(_STEPS):
        step = _newton(log_classes, belief, now)
        for _ in range(_HALVINGS):
            new = Calibration(now.sharpness + step[0], now.shift + step[1:])
            reached = _height(log_classes, belief, new)
            if reached >= height:
                now, height = new, reached
                break
            step = step / 2
        else:
            break
    return now


def _height(
    log_classes: Float[np.ndarray, "n L"], belief: Float[np.ndarray, "n L"], how: Calibration
) -> float:
    return float((belief * log_shares(log_classes, how)).sum()) + how.log_prior()


def _newton(
    log_classes: Float[np.ndarray, "n L"], belief: Float[np.ndarray, "n L"], how: Calibration
) -> Float[np.ndarray, " L+1"]:
    """Return the step to the top of the parabola that touches the sum here."""
    share = np.exp(log_shares(log_classes, how))
    weight = belief.sum(axis=1, keepdims=True)
    mean = (share * log_classes).sum(axis=1, keepdims=True)
    apart = share * (log_classes - mean) * weight
    classes = len(how.shift)
    slope = np.empty(classes + 1)
    slope[0] = ((belief - weight * share) * log_classes).sum() - (how.sharpness - 1) / _WIDTH**2
    slope[1:] = (belief - weight * share).sum(axis=0) - how.shift / _WIDTH**2
    bend = np.empty((classes + 1, classes + 1))
    bend[0, 0] = (apart * log_classes).sum()
    bend[0, 1:] = bend[1:, 0] = apart.sum(axis=0)
    bend[1:, 1:] = np.diag((weight * share).sum(axis=0)) - (weight * share).T @ share
    return np.linalg.solve(bend + np.eye(classes + 1) / _WIDTH**2, slope)
