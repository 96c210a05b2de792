"""Noise levels by name, as in CIFAR-N: of the raters' labels the best, the worst, or anybody's.

Best and worst are judged by the truth. They are levels of noise to measure with, not methods.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from medmnist_det.boxes import paired_iou
from medmnist_det.labels import Error, LabelSet
from medmnist_det.streams import stream

if TYPE_CHECKING:
    from jaxtyping import Float

#: Of every image one rater's labels; or, with ``-rater``, of one rater's images that rater's.
TIERS = ("best", "worst", "random", "best-rater", "worst-rater", "random-rater")


def tier(crowd: LabelSet, truth: LabelSet, which: str, seed: int, split: str) -> LabelSet:
    """Return the labels of a tier: a crowd with one rater an image, of the images that one saw.

    ``crowd`` has the truth behind every box. A rater's labels of an image are the better the fewer
    errors they have (:func:`errors`); among as few, the more their boxes overlap the objects in
    sum; among equals the first rater is taken. Of whole raters errors and overlaps are means over
    the images that each saw. ``random`` draws every image's rater, or the one rater, evenly among
    those who looked; it is the same for everybody, by the data set's seed, and knows no truth.
    """
    labels, raters = crowd.labels, len(crowd.raters or ())
    looked = labels.looked(raters)
    kind, _, whole = which.partition("-")
    if kind == "random":
        draws = stream(seed, "tier", split).random((1 if whole else labels.images, raters))
        worse = -draws, np.zeros_like(draws)
    else:
        wrong, overlap = errors(crowd, truth)
        if whole:
            seen = np.maximum(looked.sum(axis=0), 1)
            wrong, overlap = (
                (np.where(looked, one, 0).sum(axis=0) / seen)[None] for one in (wrong, overlap)
            )
        sign = 1 if kind == "best" else -1
        worse = sign * wrong, -sign * overlap
    there = looked.any(axis=0, keepdims=True) if whole else looked
    # The last key counts first: who did not look comes last of all.
    order = np.lexsort((worse[1], worse[0], ~there), axis=1)
    chosen = np.broadcast_to(order[:, 0], labels.images)
    some = looked[np.arange(labels.images), chosen]
    pairs = np.stack([np.flatnonzero(some), chosen[some]], axis=1)
    kept = labels.select(labels.rater == chosen[labels.image])
    return replace(crowd, labels=replace(kept, assigned=pairs)).keep_images(some)


def errors(
    crowd: LabelSet, truth: LabelSet
) -> tuple[Float[np.ndarray, "images R"], Float[np.ndarray, "images R"]]:
    """Return the errors of every rater on every image, and the sum of IoU with its objects.

    An object that is missed, or whose class is wrong, is one error, and so is a spurious box, the
    second part of an object, and a box around two. Where a rater did not look, all are missed.
    Raises ValueError for labels without provenance.
    """
    labels, raters = crowd.labels, len(crowd.raters or ())
    if labels.rater is None or labels.true_object is None or labels.error is None:
        raise ValueError("these labels come without raters or without provenance")
    cell = labels.image * raters + labels.rater
    real = labels.error != Error.SPURIOUS
    thing = labels.true_object[real]
    once = np.unique(labels.rater[real] * max(len(truth.labels), 1) + thing, return_index=True)[1]
    right = labels.label[real][once] == truth.labels.label[thing[once]]

    def count(cells: np.ndarray, weights: np.ndarray | None = None) -> Float[np.ndarray, "i R"]:
        found = np.bincount(cells, weights, minlength=labels.images * raters)
        return found.reshape(labels.images, raters).astype(np.float64)

    objects = np.diff(truth.labels.starts)[:, None].astype(np.float64)
    wrong = objects - count(cell[real][once][right]) + count(cell[~real])
    wrong += count(cell[real]) - count(cell[real][once])  # second parts
    wrong += count(cell[labels.error == Error.MERGE])
    overlap = paired_iou(labels.box[real][once], truth.labels.box[thing[once]])
    return wrong, count(cell[real][once], overlap)
