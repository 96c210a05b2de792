"""Bayesian Detector Combination: raters' boxes are matched with the detector's, epoch by epoch.

Model (Tan et al., ECCV 2024, arXiv 2407.07958): rater k calls an object of class j by row j of a
matrix, whose rows are Dirichlet(10 on the diagonal, 1 elsewhere), and draws it with errors
relative to its size that are Normal(m, 1 / t), where (m, t) ~ Normal-Gamma(0, 10, 10, .5) for each
of e_x = dx / w, e_y = dy / h, e_w = w' / w - 1 and e_h = h' / h - 1.

1. Begin with class-agnostic groups: mean box, most frequent class.
2. After a warm-up, and after every epoch from then on, the detector sees the train images, and the
   boxes of every rater are matched with what it sees (:mod:`annotators.learn.parts.matching`).
3. q(j) = softmax(ln p_j + sum_k E[ln pi_k,j,l]), p the detector's class probabilities, l what
   rater k called the object, and E[ln pi_jl] = psi(alpha_jl) - psi(sum_l alpha_jl).
4. alpha_k,jl = prior + sum of q(j) over the objects that k called l; the Normal-Gamma takes the
   errors of k's boxes, measured at the detector's own boxes (:class:`~annotators.learn.parts.
   posteriors.NormalGamma`).
5. New lessons: q of step 3 with the new alpha; the mean of the raters' boxes, less each one's bias,
   weighted by its expected precision; weight T / N, T of the N assigned raters drew it. Objects
   with .3 or less are dropped.

The authors' trainers keep new labels only where they score better against the clean train truth: an
oracle gate. This has none. Misses and spurious boxes are no part of the model (``bdc-miss`` is).
What the paper leaves open is decided in docs/decisions.md. Works with any crowd that says who drew
and who looked, also with one rater, of whom then the detector alone tells.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.infer.parts.box_model import mean_boxes
from annotators.infer.parts.evidence import collect, favourites
from annotators.infer.parts.grouping import IOU, group_boxes
from annotators.infer.parts.result import Raters
from annotators.learn.parts.matched_places import (
    Places,
    assigned_to,
    lessons_at,
    located,
    places_of,
    sorted_crowd,
)
from annotators.learn.parts.posteriors import NormalGamma, errors, expected_log
from medmnist_det.folder import Folder
from medmnist_det.labels import LabelSet, Split
from medmnist_det.reference.criterion import Criterion
from medmnist_det.reference.lessons import Lessons
from medmnist_det.reference.teacher import Predict, Teacher

if TYPE_CHECKING:
    from jaxtyping import Float

#: Share of the epochs after which labels are made anew: before, the detector knows too little.
WARM_UP = 0.3
#: Least objectness of a sighting that boxes are matched with.
LEAST = 0.2
# Objects that this share of the assigned raters drew, or less, are dropped.
_DROPPED = 0.3
# Pseudo-reports of a rater's right name, and of every other.
_RIGHT, _OTHER = 10.0, 1.0


def first_lessons(crowd: LabelSet) -> Lessons:
    """Return the objects of a crowd without a detector: mean box, most frequent class, T / N."""
    groups = group_boxes(crowd.labels)
    seen = collect(crowd, groups, iou=IOU)
    label = favourites(seen)[seen.unit] if len(groups) else np.zeros(0, dtype=np.int64)
    share = (seen.size / np.maximum(seen.assigned, 1))[seen.unit] if len(groups) else np.zeros(0)
    classes = np.eye(len(crowd.classes))[label]
    kept = share > _DROPPED
    columns = groups.image, mean_boxes(crowd.labels, groups), classes, share
    return lessons_at(crowd, *(column[kept] for column in columns))


@dataclass(frozen=True, kw_only=True, eq=False)
class Believed:
    """What is believed of the raters after a look at the detector's sightings."""

    #: Parameters of the Dirichlet rows of the matrices.
    alpha: Float[np.ndarray, "R L L"]
    mean: Float[np.ndarray, "R 4"]
    count: Float[np.ndarray, "R 4"]
    shape: Float[np.ndarray, "R 4"]
    rate: Float[np.ndarray, "R 4"]
    #: Objects that every rater could have drawn, and how frequent the classes are.
    shown: Float[np.ndarray, " R"]
    frequency: Float[np.ndarray, " L"]

    @property
    def boxes(self) -> NormalGamma:
        """What is believed of the errors of their boxes."""
        return NormalGamma(mean=self.mean, count=self.count, shape=self.shape, rate=self.rate)


def prior(raters: int, classes: int) -> Float[np.ndarray, "R L L"]:
    """Return the Dirichlet parameters of raters of whom nothing is known."""
    one = np.full((classes, classes), _OTHER) + (_RIGHT - _OTHER) * np.eye(classes)
    return np.repeat(one[None], raters, axis=0)


