"""Where an object is: raters' boxes and a detector's, under the law that fits them best."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from annotators.infer.parts.overlap_law import (
    SHAPES,
    Drawn,
    OverlapLaw,
    distances,
    likeliest,
    log_density,
    mean_error,
    normalised,
    per_area,
)
from annotators.learn.parts.edges import (
    LIKELY,
    TAIL,
    Boxes,
    EdgeLaw,
    Place,
    boxes_of,
    fit_edges,
    fit_pairs,
    own_edges,
    own_errors,
    sides_of,
)
from annotators.learn.parts.heard import Heard
from medmnist_det.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh
from medmnist_det.ragged import ranges
from medmnist_det.streams import stream

if TYPE_CHECKING:
    from jaxtyping import Float, Int

# Guesses of an object's box, how much farther than the normal law's doubt they reach, and objects
# by which the overlap law is fitted.
_GUESSES, _WIDER, _FITTED = 192, 1.4, 1500
# Objects below which a law is not worth fitting.
_FEWEST = 100
# How often places, law of overlaps and the detector's errors are found in turn.
_TURNS = 3
# Objects at once: keeps memory small.
_CHUNK = 2000


def settle_places(
    said: Heard, there: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "n 4"], EdgeLaw]:
    """Return where everything is, in pixels, and how everybody errs.

    Where the law of overlaps (:mod:`annotators.infer.parts.overlap_law`) fits the raters' boxes
    better, places are means under that law: by importance sampling, guesses around each place
    weighted by how likely they make all boxes, the detector's too. Then the detector's own errors
    are told anew, from these places: those of the normal law are a little too large.
    """
    boxes, raters = boxes_of(said), said.reports.shape[1]
    place, law = (fit_edges if said.compared else fit_pairs)(boxes, there, raters)
    rows = np.flatnonzero((boxes.number >= 2) & (boxes.drawn > 0) & (there > LIKELY))
    if len(rows) < _FEWEST:
        return place.box, law
    few = rows[np.unique(np.linspace(0, len(rows) - 1, _FITTED).round().astype(np.int64))]
    for _ in range(_TURNS):
        overlap = _fit_overlap(boxes, place, law, few)
        if overlap is None:
            break
        law = replace(law, overlap=overlap)
        if not said.compared:
            law = replace(law, own_bias=law.own_bias + mean_error(overlap))
            return _under(boxes, place, law, rows).box, law
        place = _under(boxes, place, law, rows)
        bias, scale = own_errors(boxes, place, np.where(boxes.number > 1, there, 0.0), law)
        law = replace(law, own_bias=bias, own_scale=scale)
    return place.box, law


def _under(boxes: Boxes, place: Place, law: EdgeLaw, rows: Int[np.ndarray, " k"]) -> Place:
    """Return means and variances of some objects' edges under a law of overlaps."""
    if law.overlap is None:
        raise ValueError("this law has no overlaps")
    box, variance = place.box.copy(), place.variance.copy()
    for first in range(0, len(rows), _CHUNK):
        some = rows[first : first + _CHUNK]
        drawn, guesses = _drawn(boxes, place, law, some), _guesses(place, some)
        fit = log_density(law.overlap, distances(drawn, xyxy_to_cxcywh(guesses)), drawn.rater)
        fit = np.add.reduceat(fit, drawn.starts[:-1]) + per_area(drawn, xyxy_to_cxcywh(guesses))
        weight = normalised(fit + _beside(boxes, law, some, guesses))[0][:, :, None]
        box[some] = (weight * guesses).sum(axis=1)
        variance[some] = (weight * (guesses - box[some][:, None]) ** 2).sum(axis=1)
    return Place(box, variance)


def _fit_overlap(
    boxes: Boxes, place: Place, law: EdgeLaw, rows: Int[np.ndarray, " k"]
) -> OverlapLaw | None:
    drawn, guesses = _drawn(boxes, place, law, rows), _guesses(place, rows)
    centred = xyxy_to_cxcywh(guesses)
    distance, beside = distances(drawn, centred), _beside(boxes, law, rows, guesses)
    flat = per_area(drawn, centred) + beside
    owner = np.repeat(np.arange(len(rows)), np.diff(drawn.starts))
    weight = np.full(flat.shape, 1 / flat.shape[1])
    best, ours = None, -np.inf
    for shape in SHAPES:
        found, total = None, -np.inf
        for _ in range(5):
            found = likeliest(shape, weight[owner], distance, drawn.rater, len(law.bias))
            fit = np.add.reduceat(log_density(found, distance, drawn.rater), drawn.starts[:-1])
            weight, mean = normalised(fit + flat)
            total = mean.sum()
        if total <= ours:
            break  # the likelihood has one peak over the shapes
        best, ours = found, total
    side = np.tile(centred[..., 2:], 2)[owner]
    error = (cxcywh_to_xyxy(drawn.box)[:, None] - guesses[owner]) / side
    spread = law.variance[drawn.rater][:, None]
    normal = (-0.5 * (error**2 / spread + np.log(2 * np.pi * spread))).sum(axis=2)
    theirs = normalised(np.add.reduceat(normal, drawn.starts[:-1]) + flat)[1]
    return best if ours > theirs.sum() else None


def _drawn(boxes: Boxes, place: Place, law: EdgeLaw, rows: Int[np.ndarray, " k"]) -> Drawn:
    """Return the raters' boxes of some objects without bias, as centres and sizes."""
    size = np.bincount(boxes.owner, minlength=len(place.box))
    starts = np.cumsum(size) - size
    member = ranges(starts[rows], size[rows])
    side = sides_of(place.box)[boxes.owner[member]]
    box = boxes.box[member] - law.bias[boxes.rater[member]] * side
    return Drawn(
        box=xyxy_to_cxcywh(box),
        rater=boxes.rater[member],
        starts=np.concatenate([[0], np.cumsum(size[rows])]),
    )


def _noise() -> Float[np.ndarray, "K 4"]:
    half = stream(0, "consensus", "places").standard_normal((_GUESSES // 2, 4))
    return _WIDER * np.concatenate([half, -half])


def _guesses(place: Place, rows: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k K 4"]:
    reach = np.sqrt(place.variance[rows])[:, None]
    guess = place.box[rows][:, None] + reach * _noise()
    guess[..., 2:] = np.maximum(guess[..., 2:], guess[..., :2] + 0.1 * reach[..., 2:])
    return guess


def _beside(
    boxes: Boxes, law: EdgeLaw, rows: Int[np.ndarray, " k"], guesses: Float[np.ndarray, "k K 4"]
) -> Float[np.ndarray, "k K"]:
    """Return the detector's log density, and minus that by which the guesses were drawn."""
    own, scale = (column[rows][:, None] for column in own_edges(boxes, law))
    away = (guesses - own) ** 2 / scale
    fit = -(TAIL + 1) / 2 * np.log1p(away / TAIL).sum(axis=2)
    fit[np.isnan(fit)] = 0.0
    return fit + 0.5 * ((_noise() / _WIDER) ** 2).sum(axis=1)
