"""Consensus: raters and detectors that learned from other images agree on the labels. Ours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annotators.infer.methods.dawid_skene import worth_keeping
from annotators.infer.parts.result import Raters, within
from annotators.learn.parts.folds import held_out
from annotators.learn.parts.heard import hear
from annotators.learn.parts.joint import settle
from annotators.learn.parts.places import EdgeLaw, settle_places
from annotators.learn.plain import DawidSkene
from medmnist_det.boxes import xyxy_to_cxcywh
from medmnist_det.folder import Folder
from medmnist_det.labels import Labels, LabelSet, Split
from medmnist_det.reference.criterion import Criterion
from medmnist_det.reference.lessons import Lessons, looked_at
from medmnist_det.reference.recipe import Recipe
from medmnist_det.reference.teacher import School, Sightings

if TYPE_CHECKING:
    from jaxtyping import Float

# Epochs of a detector of a part, in those of the last one: with half of the images each, both
# together cost this much, and the whole with what is seen below three times an ``earl``.
_EPOCHS = 1.75


class Consensus(DawidSkene):
    """Teaches what raters and detectors of other images agree on.

    Model: an image holds objects, each of which a detector that never learned this image sees in
    some way or not at all, and every rater who looked reports or misses.

    1. Two detectors, each taught ``dawid-skene``'s labels of half of the images, see the others.
    2. Their boxes are grouped with the raters' (:mod:`annotators.learn.parts.heard`).
    3. EM (:mod:`annotators.learn.parts.joint`) finds together each rater's matrix (misses are its
       last column) and spurious boxes, what the detector's probabilities of classes are worth
       (:mod:`annotators.learn.parts.calibration`), and how often it sees an object, and nothing,
       when it is how sure. So what everybody missed is there where the detector is sure enough.
    4. Edges (:mod:`annotators.learn.parts.edges`, :mod:`annotators.learn.parts.places`): raters'
       boxes by their law, the detector's by its bias at that size and its spread at the scatter
       that its refinement tells of each edge. Evidence beside the raters' boxes, never instead.
    5. Train on what comes out: classes soft, weighted by the probability that there is an object.

    Raykar et al. (2010) have the classifier as prior; theirs is neither calibrated nor kept from
    the images that it learned. Works with one rater, and without overlap: then the detector is whom
    raters are compared with. Costs less than three times ``earl``.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self._crowd: LabelSet | None = None
        self._raters: Raters | None = None

    def lessons(self, folder: Folder, split: Split) -> Lessons:
        """Return Dawid-Skene's lessons, from which the detectors of the parts learn."""
        if split == "train":
            self._crowd = folder.crowd(split)
        return super().lessons(folder, split)

    def prepare(self, lessons: Lessons, school: School) -> Lessons:
        """Return the lessons on which everybody agrees. Raises InputError for too few images."""
        if self._crowd is None:
            raise RuntimeError("lessons of the train split come first")
        sightings = held_out(
            school,
            lessons,
            method=self.recipe.method,
            name="part",
            epochs=max(round(_EPOCHS * self.recipe.epochs), 1),
            seed=self.recipe.seed,
        )
        found = agree(self._crowd, sightings)
        self._raters = found.raters
        return found.lessons

    def state(self) -> dict[str, np.ndarray]:
        """Return what is thought of the raters."""
        return {} if self._raters is None else vars(self._raters)

    def load(self, state: dict[str, np.ndarray]) -> None:
        """Think so of the raters."""
        self._raters = Raters(**state) if state else None

    def raters(self, criterion: Criterion) -> Raters | None:  # noqa: ARG002
        """Return what is thought of the raters; None before :meth:`prepare`."""
        return self._raters


@dataclass(frozen=True, kw_only=True, eq=False)
class Agreement:
    """What raters and a detector agree on."""

    lessons: Lessons
    raters: Raters


def agree(crowd: LabelSet, sightings: Sightings) -> Agreement:
    """Return lessons and raters; ``sightings`` are by detectors that did not learn these images."""
    said = hear(crowd, sightings)
    end = settle(said)
    there, classes = 1 - end.belief[:, -1], end.belief[:, :-1] + _EVEN
    box, law = settle_places(said, there)
    box = within(box, said.groups.image, crowd.images)
    kept = worth_keeping(there, 0.0) & (box[:, 2:] > box[:, :2]).all(axis=1)
    rows = np.flatnonzero(kept)
    classes = classes[rows] / classes[rows].sum(axis=1, keepdims=True)
    labels = Labels(
        images=crowd.labels.images,
        image=said.groups.image[rows],
        box=box[rows],
        label=classes.argmax(axis=1),
    )
    lessons = Lessons(
        label_set=replace(crowd, labels=labels, raters=None),
        classes=classes,
        weight=there[rows],
        looked=looked_at(crowd),
        reports=said.reports[rows],
    )
    asked = (said.reports >= 0).T @ there
    model = end.model
    prior = end.belief[:, :-1].sum(axis=0) + _EVEN
    raters = Raters(
        matrix=model.matrix(),
        spurious=model.spurious,
        objects=asked,
        prior=prior / prior.sum(),
        box_bias=xyxy_to_cxcywh(law.bias),
        box_spread=_spread(law),
    )
    return Agreement(lessons=lessons, raters=raters)


# So that the classes of what is surely nothing have a distribution as well.
_EVEN = 1e-12


def _spread(law: EdgeLaw) -> Float[np.ndarray, "R 4"]:
    both = law.variance[:, :2] + law.variance[:, 2:]  # the edges are independent
    return np.sqrt(np.concatenate([both / 4, both], axis=1))
