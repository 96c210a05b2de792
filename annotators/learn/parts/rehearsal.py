"""A training without a detector: all that a teacher teaches if what is seen is made up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.infer.methods.majority_vote import majority_vote
from medmnist_det.errors import InputError, shown
from medmnist_det.folder import Folder
from medmnist_det.labels import Images
from medmnist_det.reference.lessons import Lessons
from medmnist_det.reference.recipe import Recipe
from medmnist_det.reference.teacher import Predict, Sightings, Teacher

if TYPE_CHECKING:
    from jaxtyping import Int


class ConformanceError(Exception):
    """A method breaks a rule of the protocol; the message says which, and what would be right."""


def rehearse(
    kind: type[Teacher], recipe: Recipe, folder: Folder, seen: Sightings, stopped: int | None = None
) -> dict[str, Lessons]:
    """Lead a teacher through a training and return all lessons, by what they are called.

    Whatever is trained sees ``seen``. After the epoch ``stopped`` another teacher goes on from the
    state of the first. Raises ConformanceError for lessons and states that are not well-formed.
    """
    found = _Found(recipe.method)
    teacher = kind(recipe)
    lessons = found.add("its lessons of the train split", teacher.lessons(folder, "train"))
    school = _School(seen, found, lessons.label_set.images)
    now = found.add("the lessons that prepare returns", teacher.prepare(lessons, school))
    if "val" in folder.splits:
        found.add("its lessons of the val split", teacher.lessons(folder, "val"))
    criterion = teacher.criterion(now)
    for done in range(1, recipe.epochs):
        other = teacher.after_epoch(done, seer(seen), criterion)
        if other is not None:
            name = f"the lessons after epoch {done}"
            now = found.add(name, other, lessons.label_set.images)
        if done == stopped:
            state = _state(teacher, recipe.method)
            teacher = kind(recipe)
            teacher.lessons(folder, "train")
            if "val" in folder.splits:
                teacher.lessons(folder, "val")
            teacher.load(state)
            criterion, learned = teacher.criterion(now), criterion
            criterion.load_state_dict(learned.state_dict())
    _state(teacher, recipe.method)
    return found.lessons


@dataclass(frozen=True)
class _Found:
    """Lessons by what they are called in a sentence."""

    method: str
    lessons: dict[str, Lessons] = field(default_factory=dict)

    def add(self, name: str, lessons: Any, images: Images | None = None) -> Lessons:
        """Keep lessons, about these images or those of their own. Raises ConformanceError."""
        if not isinstance(lessons, Lessons):
            raise ConformanceError(f"{self.method}: {name} are {shown(lessons)}: return Lessons")
        try:
            lessons.check(self.method, lessons.label_set.images if images is None else images)
        except InputError as error:
            raise ConformanceError(f"{self.method}: {name} are not well-formed: {error}") from error
        self.lessons[name] = lessons
        return lessons


@dataclass(frozen=True)
class _School:
    """Trains nobody: every detector sees the same."""

    seen: Sightings
    found: _Found
    images: Images

    def train(self, name: str, lessons: Lessons, epochs: int) -> Predict:
        """Return what sees, once the lessons were looked at."""
        called = f"the lessons of the training {shown(name)}, before its own,"
        if called in self.found.lessons:
            raise ConformanceError(
                f"{self.found.method}: trains {shown(name)} twice: names must differ where "
                "lessons do"
            )
        if not isinstance(epochs, int) or epochs < 1:
            raise ConformanceError(
                f"{self.found.method}: trains {shown(name)} for {shown(epochs)} epochs: 1 or more"
            )
        self.found.add(called, lessons, self.images)
        return seer(self.seen)


def _state(teacher: Teacher, method: str) -> dict[str, np.ndarray]:
    """Return copies of what a teacher remembers, as a checkpoint has them."""
    found = {}
    for name, value in teacher.state().items():
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
            raise ConformanceError(
                f"{method}: state() has {name} {shown(value)}: a checkpoint keeps arrays of numbers"
            )
        if not np.isfinite(value).all():
            raise ConformanceError(
                f"{method}: state() has {name} with what is no finite number, which no checkpoint "
                "keeps"
            )
        found[name] = value.copy()
    return found


def make_believe(folder: Folder) -> Sightings:
    """Return what a fair detector might see: what half of the raters drew, moved a little."""
    crowd = folder.crowd("train")
    voted, random = majority_vote(crowd), np.random.default_rng(0)
    labels = voted.labels
    side = labels.box[:, 2:] - labels.box[:, :2]
    shift, sure = (
        random.uniform(-0.05, 0.05, side.shape) * side,
        random.uniform(0.3, 0.95, len(side)),
    )
    seen = Sightings(
        image=labels.image,
        box=labels.box + np.concatenate([shift, shift], axis=1),
        objectness=sure,
        classes=0.7 * voted.posterior + 0.3 / len(crowd.classes),
        scatter=np.full((len(side), 4), 0.03),
    )
    order = np.lexsort((-sure, labels.image))
    return seen.select(order)


def seer(seen: Sightings) -> Predict:
    """Return what sees these in the images that it is asked for."""

    def predict(rows: Int[np.ndarray, " k"] | None = None) -> Sightings:
        return seen if rows is None else seen.select(np.isin(seen.image, rows))

    return predict
