"""What annotators report in the mean, where their own matrix and box law do not say it.

Whoever copies reports a mixture; look-alikes are confused by their looks; habits in pixels weigh
more on small objects. This is what an estimate of a matrix and of a bias can at best come to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.simulate.copying import copying_order
from annotators.simulate.outcomes import probabilities
from annotators.simulate.shared import Shared

if TYPE_CHECKING:
    from jaxtyping import Float

    from annotators.simulate.matrices import Matrix


def expected(shared: Shared) -> list[dict[str, Any]]:
    """Return ``matrix``, ``spurious`` and ``box_bias`` of every annotator, as plain JSON values.

    Means over the objects of a split; an empty dictionary for annotators whose own laws say it.
    Objects that are merged with others are not counted as missed. ``box_bias`` is None where an
    annotator's boxes have no habit.
    """
    matrices: dict[int, Matrix] = {}
    rates: dict[int, float] = {}
    biases: dict[int, Float[np.ndarray, " 4"] | None] = {}
    found: list[dict[str, Any]] = [{} for _ in shared.annotators]
    for rater in copying_order([one.options for one in shared.annotators]):
        one = shared.annotators[rater]
        options = one.options
        matrices[rater], rates[rater] = _own_matrix(shared, rater), options.spurious
        biases[rater] = _own_bias(shared, rater)
        if options.copies and options.copies_from is not None:
            other = options.copies_from - 1
            weight = options.copies * (1 - options.corrects) * _share_of_both(shared, rater, other)
            rates[rater] = (1 - weight) * rates[rater] + weight * rates[other]
            matrices[rater] = _mixed(weight, matrices[rater], matrices[other], rates[rater])
            a, b = biases[rater], biases[other]
            if a is not None or b is not None:  # one without a habit errs by nothing in the mean
                a, b = (np.zeros(4) if bias is None else bias for bias in (a, b))
                biases[rater] = (1 - weight) * a + weight * b
        if options.copies or options.family == "instance" or options.box_noise == "sized":
            bias = biases[rater]
            found[rater] = {
                "matrix": matrices[rater].tolist(),
                "spurious": rates[rater],
                "box_bias": None if bias is None else bias.tolist(),
            }
    return found


def _own_matrix(shared: Shared, rater: int) -> Matrix:
    one, label = shared.annotators[rater], shared.truth.label
    look = shared.look(rater, np.arange(len(label)))
    if look is None:
        return one.matrix
    # Difficulty leaves the mean as it is, but for look-alikes: faint digits look like others, too.
    rows = probabilities(one, label, shared.circumstances(rater, np.arange(len(label))))
    matrix = one.matrix.copy()
    for k in np.unique(label):
        named = rows[label == k].mean(axis=0)
        matrix[k] = np.append(named, max(0.0, 1 - named.sum()))
    return matrix


def _own_bias(shared: Shared, rater: int) -> Float[np.ndarray, " 4"] | None:
    one, box = shared.annotators[rater], shared.truth.box
    if one.options.box_noise not in ("biased", "sized") or not len(box):
        return None
    return one.box_law.relative(box[:, 2:] - box[:, :2])[0].mean(axis=0)


def _share_of_both(shared: Shared, rater: int, other: int) -> float:
    """Return on which share of a rater's images the other looks, too."""
    mine = shared.assigned[:, rater]
    return float((mine & shared.assigned[:, other]).sum() / max(mine.sum(), 1))


def _mixed(weight: float, own: Matrix, other: Matrix, rate: float) -> Matrix:
    matrix = (1 - weight) * own + weight * other
    names, nothing = matrix[-1, :-1], np.exp(-rate)
    matrix[-1, :-1] = names * (1 - nothing) / max(names.sum(), 1e-300)
    matrix[-1, -1] = nothing
    return matrix
