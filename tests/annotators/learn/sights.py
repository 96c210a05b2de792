"""What a detector might see of a truth, and a teacher that looks at it, without any training."""

from __future__ import annotations

import math

import numpy as np

from annotators.learn.parts.rehearsal import seer as seer
from medmnist_det.labels import LabelSet
from medmnist_det.reference.criterion import Criterion
from medmnist_det.reference.recipe import Recipe
from medmnist_det.reference.teacher import Sightings


def sightings(
    true: LabelSet,
    *,
    seed: int = 0,
    overlooked: float = 0.05,
    confused: float = 0.1,
    scatter: float = 0.05,
    more: int = 0,
) -> Sightings:
    """Return an object or more a row, by image, the surest of an image first.

    ``scatter`` is the standard deviation of centres and sides in those of the object; ``more``
    sightings are of nothing, and unsure.
    """
    rng, labels = np.random.default_rng(seed), true.labels
    classes = len(true.classes)
    kept = np.flatnonzero(rng.random(len(labels)) >= overlooked)
    box, name = labels.box[kept], labels.label[kept]
    side = box[:, 2:] - box[:, :2]
    centre = (box[:, 2:] + box[:, :2]) / 2 + scatter * side * rng.standard_normal(side.shape)
    side = side * np.exp(scatter * rng.standard_normal(side.shape))
    box = np.concatenate([centre - side / 2, centre + side / 2], axis=1)
    name = np.where(rng.random(len(name)) < confused, rng.integers(0, classes, len(name)), name)
    corner, sides = rng.uniform(0, 250, (more, 2)), rng.uniform(15, 60, (more, 2))
    box = np.concatenate([box, np.concatenate([corner, corner + sides], axis=1)])
    image = np.concatenate([labels.image[kept], rng.integers(0, labels.images, more)])
    sure = np.concatenate([rng.uniform(0.6, 0.95, len(kept)), rng.uniform(0.001, 0.3, more)])
    name = np.concatenate([name, rng.integers(0, classes, more)])
    belief = np.full((len(box), classes), 0.3 / classes) + 0.7 * np.eye(classes)[name]
    order = np.lexsort((-sure, image))
    edges = np.full((len(box), 4), scatter)
    return Sightings(image[order], box[order], sure[order], belief[order], edges)


def seen_at(*rows):
    """Return sightings in one image: box, objectness, classes."""
    box, sure, classes = zip(*rows, strict=True)
    return Sightings(
        np.zeros(len(rows), dtype=np.int64),
        np.array(box, dtype=np.float64),
        np.array(sure, dtype=np.float64),
        np.array(classes, dtype=np.float64),
        np.zeros((len(rows), 4)),
    )


def nothing_seen(classes=3):
    """Return no sighting."""
    return Sightings(
        *(column[:0] for column in seen_at(((0, 0, 1, 1), 1, [1 / classes] * classes)))
    )


class Data:
    """A data folder of which only the crowd can be read."""

    def __init__(self, label_set: LabelSet) -> None:
        self.label_set = label_set

    def crowd(self, split):  # noqa: ARG002
        return self.label_set


def taught(kind, label_set, seen, looks=3):
    """Return a teacher of a kind after some looks, and its last lessons."""
    teacher = kind(Recipe(epochs=10))
    lessons = teacher.lessons(Data(label_set), "train")
    for done in range(1, looks + 1):
        lessons = teacher.after_epoch(9 - looks + done, seer(seen), Criterion()) or lessons
    return teacher, lessons


def digamma(x):
    """The slope of ln gamma, by its series."""
    total = 0.0
    while x < 20:
        total, x = total - 1 / x, x + 1
    return total + math.log(x) - 1 / (2 * x) - 1 / (12 * x**2) + 1 / (120 * x**4) - 1 / (252 * x**6)
