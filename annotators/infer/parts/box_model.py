"""Where an object is: the fusion of boxes by each rater's estimated bias and precision."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annotators.infer.parts.grouping import Groups
from annotators.infer.parts.overlap_law import Drawn, OverlapLaw, fit_overlap_law, locate
from medmnist_det.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh
from medmnist_det.labels import Labels

if TYPE_CHECKING:
    from jaxtyping import Float, Int

# Pseudo-boxes of no bias, and of the crowd's mean variance, in what is believed of a rater.
_CALM = 10.0
# Smallest standard deviation, relative to the object: keeps weights finite where boxes coincide.
_SHARPEST = 1e-4
_FIRST_VARIANCE = 0.01
_ROUNDS = 200
_TOLERANCE = 1e-5


@dataclass(frozen=True, kw_only=True, eq=False)
class BoxModel:
    """Errors relative to the object: x and y of the centre, width, height. Normal, independent."""

    bias: Float[np.ndarray, "R 4"]
    variance: Float[np.ndarray, "R 4"]
    #: The law that fits better than the normal one, if there is one.
    law: OverlapLaw | None = None


def mean_boxes(labels: Labels, groups: Groups) -> Float[np.ndarray, "g 4"]:
    """Return the plain mean box of every group."""
    if len(groups) == 0:
        return np.zeros((0, 4))
    total = np.add.reduceat(labels.box[groups.row], groups.starts[:-1])
    return total / groups.size[:, None]


def fuse_boxes(
    labels: Labels, groups: Groups, existence: Float[np.ndarray, " g"], raters: int
) -> tuple[Float[np.ndarray, "g 4"], BoxModel]:
    """Return the fused box of every group, and what was learned of the raters, by EM.

    Model (after Tan et al. 2024, with the shift taken at the centre): a rater draws an object with
    errors relative to its size that are normal with the rater's own mean and variance. E step: the
    object's box given those, a precision-weighted mean of the bias-corrected boxes, and its
    variance. M step: mean and variance of every rater's errors, each group weighted by the
    probability that an object is there. A bias that all raters share cannot be seen: of all that
    explain the boxes alike we take the biases that are smallest in units of each rater's spread,
    as who draws precisely is more likely to draw in the right place. Groups of one box say nothing
    and take the rater's correction.

    Where the law of :mod:`annotators.infer.parts.overlap_law` explains the boxes better, places are
    means under that law; biases and variances remain those of the normal one.
    """
    if len(groups) == 0:
        nothing = np.zeros((raters, 4))
        return np.zeros((0, 4)), BoxModel(bias=nothing, variance=nothing + _SHARPEST**2)
    rater = labels.rater[groups.row]  # type: ignore[index]
    owner = np.repeat(np.arange(len(groups)), groups.size)
    drawn = xyxy_to_cxcywh(labels.box[groups.row])
    weight = np.where(groups.size > 1, existence, 0.0)[owner]
    model = BoxModel(bias=np.zeros((raters, 4)), variance=np.full((raters, 4), _FIRST_VARIANCE))
    place = np.add.reduceat(drawn, groups.starts[:-1]) / groups.size[:, None]
    for _ in range(_ROUNDS):
        place, doubt = _locate(drawn, rater, owner, groups.starts, place, model)
        side = place[:, [2, 3, 2, 3]][owner]
        error = (drawn - place[owner]) / side
        new = habits(error, doubt[owner], weight, rater, raters)
        step = np.abs(np.sqrt(new.variance) - np.sqrt(model.variance)).max()
        step = max(step, np.abs(new.bias - model.bias).max())
        model = new
        if step < _TOLERANCE:
            break
    place, doubt = _locate(drawn, rater, owner, groups.starts, place, model)
    clean = Drawn(
        box=_corrected(drawn, place[owner], rater, model), rater=rater, starts=groups.starts
    )
    law = fit_overlap_law(clean, place, doubt, model.variance)
    if law is not None:
        place = locate(clean, law, place, doubt)
        model = replace(model, law=law)
    return cxcywh_to_xyxy(place), model


def _locate(
    drawn: Float[np.ndarray, "m 4"],
    rater: Int[np.ndarray, " m"],
    owner: Int[np.ndarray, " m"],
    starts: Int[np.ndarray, " g+1"],
    place: Float[np.ndarray, "g 4"],
    model: BoxModel,
) -> tuple[Float[np.ndarray, "g 4"], Float[np.ndarray, "g 4"]]:
    """Return the objects' centres and sizes, and the relative variances of these."""
    corrected = _corrected(drawn, place[owner], rater, model)
    precision = 1 / model.variance[rater]
    total = np.add.reduceat(precision, starts[:-1])
    return np.add.reduceat(precision * corrected, starts[:-1]) / total, 1 / total


def _corrected(
    drawn: Float[np.ndarray, "m 4"],
    place: Float[np.ndarray, "m 4"],
    rater: Int[np.ndarray, " m"],
    model: BoxModel,
) -> Float[np.ndarray, "m 4"]:
    """Return the boxes without their raters' biases; ``place`` is each box's object."""
    shift = place[:, 2:] * model.bias[rater, :2]
    scale = np.maximum(1 + model.bias[rater, 2:], 0.1)
    return np.concatenate([drawn[:, :2] - shift, drawn[:, 2:] / scale], axis=1)


def habits(
    error: Float[np.ndarray, "m 4"],
    doubt: Float[np.ndarray, "m 4"],
    weight: Float[np.ndarray, " m"],
    rater: Int[np.ndarray, " m"],
    raters: int,
    sharpest: float = _SHARPEST,
) -> BoxModel:
    """Return the M step: bias and variance of every rater, drawn to the crowd's by a few boxes.

    ``doubt`` is the variance of the place that each error is measured from, ``sharpest`` the least
    standard deviation. Of all biases that explain the boxes alike the smallest are taken.
    """

    def total(column: Float[np.ndarray, "m 4"]) -> Float[np.ndarray, "R 4"]:
        each = [np.bincount(rater, weight * column[:, c], minlength=raters) for c in range(4)]
        return np.stack(each, axis=1)

    count = np.bincount(rater, weight, minlength=raters)[:, None]
    bias = total(error) / (count + _CALM)
    square = total((error - bias[rater]) ** 2 + doubt)
    crowd = square.sum(axis=0) / np.maximum(count.sum(), 1e-9)
    variance = np.maximum((square + _CALM * crowd) / (count + _CALM), sharpest**2)
    precision = (count > 0) / variance
    shared = (precision * bias).sum(axis=0) / np.maximum(precision.sum(axis=0), 1e-9)
    return BoxModel(bias=bias - shared, variance=variance)
