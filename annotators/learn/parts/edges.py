"""How everybody errs at the edges of boxes: raters, and a detector that knows how sure it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annotators.infer.parts.box_model import habits
from annotators.infer.parts.overlap_law import OverlapLaw
from annotators.learn.parts.heard import Heard, graded

if TYPE_CHECKING:
    from jaxtyping import Float, Int

#: Degrees of freedom of the detector's errors (Student's t): some edges are those of other things.
TAIL = 5.0
# Kinds of sightings by their size, for the bias, and of their edges by the scatter, for the spread.
_SIZES, _SCATTERS = 6, 8
# Pseudo-boxes of no bias, and of the mean variance.
_CALM = 10.0
# Smallest standard deviation, relative to the object.
_SHARPEST = 1e-3
_ROUNDS, _REST = 100, 1e-5
#: What is likely enough there to tell how boxes are drawn.
LIKELY = 0.5


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
    def drawn(self) -> Int[np.ndarray, " n"]:
        """How many raters drew each object."""
        return np.bincount(self.owner, minlength=len(self.seen))

    @property
    def number(self) -> Int[np.ndarray, " n"]:
        """How many boxes each object has."""
        return self.drawn + ~np.isnan(self.seen[:, 0])


def boxes_of(said: Heard) -> Boxes:
    """Return the boxes behind every supposed object."""
    labels, groups, seen = said.crowd.labels, said.groups, said.sightings
    rows = groups.row[groups.row < len(labels)]
    where = np.full((len(said), 4), np.nan)
    where[said.sighted] = seen.box[said.sighting[said.sighted]]
    side = sides_of(where)
    scatter = np.zeros((len(said), 4), dtype=np.int64)
    scatter[said.sighted] = graded(seen.scatter[said.sighting[said.sighted]], _SCATTERS)
    size = np.zeros(len(said), dtype=np.int64)
    size[said.sighted] = graded(side[said.sighted, :2].prod(axis=1), _SIZES)
    return Boxes(
        box=labels.box[rows],
        rater=labels.rater[rows],  # type: ignore[index]
        owner=groups.group[rows],
        seen=where,
        size=size,
        scatter=scatter,
    )


def sides_of(box: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n 4"]:
    """Return width and height, twice: the side that each edge is measured in."""
    return np.tile(box[:, 2:] - box[:, :2], 2)


def _summed(
    owner: Int[np.ndarray, " m"], values: Float[np.ndarray, "m 4"], number: int
) -> Float[np.ndarray, "n 4"]:
    columns = [np.bincount(owner, column, number) for column in values.T]
    return np.stack(columns, axis=1).astype(np.float64)  # counts of nothing are whole numbers


class Place(NamedTuple):
    """What is believed of the objects' edges, in pixels: independent normals."""

    box: Float[np.ndarray, "n 4"]
    variance: Float[np.ndarray, "n 4"]


def first_place(boxes: Boxes) -> Place:
    """Return the mean of all boxes of each object."""
    total = _summed(boxes.owner, boxes.box, len(boxes.seen)) + np.nan_to_num(boxes.seen)
    return Place(total / np.maximum(boxes.number, 1)[:, None], np.zeros_like(total))


def fit_edges(boxes: Boxes, there: Float[np.ndarray, " n"], raters: int) -> tuple[Place, EdgeLaw]:
    """Return where the objects are and how everybody errs, by EM from normal errors of all edges.

    E step: an edge is the precision-weighted mean of where its boxes have it, without their biases;
    of the detector's, the more it disagrees the less it counts. M step: bias and spread of every
    rater; of the detector, by size and by what it says of its own scatter. The raters' biases have
    no common part, which nobody can see.
    """
    place = first_place(boxes)
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


def _typical(apart: Float[np.ndarray, " k"]) -> float:
    """Return the mean square of all but outliers."""
    if len(apart) == 0:
        return 0.0
    return float((apart[apart <= _FAR * np.median(apart)] ** 2).mean())


# Medians beyond which a distance is an outlier: 1 in 1,400, were it normal.
_FAR = 5.0
# The detector's share of a squared difference to a rater, at edges of which it is surest.
_SHARE = 0.1


