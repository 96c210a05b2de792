"""Bayesian Detector Combination with misses and spurious boxes in the model: ``bdc``, and apart.

``bdc`` (Tan et al. 2024) reads the boxes that are there. Here also tells who drew nothing:

1. A place is what the detector sees, or where raters drew what it does not see. There is an object
   of class j with probability o p_j (o: objectness, p: classes of the detector) before the raters
   are asked, and nothing with 1 - o. Where it sees nothing, p is even and o = c n d: n objects in
   an image, of which it overlooks the share d, by what half of the raters drew or more. So a
   detector that sees little yet takes little away.
2. Rows of a matrix have a column more, a miss: Dirichlet(10 on the diagonal, 1 elsewhere). Rater k
   draws s_k spurious boxes in an image, s_k ~ Gamma(1, 10), and calls them l with probability
   phi_k,l ~ Dirichlet(1); the chance that one falls on a given place is c, that of boxes of two
   unrelated images to overlap.
3. ln q(j) = ln o p_j + sum over the *assigned* raters of E[ln pi_k,j,report], a miss among the
   reports; ln q(nothing) = ln (1 - o) + sum over the raters who drew of E[ln s_k] + E[ln phi_k,l] +
   ln c.
4. alpha_k,j,report, phi_k,l and s_k take the expected numbers of their reports, s_k over the images
   that k looked at; box errors count with the probability that there is an object.
5. Lessons: places that are objects with a probability above 1/2, which is the weight; boxes as in
   ``bdc``, the detector's own where nobody drew one.

So boxes that one rater invented go, and objects that all assigned raters missed may be found.
Works with any crowd that says who drew and who looked, also with one rater.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import digamma

from annotators.infer.parts.evidence import coincidence
from annotators.infer.parts.grouping import IOU
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
from annotators.learn.parts.relabelling import LEAST, OTHER, RIGHT, Hands, Relabelling, named
from annotators.simulate.matrices import whole_matrices
from medmnist_det.folder import Folder
from medmnist_det.labels import LabelSet, Split
from medmnist_det.reference.criterion import Criterion
from medmnist_det.reference.lessons import Lessons
from medmnist_det.reference.teacher import Predict

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

# Most that is believed of what a detector sees.
_SUREST = 0.99
# Spurious boxes of a rater, and images that they were drawn in, before anything is known.
_SPURIOUS, _IMAGES = 1.0, 10.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Believed(Hands):
    """What is believed of the raters after a look at the detector's sightings."""

    #: Parameters of the Dirichlet rows of the matrices; the last column is a miss.
    alpha: Float[np.ndarray, "R L L+1"]
    #: Those of the names of spurious boxes.
    fancy: Float[np.ndarray, "R L"]
    #: Spurious boxes, and the images looked at: shape and rate of a Gamma.
    spurious: Float[np.ndarray, " R"]
    looked: Float[np.ndarray, " R"]
    #: Objects of each class in all images, in expectation.
    objects: Float[np.ndarray, " L"]

    @classmethod
    def prior(cls, raters: int, classes: int) -> Believed:
        """Return what is believed of raters of whom nothing is known."""
        row = np.full((classes, classes + 1), OTHER)
        row[:, :-1] += (RIGHT - OTHER) * np.eye(classes)
        boxes = NormalGamma.prior(raters)
        return cls(
            alpha=np.repeat(row[None], raters, axis=0),
            fancy=np.ones((raters, classes)),
            spurious=np.full(raters, _SPURIOUS),
            looked=np.full(raters, _IMAGES),
            **asdict(boxes),
            objects=np.ones(classes),
        )


def objectness(
    places: Places, assigned: Bool[np.ndarray, "images R"], coincidence: float
) -> Float[np.ndarray, " s"]:
    """Return o: the probability of an object at every place, by the detector alone."""
    looked = assigned.sum(axis=1)
    sure = (places.support > 0) & (2 * places.support >= looked[places.image])
    overlooked = (1 + (sure & ~places.seen).sum()) / (2 + sure.sum())
    unseen = coincidence * overlooked * sure.sum() / max((looked > 0).sum(), 1)
    return np.where(places.seen, np.minimum(places.objectness, _SUREST), np.clip(unseen, 1e-9, 0.5))


