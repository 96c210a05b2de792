"""Where the arithmetic happens."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TypeVar

import torch

from medmnist_det.errors import InputError

Model = TypeVar("Model", bound=torch.nn.Module)


def pick_device(name: str, local_rank: int = 0) -> torch.device:
    """Return the device called ``name``; ``auto`` takes the fastest there is.

    Raises InputError for a device that this machine, or this build of torch, does not have.
    """
    have = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, there in have.items() if there)
    if name not in have:
        raise InputError(f"--device {name!r} is not known: choose auto, {', '.join(have)}")
    if not have[name]:
        raise InputError(
            f"--device {name}: this machine has none that torch {torch.__version__} can use; "
            "choose --device cpu, or auto"
        )
    return torch.device(name, local_rank) if name == "cuda" else torch.device(name)


def on_device(model: Model, device: torch.device) -> Model:
    """Return a network on a device, laid out as convolutions like it."""
    return model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def autocast(device: torch.device) -> torch.autocast:
    """Return the context in which the network runs: in bfloat16, but on MPS."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type != "mps")


@contextlib.contextmanager
def reporting_memory(remedy: str) -> Iterator[None]:
    """Turn "out of memory" inside the block into an InputError that names the remedy."""
    try:
        yield
    except (torch.cuda.OutOfMemoryError, MemoryError) as error:
        raise InputError(f"out of memory: {remedy}") from error
    except RuntimeError as error:
        # The CPU's allocator has no exception of its own.
        if "not enough memory" in str(error) or "DefaultCPUAllocator" in str(error):
            raise InputError(f"out of memory: {remedy}") from error
        raise
