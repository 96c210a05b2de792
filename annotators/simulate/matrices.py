"""Class transition matrices of simulated annotators.

Row = true class, column = reported class; the last column is ``no_obj``, a miss. The last row is
what an image yields where nothing is: column L holds the probability that the annotator draws no
spurious box in an image, the others share the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from medmnist_det.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    Matrix = Float[np.ndarray, "L+1 L+1"]
    _Rows = Float[np.ndarray, "L L+1"]

Family = Literal[
    "random",
    "uniform",
    "hammer-spammer",
    "pairwise-flipper",
    "structured",
    "ordered",
    "adversarial",
    "average",
    "instance",
]
FAMILIES: tuple[Family, ...] = get_args(Family)


# The paper's law of the diagonal: clip(Normal(p, SPREAD), SMALLEST, 1).
_SPREAD = 0.5
_SMALLEST = 0.05

# Digits that look alike; 2 has no double.
_LOOK_ALIKES = ((3, 5, 8), (4, 9), (1, 7), (0, 6))


def transition_matrix(
    family: Family, classes: int, proficiency: float, spurious: float, rng: np.random.Generator
) -> Matrix:
    """Draw the transition matrix of one annotator over L = ``classes`` classes and ``no_obj``.

    ``proficiency`` is the family's p, 0..1; ``spurious`` the mean spurious boxes of an image.
    Rows sum to 1. Every class row of ``random`` is diagonally dominant (a_ii > a_ij); the others
    are where p allows it, ``adversarial`` never. Raises InputError for ``structured`` where the
    classes are not the ten digits.
    """
    matrix = np.zeros((classes + 1, classes + 1))
    matrix[:classes] = _FAMILIES[family](classes, proficiency, rng)
    matrix[classes, classes] = np.exp(-spurious)
    share = rng.dirichlet(np.ones(classes)) if family == "random" else np.full(classes, 1 / classes)
    matrix[classes, :classes] = (1 - matrix[classes, classes]) * share
    return matrix


def whole_matrices(
    report: Float[np.ndarray, "R L L+1"],
    spurious: Float[np.ndarray, " R"],
    fancy: Float[np.ndarray, "R L"],
) -> Float[np.ndarray, "R L+1 L+1"]:
    """Return matrices in the simulator's layout from what raters report of objects and of nothing.

    ``report`` holds the rows of the classes, the last column a miss; ``spurious`` the boxes on
    nothing in an image, whose classes ``fancy`` tells. The last row is that of an image without an
    object: no box at all with exp(-spurious).
    """
    raters, classes, _ = report.shape
    whole = np.zeros((raters, classes + 1, classes + 1))
    whole[:, :-1] = report
    none = np.exp(-spurious)
    whole[:, -1, :-1] = (1 - none)[:, None] * fancy
    whole[:, -1, -1] = none
    return whole


def dominant(matrix: Matrix) -> Bool[np.ndarray, " L"]:
    """Say for every class row whether its diagonal exceeds every other entry (misses included)."""
    rows = matrix[:-1].copy()
    diagonal = rows.diagonal().copy()
    np.fill_diagonal(rows, -np.inf)
    return diagonal > rows.max(axis=1)


def _random(classes: int, p: float, rng: np.random.Generator) -> _Rows:
    """Le et al. 2023: a_ii = clip(Normal(p, .5), .05, 1), the rest at random, dominant.

    The paper's diagonal of .05 cannot dominate eleven columns. The rest of a row is drawn uniformly
    from the simplex, and a row that is not dominant is drawn again, diagonal included.
    """
    rows = np.zeros((classes, classes + 1))
    for k in range(classes):
        while True:
            diagonal = np.clip(rng.normal(p, _SPREAD), _SMALLEST, 1.0)
            rest = (1 - diagonal) * rng.dirichlet(np.ones(classes))
            if diagonal > rest.max():
                break
        rows[k] = np.insert(rest, k, diagonal)
    return rows


def _uniform(classes: int, p: float, _: np.random.Generator) -> _Rows:
    """The paper's published code: right with p, else any other class or a miss, equally likely."""
    return _with_errors(p, 1 - np.eye(classes))


