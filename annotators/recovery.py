"""How well the annotators were recovered: estimates against the simulator's truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """Errors of the estimates, over R raters."""

    #: The matrix error of Tanno et al. 2019, (1 / (R L)) sum (a - a_hat)^2 over the R raters, the
    #: L rows of true classes and all L + 1 columns, the miss included.
    matrix: float
    #: Mean absolute error of the miss rates.
    miss: float
    #: Mean absolute error of the spurious boxes an image.
    spurious: float
    #: Root mean squared error of the box biases, relative to the object; None where not estimated.
    box_bias: float | None
    #: Spearman's rank correlation of the skills; None for fewer than two raters, or all alike.
    skill: float | None


def recovery(estimate: Mapping[str, Any], truth: Mapping[str, Any]) -> Recovery:
    """Return the errors of estimated raters.

    Both hold ``matrix`` (R, L+1, L+1; rows: truth, last column: a miss), ``spurious`` (R,; boxes on
    nothing, an image), ``prior`` (L,; class frequencies) and ``box_bias`` (R, 4, relative to the
    object; or None). Rows of the L classes count, the row of what is hallucinated does not:
    ``spurious`` does. Miss rates and skills (found and named right) are means over the classes,
    weighted by the estimate's prior on both sides. Raises ValueError for shapes that do not fit.
    """
    matrix, true_matrix = estimate["matrix"], truth["matrix"]
    spurious, true_spurious = estimate["spurious"], truth["spurious"]
    prior, box_bias, true_box_bias = estimate["prior"], estimate["box_bias"], truth["box_bias"]
    if matrix.shape != true_matrix.shape or len(matrix) != len(spurious):
        raise ValueError(f"matrices of shape {matrix.shape} and {true_matrix.shape}")
    raters, classes = len(matrix), matrix.shape[1] - 1
    error = (matrix - true_matrix)[:, :-1]
    skill, true_skill = (
        one[:, :-1].diagonal(axis1=1, axis2=2) @ prior for one in (matrix, true_matrix)
    )
    bias = None
    if box_bias is not None and true_box_bias is not None:
        bias = float(np.sqrt(np.mean((box_bias - true_box_bias) ** 2)))
    return Recovery(
        matrix=float((error**2).sum() / (raters * classes)),
        miss=float(np.abs(error[:, :, -1] @ prior).mean()),
        spurious=float(np.abs(spurious - true_spurious).mean()),
        box_bias=bias,
        skill=rank_correlation(skill, true_skill),
    )


def recovery_rows(found: Recovery) -> list[tuple[str, str]]:
    """Return what each measure is called, and its value."""

    def cell(value: float | None, form: str = ".4f") -> str:
        return "undefined" if value is None else format(value, form)

    return [
        ("matrix error: squares of the class rows / (R L)", cell(found.matrix, ".2e")),
        ("miss rate, mean absolute error", cell(found.miss)),
        ("spurious boxes an image, mean absolute error", cell(found.spurious)),
        ("box bias, root mean squared error", cell(found.box_bias)),
        ("skill, rank correlation", cell(found.skill)),
    ]


def rank_correlation(a: Float[np.ndarray, " R"], b: Float[np.ndarray, " R"]) -> float | None:
    """Return Spearman's rank correlation; None for fewer than two values, or all alike."""
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    from scipy.stats import spearmanr  # slow to import: only where it is needed

    found: Any = spearmanr(a, b)  # scipy's types do not say what it holds
    return float(found.statistic)
