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

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.infer.parts.overlap_law import normalised
from annotators.infer.parts.result import Raters
from annotators.learn.parts.matched_places import (
    Places,
    assigned_to,
    lessons_at,
    located,
    places_of,
)
from annotators.learn.parts.posteriors import NormalGamma, errors, expected_log
from annotators.learn.parts.relabelling import (
    DROPPED,
    LEAST,
    OTHER,
    RIGHT,
    Hands,
    Relabelling,
    named,
)
from annotators.simulate.matrices import whole_matrices
from medmnist_det.labels import LabelSet
from medmnist_det.reference.criterion import Criterion
from medmnist_det.reference.lessons import Lessons
from medmnist_det.reference.teacher import Predict

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True, kw_only=True, eq=False)
class Believed(Hands):
    """What is believed of the raters after a look at the detector's sightings."""

    #: Parameters of the Dirichlet rows of the matrices.
    alpha: Float[np.ndarray, "R L L"]
    #: Objects that every rater could have drawn, and how frequent the classes are.
    shown: Float[np.ndarray, " R"]
    frequency: Float[np.ndarray, " L"]


def prior(raters: int, classes: int) -> Float[np.ndarray, "R L L"]:
    """Return the Dirichlet parameters of raters of whom nothing is known."""
    one = np.full((classes, classes), OTHER) + (RIGHT - OTHER) * np.eye(classes)
    return np.repeat(one[None], raters, axis=0)


def posterior(
    crowd: LabelSet, places: Places, alpha: Float[np.ndarray, "R L L"]
) -> Float[np.ndarray, "s L"]:
    """Return q: the probability of every class at every place. Rows sum to 1."""
    told = expected_log(alpha)[crowd.labels.rater, :, crowd.labels.label]
    joint = np.log(np.maximum(places.classes, 1e-12)) + places.sums(told)
    return normalised(joint)[0]


def counts(
    crowd: LabelSet, places: Places, q: Float[np.ndarray, "s L"]
) -> Float[np.ndarray, "R L L"]:
    """Return how often each rater called an object of a class (row) by each name, in expectation.

    Only objects that the detector sees count: of the others nobody but the raters tells.
    """
    return named(crowd, (q * places.seen[:, None])[places.owner])


class Bdc(Relabelling[Believed]):
    """Teaches labels that are made anew from the detector's predictions and the raters' boxes."""

    beliefs = Believed

    def look(self, predict: Predict) -> Lessons | None:
        """Return steps 2 to 5."""
        crowd = self.crowd
        places = places_of(crowd, predict(np.unique(crowd.labels.image)), least=LEAST)
        self.believed, q = self._updated(places)
        share = places.support / assigned_to(crowd).sum(axis=1)[places.image]
        kept = share > DROPPED
        box = located(crowd, places, self.believed.boxes)
        columns = places.image, box, q, share
        return lessons_at(crowd, *(column[kept] for column in columns)) if kept.any() else None

    def _updated(self, places: Places) -> tuple[Believed, Float[np.ndarray, "s L"]]:
        """Return what is believed now of the raters, and of every place."""
        crowd, labels = self.crowd, self.crowd.labels
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
            **asdict(boxes),
            shown=assigned_to(crowd)[places.image].sum(axis=0).astype(np.float64),
            frequency=frequency / frequency.sum(),
        )
        return believed, q

    def raters(self, criterion: Criterion) -> Any:  # noqa: ARG002
        """Return the expected matrices and box errors; None before the first look.

        The model has no misses and no spurious boxes: their rates are 0.
        """
        if self.believed is None:
            return None
        believed, boxes = self.believed, self.believed.boxes
        raters, classes, _ = believed.alpha.shape
        names = believed.alpha / believed.alpha.sum(axis=2, keepdims=True)
        report = np.pad(names, ((0, 0), (0, 0), (0, 1)))
        none = np.zeros(raters)
        return Raters(
            matrix=whole_matrices(report, none, np.zeros((raters, classes))),
            spurious=none,
            objects=believed.shown,
            prior=believed.frequency,
            box_bias=boxes.mean,
            box_spread=1 / np.sqrt(boxes.precision),
        )
