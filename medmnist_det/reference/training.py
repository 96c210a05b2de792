"""The recipe: data, model, optimiser, schedule, one loop."""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import get_ema_multi_avg_fn

from medmnist_det.errors import InputError
from medmnist_det.folder import write_json
from medmnist_det.labels import Images, Labels
from medmnist_det.reference.batches import Augmentation, Batches, Pool
from medmnist_det.reference.checkpoint import CHECKPOINT, Checkpoint, save_checkpoint
from medmnist_det.reference.device import autocast, on_device
from medmnist_det.reference.lessons import Lessons, Weighting
from medmnist_det.reference.loss import Losses, LossOptions, Targets, detection_loss
from medmnist_det.reference.model import ANCHORS, SIZES, Detector, Size
from medmnist_det.reference.prediction import predict

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides what comes out, but for the data and the device."""

    method: str = "earl"
    size: str = "n"
    epochs: int = 32
    #: Images of a step, over all devices together.
    batch: int = 16
    seed: int = 0
    #: Peak of the one-cycle learning rate.
    rate: float = 3e-3
    decay: float = 0.6
    #: Share of the past in the moving average of the weights.
    average: float = 0.998
    #: Largest norm of a step's gradient.
    clip: float = 10.0
    loss: LossOptions = field(default_factory=LossOptions)
    weighting: Weighting = field(default_factory=Weighting)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise InputError(f"--model {self.size!r} is not known: choose {' or '.join(SIZES)}")
        for name, value in (("--epochs", self.epochs), ("--batch", self.batch)):
            if value < 1:
                raise InputError(f"{name} {value}: must be at least 1")
        if not 0 <= self.seed < 2**32:
            raise InputError(f"--seed {self.seed}: must be from 0 to below 2^32")
        if not 0 < self.rate <= 1:
            raise InputError(f"--lr {self.rate:g} is not above 0 and up to 1")


def recipe_of(values: Mapping[str, Any]) -> Recipe:
    """Return the recipe of plain values, as ``asdict`` gives them and checkpoints hold them.

    What is left out has its default. Raises InputError for values out of bounds.
    """
    parts = {"loss": LossOptions, "weighting": Weighting, "augmentation": Augmentation}
    return Recipe(**{k: parts[k](**value) if k in parts else value for k, value in values.items()})


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
    validation: dict[str, float | None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Validation:
    """Images that training does not see, and what scores boxes found on them."""

    images: UInt8[Tensor, "n 1 h w"]
    table: Images
    score: Callable[[Labels], dict[str, float | None]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """One training: what is taught, where, and who is told."""

    recipe: Recipe
    images: UInt8[Tensor, "n 1 h w"]
    lessons: Lessons
    device: torch.device
    #: Where ``checkpoint.pt`` and ``history.json`` are kept.
    folder: Path
    #: Fingerprint of the data set, kept in the checkpoint.
    data: str
    validation: Validation | None = None
    watch: Callable[[Moment], None] = lambda _: None
    compile: bool = False


def train(task: Task, begun: Checkpoint | None = None) -> Checkpoint:
    """Train a detector, or go on with one, and return its last checkpoint.

    A checkpoint is written before the first epoch and after each. On a CPU a training that was
    stopped and resumed ends with the same weights as one that was not. With several processes
    (torchrun) each takes its share of every batch and the first one writes. Raises InputError where
    there is nothing to learn from, and when the loss is no longer a finite number.
    """
    recipe = task.recipe
    with _repeatable(task.device):
        learner = Learner(task, begun)
        pool = Pool(task.images, targets_of(task.lessons), task.lessons.looked, task.device)
        history = list(begun.about["history"]) if begun else []
        checkpoint = begun or learner.saved(history)
        for epoch in range(len(history), recipe.epochs):
            row = _one_epoch(task, learner, pool, epoch, history)
            row["validation"] = _validated(task, learner.average, epoch + 1)
            history.append(row)
            checkpoint = learner.saved(history)
    return checkpoint


class Learner:
    """What changes while training: weights, their moving average, the optimiser's moments."""

    def __init__(self, task: Task, begun: Checkpoint | None) -> None:
        recipe, self.task = task.recipe, task
        classes = len(task.lessons.table.classes)
        anchors = anchors_of(task.lessons.table.labels, SIZES[recipe.size])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            model = Detector(SIZES[recipe.size], anchors, classes)
        self.model = on_device(model, task.device)
        self.average = copy.deepcopy(self.model).eval()
        # Norms and biases are not pulled towards zero.
        groups = [
            {"params": [p for p in self.model.parameters() if p.ndim > 1]},
            {"params": [p for p in self.model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(
            groups, lr=recipe.rate, betas=(0.9, 0.99), weight_decay=recipe.decay, fused=True
        )
        if begun is not None:
            self.model.load_state_dict(begun.weights)
            self.average.load_state_dict(begun.average)
            moments = self.optimiser.state_dict() | {"state": begun.moments}
            self.optimiser.load_state_dict(moments)
        self.steps = begun.about["steps"] if begun else 0
        self.net: torch.nn.Module = self.model
        if distributed.is_initialized():
            self.net = DistributedDataParallel(self.model)
        if task.compile:
            self.net = torch.compile(self.net)  # type: ignore[assignment]

    def step(self, images: UInt8[Tensor, "b 1 h w"], targets: Targets, progress: float) -> Tensor:
        """Learn from a batch, ``progress`` (0..1) of the way through; return the loss's terms."""
        recipe = self.task.recipe
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.rate * one_cycle(progress)
        with autocast(self.task.device):
            outputs = self.net(images)
        losses = detection_loss(outputs, targets, self.model, recipe.loss)
        self.optimiser.zero_grad(set_to_none=True)
        losses.total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip)
        self.optimiser.step()
        self._follow()
        return torch.stack(losses).detach()

    @torch.no_grad()
    def _follow(self) -> None:
        self.steps += 1
        # The average forgets all but the last twentieth of what is behind it: a short training must
        # not end with weights from its beginning.
        share = max(1 / (1 + 0.05 * self.steps), 1 - self.task.recipe.average)
        get_ema_multi_avg_fn(1 - share)(_floats(self.average), _floats(self.model), 0)

    def saved(self, history: list[dict[str, Any]]) -> Checkpoint:
        """Return the present state as a checkpoint, written by the first process."""
        recipe, table = self.task.recipe, self.task.lessons.table
        checkpoint = Checkpoint(
            about={
                "size": recipe.size,
                "classes": {"ids": table.classes.ids, "names": table.classes.names},
                "recipe": asdict(recipe),
                "data": self.task.data,
                "steps": self.steps,
                "history": history,
            },
            average=_on_cpu(self.average.state_dict()),
            weights=_on_cpu(self.model.state_dict()),
            moments={k: _on_cpu(v) for k, v in self.optimiser.state_dict()["state"].items()},
        )
        if rank() == 0:
            save_checkpoint(self.task.folder / CHECKPOINT, checkpoint)
            write_json(self.task.folder / "history.json", history)
        return checkpoint


# Steps between two looks at the loss: each look waits for the device.
_LOOK = 10


def _one_epoch(
    task: Task, learner: Learner, pool: Pool, epoch: int, history: list[dict[str, Any]]
) -> dict[str, Any]:
    """Train for an epoch and return its row of the history."""
    recipe = task.recipe
    # Every epoch has random numbers of its own, so that one can go on at any of them.
    random = torch.Generator().manual_seed(recipe.seed * 1_000_003 + epoch)
    batches = Batches(pool, recipe.batch, recipe.augmentation, random, rank(), world())
    if len(batches) == 0:
        raise InputError(f"{world()} processes, and fewer images to learn from: start fewer")
    before = history[-1]["seconds"] if history else 0.0
    latest = next((row["validation"] for row in reversed(history) if row["validation"]), {})
    total, means, spent = 0.0, {}, 0.0
    learner.model.train()
    clock = time.perf_counter()
    for step, (images, targets) in enumerate(batches, start=1):
        progress = (epoch + step / len(batches)) / recipe.epochs
        total = total + learner.step(images, targets, progress)
        if step % _LOOK == 0 or step == len(batches):
            means = _finite_means(total / step, task, epoch)
            spent = time.perf_counter() - clock
            task.watch(
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


def _finite_means(means: Tensor, task: Task, epoch: int) -> dict[str, float]:
    values = dict(zip(Losses._fields, means.tolist(), strict=True))
    if not all(map(math.isfinite, values.values())):
        terms = ", ".join(f"{name} {value:g}" for name, value in values.items())
        raise InputError(
            f"the loss is no longer a finite number in epoch {epoch + 1} ({terms}); "
            f"{task.folder / CHECKPOINT} holds the state after epoch {epoch}; begin again with "
            f"another --out and with --lr below {task.recipe.rate:g}"
        )
    return values


def _validated(task: Task, average: Detector, done: int) -> dict[str, float | None]:
    """Return the scores on the validation images, ten times in a training."""
    found, epochs = task.validation, task.recipe.epochs
    if found is None or (done * 10 // epochs == (done - 1) * 10 // epochs) or rank() != 0:
        return {}
    return found.score(predict(average, found.images, found.table))


def one_cycle(progress: float) -> float:
    """Return the share of the peak learning rate (Smith 2018): up for a tenth, then down to none.

    >>> [round(one_cycle(progress), 3) for progress in (0.0, 0.05, 0.1, 0.55, 1.0)]
    [0.04, 0.52, 1.0, 0.5, 0.0]
    """
    if progress < 0.1:
        return 0.04 + 0.96 * progress / 0.1
    return (1 + math.cos(math.pi * (progress - 0.1) / 0.9)) / 2


def anchors_of(labels: Labels, size: Size) -> Float[Tensor, "scales 3 2"]:
    """Return widths and heights of the anchors: equally spaced quantiles of the boxes' own.

    The finest scale gets the smallest. Raises InputError where there is no box.
    """
    if len(labels) == 0:
        raise InputError("the labels hold no box to learn from; choose another --method or data")
    number = ANCHORS * len(size.widths)
    ranks = (np.arange(number) + 0.5) / number
    side = np.quantile(labels.box[:, 2:] - labels.box[:, :2], ranks, axis=0).clip(min=1.0)
    return torch.from_numpy(side.reshape(-1, ANCHORS, 2)).float()


def targets_of(lessons: Lessons) -> Targets:
    """Return the lessons padded to one number of boxes an image, at least one."""
    labels = lessons.table.labels
    place = np.arange(len(labels)) - labels.starts[labels.image]
    shape = (labels.images, max(int(np.diff(labels.starts).max(initial=0)), 1))

    def padded(column: np.ndarray) -> Tensor:
        room = np.zeros((*shape, *column.shape[1:]), dtype=np.float32)
        room[labels.image, place] = column
        return torch.from_numpy(room)

    return Targets(padded(labels.box), padded(lessons.classes), padded(lessons.weight))


def rank() -> int:
    """Return the number of this process among those that train together; the first is 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def world() -> int:
    """Return how many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def _floats(model: Detector) -> list[Tensor]:
    return [value for value in model.state_dict().values() if value.is_floating_point()]


def _on_cpu(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}


@contextlib.contextmanager
def _repeatable(device: torch.device) -> Iterator[None]:
    """Have a CPU add in the same order every time; on other devices that costs too much."""
    before = torch.are_deterministic_algorithms_enabled()
    memory: Any = torch.utils.deterministic  # its attribute is made at run time
    filling = memory.fill_uninitialized_memory
    torch.use_deterministic_algorithms(before or device.type == "cpu")
    # A help against programs that read what they never wrote, at a thirtieth of the time.
    memory.fill_uninitialized_memory = before and filling
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        memory.fill_uninitialized_memory = filling
