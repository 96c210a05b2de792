"""Training: data, model, optimiser, schedule, one loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xxhash

from medmnist_det.errors import InputError
from medmnist_det.folder import write_json
from medmnist_det.labels import Images
from medmnist_det.reference.batches import Batches, Pool, targets_of
from medmnist_det.reference.checkpoint import Checkpoint, save_checkpoint
from medmnist_det.reference.device import CPU, repeatable
from medmnist_det.reference.learner import Learner, anchors_of
from medmnist_det.reference.lessons import Lessons
from medmnist_det.reference.loss import Losses
from medmnist_det.reference.model import SIZES, Detector
from medmnist_det.reference.prediction import sightings
from medmnist_det.reference.processes import from_first, rank, world
from medmnist_det.reference.recipe import Recipe
from medmnist_det.reference.teacher import Handed, Predict, Sightings, Teacher
from medmnist_det.runs import CHECKPOINT, HISTORY

if TYPE_CHECKING:
    from jaxtyping import Int, UInt8
    from torch import Tensor

#: Scores by name; None where one is not defined.
Scores = dict[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Moment:
    """How far training is, for whoever watches."""

    #: Epochs done, with the part of the present one.
    epochs: float
    #: Means since the epoch began, by name.
    losses: dict[str, float]
    images_per_second: float
    seconds_left: float
    #: The latest validation scores, by name.
    validation: Scores


def train(
    recipe: Recipe,
    lessons: Lessons,
    images: UInt8[Tensor, "n 1 h w"],
    folder: Path,
    *,
    teacher: Teacher | None = None,
    first: Lessons | None = None,
    begun: Checkpoint | None = None,
    device: torch.device = CPU,
    compile: bool = False,  # noqa: A002
    validate: Callable[[Detector], Scores] | None = None,
    watch: Callable[[Moment], None] = lambda _: None,
) -> Checkpoint:
    """Train a detector on the images of a data set's train split and return its last checkpoint.

    ``folder`` gets ``checkpoint.pt`` and ``history.json`` before the first epoch and after each.
    ``lessons`` are those of the labels; a ``teacher`` judges the classes, and may change the
    lessons after each epoch. The ``first`` ones may be others than those of the labels, too.
    ``begun`` is a checkpoint to go on with, by its own recipe, which :func:`medmnist_det.reference.
    resume.begun_in` may have given more epochs. On a CPU a training that was stopped
    and resumed ends with the same weights as one that was not, given the same machine, torch and
    number of threads. With several processes (torchrun) each takes its share of every batch and the
    first one writes. ``validate`` scores a detector, ten times in a training. Raises InputError
    where there is nothing to learn from, where images or lessons are others than those that
    ``begun`` learned from, and when the loss is no longer a finite number.
    """
    taught = {"lessons": lessons.digest(), "images": xxhash.xxh3_128_hexdigest(images.numpy().data)}
    teacher, now = teacher or Handed(recipe, lessons), first or lessons
    if begun is not None:
        _refuse_other(taught, begun, folder / CHECKPOINT)
        recipe = begun.recipe
        teacher.load(begun.remembered())
        now = begun.lessons_after(lessons)
    label_set = lessons.label_set
    anchors = anchors_of(label_set.labels, SIZES[recipe.model])
    pool = Pool(images, targets_of(now), now.looked, device)
    history: list[dict[str, Any]] = [] if begun is None else list(begun.history)
    with repeatable(device):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            criterion = teacher.criterion(now)
        learner = Learner(
            recipe, anchors, len(label_set.classes), device, criterion=criterion, compile=compile,
        )  # fmt: skip
        if begun is not None:
            learner.load(begun.steps, begun.average, begun.weights, begun.criterion, begun.moments)
        predict = seeing(learner.average, images, label_set.images, recipe.precision)

        def kept() -> Checkpoint:
            found = Checkpoint(
                recipe=recipe,
                classes=label_set.classes,
                taught=taught,
                steps=learner.steps,
                history=tuple(history),
                teacher=_tensors(_finite_state(teacher)),
                lessons={} if now is lessons else _tensors(now.columns()),
                **learner.state(),
            )
            if rank() == 0:
                save_checkpoint(folder / CHECKPOINT, found)
                write_json(folder / HISTORY, history)
            return found

        checkpoint = kept()  # also of one that goes on: it may have more epochs now
        for epoch in range(len(history), recipe.epochs):
            # Every epoch has random numbers of its own, so that one can go on at any of them.
            random = torch.Generator().manual_seed(recipe.seed * 1_000_003 + epoch)
            batches = Batches(pool, recipe.batch, recipe.augmentation, random, rank(), world())
            row = _one_epoch(learner, batches, epoch, history, watch, folder)
            due = (epoch + 1) * 10 // recipe.epochs > epoch * 10 // recipe.epochs
            row["validation"] = validate(learner.average) if validate and due else {}
            if epoch + 1 < recipe.epochs:
                clock = time.perf_counter()
                other = _after(teacher, epoch + 1, predict, learner, now)
                row["seconds"] += time.perf_counter() - clock
                if other is not None:
                    now = other
                    pool.teach(targets_of(now), now.looked)
            history.append(row)
            checkpoint = kept()
            watch(
                Moment(
                    epochs=epoch + 1,
                    losses=row["loss"],
                    images_per_second=row["images_per_second"],
                    seconds_left=row["seconds"] * (recipe.epochs / (epoch + 1) - 1),
                    validation=_latest(history),
                )
            )
    return checkpoint


def _after(
    teacher: Teacher, done: int, predict: Predict, learner: Learner, now: Lessons
) -> Lessons | None:
    """Return the lessons of the epochs to come, the same in every process; None for no others."""
    columns = None
    if rank() == 0:  # devices may differ in the last digits, and lessons must not
        other = teacher.after_epoch(done, predict, learner.criterion)
        if other is not None:
            Lessons.check(other, learner.recipe.method, now.label_set.images)
            columns = other.columns()
    columns = from_first(columns)
    return None if columns is None else now.taking(columns)


def _finite_state(teacher: Teacher) -> dict[str, np.ndarray]:
    """Return what a teacher remembers. Raises InputError where no checkpoint could hold it."""
    state = teacher.state()
    for name, column in state.items():
        if not np.isfinite(column).all():
            raise InputError(
                f"--method {teacher.recipe.method!r}: remembers {name} that is no finite number; "
                "mend the method"
            )
    return state


def _tensors(columns: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.array(column)) for name, column in columns.items()}


# Images that are copied to be looked at.
_SEEN_AT_ONCE = 256


def seeing(
    detector: Detector, images: UInt8[Tensor, "n 1 h w"], table: Images, precision: str
) -> Predict:
    """Return what sees the objects of images, whose own sizes ``table`` has, with a detector."""

    def predict(rows: Int[np.ndarray, " k"] | None = None) -> Sightings:
        rows = np.arange(len(images)) if rows is None else rows
        size = np.stack([table.width, table.height], axis=1)
        parts = []
        for start in range(0, len(rows), _SEEN_AT_ONCE):
            some = rows[start : start + _SEEN_AT_ONCE]
            found = sightings(detector, images[some], size[some], precision=precision)
            parts.append(found._replace(image=some[found.image]))
        if not parts:
            return sightings(detector, images[:0], size[:0])
        return Sightings(*map(np.concatenate, zip(*parts, strict=True)))

    return predict


def _latest(history: list[dict[str, Any]]) -> Scores:
    """Return the latest validation scores; none before the first validation."""
    return next((row["validation"] for row in reversed(history) if row["validation"]), {})


# Steps between two looks at the loss: each look waits for the device.
_LOOK = 10


def _one_epoch(
    learner: Learner,
    batches: Batches,
    epoch: int,
    history: list[dict[str, Any]],
    watch: Callable[[Moment], None],
    folder: Path,
) -> dict[str, Any]:
    """Train for an epoch and return its row of the history."""
    if len(batches) == 0:
        raise InputError(f"{world()} processes, and fewer images to learn from: start fewer")
    before = history[-1]["seconds"] if history else 0.0
    latest = _latest(history)
    total, means, spent = 0.0, {}, 0.0
    learner.model.train()
    clock = time.perf_counter()
    for step, (images, targets) in enumerate(batches, start=1):
        progress = (epoch + step / len(batches)) / learner.recipe.epochs
        total = total + learner.step(images, targets, progress)
        last = step == len(batches)
        if step == 1 or step % _LOOK == 0 or last:  # the first, so that one sees that it works
            means = _finite(total / step, epoch, learner.recipe, folder / CHECKPOINT)
            spent = time.perf_counter() - clock
            if last:
                break  # whoever watches is told of whole epochs when they are validated and kept
            watch(
                Moment(
                    epochs=epoch + step / len(batches),
                    losses=means,
                    images_per_second=step * batches.size / spent,
                    seconds_left=(before + spent) * (1 / progress - 1),
                    validation=latest,
                )
            )
    return {
        "epoch": epoch + 1,
        "seconds": before + spent,
        "images_per_second": len(batches) * batches.size / spent,
        "learning_rate": learner.optimiser.param_groups[0]["lr"],
        "loss": means,
    }


def _finite(means: Tensor, epoch: int, recipe: Recipe, checkpoint: Path) -> dict[str, float]:
    values = dict(zip(Losses._fields, means.tolist(), strict=True))
    if not recipe.refine:
        del values["refinement"]
    if not all(map(math.isfinite, values.values())):
        terms = ", ".join(f"{name} {value:g}" for name, value in values.items())
        raise InputError(
            f"the loss is no longer a finite number in epoch {epoch + 1} ({terms}); {checkpoint} "
            f"holds the state after epoch {epoch}; begin again with another --out and with --lr "
            f"below {recipe.lr:g}"
        )
    return values


def _refuse_other(taught: dict[str, str], begun: Checkpoint, file: Path) -> None:
    """Raise InputError where a training would go on with something else than it began with."""
    for what, found in taught.items():
        if begun.taught[what] != found:
            raise InputError(
                f"{file}: was begun with other {what} ({_WHAT[what]}) than those that are there "
                "now; name its data set with --data, restore what has changed since, or choose "
                "another --out"
            )


_WHAT = {"lessons": "boxes, classes and weights to learn from", "images": "pixels"}