def fit_pairs(boxes: Boxes, there: Float[np.ndarray, " n"], raters: int) -> tuple[Place, EdgeLaw]:
    """Return the same where no two raters drew one object: EM has nothing to go by there.

    Two boxes tell how far they are apart, and not whose fault that is. Edges of which the detector
    is surest are taken to be the raters' fault, but for a share; what other edges are farther
    apart is the detector's. Biases are taken to be the detector's.
    """
    seen = ~np.isnan(boxes.seen[:, 0])
    pairs = np.flatnonzero((seen & (there > LIKELY))[boxes.owner])
    owner, rater = boxes.owner[pairs], boxes.rater[pairs]
    apart = (boxes.seen[owner] - boxes.box[pairs]) / np.maximum(sides_of(boxes.seen[owner]), 1.0)
    size, scatter = boxes.size[owner], boxes.scatter[owner]
    bias = _summed(size, apart, _SIZES)
    bias /= np.bincount(size, minlength=_SIZES)[:, None] + _CALM
    apart = np.abs(apart - bias[size])
    sure = scatter <= (scatter.min() if len(pairs) else 0)
    usual = _typical(apart[sure])
    square, own = np.full(raters, usual), np.full(_SCATTERS, usual)
    for one in range(raters):
        mine = apart[sure & (rater == one)[:, None]]
        square[one] = (len(mine) * _typical(mine) + _CALM * usual) / (len(mine) + _CALM)
    for grade in range(_SCATTERS):
        mine = apart[scatter == grade]
        own[grade] = (len(mine) * _typical(mine) + _CALM * usual) / (len(mine) + _CALM)
    own = np.maximum(own - (1 - _SHARE) * usual, _SHARE * usual)
    law = EdgeLaw(
        bias=np.zeros((raters, 4)),
        variance=np.maximum(np.repeat((1 - _SHARE) * square[:, None], 4, axis=1), _SHARPEST**2),
        own_bias=bias,
        own_scale=np.maximum(own, _SHARPEST**2),
    )
    place = first_place(boxes)
    for _ in range(_WEIGHINGS):
        place = locate_edges(boxes, law, place)
    return place, law


# How often the detector's boxes are weighed by how far they are from the places.
_WEIGHINGS = 10


def locate_edges(boxes: Boxes, law: EdgeLaw, before: Place) -> Place:
    """Return the E step: edges and their variances, in pixels, given how everybody errs."""
    side = np.maximum(sides_of(before.box), 1.0)
    corrected = boxes.box - law.bias[boxes.rater] * side[boxes.owner]
    precision = 1 / (law.variance[boxes.rater] * side[boxes.owner] ** 2)
    total = _summed(boxes.owner, precision, len(side))
    mean = _summed(boxes.owner, precision * corrected, len(side))
    seen = np.flatnonzero(~np.isnan(boxes.seen[:, 0]))
    own, scale = own_edges(boxes, law)
    away = (own[seen] - before.box[seen]) ** 2 + before.variance[seen]
    sure = (TAIL + 1) / (TAIL + away / scale[seen]) / scale[seen]
    total[seen] += sure
    mean[seen] += sure * own[seen]
    return Place(mean / total, 1 / total)


def own_edges(
    boxes: Boxes, law: EdgeLaw
) -> tuple[Float[np.ndarray, "n 4"], Float[np.ndarray, "n 4"]]:
    """Return the detector's boxes without bias, and the squared scales of their errors, in px."""
    side = sides_of(boxes.seen)
    return boxes.seen - law.own_bias[boxes.size] * side, law.own_scale[boxes.scatter] * side**2


def _likelier(boxes: Boxes, place: Place, weight: Float[np.ndarray, " n"], law: EdgeLaw) -> EdgeLaw:
    """Return the M step."""
    raters = len(law.bias)
    side = np.maximum(sides_of(place.box), 1.0)
    error = (boxes.box - place.box[boxes.owner]) / side[boxes.owner]
    doubt = (place.variance / side**2)[boxes.owner]
    hands = habits(error, doubt, weight[boxes.owner], boxes.rater, raters, _SHARPEST)
    own_bias, own_scale = own_errors(boxes, place, weight, law)
    return replace(
        law, bias=hands.bias, variance=hands.variance, own_bias=own_bias, own_scale=own_scale
    )


def own_errors(
    boxes: Boxes, place: Place, weight: Float[np.ndarray, " n"], law: EdgeLaw
) -> tuple[Float[np.ndarray, "sizes 4"], Float[np.ndarray, " scatters"]]:
    """Return the detector's bias by size, and its squared scale by scatter, given the places."""
    seen = np.flatnonzero(~np.isnan(boxes.seen[:, 0]))
    side = sides_of(boxes.seen[seen])
    size, scatter = boxes.size[seen], boxes.scatter[seen]
    error = (boxes.seen[seen] - place.box[seen]) / side
    doubt = place.variance[seen] / side**2
    scale = law.own_scale[scatter]
    away = (error - law.own_bias[size]) ** 2 + doubt
    sure = weight[seen][:, None] * (TAIL + 1) / (TAIL + away / scale)
    total = _summed(size, sure / scale, _SIZES)
    pull = _CALM / law.own_scale.mean()
    bias = _summed(size, sure / scale * error, _SIZES) / (total + pull)
    away = (error - bias[size]) ** 2 + doubt
    each = np.broadcast_to(weight[seen][:, None], scatter.shape)
    count = np.bincount(scatter.ravel(), each.ravel(), _SCATTERS)
    square = np.bincount(scatter.ravel(), (sure * away).ravel(), _SCATTERS)
    usual = square.sum() / max(count.sum(), 1e-9)
    return bias, np.maximum((square + _CALM * usual) / (count + _CALM), _SHARPEST**2)
