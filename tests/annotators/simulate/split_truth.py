"""Truth for tests of what annotators have in common, and what they make of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from annotators.simulate.crowd import SimulatedCrowd
from annotators.simulate.options import AnnotatorOptions
from medmnist_det.labels import Images, Labels
from medmnist_det.provenance import Marks
from medmnist_det.scenes.digits import Digits
from medmnist_det.scenes.looks import Looks
from tests.conftest import random_truth

NAMES = tuple("0123456789")
TRUTH, IMAGES = random_truth(4000)


def marks(*options: AnnotatorOptions, truth: Labels = TRUTH, images: Images = IMAGES,
          seed: int = 0, looks: Looks | None = None) -> Marks:  # fmt: skip
    return SimulatedCrowd.of(options, NAMES, seed).annotate(truth, images, "train", looks)


def drawn_by(found: Labels, rater: int, truth: Labels = TRUTH) -> np.ndarray:
    """Return the class that a rater reports of every object, 10 where it is missed."""
    mine: Any = found.select((found.rater == rater) & (found.error != 2))
    said = np.full(len(truth), 10)
    said[mine.true_object] = mine.label
    return said


def made_of(digits: Digits, objects: int, seed: int = 0) -> tuple[Labels, Images, Looks]:
    """Return a truth of digits of the train split, one an image, and what they look like."""
    digit = np.random.default_rng(seed).integers(0, len(digits.labels["train"]), objects)
    truth = Labels(
        images=objects,
        image=np.arange(objects),
        box=np.tile([10.0, 10.0, 40.0, 50.0], (objects, 1)),
        label=digits.labels["train"][digit],
    )
    ids, side = tuple(range(objects)), np.full(objects, 96)
    images = Images(ids=ids, names=tuple(map(str, ids)), width=side, height=side)
    return truth, images, Looks.of(digits, "train", digit)
