"""Checkpoints: tensors and JSON, never pickled classes; loading them runs nobody's code."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
import torch

from medmnist_det.errors import InputError, shown
from medmnist_det.files import naming, write_atomically
from medmnist_det.labels import Classes
from medmnist_det.reference.learner import parameters
from medmnist_det.reference.lessons import Lessons
from medmnist_det.reference.model import ANCHORS, SIZES, Detector
from medmnist_det.reference.recipe import Recipe, read_recipe

if TYPE_CHECKING:
    from torch import Tensor

#: Version of the file's layout. Readers refuse others.
FORMAT = 4


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A detector, and all that training needs to go on exactly as if it had never stopped."""

    recipe: Recipe
    #: The classes that the detector knows.
    classes: Classes
    #: Hashes of the ``images`` and ``lessons`` that it learned from.
    taught: dict[str, str]
    steps: int
    #: A row an epoch, as ``history.json`` holds them.
    history: tuple[dict[str, Any], ...]
    #: Weights to predict with: their moving average over training.
    average: dict[str, Tensor]
    #: Weights to go on with, and the optimiser's moments of every parameter.
    weights: dict[str, Tensor]
    moments: dict[int, dict[str, Tensor]]
    #: Parameters of the method's criterion, which have moments behind those of the detector.
    criterion: dict[str, Tensor] = field(default_factory=dict)
    #: What the method's teacher remembers.
    teacher: dict[str, Tensor] = field(default_factory=dict)
    #: The lessons to go on with, where they are others than those it was begun with.
    lessons: dict[str, Tensor] = field(default_factory=dict)

    def lessons_after(self, lessons: Lessons) -> Lessons:
        """Return the lessons to go on with, given those that it was begun with."""
        if not self.lessons:
            return lessons
        return lessons.taking({name: one.numpy() for name, one in self.lessons.items()})

    def remembered(self) -> dict[str, np.ndarray]:
        """Return what the method's teacher remembers."""
        return {name: one.numpy() for name, one in self.teacher.items()}

    def detector(self) -> Detector:
        """Return the detector with its averaged weights, on the CPU, ready to predict."""
        return self._detector(self.average)

    def _detector(self, weights: dict[str, Tensor]) -> Detector:
        size, classes = SIZES[self.recipe.model], len(self.classes)
        model = Detector(size, weights["anchors"], classes, refine=self.recipe.refine)
        model.load_state_dict(weights)
        return model.eval()

    def check(self) -> None:
        """Raise ValueError, or what torch raises, where the parts do not make one training."""
        if len(self.history) > self.recipe.epochs:
            raise ValueError(f"{len(self.history)} of {self.recipe.epochs} epochs are done")
        if bool(self.history) != bool(self.steps):
            raise ValueError(f"{self.steps} steps were done in {len(self.history)} epochs")
        shapes: list[tuple[int, ...]] = []
        for weights in (self.average, self.weights):
            shape = (len(SIZES[self.recipe.model].widths), ANCHORS, 2)
            if weights["anchors"].shape != shape or not (weights["anchors"] > 0).all():
                raise ValueError(f"its anchors are not {shape} sides above 0")
            model = self._detector(weights)
            _refuse_infinite(model.state_dict())
            shapes = [tuple(one.shape) for group in parameters(model) for one in group]
        shapes += [tuple(one.shape) for one in self.criterion.values()]
        for kept in (self.criterion, self.teacher, self.lessons):
            _refuse_infinite(kept)
        # Before the first step there are no moments.
        # ... nor of a parameter of the criterion that was never used.
        least = set(range(len(shapes) - len(self.criterion))) if self.steps else set()
        if not least <= set(self.moments) <= set(range(len(shapes))):
            raise ValueError("its moments are not those of its weights")
        for row, moment in self.moments.items():
            found = {name: tuple(one.shape) for name, one in moment.items()}
            if found != {"step": (), "exp_avg": shapes[row], "exp_avg_sq": shapes[row]}:
                raise ValueError(f"moment {row} is not that of its weight")
            _refuse_infinite(moment)


def _refuse_infinite(tensors: dict[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name} holds what is no finite number, NaN perhaps")


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically: whoever is killed here still has the one before."""
    about = {
        "recipe": asdict(checkpoint.recipe),
        "classes": {"ids": checkpoint.classes.ids, "names": checkpoint.classes.names},
        "taught": checkpoint.taught,
        "steps": checkpoint.steps,
        "history": checkpoint.history,
    }
    content = {
        "format": FORMAT,
        "about": json.dumps(about),
        "average": checkpoint.average,
        "weights": checkpoint.weights,
        "moments": checkpoint.moments,
        "criterion": checkpoint.criterion,
        "teacher": checkpoint.teacher,
        "lessons": checkpoint.lessons,
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(path, [buffer.getvalue()])


def load_checkpoint(path: Path) -> Checkpoint:
    """Return what is in a checkpoint, on the CPU.

    Raises InputError for a file that is absent, cut short, of another version or no checkpoint, and
    for one whose parts do not fit together or hold numbers that are not finite.
    """
    content = _content(path)
    version = content.get("format") if isinstance(content, dict) else None
    if version != FORMAT:
        raise InputError(
            f"{path}: has checkpoint format {shown(version)}, this version reads {FORMAT}; train "
            "again"
        )
    try:
        about = msgspec.json.decode(content["about"], type=_About)
        found = Checkpoint(
            recipe=read_recipe(about.recipe),
            classes=Classes(ids=about.classes.ids, names=about.classes.names),
            taught=msgspec.to_builtins(about.taught),
            steps=about.steps,
            history=tuple(map(msgspec.to_builtins, about.history)),
            average=content["average"],
            weights=content["weights"],
            moments=content["moments"],
            criterion=content["criterion"],
            teacher=content["teacher"],
            lessons=content["lessons"],
        )
        found.check()
    except (
        InputError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RuntimeError,
        msgspec.MsgspecError,
    ) as error:
        raise InputError(
            f"{path}: its parts do not fit together ({_reason(error)}); train again, or name "
            "another file"
        ) from error
    return found


def _content(path: Path) -> Any:
    """Return what torch saved. Raises InputError for what it did not."""
    with naming(path):
        data = path.read_bytes()
    try:
        # torch itself would take weights with flipped bits.
        spoilt = zipfile.ZipFile(io.BytesIO(data)).testzip()
        if spoilt is not None:
            raise ValueError(f"{spoilt} has changed since it was written")
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever the unpickler trips over
        raise InputError(
            f"{path}: is no whole checkpoint of train-reference ({_reason(error)}); train again, "
            "or name another file"
        ) from error


def _reason(error: Exception) -> str:
    """Return the first line of what an error says, cut short."""
    text = f"it has no {error}" if isinstance(error, KeyError) else str(error).strip()
    line = (text or repr(error)).splitlines()[0]
    return line if len(line) <= 150 else f"{line[:147]}..."


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a checkpoint's text must hold: these fields, and no others."""


class _Classes(_Strict, frozen=True):
    ids: tuple[int, ...]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 0 < len(self.ids) == len(set(self.ids)) == len(self.names):
            raise ValueError("classes need a name and an id of their own each")


class _Taught(_Strict, frozen=True):
    lessons: str
    images: str


class _Row(_Strict, frozen=True):
    epoch: int
    seconds: float
    images_per_second: float
    learning_rate: float
    loss: dict[str, float]
    validation: dict[str, float | None]


class _About(_Strict, frozen=True):
    recipe: dict[str, Any]
    classes: _Classes
    taught: _Taught
    steps: Annotated[int, msgspec.Meta(ge=0)]
    history: tuple[_Row, ...]
