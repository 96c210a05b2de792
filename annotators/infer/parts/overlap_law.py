"""A second law of box errors: what counts is how well a drawn box overlaps the object.

The normal law (:mod:`annotators.infer.parts.box_model`) makes the boxes' mean the best guess. Where
errors are bounded (the paper draws boxes uniformly among those with IoU > p) the outermost boxes
say most, and the mean is far from the best. This law covers both ends, and the data choose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medmnist_det.ragged import ranges
from medmnist_det.streams import stream

if TYPE_CHECKING:
    from jaxtyping import Float, Int

#: Shapes that are tried: 1 is sharp with long tails, 2 nearly normal, the last nearly uniform.
SHAPES = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)
_SCALES = np.geomspace(0.005, 5.0, 140)

# Boxes by which the law is fitted, about, and rounds for every shape.
_FITTED = 4500
_ROUNDS = 5
# Guesses of an object's box while fitting, and in the end.
_GUESSES = 192
# Pseudo-boxes of the crowd's scale in what is believed of a rater.
_CALM = 10.0
# Boxes times guesses at once: keeps memory small and in the cache.
_CHUNK = 200_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """Boxes of raters, object after object; centre x and y, width, height in pixels."""

    box: Float[np.ndarray, "m 4"]
    rater: Int[np.ndarray, " m"]
    starts: Int[np.ndarray, " g+1"]

    def select(self, rows: Int[np.ndarray, " k"]) -> Drawn:
        """Return some of the objects."""
        size = np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(size)])
        member = ranges(self.starts[rows], size)
        return Drawn(box=self.box[member], rater=self.rater[member], starts=starts)


@dataclass(frozen=True, kw_only=True, eq=False)
class OverlapLaw:
    """Density exp(-(d / scale)^shape) of a drawn box, with d = 1/IoU - 1 to the object."""

    shape: float
    scale: Float[np.ndarray, " R"]


def fit_overlap_law(
    drawn: Drawn,
    place: Float[np.ndarray, "g 4"],
    doubt: Float[np.ndarray, "g 4"],
    variance: Float[np.ndarray, "R 4"],
) -> OverlapLaw | None:
    """Return the law that fits the boxes best, or None where the normal law fits better.

    ``place`` and ``doubt`` are the objects' boxes and relative variances by the normal law, whose
    variances of the raters are ``variance``; boxes are free of the raters' biases. For each shape
    EM by importance sampling: guesses around each object's place, weighted by how likely they make
    the boxes drawn; then each rater's scale that is likeliest under these weights. The shapes, and
    the normal law, are compared by the likelihood of the boxes, over the same guesses.
    """
    size = np.diff(drawn.starts)
    rows = np.flatnonzero(size >= 3)
    if len(rows) < _FEWEST:
        return None
    most = max(_FEWEST, int(_FITTED / size[rows].mean()))
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, most).round().astype(np.int64))]
    few, place, doubt = drawn.select(rows), place[rows], doubt[rows]
    guesses = _guesses(place, doubt)
    distance = distances(few, guesses)
    owner = np.repeat(np.arange(len(rows)), np.diff(few.starts))
    flat = per_area(few, guesses) + _proposal()
    weight = np.full(flat.shape, 1 / flat.shape[1])
    best, ours = None, -np.inf
    for shape in SHAPES:
        law, total = None, -np.inf
        for _ in range(_ROUNDS):
            law = likeliest(shape, weight[owner], distance, few.rater, len(variance))
            fit = np.add.reduceat(log_density(law, distance, few.rater), few.starts[:-1])
            weight, mean = normalised(fit + flat)
            total = mean.sum()
        if total <= ours:
            break  # the likelihood has one peak over the shapes
        best, ours = law, total
    side = guesses[:, :, [2, 3, 2, 3]][owner]
    error = (few.box[:, None] - guesses[owner]) / side
    spread = variance[few.rater][:, None]
    normal = (-0.5 * (error**2 / spread + np.log(2 * np.pi * spread))).sum(axis=2)
    theirs = normalised(np.add.reduceat(normal, few.starts[:-1]) + flat)[1]
    return best if ours > theirs.sum() else None


# Objects with three boxes or more below which the law is not worth fitting.
_FEWEST = 100


def locate(
    drawn: Drawn,
    law: OverlapLaw,
    place: Float[np.ndarray, "g 4"],
    doubt: Float[np.ndarray, "g 4"],
) -> Float[np.ndarray, "g 4"]:
    """Return the mean box of every object under the law (centre, size); of one box: ``place``."""
    place = place.copy()
    several = np.flatnonzero(np.diff(drawn.starts) > 1)
    step = max(1, _CHUNK // _GUESSES // 3)
    for first in range(0, len(several), step):
        rows = several[first : first + step]
        few = drawn.select(rows)
        guesses = _guesses(place[rows], doubt[rows])
        fit = log_density(law, distances(few, guesses), few.rater)
        fit = np.add.reduceat(fit, few.starts[:-1]) + per_area(few, guesses)
        weight = normalised(fit + _proposal())[0]
        place[rows] = (weight[:, :, None] * guesses).sum(axis=1)
    return place


def _noise() -> Float[np.ndarray, "K 4"]:
    """Return the same guesses for every object, so that the order of objects changes nothing."""
    half = stream(0, "overlap-law").standard_normal((_GUESSES // 2, 4))
    return _WIDER * np.concatenate([half, -half])


# Guesses reach this much farther than the normal law's own doubt: a bounded law has a flat top.
_WIDER = 1.4


def _proposal() -> Float[np.ndarray, " K"]:
    """Return minus the log density of the guesses, up to a constant of the object."""
    return 0.5 * ((_noise() / _WIDER) ** 2).sum(axis=1)


def _guesses(
    place: Float[np.ndarray, "g 4"], doubt: Float[np.ndarray, "g 4"]
) -> Float[np.ndarray, "g K 4"]:
    reach = np.sqrt(doubt) * place[:, [2, 3, 2, 3]]
    guess = place[:, None] + reach[:, None] * _noise()
    guess[:, :, 2:] = np.maximum(guess[:, :, 2:], 0.1 * place[:, None, 2:])
    return guess


def per_area(drawn: Drawn, guesses: Float[np.ndarray, "g K 4"]) -> Float[np.ndarray, "g K"]:
    """Return minus the log of the area squared, once for every box of the object.

    The density of a box of given overlap falls with the room that such boxes have: of two guesses
    that fit equally well the smaller one is likelier.
    """
    return -2 * np.diff(drawn.starts)[:, None] * np.log(guesses[:, :, 2] * guesses[:, :, 3])


def distances(drawn: Drawn, guesses: Float[np.ndarray, "g K 4"]) -> Float[np.ndarray, "m K"]:
    """Return 1/IoU - 1 of every drawn box with every guess of its object."""
    size = np.diff(drawn.starts)
    x, y, width, height = (np.repeat(guesses[:, :, c], size, axis=0) for c in range(4))
    bx, by, bw, bh = drawn.box.T[:, :, None]
    across = np.minimum(bx + bw / 2, x + width / 2) - np.maximum(bx - bw / 2, x - width / 2)
    down = np.minimum(by + bh / 2, y + height / 2) - np.maximum(by - bh / 2, y - height / 2)
    overlap = np.maximum(across, 0) * np.maximum(down, 0)
    union = bw * bh + width * height - overlap
    # Of boxes that coincide rounding may leave less than 0, which has no power.
    return np.clip(union / np.maximum(overlap, 1e-9) - 1, 0.0, _FARTHEST)


# Beyond this boxes are as good as apart.
_FARTHEST = 50.0


def log_density(
    law: OverlapLaw, distance: Float[np.ndarray, "m K"], rater: Int[np.ndarray, " m"]
) -> Float[np.ndarray, "m K"]:
    """Return the log density of boxes relative to the object's area squared."""
    scale = law.scale[rater]
    constant = np.interp(np.log(scale), np.log(_SCALES), _LOG_VOLUME[law.shape])
    far = (distance / scale[:, None]) ** law.shape
    return -np.minimum(far, _HOPELESS) - constant[:, None]


