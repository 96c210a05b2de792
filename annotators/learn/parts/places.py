"""Where an object is: raters' boxes and a detector's, each edge with the precision that it has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annotators.infer.parts.overlap_law import (
    SHAPES,
    Drawn,
    OverlapLaw,
    distances,
    likeliest,
    log_density,
    normalised,
    per_area,
)
from annotators.learn.parts.testimony import Testimony
from medmnist_det.ragged import ranges
from medmnist_det.streams import stream

if TYPE_CHECKING:
    from jaxtyping import Float, Int

# Degrees of freedom of the detector's errors (Student's t): some edges are those of other things.
_TAIL = 5.0
# Kinds of sightings by their size, for the bias, and of their edges by the scatter, for the spread.
_SIZES, _SCATTERS = 6, 8
# Pseudo-boxes of no bias, and of the mean variance.
_CALM = 10.0
# Smallest standard deviation, relative to the object.
_SHARPEST = 1e-3
_ROUNDS, _REST = 100, 1e-5


@dataclass(frozen=True, kw_only=True, eq=False)
class EdgeLaw:
    """Errors of the four edges (x_min, y_min, x_max, y_max), relative to the object's sides."""

    #: Of the raters: normal.
    bias: Float[np.ndarray, "R 4"]
    variance: Float[np.ndarray, "R 4"]
    #: Of the detector: the bias by size, the squared scale of a Student's t by scatter.
    own_bias: Float[np.ndarray, "sizes 4"]
    own_scale: Float[np.ndarray, " scatters"]
    #: What the raters' boxes follow instead, where that fits better.
    overlap: OverlapLaw | None = None


class Boxes(NamedTuple):
    """The boxes of supposed objects: raters' in rows, the detector's, if there is one, aside."""

    #: Raters' boxes, object after object, and whose they are.
    box: Float[np.ndarray, "m 4"]
    rater: Int[np.ndarray, " m"]
    owner: Int[np.ndarray, " m"]
    #: The detector's box; NaN for none.
    seen: Float[np.ndarray, "n 4"]
    #: Kinds of these boxes, and of their edges.
    size: Int[np.ndarray, " n"]
    scatter: Int[np.ndarray, "n 4"]

    @property
    def number(self) -> Float[np.ndarray, " n"]:
        """How many boxes each object has."""
        there = ~np.isnan(self.seen[:, 0])
        return np.bincount(self.owner, minlength=len(self.seen)) + there


def boxes_of(said: Testimony) -> Boxes:
    """Return the boxes behind every supposed object."""
    labels, groups, seen = said.crowd.labels, said.groups, said.sightings
    rows = groups.row[groups.row < len(labels)]
    where = np.full((len(said), 4), np.nan)
    where[said.sighted] = seen.box[said.sighting[said.sighted]]
    side = _sides(where)
    scatter = np.zeros((len(said), 4), dtype=np.int64)
    scatter[said.sighted] = _graded(seen.scatter[said.sighting[said.sighted]], _SCATTERS)
    size = np.zeros(len(said), dtype=np.int64)
    size[said.sighted] = _graded(side[said.sighted, :2].prod(axis=1), _SIZES)
    return Boxes(
        box=labels.box[rows],
        rater=labels.rater[rows],  # type: ignore[index]
        owner=groups.group[rows],
        seen=where,
        size=size,
        scatter=scatter,
    )


def _graded(values: np.ndarray, grades: int) -> np.ndarray:
    if values.size == 0:
        return np.zeros(values.shape, dtype=np.int64)
    return np.searchsorted(np.quantile(values, np.arange(1, grades) / grades), values, side="right")


