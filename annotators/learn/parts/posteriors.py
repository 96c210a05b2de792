"""What is believed of raters: conjugate posteriors of their box errors and of their matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@dataclass(frozen=True, kw_only=True, eq=False)
class NormalGamma:
    """Errors ~ Normal(m, 1 / t), (m, t) ~ Normal-Gamma, of each rater in each of 4 coordinates.

    The errors are relative to an object: x and y of the centre, width, height.
    """

    mean: Float[np.ndarray, "R 4"]
    #: Boxes that the mean rests on.
    count: Float[np.ndarray, "R 4"]
    shape: Float[np.ndarray, "R 4"]
    rate: Float[np.ndarray, "R 4"]

    @classmethod
    def prior(cls, raters: int) -> Self:
        """Return what is believed of raters of whom nothing is known (Tan et al. 2024)."""
        full = np.full((4, raters, 4), np.array([0.0, 10.0, 10.0, 0.5])[:, None, None])
        return cls(mean=full[0], count=full[1], shape=full[2], rate=full[3])

    @property
    def precision(self) -> Float[np.ndarray, "R 4"]:
        """The expected precision of the errors."""
        return self.shape / self.rate

    def after(
        self,
        error: Float[np.ndarray, "m 4"],
        rater: Int[np.ndarray, " m"],
        weight: Float[np.ndarray, " m"] | None = None,
    ) -> Self:
        """Return the posterior after errors were seen, each of ``weight`` boxes (None: of one)."""
        weight = np.ones(len(rater)) if weight is None else weight

        def by_rater(values: Float[np.ndarray, "m 4"]) -> Float[np.ndarray, "R 4"]:
            columns = [np.bincount(rater, weight * v, len(self.mean)) for v in values.T]
            return np.stack(columns, axis=1)

        n = by_rater(np.ones_like(error))
        mean = by_rater(error) / np.maximum(n, 1e-300)
        squares = by_rater((error - mean[rater]) ** 2)
        apart = self.count * n * (mean - self.mean) ** 2 / (2 * (self.count + n))
        return type(self)(
            mean=(self.count * self.mean + n * mean) / (self.count + n),
            count=self.count + n,
            shape=self.shape + n / 2,
            rate=self.rate + squares / 2 + apart,
        )


def errors(drawn: Float[np.ndarray, "m 4"], true: Float[np.ndarray, "m 4"]) -> np.ndarray:
    """Return the errors (m, 4) of drawn boxes, relative to the objects that they are about.

    Centre: distance in widths and heights of the object; sides: their factor less 1.
    """
    (here, side), (there, own) = centre_and_size(drawn), centre_and_size(true)
    return np.concatenate([(here - there) / own, side / own - 1], axis=1)


def corrected(drawn: Float[np.ndarray, "m 4"], bias: Float[np.ndarray, "m 4"]) -> np.ndarray:
    """Return centres and sizes (m, 4) of the objects that boxes with such errors are about."""
    centre, side = centre_and_size(drawn)
    # A rater is not believed to draw objects at less than a tenth of their size.
    own = side / np.maximum(1 + bias[:, 2:], 0.1)
    return np.concatenate([centre - bias[:, :2] * own, own], axis=1)


def centre_and_size(
    box: Float[np.ndarray, "n 4"],
) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, "n 2"]]:
    """Return the centres and the sides of boxes, sides at least of a thousandth of a pixel."""
    return (box[:, :2] + box[:, 2:]) / 2, np.maximum(box[:, 2:] - box[:, :2], 1e-3)


def expected_log(alpha: Float[np.ndarray, "*rows k"]) -> Float[np.ndarray, "*rows k"]:
    """Return the expected logarithms of probabilities that are Dirichlet in the last axis."""
    from scipy.special import digamma

    return digamma(alpha) - digamma(alpha.sum(axis=-1, keepdims=True))
