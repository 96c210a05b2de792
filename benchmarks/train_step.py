"""One step of a finished training taken apart: seconds, FLOPs, and where the device's time goes.

    python benchmarks/train_step.py RUN --data med-mnist --device cuda [--compile] [--steps 100]

Writes JSON to standard output. The first step (which compiles, or chooses kernels) is timed apart;
then 20 are left out as warm-up, and --steps of them timed three times, as training takes them: with
their batches, the device awaited only at the end. FLOPs are those that FlopCounterMode counts in
the uncompiled step: convolutions and products of matrices, forward and backward, 2 for a
multiplication with its addition. Idle is the share of the step, as timed without the profiler, in
which the device runs nothing of what the profiler saw it run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from annotators.learn.registry import teacher_of
from medmnist_det.folder import Folder
from medmnist_det.reference.batches import Batches, Pool, targets_of
from medmnist_det.reference.checkpoint import load_checkpoint
from medmnist_det.reference.device import pick_device
from medmnist_det.reference.learner import Learner
from medmnist_det.reference.pixels import read_images
from medmnist_det.reference.recipe import Recipe
from medmnist_det.runs import CHECKPOINT

_WARM_UP, _PROFILED, _ROUNDS, _ROWS = 20, 10, 3, 25


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder of a train-reference run")
    parser.add_argument("--data", type=Path, default=Path("med-mnist"), help="what it learned from")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    device = pick_device(options.device)
    begun = load_checkpoint(options.run / CHECKPOINT)
    folder = Folder.open(options.data)
    known = teacher_of(begun.recipe.method)(begun.recipe).lessons(folder, "train")
    images = read_images(folder.images("train"), known.label_set.images)
    pool = Pool(images, targets_of(known), known.looked, device)
    anchors, number = begun.weights["anchors"], len(begun.classes)
    learner = Learner(begun.recipe, anchors, number, device, compile=options.compile)
    print(json.dumps(measure(learner, pool, options.steps), indent=2))


def measure(learner: Learner, pool: Pool, steps: int) -> dict[str, Any]:
    """Return what a step takes and does."""
    device = learner.device
    learner.model.train()
    endless = batches(pool, learner.recipe)

    def step() -> None:
        images, targets = next(endless)
        learner.step(images, targets, progress=0.5)

    batch = len(next(endless)[0])
    first = seconds(step, 1, device)
    seconds(step, min(_WARM_UP, steps), device)
    taken = [seconds(step, steps, device) for _ in range(_ROUNDS)]
    usual = statistics.median(taken)
    memory = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else None
    alone = seconds(lambda: next(endless), steps, device)
    seen = profiled(step, min(_PROFILED, steps), device)
    # The same step without torch.compile, whose kernels the counter does not see into.
    learner.taught.features = learner.model.features  # type: ignore[assignment]
    with FlopCounterMode(display=False) as counter:
        step()
    return {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else device.type,
        "torch": torch.__version__,
        "precision": learner.recipe.precision,
        "parameters": sum(p.numel() for p in learner.model.parameters()),
        "batch": batch,
        "first_step_s": first - usual,
        "step_s": usual,
        "step_s_of_rounds": taken,
        "batch_making_alone_s": alone,
        "images_per_second": batch / usual,
        "flop": counter.get_total_flops(),
        "flop_per_s": counter.get_total_flops() / usual,
        "peak_device_memory_gib": memory,
        "idle": max(1 - seen["busy_s"] / usual, 0.0),
        **seen,
    }


def batches(pool: Pool, recipe: Recipe) -> Iterator[Any]:
    """Yield batches without end, as training makes them."""
    random = torch.Generator().manual_seed(0)
    while True:
        yield from Batches(pool, recipe.batch, recipe.augmentation, random)


def seconds(work: Callable[[], object], times: int, device: torch.device) -> float:
    """Return the mean seconds of doing something several times in a row."""
    await_device(device)
    start = time.perf_counter()
    for _ in range(times):
        work()
    await_device(device)
    return (time.perf_counter() - start) / times


def await_device(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def profiled(step: Callable[[], None], steps: int, device: torch.device) -> dict[str, Any]:
    """Return what the device runs in a step: seconds in all, by kernel, and by who launched it."""
    cuda = device.type == "cuda"
    with profile(activities=[ProfilerActivity.CPU, *[ProfilerActivity.CUDA] * cuda]) as trace:
        seconds(step, steps, device)
    # Annotations span what other rows count already.
    rows = [row for row in trace.key_averages() if not getattr(row, "is_user_annotation", False)]
    column = "self_device_time_total" if cuda else "self_cpu_time_total"
    taken = {id(row): getattr(row, column) / steps / 1e6 for row in rows}
    # On a GPU, kernels and copies have rows of their own, beside those of the operators.
    operators = [row for row in rows if row.device_type == DeviceType.CPU]
    kernels = [row for row in rows if row.device_type == DeviceType.CUDA] if cuda else operators

    def most(rows: list[Any]) -> list[dict[str, Any]]:
        rows = sorted(rows, key=lambda row: -taken[id(row)])[:_ROWS]
        return [
            {"name": row.key, "s": taken[id(row)], "times": row.count / steps}
            for row in rows
            if taken[id(row)] > 0
        ]

    products = [
        row
        for row in operators
        if row.key.startswith("aten::") and ("conv" in row.key or row.key.endswith("mm"))
    ]
    return {
        "busy_s": sum(taken[id(row)] for row in kernels),
        "busy_with_products_s": sum(taken[id(row)] for row in products),
        "launches": sum(row.count for row in kernels) / steps,
        "operators": most(operators),
        "kernels": most(kernels),
    }


if __name__ == "__main__":
    main()
