"""Labels that are made anew after each epoch, from the raters' boxes and what the detector sees."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from annotators.infer.parts.box_model import mean_boxes
from annotators.infer.parts.evidence import collect, favourites
from annotators.infer.parts.grouping import IOU, group_boxes
from annotators.learn.parts.matched_places import lessons_at, sorted_crowd
from annotators.learn.parts.posteriors import NormalGamma
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
#: Objects that this share of the assigned raters drew, or less, are dropped.
DROPPED = 0.3
#: Pseudo-reports of a rater's right name, and of everything else that may be reported.
RIGHT, OTHER = 10.0, 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Hands:
    """What is believed of the errors of the raters' boxes, in columns that a checkpoint keeps."""

    mean: Float[np.ndarray, "R 4"]
    count: Float[np.ndarray, "R 4"]
    shape: Float[np.ndarray, "R 4"]
    rate: Float[np.ndarray, "R 4"]

    @property
    def boxes(self) -> NormalGamma:
        """The same, as what it is."""
        return NormalGamma(mean=self.mean, count=self.count, shape=self.shape, rate=self.rate)


def first_lessons(crowd: LabelSet) -> Lessons:
    """Return the objects of a crowd without a detector: mean box, most frequent class, T / N."""
    groups = group_boxes(crowd.labels)
    seen = collect(crowd, groups, iou=IOU)
    label = favourites(seen)[seen.unit] if len(groups) else np.zeros(0, dtype=np.int64)
    share = (seen.size / np.maximum(seen.assigned, 1))[seen.unit] if len(groups) else np.zeros(0)
    classes = np.eye(len(crowd.classes))[label]
    kept = share > DROPPED
    columns = groups.image, mean_boxes(crowd.labels, groups), classes, share
    return lessons_at(crowd, *(column[kept] for column in columns))


def named(crowd: LabelSet, true: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "R k L"]:
    """Return how often each rater called what is ``true`` (row) by each name, in expectation.

    ``true`` holds for every box of the crowd how likely each of k truths is behind it.
    """
    labels, raters, classes = crowd.labels, len(crowd.raters or ()), len(crowd.classes)
    cell = labels.rater * classes + labels.label  # type: ignore[operator]
    columns = [np.bincount(cell, column, raters * classes) for column in true.T]
    return np.stack(columns, axis=1).reshape(raters, classes, -1).transpose(0, 2, 1)


Beliefs = TypeVar("Beliefs", bound=Hands)


class Relabelling(Teacher, Generic[Beliefs]):
    """Makes its labels anew after each epoch behind the warm-up, and remembers its beliefs."""

    #: The class of :attr:`believed`.
    beliefs: type[Beliefs]
    #: What is believed of the raters; None before the first look.
    believed: Beliefs | None = None
    crowd: LabelSet

    def lessons(self, folder: Folder, split: Split) -> Lessons:
        """Return the objects of the crowd before a detector has seen them."""
        crowd = sorted_crowd(folder.crowd(split))
        if split == "train":
            self.crowd = crowd
        return first_lessons(crowd)

    def after_epoch(
        self,
        done: int,
        predict: Predict,
        criterion: Criterion,  # noqa: ARG002
    ) -> Lessons | None:
        """Return the labels of a new look; None during the warm-up."""
        return None if done < WARM_UP * self.recipe.epochs else self.look(predict)

    @abstractmethod
    def look(self, predict: Predict) -> Lessons | None:
        """Return the labels that follow from the crowd and what the detector sees now.

        None where nothing is left: nobody can be taught nothing.
        """

    def state(self) -> dict[str, np.ndarray]:
        """Return what is believed of the raters; nothing before the first look."""
        if self.believed is None:
            return {}
        return {field.name: getattr(self.believed, field.name) for field in fields(self.believed)}

    def load(self, state: dict[str, np.ndarray]) -> None:
        """Go on from what :meth:`state` returned."""
        self.believed = self.beliefs(**state) if state else None
