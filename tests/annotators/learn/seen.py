"""What a detector sees, made up from a truth: sightings, and a school that trains nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from medmnist_det.labels import LabelSet
from medmnist_det.reference.lessons import Lessons
from medmnist_det.reference.teacher import Predict, Sightings


def sightings_of(
    true: LabelSet, *, seed: int = 0, seen: float = 0.97, right: float = 0.9, false: float = 0.1
) -> Sightings:
    """Return sightings of most objects, with edges as precise as they say, and of nothing.

    ``false`` is how many of the latter an image has. Classes are right by that probability, and
    mostly known for sure where they are right; yet probabilities are too low there.
    """
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(rng.random(len(true.labels)) < seen)
    labels, classes = true.labels.select(rows), len(true.classes)
    image = rng.integers(0, true.labels.images, round(false * true.labels.images))
    corner = rng.uniform(0, 250, (len(image), 2))
    nothing = np.concatenate([corner, corner + rng.uniform(15, 60, (len(image), 2))], axis=1)
    scatter = rng.choice([0.03, 0.1], (len(rows), 4), p=[0.8, 0.2])
    side = np.tile(labels.box[:, 2:] - labels.box[:, :2], 2)
    box = labels.box + side * (scatter - 0.01) * rng.standard_normal((len(rows), 4))
    wrong = rng.integers(0, classes, len(rows))
    called = np.where(rng.random(len(rows)) < right, labels.label, wrong)
    surely = rng.random(len(rows) + len(image)) < np.append(
        np.where(called == labels.label, 0.9, 0.2), np.full(len(image), 0.2)
    )
    called = np.concatenate([called, rng.integers(0, classes, len(image))])
    sure = np.concatenate([rng.beta(9, 1, len(rows)), rng.beta(1, 5, len(image))])
    logits = rng.normal(0, 0.3, (len(called), classes))
    logits[np.arange(len(called)), called] += np.where(surely, 3.0, 1.0)
    share = np.exp(logits)
    order = np.argsort(np.concatenate([labels.image, image]), kind="stable")
    return Sightings(
        np.concatenate([labels.image, image])[order],
        np.concatenate([box, nothing])[order],
        np.clip(sure, 0.05, 1.0)[order],
        (share / share.sum(axis=1, keepdims=True))[order],
        np.concatenate([scatter, np.full((len(image), 4), 0.1)])[order],
    )


@dataclass
class Pretended:
    """A school whose detectors see what they are told to; it writes down who learned what."""

    sightings: Sightings
    taught: dict[str, tuple[Lessons, int]] = field(default_factory=dict)
    asked: dict[str, np.ndarray] = field(default_factory=dict)

    def train(self, name: str, lessons: Lessons, epochs: int) -> Predict:
        self.taught[name] = lessons, epochs
        return self._seeing(name)

    def _seeing(self, name: str) -> Callable[[np.ndarray | None], Sightings]:
        def predict(rows: np.ndarray | None) -> Sightings:
            assert rows is not None
            self.asked[name] = rows
            kept = np.isin(self.sightings.image, rows)
            return Sightings(*(column[kept] for column in self.sightings))

        return predict
