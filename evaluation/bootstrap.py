"""How sure a number is: bootstrap intervals over images, and paired comparison of two detectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from evaluation.matching import match
from evaluation.metrics import Metric, union
from evaluation.problem import Problem
from evaluation.resampling import resampled_ap

# Resamples between two calls of a progress bar.
_STEP = 50


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A central interval of the bootstrap distribution: percentiles 2.5 and 97.5 by default."""

    low: float
    high: float
    resamples: int
    level: float = 0.95


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What the second detector gains over the first on one metric."""

    value: float
    interval: Interval
    #: Two-sided bootstrap p-value: how often the resampled difference has the other sign.
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
    progress: Callable[[int], None] = lambda done: None,
) -> Float[np.ndarray, "B metrics"]:
    """Return every metric on ``resamples`` resamples of the images; NaN where it is undefined.

    Detections are matched once; resamples only reweigh the images. The same seed draws the same
    images for every detector on the same truth, which makes differences paired. ``progress`` is
    told how many resamples a step added.
    """
    thresholds = union(metrics)
    matches = match(problem, np.array(thresholds))
    place = {value: row for row, value in enumerate(thresholds)}
    weights = draw(problem.images, resamples, seed)
    parts = []
    for start in range(0, resamples, _STEP):
        ap = resampled_ap(problem, matches, weights[start : start + _STEP])
        parts.append(
            np.stack(
                [_mean(ap[:, [place[value] for value in one.thresholds]]) for one in metrics], axis=1
            )
        )
        progress(len(ap))
    return np.concatenate(parts) if parts else np.zeros((0, len(metrics)))


def _mean(ap: Float[np.ndarray, "b T K"]) -> Float[np.ndarray, " b"]:
    known = ~np.isnan(ap)
    count = known.sum(axis=(1, 2))
    total = np.where(known, ap, 0.0).sum(axis=(1, 2))
    return np.divide(total, count, out=np.full(len(ap), np.nan), where=count > 0)


def interval(values: Float[np.ndarray, " B"], level: float = 0.95) -> Interval | None:
    """Return the central interval of the defined values; None where there are fewer than two."""
    values = values[~np.isnan(values)]
    if len(values) < 2:
        return None
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(low=float(low), high=float(high), resamples=len(values), level=level)


def difference(
    first: float | None,
    second: float | None,
    first_values: Float[np.ndarray, " B"],
    second_values: Float[np.ndarray, " B"],
) -> Difference | None:
    """Return second - first with its paired interval; None where either is undefined."""
    deltas = second_values - first_values
    spread = interval(deltas)
    if first is None or second is None or spread is None:
        return None
    deltas = deltas[~np.isnan(deltas)]
    # One is added so that a p-value is never 0: the data themselves are one more resample.
    below, above = ((deltas <= 0).sum() + 1, (deltas >= 0).sum() + 1)
    p_value = min(1.0, 2 * float(min(below, above)) / (len(deltas) + 1))
    return Difference(value=second - first, interval=spread, p_value=p_value)
