"""What each method teaches the detector about a split: boxes, class targets and weights.

No method but ``oracle`` opens a truth file of the train or val split.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from medmnist_det.errors import InputError, shown
from medmnist_det.folder import Folder
from medmnist_det.labels import LabelSet, Split

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

#: Methods by what they learn from; ``rater:K`` stands for one rater of the data set.
METHODS = (
    "oracle",
    "baseline",
    "rater:K",
    "wbf",
    "earl",
    "majority-vote",
    "dawid-skene",
    "ensemble",
)

# The paper's Algorithm 1 fuses by overlap alone and votes on the class afterwards.
_FUSED = {
    "wbf": "wbf-agnostic",
    "earl": "wbf-agnostic",
    "majority-vote": "majority-vote",
    "dawid-skene": "dawid-skene",
}

#: EARL's confidence of a fused box: the number T of raters who drew it, or their share T/N.
Confidence = Literal["count", "share"]


@dataclass(frozen=True, kw_only=True)
class Weighting:
    """How EARL weighs boxes (Le et al. 2023, eq. 2); other methods have weights of their own."""

    confidence: Confidence = "count"
    #: Divide the weights by their mean, so that all terms keep their share of the loss.
    normalise_weights: bool = False

    def __post_init__(self) -> None:
        if self.confidence not in get_args(Confidence):
            raise InputError(
                f"--confidence {shown(self.confidence)} is not known: choose "
                f"{' or '.join(get_args(Confidence))}"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Lessons:
    """The boxes of a split as a method sees them; rows of the columns are those of the labels."""

    label_set: LabelSet
    #: Target of the classification: one-hot, or a posterior.
    classes: Float[np.ndarray, "n l"]
    #: Weight in the classification and box terms of the loss; above 0.
    weight: Float[np.ndarray, " n"]
    #: Images that somebody looked at: of the others nothing is known, not even that they are empty.
    looked: Bool[np.ndarray, " images"]

    def doubts(self) -> list[str]:
        """Return a sentence for each thing that nobody teaches on purpose; none usually."""
        labels, names = self.label_set.labels, self.label_set.classes.names
        found = []
        boxes = np.bincount(labels.label, minlength=len(names))
        if len(labels) and not boxes.all():
            absent = shown(", ".join(np.array(names)[boxes == 0].tolist()))
            found.append(f"no box is called {absent}: the detector cannot learn what that is")
        side = (labels.box[:, 2:] - labels.box[:, :2]).round(2)
        if len(labels) > 1 and (side == side[0]).all():
            width, height = side[0]
            found.append(
                f"all {len(labels):,} boxes are {width:g} x {height:g} px: are these boxes of "
                "objects, in pixels?"
            )
        return found

    def digest(self) -> str:
        """Return the hash of all that a detector learns of them."""
        label_set, found = self.label_set, hashlib.sha256()
        found.update(
            repr((label_set.classes.ids, label_set.classes.names, label_set.images.names)).encode()
        )
        columns = (
            label_set.labels.image,
            label_set.labels.box,
            self.classes,
            self.weight,
            self.looked,
        )
        for column in columns:
            # Shapes, too: the same numbers in other columns are other lessons.
            found.update(repr(column.shape).encode())
            found.update(column.astype(column.dtype.newbyteorder("<")).tobytes())
        return found.hexdigest()


def fused_by(method: str) -> str | None:
    """Return the fused labels that a method needs, by their folder's name; None for none.

    Raises InputError for a method that does not exist.
    """
    if method not in METHODS and not (method.startswith("rater:") and method != "rater:"):
        raise InputError(f"--method {shown(method)} is not known: choose {', '.join(METHODS)}")
    return _FUSED.get(method)


def lessons(folder: Folder, split: Split, method: str, weighting: Weighting) -> Lessons:
    """Return what a method teaches about a split of a data set.

    ``oracle``: the truth. ``baseline``: every rater's boxes. ``rater:K``: one rater's boxes, on the
    images that this rater looked at. ``wbf``: fused boxes (Algorithm 1); ``earl``: the same,
    weighted by how many raters agree on there being a box; ``majority-vote``: boxes that most
    raters drew. ``dawid-skene``: boxes weighted by the probability that there is an object, with
    the posterior over the classes as target. Fused labels must be there. Raises InputError.
    """
    fused = fused_by(method)
    if method == "oracle":
        return _plain(folder.truth(split))
    if fused is None:
        return _plain(folder.labels(split, "crowd" if method == "baseline" else method))
    labels = folder.fused(split, fused)
    found = replace(_plain(labels.labels), looked=_looked(folder.crowd(split)))
    if method == "earl":
        return replace(found, weight=_earl(labels.support, labels.assigned, weighting))
    if method == "dawid-skene":
        return replace(found, classes=labels.posterior, weight=labels.existence)
    return found


def _plain(label_set: LabelSet) -> Lessons:
    return Lessons(
        label_set=label_set,
        classes=np.eye(len(label_set.classes))[label_set.labels.label],
        weight=np.ones(len(label_set.labels)),
        looked=_looked(label_set),
    )


def _looked(label_set: LabelSet) -> Bool[np.ndarray, " images"]:
    if label_set.labels.assigned is None:
        return np.ones(len(label_set.images), dtype=bool)
    looked = np.zeros(len(label_set.images), dtype=bool)
    looked[label_set.labels.assigned[:, 0]] = True
    return looked


def _earl(
    support: Int[np.ndarray, " n"], assigned: Int[np.ndarray, " n"], weighting: Weighting
) -> Float[np.ndarray, " n"]:
    """Return c = min(T, N) of every box, or what the options make of it."""
    weight = np.minimum(support, assigned).astype(np.float64)
    if weighting.confidence == "share":
        weight = weight / assigned
    return weight / weight.mean() if weighting.normalise_weights and len(weight) else weight
