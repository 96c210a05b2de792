"""The recipe: every option that decides what a training gives, under the names of the command."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args

import msgspec
import torch

from medmnist_det.errors import InputError, shown
from medmnist_det.reference.batches import Augmentation
from medmnist_det.reference.device import fast_precision
from medmnist_det.reference.lessons import Weighting
from medmnist_det.reference.loss import LossOptions
from medmnist_det.reference.model import SIZES

#: Arithmetic of the network; weights and loss are in float32 in any case.
Precision = Literal["bfloat16", "float32"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides what comes out, but for the data and the device.

    The defaults are those of the model ``n``; :func:`recipe_of` knows what others want, and what is
    fast. Raises InputError for values out of bounds.
    """

    method: str = "earl"
    #: ``n`` or ``s``: how large the network is.
    model: str = "n"
    epochs: int = 32
    #: Images of a step, over all devices together.
    batch: int = 16
    seed: int = 0
    #: Peak of the one-cycle learning rate; above 0, up to 1.
    lr: float = 3e-3
    precision: Precision = "float32"
    #: Whether every box's own region is looked at once more, closely, to move its edges.
    refine: bool = True
    decay: float = 0.6
    #: Share of the past in the moving average of the weights; below 1.
    average: float = 0.998
    #: Largest norm of a step's gradient; above 0.
    clip: float = 10.0
    loss: LossOptions = field(default_factory=LossOptions)
    weighting: Weighting = field(default_factory=Weighting)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if self.model not in SIZES:
            raise InputError(
                f"--model {shown(self.model)} is not known: choose {' or '.join(SIZES)}"
            )
        if self.precision not in get_args(Precision):
            known = ", ".join(get_args(Precision))
            raise InputError(f"--precision {shown(self.precision)} is not known: choose {known}")
        for name, most in (("epochs", 1_000_000), ("batch", 1_000_000), ("seed", 2**32 - 1)):
            value, least = getattr(self, name), 0 if name == "seed" else 1
            if not least <= value <= most:
                raise InputError(f"--{name} {value}: must be from {least} to {most:,}")
        if not 0 < self.lr <= 1:
            raise InputError(f"--lr {self.lr:g} is not above 0 and up to 1")
        if not (0 <= self.decay < math.inf and 0 <= self.average < 1 and 0 < self.clip < math.inf):
            raise InputError(
                f"decay {self.decay:g}, average {self.average:g}, clip {self.clip:g}: decay must "
                "be at least 0, average from 0 to below 1, and clip above 0"
            )

    def option(self, name: str) -> Any:
        """Return the value of an option, be it of the recipe or of one of its parts."""
        return getattr(self if name not in _PART_OF else getattr(self, _PART_OF[name]), name)

    def changed(self, options: Mapping[str, Any]) -> Recipe:
        """Return the recipe with other values of options. Raises TypeError for unknown ones."""
        changes: dict[str, Any] = {}
        for name, value in options.items():
            part = _PART_OF.get(name)
            if part is None:
                changes[name] = value
            else:
                changes[part] = replace(changes.get(part, getattr(self, part)), **{name: value})
        return replace(self, **changes)


_PARTS = {"loss": LossOptions, "weighting": Weighting, "augmentation": Augmentation}
_PART_OF = {option.name: part for part, kind in _PARTS.items() for option in fields(kind)}

# What other models want than the defaults.
_USUAL: dict[str, dict[str, Any]] = {"s": {"epochs": 50, "batch": 64}}


def recipe_of(options: Mapping[str, Any], device: torch.device) -> Recipe:
    """Return the recipe of options by their names on a device.

    What is None, ``auto`` or not there is what is usual for the device, and for the model: ``s`` on
    CUDA, else ``n``, in the precision that is fast. Raises InputError for values out of bounds.
    """
    usual = {
        "model": "s" if device.type == "cuda" else "n",
        "precision": fast_precision(device),
    }
    given = usual | {name: value for name, value in options.items() if is_given(value)}
    return Recipe().changed(_USUAL.get(given["model"], {}) | given)


def is_given(value: Any) -> bool:
    """Return whether an option was given a value of its own."""
    return value not in (None, "auto")


def read_recipe(content: Any) -> Recipe:
    """Return the recipe of what :func:`dataclasses.asdict` made of one.

    Raises InputError for fields that are missing, unknown, of another kind or out of bounds.
    """
    try:
        found = msgspec.convert(content, Recipe)
    except msgspec.ValidationError as error:
        raise InputError(f"its recipe does not fit this version: {error}") from error
    # Fields that are unknown are passed over above, and those that are missing are filled in.
    odd = _names(content) ^ _names(asdict(found))
    if odd:
        raise InputError(f"its recipe does not fit this version: {shown(min(odd))}")
    return found


def _names(content: Mapping[str, Any]) -> set[str]:
    """Return the names of all fields, those of the parts behind the part's own."""
    names = set(map(str, content))
    for part in names & set(_PARTS):
        names |= {f"{part}.{name}" for name in content[part]}
    return names
