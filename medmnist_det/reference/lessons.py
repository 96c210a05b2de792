"""Lessons: what a detector is taught about a split, as boxes, class targets and weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from medmnist_det.errors import InputError, shown
from medmnist_det.labels import Images, Labels, LabelSet

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

# How far the sum of probabilities may be from 1: files hold single precision.
_EXACT = 1e-4

#: The method that trains a detector for every rater and fuses what they find.
ENSEMBLE = "ensemble"

#: In the place of a report, for a rater who was not asked to look at the image.
NOT_ASSIGNED = -1

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
    #: What every rater called the object of a box: a class, L for a miss (the rater looked and drew
    #: nothing there), or :data:`NOT_ASSIGNED`. None where lessons are not about objects of a crowd.
    reports: Int[np.ndarray, "n R"] | None = None
    #: Hash of what a method learns from beside these; "" for nothing.
    beside: str = ""

    def on(self, images: Bool[np.ndarray, " images"]) -> Lessons:
        """Return the lessons of some images; of the others nothing is known."""
        rows = np.flatnonzero(images[self.label_set.labels.image])
        return replace(
            self,
            label_set=replace(self.label_set, labels=self.label_set.labels.select(rows)),
            classes=self.classes[rows],
            weight=self.weight[rows],
            looked=self.looked & images,
            reports=None if self.reports is None else self.reports[rows],
        )

    def columns(self) -> dict[str, np.ndarray]:
        """Return all that is taught, by name."""
        labels = self.label_set.labels
        found = {name: getattr(labels, name) for name in ("image", "box", "label")}
        found |= {name: getattr(self, name) for name in ("classes", "weight", "looked")}
        return found if self.reports is None else found | {"reports": self.reports}

    def taking(self, columns: Mapping[str, np.ndarray]) -> Lessons:
        """Return lessons about the same images from what :meth:`columns` returned."""
        known = dict(columns)
        drawn = {name: known.pop(name) for name in ("image", "box", "label")}
        labels = Labels(images=len(self.label_set.images), **drawn)
        known.setdefault("reports", None)  # type: ignore[arg-type]
        label_set = replace(self.label_set, labels=labels, raters=None)
        return replace(self, label_set=label_set, **known)

    def check(self, method: str, images: Images) -> None:
        """Raise InputError, with the name of the method, where this cannot be taught.

        ``images`` are those of the data set.
        """
        if not isinstance(self, Lessons):
            raise InputError(
                f"--method {shown(method)}: gives a {type(self).__name__} for lessons; mend the "
                "method"
            )
        rows, classes = len(self.label_set.labels), len(self.label_set.classes)
        raters = 0 if self.reports is None else self.reports.shape[-1]
        for name, column, shape in (
            ("classes", self.classes, (rows, classes)),
            ("weight", self.weight, (rows,)),
            ("looked", self.looked, (len(images),)),
            ("reports", self.reports, (rows, raters)),
        ):
            if column is None:
                continue
            if not isinstance(column, np.ndarray):
                raise InputError(
                    f"--method {shown(method)}: its lessons have {name} of type "
                    f"{type(column).__name__}, not a numpy array; mend the method"
                )
            if column.shape != shape:
                raise InputError(
                    f"--method {shown(method)}: its lessons have {name} of shape {column.shape}, "
                    f"not {shape}; mend the method"
                )
            if not np.isfinite(column).all():
                raise InputError(
                    f"--method {shown(method)}: its lessons have {name} that are no finite "
                    "numbers; mend the method"
                )
        labels = self.label_set.labels
        for odd, what in (
            (self.label_set.images.ids != images.ids, "other images than the data set"),
            (rows == 0, "no box"),
            ((labels.label >= classes).any(), f"a class above the last, {classes - 1}"),
            (
                (~self.looked[labels.image]).any(),
                "boxes in images that nobody looked at, which are not learned from",
            ),
            (
                self.reports is not None
                and ((self.reports < NOT_ASSIGNED) | (self.reports > classes)).any(),
                f"reports that are not from {NOT_ASSIGNED} to {classes}",
            ),
            ((self.weight <= 0).any(), "weights that are not above 0: leave these boxes out"),
            (
                (self.classes < 0).any() or (abs(self.classes.sum(axis=1) - 1) > _EXACT).any(),
                "class targets that are no distributions",
            ),
        ):
            if odd:
                raise InputError(
                    f"--method {shown(method)}: its lessons have {what}; mend the method"
                )

    def doubts(self) -> list[str]:
        """Return a sentence for each thing that nobody teaches on purpose; none usually."""
        labels, names = self.label_set.labels, self.label_set.classes.names
        found = []
        boxes = np.bincount(labels.label, minlength=len(names))
        if len(labels) and not boxes.all():
            absent = shown(", ".join(np.array(names)[boxes == 0].tolist()))
            found.append(f"no box is called {absent}: the detector cannot learn what that is")
        if self.reports is not None and ((self.reports != NOT_ASSIGNED).sum(axis=1) < 2).all():
            found.append(
                "no object was looked at by two raters: whatever is learned of raters comes from "
                "the detector alone"
            )
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
        columns: tuple[np.ndarray, ...] = (
            label_set.labels.image,
            label_set.labels.box,
            self.classes,
            self.weight,
            self.looked,
        )
        if self.reports is not None:
            columns = (*columns, self.reports)
        for column in columns:
            # Shapes, too: the same numbers in other columns are other lessons.
            found.update(repr(column.shape).encode())
            found.update(column.astype(column.dtype.newbyteorder("<")).tobytes())
        found.update(self.beside.encode())
        return found.hexdigest()


def plain(label_set: LabelSet) -> Lessons:
    """Return the lessons of labels that are taken at their word."""
    return Lessons(
        label_set=label_set,
        classes=np.eye(len(label_set.classes))[label_set.labels.label],
        weight=np.ones(len(label_set.labels)),
        looked=looked_at(label_set),
    )


def looked_at(label_set: LabelSet) -> Bool[np.ndarray, " images"]:
    """Return which images somebody looked at: all, where nobody was assigned."""
    if label_set.labels.assigned is None:
        return np.ones(len(label_set.images), dtype=bool)
    looked = np.zeros(len(label_set.images), dtype=bool)
    looked[label_set.labels.assigned[:, 0]] = True
    return looked
