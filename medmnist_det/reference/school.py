"""Trainings that come before the one that a method is about, each in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from medmnist_det.errors import InputError, shown
from medmnist_det.files import make_folder
from medmnist_det.labels import Images
from medmnist_det.reference.checkpoint import load_checkpoint
from medmnist_det.reference.device import on_device
from medmnist_det.reference.lessons import Lessons
from medmnist_det.reference.processes import from_first, rank
from medmnist_det.reference.recipe import Recipe
from medmnist_det.reference.teacher import Predict, Sightings
from medmnist_det.reference.training import Moment, seeing, train
from medmnist_det.runs import BEFORE, CHECKPOINT

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from torch import Tensor

#: Shows a training: what is trained and its epochs go in; what takes its moments comes out.
Training = Callable[[str, int], AbstractContextManager[Callable[[Moment], None]]]


@dataclass(frozen=True, kw_only=True)
class TrainingsBefore:
    """A :class:`~medmnist_det.reference.teacher.School` on the images of one run."""

    #: The run's own recipe; trainings that come first differ in nothing but their epochs.
    recipe: Recipe
    images: UInt8[Tensor, "n 1 h w"]
    table: Images
    #: The run's folder.
    out: Path
    device: torch.device
    compile: bool
    training: Training

    def train(self, name: str, lessons: Lessons, epochs: int) -> Predict:
        """Return what sees with a detector that learned these lessons.

        Raises InputError for one that was begun with another recipe.
        """
        if not name or any(sign in name for sign in "/\\\0") or name.startswith("."):
            raise ValueError(f"{name!r} cannot name a folder")
        recipe, place = replace(self.recipe, epochs=epochs), self.out / BEFORE / name
        lessons.check(recipe.method, self.table)
        file = place / CHECKPOINT
        begun = load_checkpoint(file) if file.is_file() else None
        if begun is not None and begun.recipe != recipe:
            raise InputError(
                f"{file}: was begun with other options; give those of the run again beside "
                "--resume, or choose another --out"
            )
        make_folder(place)
        with self.training(f"{recipe.method}, before it: {shown(name)}", epochs) as watch:
            checkpoint = train(
                recipe, lessons, self.images, place, begun=begun, device=self.device,
                compile=self.compile, watch=watch,
            )  # fmt: skip
        detector = on_device(checkpoint.detector(), self.device)
        see = seeing(detector, self.images, self.table, recipe.precision)
        # Processes that train together hold other statistics of their batches each.
        return lambda rows=None: from_first(see(rows) if rank() == 0 else _NOTHING)


# What processes other than the first one send, which nobody reads.
_NOTHING = Sightings(*(np.zeros(0),) * len(Sightings._fields))