def posterior(
    crowd: LabelSet, places: Places, alpha: Float[np.ndarray, "R L L"]
) -> Float[np.ndarray, "s L"]:
    """Return q: the probability of every class at every place. Rows sum to 1."""
    told = expected_log(alpha)[crowd.labels.rater, :, crowd.labels.label]
    joint = np.log(np.maximum(places.classes, 1e-12)) + places.sums(told)
    joint = np.exp(joint - joint.max(axis=1, keepdims=True))
    return joint / joint.sum(axis=1, keepdims=True)


def counts(
    crowd: LabelSet, places: Places, q: Float[np.ndarray, "s L"]
) -> Float[np.ndarray, "R L L"]:
    """Return how often each rater called an object of a class (row) by each name, in expectation.

    Only objects that the detector sees count: of the others nobody but the raters tells.
    """
    labels, raters, classes = crowd.labels, len(crowd.raters or ()), len(crowd.classes)
    cell = labels.rater * classes + labels.label  # type: ignore[operator]
    share = (q * places.seen[:, None])[places.owner]
    columns = [np.bincount(cell, column, raters * classes) for column in share.T]
    return np.stack(columns, axis=1).reshape(raters, classes, classes).transpose(0, 2, 1)


class Bdc(Teacher):
    """Teaches labels that are made anew from the detector's predictions and the raters' boxes."""

    _crowd: LabelSet
    believed: Believed | None = None

    def lessons(self, folder: Folder, split: Split) -> Lessons:
        """Return the objects of the crowd before a detector has seen them."""
        crowd = sorted_crowd(folder.crowd(split))
        if split == "train":
            self._crowd = crowd
        return first_lessons(crowd)

    def after_epoch(
        self,
        done: int,
        predict: Predict,
        criterion: Criterion,  # noqa: ARG002
    ) -> Lessons | None:
        """Return steps 2 to 5 after each epoch behind the warm-up."""
        if done < WARM_UP * self.recipe.epochs:
            return None
        crowd = self._crowd
        places = places_of(crowd, predict(np.unique(crowd.labels.image)), least=LEAST)
        self.believed, q = self._updated(places)
        share = places.support / assigned_to(crowd).sum(axis=1)[places.image]
        kept = share > _DROPPED
        box = located(crowd, places, self.believed.boxes)
        columns = places.image, box, q, share
        # Nobody can be taught nothing.
        return lessons_at(crowd, *(column[kept] for column in columns)) if kept.any() else None

    def _updated(self, places: Places) -> tuple[Believed, Float[np.ndarray, "s L"]]:
        """Return what is believed now of the raters, and of every place."""
        crowd, labels = self._crowd, self._crowd.labels
        start = prior(len(crowd.raters or ()), len(crowd.classes))
        before = start if self.believed is None else self.believed.alpha
        alpha = start + counts(crowd, places, posterior(crowd, places, before))
        at = np.flatnonzero(places.seen[places.owner])
        wrong = errors(labels.box[at], places.box[places.owner[at]])
        boxes = NormalGamma.prior(len(start)).after(wrong, labels.rater[at])  # type: ignore[index]
        q = posterior(crowd, places, alpha)
        frequency = q.sum(axis=0) + 1e-9
        believed = Believed(
            alpha=alpha,
            **{name: getattr(boxes, name) for name in ("mean", "count", "shape", "rate")},
            shown=assigned_to(crowd)[places.image].sum(axis=0).astype(np.float64),
            frequency=frequency / frequency.sum(),
        )
        return believed, q

    def state(self) -> dict[str, np.ndarray]:
        """Return what is believed of the raters; nothing before the first look."""
        if self.believed is None:
            return {}
        return {field.name: getattr(self.believed, field.name) for field in fields(Believed)}

    def load(self, state: dict[str, np.ndarray]) -> None:
        """Go on from what :meth:`state` returned."""
        self.believed = Believed(**state) if state else None

    def raters(self, criterion: Criterion) -> Any:  # noqa: ARG002
        """Return the expected matrices and box errors; None before the first look.

        The model has no misses and no spurious boxes: their rates are 0.
        """
        if self.believed is None:
            return None
        believed, boxes = self.believed, self.believed.boxes
        raters, classes, _ = believed.alpha.shape
        matrix = np.zeros((raters, classes + 1, classes + 1))
        matrix[:, :-1, :-1] = believed.alpha / believed.alpha.sum(axis=2, keepdims=True)
        matrix[:, -1, -1] = 1
        return Raters(
            matrix=matrix,
            spurious=np.zeros(raters),
            objects=believed.shown,
            prior=believed.frequency,
            box_bias=boxes.mean,
            box_spread=1 / np.sqrt(boxes.precision),
        )
