"""What changes while training: the weights, their moving average, the optimiser's moments."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import get_ema_multi_avg_fn

from medmnist_det.errors import InputError
from medmnist_det.labels import Labels
from medmnist_det.reference.criterion import Criterion, Step
from medmnist_det.reference.device import autocast, fused, on_device
from medmnist_det.reference.loss import Losses, Targets, detection_loss, refinement_loss
from medmnist_det.reference.model import ANCHORS, SIZES, Detector, Size
from medmnist_det.reference.processes import rank
from medmnist_det.reference.recipe import Recipe

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8
    from torch import Tensor


class Learner:
    """A detector that learns, batch by batch, on a device."""

    def __init__(
        self,
        recipe: Recipe,
        anchors: Float[Tensor, "scales 3 2"],
        classes: int,
        device: torch.device,
        *,
        criterion: Criterion | None = None,
        compile: bool = False,  # noqa: A002
    ) -> None:
        self.recipe, self.device, self.steps = recipe, device, 0
        self.criterion = (criterion or Criterion()).to(device)
        lost = set(self.criterion.state_dict()) - {
            name for name, _ in self.criterion.named_parameters()
        }
        if lost:
            raise InputError(
                f"--method {recipe.method!r}: its criterion has the buffer {min(lost)}, which "
                "checkpoints do not keep; make it a parameter, or register it with persistent=False"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            size = SIZES[recipe.model]
            model = Detector(size, anchors, classes, refine=recipe.refine)
        self.model = on_device(model, device)
        #: The detector with averaged weights, which is the one to predict with.
        self.average = copy.deepcopy(self.model).eval()
        # Norms and biases are not pulled towards zero, nor is the refinement.
        pulled, free = parameters(self.model)
        # Every group has a learning rate of its own, in the recipe's.
        groups: list[dict[str, Any]] = [
            {"params": pulled, "pace": 1.0},
            {"params": free, "weight_decay": 0.0, "pace": 1.0},
        ]
        own = list(self.criterion.parameters())
        if own:
            groups.append({"params": own, "weight_decay": 0.0, "pace": self.criterion.lr})
        self.optimiser = torch.optim.AdamW(
            groups,
            lr=recipe.lr,
            betas=(0.9, 0.99),
            weight_decay=recipe.decay,
            fused=fused(device),
        )
        self.taught: torch.nn.Module = Taught(self.model, recipe, self.criterion, compile=compile)
        if distributed.is_initialized():
            self.taught = DistributedDataParallel(self.taught)

    def step(self, images: UInt8[Tensor, "b 1 h w"], targets: Targets, progress: float) -> Tensor:
        """Learn from a batch, ``progress`` (0..1) of the way through; return the loss's terms."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.lr * one_cycle(progress) * group["pace"]
        # Every step has random numbers of its own, so that a training can go on at any.
        seed = (self.recipe.seed * 1_000_003 + self.steps) * 1_009 + rank()
        losses = self.taught(images, targets, torch.Generator().manual_seed(seed))
        self.optimiser.zero_grad(set_to_none=True)
        losses.total.backward()
        # Apart, so that the detector learns the same with the refinement as without.
        for part in (*_apart(self.model), list(self.criterion.parameters())):
            torch.nn.utils.clip_grad_norm_(part, self.recipe.clip)
        self.optimiser.step()
        self._follow()
        return torch.stack(losses).detach()

    @torch.no_grad()
    def _follow(self) -> None:
        self.steps += 1
        # The average forgets all but the last twentieth of what is behind it: a short training must
        # not end with weights from its beginning.
        share = max(1 / (1 + 0.05 * self.steps), 1 - self.recipe.average)
        get_ema_multi_avg_fn(1 - share)(_floats(self.average), _floats(self.model), 0)

    def state(self) -> dict[str, dict]:
        """Return copies of ``average``, ``weights``, ``criterion``, ``moments``, on the CPU."""
        moments = self.optimiser.state_dict()["state"]
        return {
            "average": _on_cpu(self.average.state_dict()),
            "weights": _on_cpu(self.model.state_dict()),
            "criterion": _on_cpu(dict(self.criterion.named_parameters())),
            "moments": {row: _on_cpu(one) for row, one in moments.items()},
        }

    def load(
        self, steps: int, average: dict, weights: dict, criterion: dict, moments: dict
    ) -> None:
        """Go on from what :meth:`state` returned after that many steps."""
        self.steps = steps
        self.criterion.load_state_dict(criterion)
        self.average.load_state_dict(average)
        self.model.load_state_dict(weights)
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": moments})


class Taught(torch.nn.Module):
    """A detector and what it is taught: images and targets in, the terms of the loss out.

    All that learns is used in one forward pass, as processes that train together need it.
    """

    def __init__(
        self,
        model: Detector,
        recipe: Recipe,
        criterion: Criterion,
        *,
        compile: bool,  # noqa: A002
    ) -> None:
        super().__init__()
        self.model, self.recipe, self.criterion = model, recipe, criterion
        self.features = torch.compile(model.features) if compile else model.features

    def forward(
        self, images: UInt8[Tensor, "b 1 h w"], targets: Targets, random: torch.Generator
    ) -> Losses:
        """Return the terms of the loss of a batch."""
        precision = self.recipe.precision
        with autocast(images.device, precision):
            features = self.features(images)
            outputs = self.model.read(features)
        targets = self.criterion.begin(Step(self.model, images, features, outputs, targets))
        losses = detection_loss(outputs, targets, self.model, self.recipe.loss, self.criterion)
        penalty = self.criterion.penalty()
        if penalty is not None:
            losses = losses._replace(total=losses.total + penalty)
        refiner = self.model.refiner
        if refiner is None:
            return losses
        refinement = refinement_loss(
            outputs, images, targets, self.model, refiner, precision, random
        )
        return losses._replace(total=losses.total + refinement, refinement=refinement)


def _apart(model: Detector) -> tuple[list[Tensor], list[Tensor]]:
    """Return the parameters of the detector alone, and those of its refinement, if it has one."""
    parts: tuple[list[Tensor], list[Tensor]] = [], []
    for name, one in model.named_parameters():
        parts[name.startswith("refiner.")].append(one)
    return parts


def parameters(model: Detector) -> tuple[list[Tensor], list[Tensor]]:
    """Return the parameters that weight decay pulls towards zero, and the others."""
    alone, refiner = _apart(model)
    pulled = [one for one in alone if one.ndim > 1]
    return pulled, [one for one in alone if one.ndim <= 1] + refiner


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


def _floats(model: Detector) -> list[Tensor]:
    return [value for value in model.state_dict().values() if value.is_floating_point()]


def _on_cpu(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
