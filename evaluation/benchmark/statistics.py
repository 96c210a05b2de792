"""Statistics over seeds: spread, paired differences with Holm's correction, and the gap closed.

Seeds are the sample: each is a data set, a crowd and a training of its own. All intervals are
Student's, at 95%, over seeds; with one seed there is none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A number over seeds: its mean, and how far it scatters. One seed has only a mean."""

    mean: float
    #: Standard deviation, of n - 1.
    deviation: float | None
    low: float | None
    high: float | None
    seeds: int


@dataclass(frozen=True, kw_only=True)
class Paired:
    """What one method gains over another in the mean, seed by seed."""

    gain: Spread
    #: Two-sided, of the paired t test; None with one seed.
    p_value: float | None


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The share of the way from baseline to oracle that a method goes."""

    #: 0 is the baseline, 1 the oracle; may lie outside.
    share: float
    #: Fieller's 95% interval; None with fewer than three seeds.
    low: float | None
    high: float | None
    by_seed: dict[int, float]


def spread(values: Sequence[float]) -> Spread:
    """Return mean, standard deviation and 95% interval. Raises ValueError for no value."""
    if len(values) == 0:
        raise ValueError("no value, no mean")
    mean, n = float(np.mean(values)), len(values)
    if n == 1:
        return Spread(mean=mean, deviation=None, low=None, high=None, seeds=1)
    deviation = float(np.std(values, ddof=1))
    half = _t(n) * deviation / math.sqrt(n)
    return Spread(mean=mean, deviation=deviation, low=mean - half, high=mean + half, seeds=n)


def paired(first: Mapping[int, float], second: Mapping[int, float]) -> Paired | None:
    """Return what the second gains over the first, by seed; None without a common seed."""
    gains = [second[seed] - first[seed] for seed in sorted(first.keys() & second.keys())]
    if not gains:
        return None
    found = spread(gains)
    return Paired(gain=found, p_value=_p_value(found))


def _p_value(gain: Spread) -> float | None:
    if gain.deviation is None:
        return None
    if gain.deviation == 0:
        return 0.0 if gain.mean else 1.0
    from scipy.special import stdtr

    t = abs(gain.mean) / (gain.deviation / math.sqrt(gain.seeds))
    return float(2 * stdtr(gain.seeds - 1, -t))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values that allow for there being several (Holm 1979), in the same order.

    The k-th smallest of m is multiplied by m - k + 1; none is below a smaller one's, nor above 1.
    """
    order = np.argsort(p_values, kind="stable")
    found, least = [0.0] * len(order), 0.0
    for k, place in enumerate(order.tolist()):
        least = max(least, min(1.0, (len(order) - k) * p_values[place]))
        found[place] = least
    return found


# Seeds from which the spread over them says more than the images of one: with two, Student's
# interval is 9 standard deviations wide to either side.
_ENOUGH = 3


def gap_closed(
    method: Mapping[int, float],
    baseline: Mapping[int, float],
    oracle: Mapping[int, float],
    noise: Mapping[int, float | None],
) -> Gap | None:
    """Return (method - baseline) / (oracle - baseline), both in the mean over the common seeds.

    None, undefined, where the gap below is within noise: where 0 lies in the 95% interval of
    oracle - baseline, over seeds if there are three or more, else over images. ``noise`` holds half
    of the latter for every seed (None where it is not known). With three seeds or more there is an
    interval, Fieller's for a ratio of means, which is bounded exactly where the gap is real.
    """
    seeds = sorted(method.keys() & baseline.keys() & oracle.keys())
    if not seeds:
        return None
    gained = np.array([method[seed] - baseline[seed] for seed in seeds])
    whole = np.array([oracle[seed] - baseline[seed] for seed in seeds])
    bounds = _fieller(gained, whole) if len(seeds) >= _ENOUGH else (None, None)
    if len(seeds) < _ENOUGH and not _above_noise(whole, [noise.get(seed) for seed in seeds]):
        return None
    if bounds is None or whole.mean() <= 0:
        return None
    each = {s: float(g / w) for s, g, w in zip(seeds, gained, whole, strict=True) if w > 0}
    return Gap(
        share=float(gained.mean() / whole.mean()), low=bounds[0], high=bounds[1], by_seed=each
    )


def _above_noise(gaps: np.ndarray, halves: Sequence[float | None]) -> bool:
    known = [half for half in halves if half is not None]
    if len(known) < len(halves):
        return False
    # The seeds' test sets are independent of each other.
    return bool(gaps.mean() > math.sqrt(sum(half**2 for half in known)) / len(known))


def _fieller(over: np.ndarray, under: np.ndarray) -> tuple[float, float] | None:
    """Return the 95% interval of a ratio of paired means; None where it has no bounds.

    It holds every g for which the mean of ``over - g * under`` is not told from 0 by a t test: the
    solutions of a quadratic inequality.
    """
    n, limit = len(over), _t(len(over)) ** 2
    (a_a, a_b), (_, b_b) = np.cov(over, under) / n
    top, bottom = float(over.mean()), float(under.mean())
    square = bottom**2 - limit * b_b
    if square <= 0:
        return None
    middle = top * bottom - limit * a_b
    root = math.sqrt(max(middle**2 - square * (top**2 - limit * a_a), 0.0))
    return float((middle - root) / square), float((middle + root) / square)


def _t(n: int) -> float:
    """Return Student's two-sided quantile for n values."""
    from scipy.special import stdtrit  # of all of scipy the quickest to import

    return float(stdtrit(n - 1, (1 + _LEVEL) / 2))
