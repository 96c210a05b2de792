"""Detectors that see images from which they did not learn, so that nothing is known by heart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xxhash

from medmnist_det.errors import InputError
from medmnist_det.reference.lessons import Lessons
from medmnist_det.reference.teacher import School, Sightings

if TYPE_CHECKING:
    from jaxtyping import Int

#: Parts of the images; each is seen by the detector that learned from the other.
FOLDS = 2


def folds_of(lessons: Lessons, seed: int) -> Int[np.ndarray, " images"]:
    """Return the part of every image: by chance, but as many images with a box in each.

    Chance is a hash of the seed and the image's name: where an image stands in a list says nothing,
    and images that lie beside each other are often alike.
    """
    label_set = lessons.label_set
    empty = np.diff(label_set.labels.starts) == 0
    chance = [
        xxhash.xxh3_64_intdigest(f"{seed} {name}".encode()) for name in label_set.images.names
    ]
    order = np.lexsort((np.array(chance, dtype=np.uint64), empty))
    fold = np.empty(len(order), dtype=np.int64)
    fold[order] = np.arange(len(order)) % FOLDS
    return fold


def held_out(
    school: School, lessons: Lessons, *, method: str, name: str, epochs: int, seed: int
) -> Sightings:
    """Return what is seen in every image that somebody looked at, by who did not learn from it.

    Trains a detector for each part, in folders ``name-1`` and so on. Raises InputError where a part
    has no image with a box.
    """
    filled = len(np.unique(lessons.label_set.labels.image))
    if filled < FOLDS:
        raise InputError(
            f"--method {method} trains {FOLDS} detectors on as many parts of the images, each of "
            f"which needs a box to learn from, and {filled} of {len(lessons.looked)} train images "
            "have one: generate or label more, or choose dawid-skene"
        )
    fold, found = folds_of(lessons, seed), []
    for part in range(FOLDS):
        predict = school.train(f"{name}-{part + 1}", lessons.on(fold != part), epochs)
        found.append(predict(np.flatnonzero((fold == part) & lessons.looked)))
    seen = Sightings(*map(np.concatenate, zip(*found, strict=True)))
    return seen.select(np.argsort(seen.image, kind="stable"))
