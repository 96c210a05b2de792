"""MBEM: rounds of training, and of judging raters by what detectors see (Khetan et al. 2018)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from annotators.infer.parts.overlap_law import normalised
from annotators.infer.parts.pairs import overlapping_pairs
from annotators.infer.parts.result import Raters
from annotators.learn.parts.folds import held_out
from annotators.learn.parts.objects import Objects, objects_of
from annotators.simulate.matrices import whole_matrices
from medmnist_det.folder import Folder
from medmnist_det.labels import Split
from medmnist_det.reference.criterion import Criterion
from medmnist_det.reference.lessons import Lessons
from medmnist_det.reference.recipe import Recipe
from medmnist_det.reference.teacher import School, Sightings, Teacher

if TYPE_CHECKING:
    from jaxtyping import Float, Int

#: Rounds before the last training; Khetan et al. find that more change nothing.
ROUNDS = 2
# Epochs of a detector of a part, in those of the last one: with two parts and two rounds the whole
# costs below three times an ``earl``.
_EPOCHS = 0.875
# Overlap from which a sighting is about an object.
_SAME = 0.4
# Pseudo-reports in every cell of a rater's matrix.
_SMOOTH = 0.1


class Mbem(Teacher):
    """Teaches posteriors of the classes, from raters who are judged by detectors of other images.

    Model (Khetan, Lipton and Anandkumar, "Learning from noisy singly-labeled data", ICLR 2018,
    algorithm 1): rater r calls an object of class k by row k of a matrix, and a detector says what
    the class is. The matrix has a column more, for a miss, over all raters who looked.

    1. Objects, their boxes and existence are those of the crowd, whatever the names
       (:func:`annotators.learn.parts.objects.objects_of`). Start: the share of the votes.
    2. Train; predict. Here: a detector on each half of the images, which predicts the other half,
       as what a detector has learned by heart is no evidence.
    3. Matrices: a rater's reports counted against what the detector calls each object.
    4. Posteriors: the detector's probabilities times what every rater reported. The paper has the
       mean of the predictions in the place of the former; with the prediction itself, as in Raykar
       et al. (2010), it is evidence beside the raters' labels.
    5. From 2 again, twice in all; then the last training, on all images.

    What the detector does not see counts for no matrix, and has the mean of the predictions for
    its own. Boxes and existence do not change. One rater, and images of one rater each, are enough.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self._objects: Objects | None = None
        self._raters: Raters | None = None

    def lessons(self, folder: Folder, split: Split) -> Lessons:
        """Return the crowd's objects with the share of the votes for each class."""
        objects = objects_of(folder.crowd(split))
        if split == "train":
            self._objects = objects
        return _taught(objects, objects.votes)

    def prepare(self, lessons: Lessons, school: School) -> Lessons:
        """Return the lessons of the last round. Raises InputError for too few images."""
        objects = self._objects
        if objects is None:
            raise RuntimeError("lessons of the train split come first")
        for turn in range(1, ROUNDS + 1):
            sightings = held_out(
                school,
                lessons,
                method=self.recipe.method,
                name=f"round-{turn}-part",
                epochs=max(round(_EPOCHS * self.recipe.epochs), 1),
                seed=self.recipe.seed,
            )
            named = predictions(objects, sightings)
            matrix = matrices(objects.reports, objects.existence, named)
            posterior = posteriors(objects.reports, matrix, named)
            lessons = _taught(objects, posterior)
            self._raters = _raters(objects, matrix, posterior)
        return lessons

    def state(self) -> dict[str, np.ndarray]:
        """Return what is thought of the raters."""
        known = {} if self._raters is None else vars(self._raters)
        return {name: column for name, column in known.items() if column is not None}

    def load(self, state: dict[str, np.ndarray]) -> None:
        """Think so of the raters."""
        self._raters = Raters(**state) if state else None  # type: ignore[arg-type]

    def raters(self, criterion: Criterion) -> Raters | None:  # noqa: ARG002
        """Return what is thought of the raters; None before :meth:`prepare`."""
        return self._raters


