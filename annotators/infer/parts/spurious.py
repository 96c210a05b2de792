"""How many boxes each rater draws where nothing is, from counts alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotators.infer.parts.em import settle
from annotators.infer.parts.evidence import collect
from annotators.infer.parts.grouping import Groups
from medmnist_det.labels import LabelSet

if TYPE_CHECKING:
    from jaxtyping import Float, Int

#: Groups of three raters or more from which on three raters are taken to check one another.
ENOUGH = 30
# Parts of the data that are left out in turn, to see how sure an estimate is.
_PARTS = 20
# Standard errors: how far the doubt goes to the rater's credit, how far a spread of the counts
# must differ from that of chance to say anything, and the error from which nothing is known.
_CREDIT, _CLEAR, _VAGUE = 1.0, 4.0, 0.25


@dataclass(frozen=True, kw_only=True, eq=False)
class SpuriousRates:
    """What a rater draws on nothing, and whether that was seen or is only assumed."""

    #: Spurious boxes in an image.
    rate: Float[np.ndarray, " R"]
    #: Whether three raters check one another; else names cannot be learned.
    compared: bool
    #: Raters with boxes that nobody confirms, and no way to say whether others missed an object.
    unknown: tuple[int, ...] = ()


def spurious_rates(crowd: LabelSet, groups: Groups, *, iou: float) -> SpuriousRates:
    """Return every rater's spurious boxes in an image; names are not looked at.

    Where three raters drew the same objects, who drew tells it: misses are known from objects that
    two others drew, and boxes that nobody confirms are more than the others' misses explain. That
    is EM as for the names, with one class: few parameters, hence little to go astray.

    Where images have two raters, groups alone cannot tell a box that one invented from one that the
    other missed. The counts can, over images: misses come with objects, invented boxes do not, as
    long as the number of objects in an image is not Poisson. With D groups that both drew and S
    that only this rater drew, cov(S, D) / (var(D) - mean(D)) is the ratio of the others' missed
    objects to those found by both. One standard error is given in favour of the rater, and where
    the counts say nothing all boxes are taken as real. Busy images that invite inventions, too,
    make these look like misses: an error to the side of majority vote, which keeps them all.
    """
    seen = collect(crowd, groups, iou=iou, names=False)
    if seen.compared >= ENOUGH:
        found = settle(seen, iterations=_ROUNDS, tolerance=_TOLERANCE)
        return SpuriousRates(rate=found.model.spurious, compared=True)
    return _rates_of_pairs(crowd, groups)


_ROUNDS, _TOLERANCE = 5000, 1e-6
# Pseudo-boxes: no rate is zero.
_LEAST = 0.01


def _rates_of_pairs(crowd: LabelSet, groups: Groups) -> SpuriousRates:
    """Return the rates from images of two raters: the others say nothing."""
    labels, raters = crowd.labels, len(crowd.raters or ())
    image, rater = labels.assigned.T  # type: ignore[union-attr]
    two = np.bincount(image, minlength=labels.images)[image] == 2
    image, rater = image[two], rater[two]  # in twos: sorted by image, then by rater
    pair = np.repeat(rater[::2] * raters + rater[1::2], 2)
    both = np.bincount(groups.image, groups.size >= 2, minlength=labels.images)[image]
    alone = groups.row[groups.starts[:-1]][groups.size == 1]
    drawn = np.bincount(
        labels.image[alone] * raters + labels.rater[alone],  # type: ignore[index]
        minlength=labels.images * raters,
    )
    single = drawn[image * raters + rater].astype(np.float64)
    rate, unknown = np.full(raters, _LEAST), []
    for k in range(raters):
        mine = rater == k
        real = _share_of(single[mine], both[mine], pair[mine])
        total = single[mine].sum()
        rate[k] = ((1 - (1.0 if real is None else real)) * total + _LEAST) / (mine.sum() + 1)
        if real is None and drawn[k::raters].any():
            unknown.append(k)
    return SpuriousRates(rate=rate, compared=False, unknown=tuple(unknown))


def _share_of(
    single: Float[np.ndarray, " i"], both: Float[np.ndarray, " i"], pair: Int[np.ndarray, " i"]
) -> float | None:
    """Return the share of a rater's single boxes that are objects, to the rater's credit.

    One value an image of the rater; means are those of the pair, as other pairs have other habits.
    None where the counts do not tell.
    """
    pair = np.unique(pair, return_inverse=True)[1]
    size = np.bincount(pair)[pair]
    usable = size >= 2
    single, both, pair, size = single[usable], both[usable], pair[usable], size[usable]
    if len(pair) < 2 * _PARTS or single.sum() == 0:
        return None
    many = np.maximum(np.bincount(pair), 1)
    apart = [x - (np.bincount(pair, x) / many)[pair] for x in (single, both)]
    full = size / (size - 1)  # a variance around the pair's own mean is too small by this
    part = np.arange(len(pair)) % _PARTS
    terms = (apart[0] * apart[1] * full, apart[1] ** 2 * full - both, both, single)
    sums = np.stack([np.bincount(part, term, minlength=_PARTS) for term in terms])
    rest = sums.sum(axis=1, keepdims=True) - sums
    whole = sums.sum(axis=1)
    if whole[1] == 0 or abs(whole[1]) < _CLEAR * _error(rest[1]):
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = rest[0] / rest[1] * rest[2] / rest[3]
        doubt = _error(shares)  # NaN where one of them is infinite
    if not doubt <= _VAGUE:  # NaN, too
        return None
    share = whole[0] / whole[1] * whole[2] / whole[3]
    return float(np.clip(share + _CREDIT * doubt, 0.0, 1.0))


def _error(left_out: Float[np.ndarray, " parts"]) -> float:
    """Return the jackknife's standard error from the values without one part each."""
    return float(np.sqrt((_PARTS - 1) * np.var(left_out)))