def mean_error(law: OverlapLaw) -> Float[np.ndarray, " 4"]:
    """Return the mean errors of the edges of a box that is drawn by a law, in sides of the object.

    Of x_min, y_min, x_max, y_max; the mean over the raters. Larger boxes have more room: edges err
    outwards more than inwards. By sampling, of which the stream is fixed.
    """
    reach = 0.5 * min(1.0, float(law.scale.max()) * _REACH)
    edges = stream(0, "overlap-law", "error").uniform(-reach, reach, (_SAMPLES, 4))
    low, high = edges[:, :2] - 0.5, edges[:, 2:] + 0.5
    drawn = Drawn(
        box=np.concatenate([(low + high) / 2, high - low], axis=1),
        rater=np.zeros(_SAMPLES, dtype=np.int64),
        starts=np.array([0, _SAMPLES]),
    )
    unit = np.array([[[0.0, 0.0, 1.0, 1.0]]])
    away = distances(drawn, unit)
    found = np.zeros(4)
    for scale in law.scale:
        weight = np.exp(-((away / scale) ** law.shape))
        found += (weight * edges).sum(axis=0) / np.maximum(weight.sum(), _SMALLEST)
    outwards = (found @ [-1, -1, 1, 1]) / 4 / len(law.scale)
    return outwards * np.array([-1.0, -1.0, 1.0, 1.0])