def _sides(box: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n 4"]:
    return np.tile(box[:, 2:] - box[:, :2], 2)


def _summed(
    owner: Int[np.ndarray, " m"], values: Float[np.ndarray, "m 4"], number: int
) -> Float[np.ndarray, "n 4"]:
    return np.stack([np.bincount(owner, column, number) for column in values.T], axis=1)


class Place(NamedTuple):
    """What is believed of the objects' edges, in pixels: independent normals."""

    box: Float[np.ndarray, "n 4"]
    variance: Float[np.ndarray, "n 4"]


def fit_edges(boxes: Boxes, there: Float[np.ndarray, " n"], raters: int) -> tuple[Place, EdgeLaw]:
    """Return where the objects are and how everybody errs, by EM from normal errors of all edges.

    E step: an edge is the precision-weighted mean of where its boxes have it, without their biases;
    of the detector's, the more it disagrees the less it counts. M step: bias and spread of every
    rater; of the detector, by size and by what it says of its own scatter. The raters' biases have
    no common part, which nobody can see.
    """
    seen = ~np.isnan(boxes.seen[:, 0])
    start = np.where(seen[:, None], np.nan_to_num(boxes.seen), 0.0)
    mean = _summed(boxes.owner, boxes.box, len(start))
    count = np.bincount(boxes.owner, minlength=len(start))[:, None]
    place = Place((mean + start) / np.maximum(count + seen[:, None], 1), np.zeros_like(start))
    law = EdgeLaw(
        bias=np.zeros((raters, 4)),
        variance=np.full((raters, 4), 0.05**2),
        own_bias=np.zeros((_SIZES, 4)),
        own_scale=np.full(_SCATTERS, 0.03**2),
    )
    weight = np.where(boxes.number > 1, there, 0.0)
    for _ in range(_ROUNDS):
        place = locate_edges(boxes, law, place)
        new = _likelier(boxes, place, weight, law)
        step = np.abs(np.sqrt(new.variance) - np.sqrt(law.variance)).max()
        step = max(step, np.abs(np.sqrt(new.own_scale) - np.sqrt(law.own_scale)).max())
        law = new
        if step < _REST:
            break
    return locate_edges(boxes, law, place), law


def locate_edges(boxes: Boxes, law: EdgeLaw, before: Place) -> Place:
    """Return the E step: edges and their variances, in pixels, given how everybody errs."""
    side = np.maximum(_sides(before.box), 1.0)
    corrected = boxes.box - law.bias[boxes.rater] * side[boxes.owner]
    precision = 1 / (law.variance[boxes.rater] * side[boxes.owner] ** 2)
    total = _summed(boxes.owner, precision, len(side))
    mean = _summed(boxes.owner, precision * corrected, len(side))
    seen = np.flatnonzero(~np.isnan(boxes.seen[:, 0]))
    own, scale = _own(boxes, law)
    away = (own[seen] - before.box[seen]) ** 2 + before.variance[seen]
    sure = (_TAIL + 1) / (_TAIL + away / scale[seen]) / scale[seen]
    total[seen] += sure
    mean[seen] += sure * own[seen]
    return Place(mean / total, 1 / total)


def _own(boxes: Boxes, law: EdgeLaw) -> tuple[Float[np.ndarray, "n 4"], Float[np.ndarray, "n 4"]]:
    """Return the detector's boxes without bias, and the squared scales of their errors, in px."""
    side = _sides(boxes.seen)
    return boxes.seen - law.own_bias[boxes.size] * side, law.own_scale[boxes.scatter] * side**2


def _likelier(boxes: Boxes, place: Place, weight: Float[np.ndarray, " n"], law: EdgeLaw) -> EdgeLaw:
    """Return the M step."""
    raters = len(law.bias)
    side = np.maximum(_sides(place.box), 1.0)
    error = (boxes.box - place.box[boxes.owner]) / side[boxes.owner]
    doubt = (place.variance / side**2)[boxes.owner]
    each = weight[boxes.owner][:, None]
    count = np.bincount(boxes.rater, each[:, 0], raters)[:, None]
    bias = _summed(boxes.rater, each * error, raters) / (count + _CALM)
    square = _summed(boxes.rater, each * ((error - bias[boxes.rater]) ** 2 + doubt), raters)
    usual = square.sum(axis=0) / max(count.sum(), 1e-9)
    variance = np.maximum((square + _CALM * usual) / (count + _CALM), _SHARPEST**2)
    precision = (count > 0) / variance
    bias -= (precision * bias).sum(axis=0) / np.maximum(precision.sum(axis=0), 1e-9)
    own_bias, own_scale = _own_law(boxes, place, weight, law)
    return replace(law, bias=bias, variance=variance, own_bias=own_bias, own_scale=own_scale)


def _own_law(
    boxes: Boxes, place: Place, weight: Float[np.ndarray, " n"], law: EdgeLaw
) -> tuple[Float[np.ndarray, "sizes 4"], Float[np.ndarray, " scatters"]]:
    seen = np.flatnonzero(~np.isnan(boxes.seen[:, 0]))
    side = _sides(boxes.seen[seen])
    size, scatter = boxes.size[seen], boxes.scatter[seen]
    error = (boxes.seen[seen] - place.box[seen]) / side
    doubt = place.variance[seen] / side**2
    scale = law.own_scale[scatter]
    away = (error - law.own_bias[size]) ** 2 + doubt
    sure = weight[seen][:, None] * (_TAIL + 1) / (_TAIL + away / scale)
    total = _summed(size, sure / scale, _SIZES)
    pull = _CALM / law.own_scale.mean()
    bias = _summed(size, sure / scale * error, _SIZES) / (total + pull)
    away = (error - bias[size]) ** 2 + doubt
    each = np.broadcast_to(weight[seen][:, None], scatter.shape)
    count = np.bincount(scatter.ravel(), each.ravel(), _SCATTERS)
    square = np.bincount(scatter.ravel(), (sure * away).ravel(), _SCATTERS)
    usual = square.sum() / max(count.sum(), 1e-9)
    return bias, np.maximum((square + _CALM * usual) / (count + _CALM), _SHARPEST**2)


# Guesses of an object's box, how much farther than the normal law's doubt they reach, and objects
# by which the overlap law is fitted.
_GUESSES, _WIDER, _FITTED = 192, 1.4, 1500
# Objects below which a law is not worth fitting.
_FEWEST = 100
_CHUNK = 2000


def with_overlap_law(
    boxes: Boxes, place: Place, law: EdgeLaw, there: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "n 4"], EdgeLaw]:
    """Return the boxes' means, under the law of overlaps where it fits the raters' boxes better.

    As :mod:`annotators.infer.parts.overlap_law` has it for raters alone: by importance sampling,
    guesses around each place weighted by how likely they make all boxes, the detector's too.
    """
    number = np.bincount(boxes.owner, minlength=len(there))
    seen = ~np.isnan(boxes.seen[:, 0])
    rows = np.flatnonzero((number + seen >= 2) & (number > 0) & (there > 0.5))
    if len(rows) < _FEWEST:
        return place.box, law
    few = rows[np.unique(np.linspace(0, len(rows) - 1, _FITTED).round().astype(np.int64))]
    overlap = _fit_overlap(boxes, place, law, few)
    if overlap is None:
        return place.box, law
    law = replace(law, overlap=overlap)
    place = _under(boxes, place, law, rows)
    return place.box, law


