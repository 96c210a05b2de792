"""The processes that train together: torchrun starts them, each learns its share of a batch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import TypeVar

import torch
from torch import distributed

from medmnist_det.errors import InputError, shown
from medmnist_det.reference.device import pick_device

Value = TypeVar("Value")


@contextlib.contextmanager
def together(device: str) -> Iterator[torch.device]:
    """Join the processes that torchrun started, if it did, and yield this one's device.

    Raises InputError for a device that is not there, and where torchrun's variables are not whole.
    """
    world = _number("WORLD_SIZE", 1, default=1)
    if world == 1:
        yield pick_device(device)
        return
    _number("RANK", 0, most=world - 1)
    _number("MASTER_PORT", 0, most=65535)
    if not os.environ.get("MASTER_ADDR"):
        raise _incomplete("MASTER_ADDR is not set")
    mine = pick_device(device, _number("LOCAL_RANK", 0, most=world - 1))
    if mine.type == "cuda":
        torch.cuda.set_device(mine)
    backend = "nccl" if mine.type == "cuda" else "gloo"
    try:
        # The first process aggregates, validates and predicts while the others wait.
        distributed.init_process_group(backend, timeout=timedelta(hours=1))
    except distributed.DistError as error:
        reason = str(error).strip().splitlines()[0]
        raise _incomplete(f"they do not find each other ({shown(reason)})") from error
    try:
        yield mine
    finally:
        distributed.destroy_process_group()


def rank() -> int:
    """Return the number of this process among those that train together; the first is 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def world() -> int:
    """Return how many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def wait_for_all() -> None:
    """Return when every process is here."""
    if distributed.is_initialized():
        distributed.barrier()


def from_first(value: Value) -> Value:
    """Return what the first process has, in every process."""
    if not distributed.is_initialized():
        return value
    held = [value]
    distributed.broadcast_object_list(held, src=0)
    return held[0]


def _number(name: str, least: int, most: int = 2**31, default: int | None = None) -> int:
    """Return a variable of the environment that is a whole number."""
    text = os.environ.get(name)
    if text is None and default is not None:
        return default
    if text is None:
        raise _incomplete(f"{name} is not set")
    if not (text.isascii() and text.isdecimal() and least <= int(text) <= most):
        raise _incomplete(f"{name} is {shown(text)}")
    return int(text)


def _incomplete(what: str) -> InputError:
    return InputError(
        f"the environment says that several processes train together (WORLD_SIZE), but {what}; "
        "start them with torchrun, or unset WORLD_SIZE"
    )