_SAMPLES, _REACH, _SMALLEST = 100_000, 4.0, 1e-300


# Log density below which a box is an outlier: it then has no say in where the object is.
_HOPELESS = 25.0


def _log_volumes() -> dict[float, Float[np.ndarray, " S"]]:
    """Return, by shape, the log of the integral of the density at every scale.

    Boxes with 1/IoU - 1 < x fill 2/3 x^4 (1 + x)^-1.6 of the area squared: the L1 ball around the
    corners times the share of it that has that IoU (within 2% from x = .01 to 1).
    """
    x = np.geomspace(1e-4, 200.0, 4000)
    volume = 2 / 3 * x**4 * (1 + x) ** -1.6
    middle, shell = np.sqrt(x[1:] * x[:-1]), np.diff(volume)
    return {
        shape: np.log(np.exp(-np.minimum((middle / _SCALES[:, None]) ** shape, 700.0)) @ shell)
        for shape in SHAPES
    }


_LOG_VOLUME = _log_volumes()


def likeliest(
    shape: float,
    weight: Float[np.ndarray, "m K"],
    distance: Float[np.ndarray, "m K"],
    rater: Int[np.ndarray, " m"],
    raters: int,
) -> OverlapLaw:
    """Return the M step: the likeliest scale of every rater, drawn a little to the crowd's."""
    count = np.bincount(rater, minlength=raters).astype(np.float64)
    power = np.exp(np.minimum(shape * np.log(np.maximum(distance, 1e-6)), 600.0))
    total = np.bincount(rater, (weight * power).sum(axis=1), raters)
    mean = (total + _CALM * total.sum() / count.sum()) / (count + _CALM)
    fit = -mean[:, None] / _SCALES**shape - _LOG_VOLUME[shape]  # (R, S)
    return OverlapLaw(shape=shape, scale=_SCALES[fit.argmax(axis=1)])


def normalised(
    log_weight: Float[np.ndarray, "g K"],
) -> tuple[Float[np.ndarray, "g K"], Float[np.ndarray, " g"]]:
    """Return weights that sum to 1, and the log of the mean weight."""
    top = log_weight.max(axis=1, keepdims=True)
    weight = np.exp(log_weight - top)
    total = weight.sum(axis=1, keepdims=True)
    return weight / total, (top + np.log(total / log_weight.shape[1]))[:, 0]