def _hammer_spammer(classes: int, p: float, _: np.random.Generator) -> _Rows:
    """Right with probability p, else a report drawn from all classes and ``no_obj`` alike."""
    return p * np.eye(classes, classes + 1) + (1 - p) / (classes + 1)


def _pairwise_flipper(classes: int, p: float, rng: np.random.Generator) -> _Rows:
    """Tanno et al. 2019: confuses every class with one other, drawn per class."""
    errors = np.zeros((classes, classes))
    if classes > 1:
        other = (np.arange(classes) + rng.integers(1, classes, classes)) % classes
        errors[np.arange(classes), other] = 1
    return _with_errors(p, errors)


def _structured(classes: int, p: float, _: np.random.Generator) -> _Rows:
    """Confuses look-alike digits: 3-5-8, 4-9, 1-7, 0-6; a 2 with anything."""
    if classes != 10:
        raise InputError(
            f"family 'structured' knows ten digits, not {classes} classes: choose another family"
        )
    errors = np.zeros((classes, classes))
    for group in _LOOK_ALIKES:
        errors[np.ix_(group, group)] = 1
    errors[2] = 1
    np.fill_diagonal(errors, 0)
    return _with_errors(p, errors)


def _ordered(classes: int, p: float, _: np.random.Generator) -> _Rows:
    """Confuses neighbouring classes (Wang et al.: ordered confusion)."""
    return _with_errors(p, np.eye(classes, k=1) + np.eye(classes, k=-1))


def _adversarial(classes: int, p: float, rng: np.random.Generator) -> _Rows:
    """Mixes names up by a permutation without fixed point, and is consistent with probability p.

    The remaining 1 - p is spread evenly over all other columns, the right name included.
    """
    if classes == 1:
        raise InputError("family 'adversarial' needs two classes or more: choose another family")
    order = rng.permutation(classes)
    wrong = np.empty(classes, dtype=np.int64)
    wrong[order] = np.roll(order, 1)  # one cycle through all classes
    rows = np.full((classes, classes + 1), (1 - p) / classes)
    rows[np.arange(classes), wrong] = p
    return rows


def _average(classes: int, p: float, rng: np.random.Generator) -> _Rows:
    """The mean of hammer-spammer, pairwise-flipper, ordered and adversarial annotators."""
    several = (_hammer_spammer, _pairwise_flipper, _ordered, _adversarial)
    return np.mean([family(classes, p, rng) for family in several], axis=0)


def _instance(classes: int, p: float, _: np.random.Generator) -> _Rows:
    """Right with p in the mean; how often, and what else, each digit's looks say.

    Only the diagonal and the misses of these rows are used (:mod:`annotators.simulate.instance`).
    """
    if classes != 10:
        raise InputError(
            f"family 'instance' knows ten digits, not {classes} classes: choose another family"
        )
    return _uniform(classes, p, _)


def _with_errors(p: float, errors: Float[np.ndarray, "L L"]) -> _Rows:
    """Return rows with p on the diagonal and 1 - p spread by ``errors`` and on misses.

    Misses take the share that they have in the published code, one of L possible errors; all of it
    where a class has nothing to be confused with.
    """
    classes = len(errors)
    total = errors.sum(axis=1, keepdims=True)
    miss = np.where(total > 0, 1 / classes, 1.0)
    confused = (1 - miss) * errors / np.maximum(total, 1)
    return np.hstack([p * np.eye(classes) + (1 - p) * confused, (1 - p) * miss])


_FAMILIES: dict[Family, Callable[[int, float, np.random.Generator], _Rows]] = {
    "random": _random,
    "uniform": _uniform,
    "hammer-spammer": _hammer_spammer,
    "pairwise-flipper": _pairwise_flipper,
    "structured": _structured,
    "ordered": _ordered,
    "adversarial": _adversarial,
    "average": _average,
    "instance": _instance,
}
