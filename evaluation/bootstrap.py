"""How sure a number is: bootstrap intervals over images, and paired comparison of two detectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evaluation.matching import Matching
from evaluation.metrics import Metric
from evaluation.resampling import resampled_ap

if TYPE_CHECKING:
    from jaxtyping import Float, Int

# Resamples between two calls of a progress bar; fewer where there would be more weights of images
# or APs of classes than this: some 150 MB.
_STEP, _MOST_WEIGHTS, _MOST_AP = 200, 4_000_000, 16_000_000

#: Of all intervals, and what is left for p.
LEVEL, ALPHA = 0.95, 0.05

#: Fewer resamples can reject nothing at that level.
FEWEST = 40


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Where the number would lie on other test sets of this size, at the given level."""

    low: float
    high: float
    resamples: int
    level: float = LEVEL


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What the second detector gains over the first on one metric."""

    value: float
    interval: Interval
    #: Two-sided: twice how often chance alone moves the difference that far from its mean.
    p_value: float

    @property
    def real(self) -> bool:
        """Whether p is below .05, and so 0 outside the interval: the one says the other."""
        return self.p_value < ALPHA


def draw(
    images: int, resamples: int, seed: int, *, step: int = _STEP
) -> Iterator[Int[np.ndarray, "b images"]]:
    """Yield how often each image is drawn when as many as there are are drawn with replacement.

    ``step`` resamples at a time (the last may be fewer); what is drawn does not depend on it.
    """
    rng = np.random.Generator(np.random.Philox(seed))
    for start in range(0, resamples, step):
        counts = np.empty((min(step, resamples - start), images), dtype=np.int32)
        for row in counts:
            row[:] = np.bincount(rng.integers(0, max(images, 1), size=images), minlength=images)
        yield counts


def resample(
    matching: Matching,
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
    problem, matches = matching.problem, matching.matches
    rows = [[matching.row(value) for value in metric.thresholds] for metric in metrics]
    parts = []
    for weights in draw(problem.images, resamples, seed, step=_step(matching)):
        ap = resampled_ap(problem, matches, weights)
        parts.append(np.stack([_mean(ap[:, chosen]) for chosen in rows], axis=1))
        progress(len(ap))
    return np.concatenate(parts)


def _step(matching: Matching) -> int:
    """Return how many resamples are made at a time."""
    problem = matching.problem
    curves = len(matching.thresholds) * len(problem.classes_with_objects)
    step = min(_MOST_WEIGHTS // max(problem.images, 1), _MOST_AP // max(curves, 1), _STEP)
    return max(step, 1)


def class_intervals(
    matching: Matching, metric: Metric, *, resamples: int, seed: int
) -> dict[int, Interval | None]:
    """Return the interval of every class's AP, by class index, of the classes with objects.

    The resamples are those of :func:`resample` with that seed. The matching has the thresholds of
    the metric. None where there are fewer than 40 resamples that hold an object of the class.
    """
    problem = matching.problem
    rows = [matching.row(threshold) for threshold in metric.thresholds]
    whole = resampled_ap(problem, matching.matches, np.ones((1, problem.images)))[0][rows]
    drawn = draw(problem.images, resamples, seed, step=_step(matching))
    parts = [resampled_ap(problem, matching.matches, one)[:, rows].mean(axis=1) for one in drawn]
    ap = whole.mean(axis=0)
    values = np.concatenate([np.zeros((0, len(ap))), *parts])
    classes = problem.classes_with_objects.tolist()
    return {k: interval(float(ap[row]), values[:, row]) for row, k in enumerate(classes)}


def _mean(ap: Float[np.ndarray, "b T k"]) -> Float[np.ndarray, " b"]:
    known = ~np.isnan(ap)
    count = known.sum(axis=(1, 2))
    total = np.where(known, ap, 0.0).sum(axis=(1, 2))
    return np.divide(total, count, out=np.full(len(ap), np.nan), where=count > 0)


def interval(
    value: float, values: Float[np.ndarray, " B"], *, bounds: tuple[float, float] = (0.0, 1.0)
) -> Interval | None:
    """Return the interval of ``value`` from its resampled ``values``; None with fewer than 40.

    It holds the numbers that the test behind ``Difference.p_value`` does not reject. The resamples'
    spread is put around the value itself: AP's envelope makes resamples, which hold some images
    several times, score higher than the data they come from, so that plain percentiles can miss
    the very number that they are about. NaN values are left out.
    """
    values = values[~np.isnan(values)]
    if len(values) < FEWEST:
        return None
    # np.quantile would do, but its first call imports numpy.ma: a tenth of a whole evaluation.
    chance = np.sort(values - values.mean())
    outside = _rejected(len(chance))
    low, high = chance[outside], chance[-1 - outside]
    return Interval(
        low=float(np.clip(value - high, *bounds)),
        high=float(np.clip(value - low, *bounds)),
        resamples=len(values),
    )


def _p_value(beyond: int, resamples: int) -> float:
    # The data themselves are one more resample, so that a p-value is never 0.
    return min(1.0, 2 * (beyond + 1) / (resamples + 1))


def _rejected(resamples: int) -> int:
    """Return the most resamples that can lie beyond a number which is rejected all the same."""
    count = max(int(ALPHA * (resamples + 1) / 2) - 2, 0)
    while _p_value(count + 1, resamples) < ALPHA:
        count += 1
    return count


def difference(
    first: float | None, second: float | None, deltas: Float[np.ndarray, " B"]
) -> Difference | None:
    """Return second - first with its paired interval; None where either is undefined.

    ``deltas`` are the differences on the same resamples. p and the interval are one statistic: 0
    lies outside the interval exactly where p is below .05.
    """
    if first is None or second is None:
        return None
    value = second - first
    spread = interval(value, deltas, bounds=(-1.0, 1.0))
    if spread is None:
        return None
    deltas = deltas[~np.isnan(deltas)]
    chance = deltas - deltas.mean()
    beyond = int(min(np.count_nonzero(chance >= value), np.count_nonzero(chance <= value)))
    return Difference(value=value, interval=spread, p_value=_p_value(beyond, len(deltas)))