def posterior(
    crowd: LabelSet,
    places: Places,
    assigned: Bool[np.ndarray, "images R"],
    believed: Believed,
    coincidence: float,
) -> Float[np.ndarray, "s L+1"]:
    """Return step 3: the probability of every class, and (last) of nothing, at every place."""
    rater, label = crowd.labels.rater, crowd.labels.label
    report = expected_log(believed.alpha)
    missed = report[:, :, -1]
    told = report[rater, :, label] - missed[rater]
    there = objectness(places, assigned, coincidence)
    joint = np.empty((len(places), len(crowd.classes) + 1))
    joint[:, :-1] = np.log(there)[:, None] + np.log(np.maximum(places.classes, 1e-12))
    joint[:, :-1] += (assigned @ missed)[places.image] + places.sums(told)
    rate = digamma(believed.spurious) - np.log(believed.looked) + np.log(coincidence)
    fancy = rate[:, None] + expected_log(believed.fancy)
    joint[:, -1] = np.log(1 - there) + places.sums(fancy[rater, label][:, None])[:, 0]
    return normalised(joint)[0]


def updated(
    crowd: LabelSet,
    places: Places,
    assigned: Bool[np.ndarray, "images R"],
    q: Float[np.ndarray, "s L+1"],
) -> Believed:
    """Return step 4: what is believed of the raters, given what is at the places."""
    labels, (_, raters), classes = crowd.labels, assigned.shape, len(crowd.classes)
    rater: Any = labels.rater
    start = Believed.prior(raters, classes)
    drawn = named(crowd, q[places.owner])
    # What is at all places of the images that a rater looked at, less what the rater drew.
    shown = np.zeros((len(assigned), classes))
    np.add.at(shown, places.image, q[:, :-1])
    missed = np.maximum(assigned.T @ shown - drawn[:, :-1].sum(axis=2), 0.0)
    at = np.flatnonzero(places.seen[places.owner])
    owner = places.owner[at]
    wrong = errors(labels.box[at], places.box[owner])
    boxes = start.boxes.after(wrong, rater[at], 1 - q[owner, -1])
    return Believed(
        alpha=start.alpha + np.concatenate([drawn[:, :-1], missed[:, :, None]], axis=2),
        fancy=start.fancy + drawn[:, -1],
        spurious=start.spurious + drawn[:, -1].sum(axis=1),
        looked=start.looked + assigned.sum(axis=0),
        **asdict(boxes),
        objects=q[:, :-1].sum(axis=0) + 1e-9,
    )


class BdcMiss(Relabelling[Believed]):
    """Teaches labels made from predictions and the raters' boxes, misses and inventions counted."""

    beliefs = Believed
    _coincidence: float

    def lessons(self, folder: Folder, split: Split) -> Lessons:
        """Return the objects of the crowd before a detector has seen them."""
        found = super().lessons(folder, split)
        if split == "train":
            self._coincidence = coincidence(self.crowd, IOU)
        return found

    def look(self, predict: Predict) -> Lessons | None:
        """Return what is at the places.

        The detector sees images without a box, too: raters who looked may have missed all in them.
        """
        crowd, assigned = self.crowd, assigned_to(self.crowd)
        seen = predict(np.flatnonzero(assigned.any(axis=1)))
        places = places_of(crowd, seen, least=LEAST, alone=LEAST)
        before = self.believed or Believed.prior(assigned.shape[1], len(crowd.classes))
        q = posterior(crowd, places, assigned, before, self._coincidence)
        self.believed = updated(crowd, places, assigned, q)
        q = posterior(crowd, places, assigned, self.believed, self._coincidence)
        there = 1 - q[:, -1]
        kept = there > 0.5
        box = located(crowd, places, self.believed.boxes)[kept]
        classes = q[kept, :-1] / there[kept, None]
        lessons = lessons_at(crowd, places.image[kept], box, classes, there[kept])
        return lessons if kept.any() else None

    def raters(self, criterion: Criterion) -> Any:  # noqa: ARG002
        """Return expected matrices, spurious rates and box errors; None before the first look."""
        if self.believed is None:
            return None
        one, boxes = self.believed, self.believed.boxes
        raters, classes, _ = one.alpha.shape
        report = one.alpha / one.alpha.sum(axis=2, keepdims=True)
        fancy = one.fancy / one.fancy.sum(axis=1, keepdims=True)
        rate = one.spurious / one.looked
        # The rows' pseudo-reports are no objects.
        shown = one.alpha.sum(axis=(1, 2)) - Believed.prior(raters, classes).alpha.sum(axis=(1, 2))
        return Raters(
            matrix=whole_matrices(report, rate, fancy),
            spurious=rate,
            objects=shown,
            prior=one.objects / one.objects.sum(),
            box_bias=boxes.mean,
            box_spread=1 / np.sqrt(boxes.precision),
        )
