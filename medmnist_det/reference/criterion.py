"""How classes are judged in a step: what a method may put in the place of cross entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8
    from torch import Tensor

    from medmnist_det.reference.loss import Matches, Targets
    from medmnist_det.reference.model import Detector


class Step(NamedTuple):
    """What a criterion may look at before the loss of a step is taken."""

    model: Detector
    images: UInt8[Tensor, "b 1 h w"]
    #: What the head of every scale, a convolution of 1 x 1, sees.
    features: list[Float[Tensor, "b c gh gw"]]
    #: Raw predictions of every scale, as :class:`Detector` returns them.
    outputs: list[Float[Tensor, "b 3 gh gw k"]]
    targets: Targets


class Criterion(torch.nn.Module):
    """How classes are judged: cross entropy, unless a method knows better.

    Parameters of a subclass are trained with the detector, kept in checkpoints, and not decayed.
    """

    #: Their learning rate, in those of the detector.
    lr: float = 1.0

    def begin(self, step: Step) -> Targets:
        """Return what is taught in this step; gradients may flow through it."""
        return step.targets

    def forward(
        self, raw: Float[Tensor, "n 1+l"], found: Matches, smoothing: float
    ) -> Float[Tensor, " n"]:
        """Return the class loss of matched cells, before it is weighted.

        ``raw`` holds the logits of objectness and of the classes of the cells, ``found`` what each
        is taught. ``smoothing`` is the recipe's.
        """
        return functional.cross_entropy(
            raw[:, 1:], found.classes, reduction="none", label_smoothing=smoothing
        )

    def penalty(self) -> Float[Tensor, ""] | None:
        """Return what is added to the loss of a step; None for nothing."""
        return None
