"""The protocol of all methods: what a detector is taught, before and while it learns.

A method is a class that derives from :class:`Teacher` and takes a recipe. Its
:meth:`~Teacher.lessons` must be there; everything else has a default that changes nothing. The
trainer calls, in this order:

1. ``lessons``: what the labels of a split teach;
2. ``prepare``: trainings that come first (of folds, say), and the lessons that follow from them;
3. ``criterion``: how classes are judged in each step, with parameters that are trained, too;
4. ``after_epoch``: other lessons for the epochs to come.

``state`` and what ``prepare`` and ``after_epoch`` return are kept in the checkpoint, so that a
training that is resumed goes on exactly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from medmnist_det.errors import InputError, shown

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float, Int

    from medmnist_det.folder import Folder
    from medmnist_det.labels import Split
    from medmnist_det.reference.criterion import Criterion
    from medmnist_det.reference.lessons import Lessons
    from medmnist_det.reference.recipe import Recipe


class Sightings(NamedTuple):
    """What a detector sees: a row an object, by image, the surest of an image first."""

    #: Rows of the images.
    image: Int[np.ndarray, " n"]
    #: ``x_min, y_min, x_max, y_max`` in pixels, refined where the detector refines.
    box: Float[np.ndarray, "n 4"]
    #: How sure the detector is that there is an object and that its box fits, 0..1.
    objectness: Float[np.ndarray, " n"]
    #: Probability of every class, given that there is an object. Rows sum to 1.
    classes: Float[np.ndarray, "n l"]
    #: How far each edge may be from its place: a standard deviation in sides of the box, as the
    #: refinement sees it; 0 where nothing was refined.
    scatter: Float[np.ndarray, "n 4"]

    def select(self, rows: np.ndarray) -> Sightings:
        """Return the chosen rows (a mask, or row numbers)."""
        return Sightings(*(column[rows] for column in self))


#: Sees the objects of some images of the train split, by their rows; None: of all of them.
Predict = Callable[["Int[np.ndarray, ' k'] | None"], Sightings]


class School(Protocol):
    """Trains detectors before the one that a method is about."""

    def train(self, name: str, lessons: Lessons, epochs: int) -> Predict:
        """Return what sees with a detector that was trained on lessons, in a folder of its own.

        ``name`` is that folder's. Images that the lessons say nobody looked at are not learned from
        (:meth:`Lessons.on`). One that was trained before is not trained again, one that was stopped
        goes on; so names must differ where lessons do.
        """
        ...


class Teacher(ABC):
    """Teaches a detector; what every method derives from."""

    #: Fused labels that must lie in the data set before: a method of ``aggregate``. None: none.
    fused: str | None = None
    #: Options of EARL's weights that the method reads: ``confidence``, ``normalise_weights``.
    options: tuple[str, ...] = ()

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    @abstractmethod
    def lessons(self, folder: Folder, split: Split) -> Lessons:
        """Return what the labels of a split teach. Raises InputError.

        Also asked for the val split, for the scores that tell how training goes.
        """

    def prepare(self, lessons: Lessons, school: School) -> Lessons:  # noqa: ARG002
        """Return the lessons to begin with, after other trainings perhaps."""
        return lessons

    def criterion(self, lessons: Lessons) -> Criterion:  # noqa: ARG002
        """Return how classes are judged."""
        from medmnist_det.reference.criterion import Criterion  # torch: where training starts

        return Criterion()

    def after_epoch(
        self,
        done: int,  # noqa: ARG002
        predict: Predict,  # noqa: ARG002
        criterion: Criterion,  # noqa: ARG002
    ) -> Lessons | None:
        """Return the lessons of the next epochs; None where they stay as they are.

        ``done`` epochs of ``recipe.epochs`` are behind; not called after the last one.
        ``predict`` sees with the moving average of the weights, on images as they are.
        """
        return None

    def state(self) -> dict[str, np.ndarray]:
        """Return what the teacher remembers, for checkpoints."""
        return {}

    def load(self, state: dict[str, np.ndarray]) -> None:
        """Go on from what :meth:`state` returned. Raises InputError for what nobody would read."""
        if state:
            raise InputError(
                f"--method {shown(self.recipe.method)}: has remembered {', '.join(state)}, and its "
                "class has no load(); write that method"
            )

    def raters(self, criterion: Criterion) -> Any:  # noqa: ARG002
        """Return what was learned of the raters (``annotators.infer.Raters``); None for nothing."""
        return None


class Handed(Teacher):
    """Teaches lessons that somebody else made, and changes nothing."""

    def __init__(self, recipe: Recipe, lessons: Lessons) -> None:
        super().__init__(recipe)
        self._lessons = lessons

    def lessons(self, folder: Folder, split: Split) -> Lessons:  # noqa: ARG002
        """Return them, whatever is asked for."""
        return self._lessons