def predictions(objects: Objects, sightings: Sightings) -> Float[np.ndarray, "n L"]:
    """Return the detector's probabilities of the classes of every object; NaN where it sees none.

    An object's sighting is the surest of those that overlap it, by objectness times IoU.
    """
    image = np.concatenate([objects.groups.image, sightings.image])
    box = np.concatenate([objects.box, sightings.box])
    kind = np.repeat([0, 1], [len(objects), len(sightings.image)])
    order = np.lexsort((kind, box[:, 0], image))
    pairs = overlapping_pairs(image[order], box[order], kind[order])
    first, second = order[pairs.first], order[pairs.second]
    one, other = np.minimum(first, second), np.maximum(first, second) - len(objects)
    worth = np.where(pairs.iou > _SAME, pairs.iou * sightings.objectness[other], 0.0)
    best = np.lexsort((other, -worth, one))
    best = best[worth[best] > 0]
    best = best[np.diff(one[best], prepend=-1) > 0]
    found = np.full((len(objects), len(objects.crowd.classes)), np.nan)
    found[one[best]] = sightings.classes[other[best]]
    return found


def matrices(
    reports: Int[np.ndarray, "n R"],
    existence: Float[np.ndarray, " n"],
    named: Float[np.ndarray, "n L"],
) -> Float[np.ndarray, "R L L+1"]:
    """Return the share of each report among a rater's, by what the detector calls the object.

    The last report is a miss. An object counts by the probability that it exists.
    """
    classes = named.shape[1]
    seen = ~np.isnan(named[:, 0])
    called = np.where(seen[:, None], named, 0.0).argmax(axis=1)
    count = np.full((reports.shape[1], classes, classes + 1), _SMOOTH)
    for rater, told in enumerate(reports.T):
        rows = np.flatnonzero(seen & (told >= 0))
        np.add.at(count[rater], (called[rows], told[rows]), existence[rows])
    return count / count.sum(axis=2, keepdims=True)


def posteriors(
    reports: Int[np.ndarray, "n R"],
    matrix: Float[np.ndarray, "R L L+1"],
    named: Float[np.ndarray, "n L"],
) -> Float[np.ndarray, "n L"]:
    """Return the probabilities of the classes, by the detector and all raters. Rows sum to 1."""
    classes = named.shape[1]
    seen = ~np.isnan(named[:, 0])
    usual = named[seen].mean(axis=0) if seen.any() else np.full(classes, 1 / classes)
    found = np.log(np.maximum(np.where(seen[:, None], named, usual), _TINY))
    for rater, told in enumerate(reports.T):
        rows = np.flatnonzero(told >= 0)
        found[rows] += np.log(matrix[rater][:, told[rows]]).T
    return normalised(found)[0]


# Below any probability that counts; keeps logarithms finite.
_TINY = 1e-9


def _taught(objects: Objects, classes: Float[np.ndarray, "n L"]) -> Lessons:
    """Return the objects that are worth it, each weighted by the probability that it exists."""
    found, rows = objects.lessons(), np.flatnonzero(objects.kept)
    label_set = found.label_set
    labels = replace(label_set.labels, label=classes[rows].argmax(axis=1))
    return replace(
        found,
        label_set=replace(label_set, labels=labels),
        classes=classes[rows],
        weight=objects.existence[rows],
    )


def _raters(
    objects: Objects, matrix: Float[np.ndarray, "R L L+1"], posterior: Float[np.ndarray, "n L"]
) -> Raters:
    """Return what is thought of the raters; of spurious boxes, what existence says."""
    raters, classes, _ = matrix.shape
    there, asked = objects.existence, objects.reports >= 0
    drew = asked & (objects.reports < classes)
    looked = np.bincount(objects.crowd.labels.assigned[:, 1], minlength=raters)  # type: ignore[index]
    spurious = drew.T @ (1 - there) / np.maximum(looked, 1)
    prior = there @ posterior + _SMOOTH
    return Raters(
        matrix=whole_matrices(matrix, spurious, np.full((raters, classes), 1 / classes)),
        spurious=spurious,
        objects=asked.T @ there,
        prior=prior / prior.sum(),
        box_bias=objects.habits.bias,
        box_spread=np.sqrt(objects.habits.variance),
    )