def _under(boxes: Boxes, place: Place, law: EdgeLaw, rows: Int[np.ndarray, " k"]) -> Place:
    """Return means and variances of some objects' edges under the law of overlaps."""
    box, variance = place.box.copy(), place.variance.copy()
    for first in range(0, len(rows), _CHUNK):
        some = rows[first : first + _CHUNK]
        drawn, guesses = _drawn(boxes, place, law, some), _guesses(place, some)
        fit = log_density(law.overlap, distances(drawn, _centred(guesses)), drawn.rater)
        fit = np.add.reduceat(fit, drawn.starts[:-1]) + per_area(drawn, _centred(guesses))
        weight = normalised(fit + _beside(boxes, law, some, guesses))[0][:, :, None]
        box[some] = (weight * guesses).sum(axis=1)
        variance[some] = (weight * (guesses - box[some][:, None]) ** 2).sum(axis=1)
    return Place(box, variance)


def _fit_overlap(
    boxes: Boxes, place: Place, law: EdgeLaw, rows: Int[np.ndarray, " k"]
) -> OverlapLaw | None:
    drawn, guesses = _drawn(boxes, place, law, rows), _guesses(place, rows)
    centred = _centred(guesses)
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
    side = _sides(place.box[rows])[owner][:, None]
    given = _cornered(drawn.box)[:, None]
    error = (given - guesses[owner]) / side
    spread = law.variance[drawn.rater][:, None]
    normal = (-0.5 * (error**2 / spread + np.log(2 * np.pi * spread)) - np.log(side)).sum(axis=2)
    normal += np.log(side).sum(axis=2)
    theirs = normalised(np.add.reduceat(normal, drawn.starts[:-1]) + flat)[1]
    return best if ours > theirs.sum() else None


def _drawn(boxes: Boxes, place: Place, law: EdgeLaw, rows: Int[np.ndarray, " k"]) -> Drawn:
    """Return the raters' boxes of some objects without bias, as centres and sizes."""
    size = np.bincount(boxes.owner, minlength=len(place.box))
    starts = np.cumsum(size) - size
    member = ranges(starts[rows], size[rows])
    side = _sides(place.box)[boxes.owner[member]]
    box = boxes.box[member] - law.bias[boxes.rater[member]] * side
    return Drawn(
        box=_centred(box),
        rater=boxes.rater[member],
        starts=np.concatenate([[0], np.cumsum(size[rows])]),
    )


def _centred(box: np.ndarray) -> np.ndarray:
    low, high = box[..., :2], box[..., 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=-1)


def _cornered(box: np.ndarray) -> np.ndarray:
    half = box[..., 2:] / 2
    return np.concatenate([box[..., :2] - half, box[..., :2] + half], axis=-1)


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
    own, scale = (column[rows][:, None] for column in _own(boxes, law))
    away = (guesses - own) ** 2 / scale
    fit = -(_TAIL + 1) / 2 * np.log1p(away / _TAIL).sum(axis=2)
    fit[np.isnan(fit)] = 0.0
    return fit + 0.5 * ((_noise() / _WIDER) ** 2).sum(axis=1)
