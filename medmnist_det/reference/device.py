"""Where the arithmetic happens, and how exact it is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Literal, TypeVar

import torch
from threadpoolctl import threadpool_limits

from medmnist_det.errors import InputError, shown

Model = TypeVar("Model", bound=torch.nn.Module)

CPU = torch.device("cpu")


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
        raise InputError(f"--device {shown(name)} is not known: choose auto, {', '.join(have)}")
    if not have[name]:
        raise InputError(
            f"--device {name}: this machine has none that torch {torch.__version__} can use; "
            "choose --device cpu, or auto"
        )
    if name != "cuda":
        return torch.device(name)
    if local_rank >= torch.cuda.device_count():
        raise InputError(
            f"--device cuda: process {local_rank} finds {torch.cuda.device_count()} devices here; "
            "start no more processes than there are devices"
        )
    return torch.device(name, local_rank)


def on_device(model: Model, device: torch.device) -> Model:
    """Return a network on a device, laid out as convolutions like it."""
    return model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def fast_precision(device: torch.device) -> Literal["bfloat16", "float32"]:
    """Return ``bfloat16`` where the device has instructions for it, else ``float32``.

    Without them bfloat16 is emulated: with AVX2 alone a step took nine times as long as in float32,
    with AVX-512 alone twice. What is not known to have them gets float32: MPS, Arm, a torch that
    cannot tell. The answer depends on machine and torch alone, never on how busy they are.
    """
    if device.type == "cuda":
        fast = torch.cuda.get_device_capability(device)[0] >= 8
    else:
        fast = device.type == "cpu" and _has_bfloat16() and _may_use_bfloat16()
    return "bfloat16" if fast else "float32"


def _has_bfloat16() -> bool:
    # Versions of torch before 2.6 do not know these questions.
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in asked)


def _may_use_bfloat16() -> bool:
    """Return whether oneDNN, which convolves, is there and free to use the instructions."""
    held = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or "ALL"
    free = ("ALL", "DEFAULT", "BF16", "FP16", "AMX", "AVX10")
    return torch.backends.mkldnn.is_available() and any(word in held.upper() for word in free)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """Return the context in which the network runs with a precision."""
    # Even a disabled autocast is refused on MPS by torch 2.4.
    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def fused(device: torch.device) -> bool:
    """Return whether the optimiser has one kernel for a whole step there, in every torch we take.

    On MPS torch 2.4 refuses it.
    """
    return device.type in ("cpu", "cuda")


@contextlib.contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
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


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread inside the block: trainings beside each other fight over cores.

    The number of threads is one of the things on which the last bits of weights depend.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


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
