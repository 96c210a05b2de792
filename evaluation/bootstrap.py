"""How sure a number is: bootstrap intervals over images, and paired comparison of two detectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evaluation.matching import match
from evaluation.metrics import Metric, union
from evaluation.problem import Problem
from evaluation.resampling import resampled_ap

if TYPE_CHECKING:
    from jaxtyping import Float, Int

# Resamples between two calls of a progress bar.
_STEP = 200


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Where the number would lie on other test sets of this size, at the given level."""

    low: float
    high: float
    resamples: int
    level: float = 0.95


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What the second detector gains over the first on one metric."""

    value: float
    interval: Interval
    #: Two-sided: twice how often chance alone moves the difference that far from its mean.
    p_value: float

    @property
    def real(self) -> bool:
        """Whether 0 lies outside the interval."""
        return not self.interval.low <= 0.0 <= self.interval.high


def draw(images: int, resamples: int, seed: int) -> Int[np.ndarray, "B images"]:
    """Return how often each image is drawn when as many as there are are drawn with replacement."""
    rng = np.random.Generator(np.random.Philox(seed))
    picks = rng.integers(0, max(images, 1), size=(resamples, images))
    rows = np.arange(resamples)[:, None] * images
    counts = np.bincount((picks + rows).ravel(), minlength=resamples * images)
    return counts.reshape(resamples, images).astype(np.int32)


def resample(
    problem: Problem,
    metrics: tuple[Metric, ...],
    *,
    resamples: int,
    seed: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Float[np.ndarray, "B metrics"]:
    """Return every metric on ``resamples`` resamples of the images; NaN where it is undefined.

    Detections are matched once; resamples only reweigh the images. The same seed draws the same
    images for every detector on the same truth, which makes differences paired. ``progress`` is
    told how many resamples a step added.
    """
    if resamples == 0:
        return np.zeros((0, len(metrics)))
    thresholds = union(metrics)
    matches = match(problem, np.array(thresholds))
    place = {value: row for row, value in enumerate(thresholds)}
    weights = draw(problem.images, resamples, seed)
    parts = []
    for start in range(0, resamples, _STEP):
        ap = resampled_ap(problem, matches, weights[start : start + _STEP])
        parts.append(
            np.stack(
                [_mean(ap[:, [place[value] for value in one.thresholds]]) for one in metrics],
                axis=1,
            )
        )
        progress(len(ap))
    return np.concatenate(parts)


def _mean(ap: Float[np.ndarray, "b T K"]) -> Float[np.ndarray, " b"]:
    known = ~np.isnan(ap)
    count = known.sum(axis=(1, 2))
    total = np.where(known, ap, 0.0).sum(axis=(1, 2))
    return np.divide(total, count, out=np.full(len(ap), np.nan), where=count > 0)


def interval(
    value: float,
    values: Float[np.ndarray, " B"],
    *,
    level: float = 0.95,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Interval | None:
    """Return the interval of ``value`` from its resampled ``values``; None with fewer than two.

    The resamples' spread is put around the value itself: AP's envelope makes resamples, which hold
    some images several times, score higher than the data they come from, so that plain percentiles
    can miss the very number that they are about. NaN values are left out.
    """
    values = values[~np.isnan(values)]
    if len(values) < 2:
        return None
    tail = (1 - level) / 2
    # np.quantile would do, but its first call imports numpy.ma: a tenth of a whole evaluation.
    ordered = np.sort(values - values.mean())
    low, high = np.interp([tail, 1 - tail], np.linspace(0, 1, len(ordered)), ordered)
    return Interval(
        low=float(np.clip(value - high, *bounds)),
        high=float(np.clip(value - low, *bounds)),
        resamples=len(values),
        level=level,
    )


def difference(
    first: float | None, second: float | None, deltas: Float[np.ndarray, " B"]
) -> Difference | None:
    """Return second - first with its paired interval; None where either is undefined.

    ``deltas`` are the differences on the same resamples.
    """
    if first is None or second is None:
        return None
    value = second - first
    spread = interval(value, deltas, bounds=(-1.0, 1.0))
    if spread is None:
        return None
    deltas = deltas[~np.isnan(deltas)]
    chance = deltas - deltas.mean()
    beyond = min(np.count_nonzero(chance >= value), np.count_nonzero(chance <= value))
    # The data themselves are one more resample, so that a p-value is never 0.
    p_value = min(1.0, 2 * (int(beyond) + 1) / (len(deltas) + 1))
    return Difference(value=value, interval=spread, p_value=p_value)
