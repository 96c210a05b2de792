"""What annotators report of the objects that are there: a class, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotators.simulate.growth import error_rates, growth

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from annotators.simulate.annotator import Annotator

    Many = Float[np.ndarray, " n"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Circumstances:
    """What an annotator's errors depend on beside the matrix, for some objects; None: not on it."""

    #: Normal scores of the objects' difficulties.
    score: Many | None = None
    #: Place in the annotator's sequence, from -1 to 1.
    place: Many | None = None
    #: The mean probability of an error of every object, and the wrong classes it looks like.
    look: tuple[Many, Float[np.ndarray, "n L"]] | None = None

    @property
    def none(self) -> bool:
        """Whether the matrix says it all."""
        return self.score is None and self.place is None and self.look is None


def reported(
    annotator: Annotator,
    label: Int[np.ndarray, " n"],
    around: Circumstances,
    rng: np.random.Generator,
) -> Int[np.ndarray, " n"]:
    """Return the class that is reported of every object of these classes; L: it is missed."""
    classes = len(annotator.matrix) - 1
    drawn = rng.random(len(label))[:, None]
    if around.none:
        below = drawn >= _cumulative(annotator.matrix[:classes, :classes]).take(label, axis=0)
    else:
        below = drawn >= _cumulative(probabilities(annotator, label, around))
    return below.argmin(axis=1)


def _cumulative(rows: Float[np.ndarray, "n L"]) -> Float[np.ndarray, "n L+1"]:
    """Return cumulative probabilities of the classes; whatever exceeds them all is a miss.

    So the first column that a draw does not reach is the class reported.
    """
    cumulative = np.full((len(rows), rows.shape[1] + 1), np.inf)
    np.cumsum(rows, axis=1, out=cumulative[:, :-1])
    return cumulative


def probabilities(
    annotator: Annotator, label: Int[np.ndarray, " n"], around: Circumstances
) -> Float[np.ndarray, "n L"]:
    """Return the probability of every class to be reported, object by object.

    Circumstances decide how probable an error is; which error it is stays as the matrix has it, or,
    for look-alikes, as the object looks, but for the share of misses, which is the matrix's.
    """
    matrix, options = annotator.matrix[:-1], annotator.options
    mean = wrong(matrix)
    rate = mean.take(label) if around.look is None else around.look[0]
    rates = rate
    if around.score is not None or around.place is not None:
        rates = error_rates(rate, options.difficulty, around.score, options.drift, around.place)
    some = np.maximum(mean, 1e-300)
    if around.look is None:
        rows = (matrix[:, :-1] / some[:, None]).take(label, axis=0)
        rows *= rates[:, None]
    else:
        named = 1 - matrix[:, -1] / some
        rows = around.look[1] * (named.take(label) * rates)[:, None]
    rows[np.arange(len(label)), label] = 1 - rates
    return rows


def wrong(matrix: Float[np.ndarray, "L L+1"]) -> Float[np.ndarray, " L"]:
    """Return the probability of an error by class: of a miss, or of another class."""
    return np.clip(1 - matrix.diagonal(), 0.0, 1.0)


def spread_factor(annotator: Annotator, around: Circumstances) -> Many | None:
    """Return by how much every box is drawn less precisely than in the mean; None: by nothing."""
    options = annotator.options
    return growth(options.difficulty, around.score, options.drift, around.place)
