"""How errors grow with the difficulty of an object and along a sequence, while their mean stays.

With e the rate of errors, z the normal score of the object's difficulty, t in [-1, 1] the image's
place in the annotator's sequence, r the strength of difficulty and d the drift:

    P(error | z, t) = Phi((c + sqrt(r) z + d t) / sqrt(1 - r)),   mean over t of Phi(c + d t) = e

z is standard normal over the objects of a class and t uniform over the sequence, so that the mean
of P is e: Phi(c + d t) is its mean over z. Errors of two annotators who share z are those of two
normal variables with correlation r; r = 0 and d = 0 is e for all. The first is Vasicek's one-factor
law. GLAD's sigmoid (Whitehill et al. 2009) has the same shape, but moves the mean with it.

Spreads of boxes grow by g(z, t) = exp(K (sqrt(r) z + d t)) / M, where M makes the mean of g 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

    Many = Float[np.ndarray, " n"]

# How fast spreads of boxes grow: at full strength they double from the middle of the objects to
# those that are harder than 92 of 100.
_K = 0.5

# Below this share of independent chance errors are decided by difficulty alone.
_LEAST_CHANCE = 1e-12


def error_rates(
    rate: Many, strength: float, score: Many | None, drift: float, place: Many | None
) -> Many:
    """Return the probability of an error for every object.

    ``rate`` is the mean rate e, ``score`` z and ``place`` t; None where errors do not depend on
    it. Rates of 0 and 1 stay.
    """
    from scipy.special import ndtr, ndtri  # slow to import: only where it is needed

    shift = ndtri(rate) if place is None else _offset(rate, drift) + drift * place
    if score is None:
        return ndtr(shift)
    return ndtr((shift + np.sqrt(strength) * score) / np.sqrt(max(1 - strength, _LEAST_CHANCE)))


def growth(strength: float, score: Many | None, drift: float, place: Many | None) -> Many | None:
    """Return by which factor the spread of every box is larger than the mean; None: 1 for all."""
    exponent, mean = None, 1.0
    if score is not None:
        exponent = _K * np.sqrt(strength) * score
        mean *= np.exp(_K * _K * strength / 2)
    if place is not None:
        exponent = _K * drift * place + (0.0 if exponent is None else exponent)
        mean *= np.sinh(_K * drift) / (_K * drift)
    return None if exponent is None else np.exp(exponent) / mean


def _offset(rate: Many, drift: float) -> Many:
    """Return c for which the mean of Phi(c + drift t), t uniform on [-1, 1], is the rate.

    The integral of Phi is G(x) = x Phi(x) + phi(x), so that the mean is (G(c + d) - G(c - d)) / 2d.
    Newton's method from the c of a normal t; five steps are exact to 1e-12.
    """
    from scipy.special import ndtr, ndtri

    def integral(x: Many) -> Many:
        return x * ndtr(x) + np.exp(-x * x / 2) / np.sqrt(2 * np.pi)

    c = ndtri(np.clip(rate, 1e-12, 1 - 1e-12)) * np.sqrt(1 + drift * drift / 3)
    for _ in range(5):
        mean = (integral(c + drift) - integral(c - drift)) / (2 * drift)
        slope = (ndtr(c + drift) - ndtr(c - drift)) / (2 * drift)
        c = c - (mean - rate) / slope
    return np.where(rate <= 0, -np.inf, np.where(rate >= 1, np.inf, c))
