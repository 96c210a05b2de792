"""Images a CPU second of a step of `n`: bfloat16 and float32, on older processors, and refined.

    python benchmarks/precision.py DATA --rounds 3 --steps 8

One thread. A step is all that training does for a batch of 16: making it, forward, backward,
optimiser, moving average. oneDNN's switch ONEDNN_MAX_CPU_ISA stands for older processors. In every
round each has a process, in which the four kinds of steps alternate, a step of each at a time after
one that is not counted. CPU time, not the clock: other work on the machine matters less.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
#: What oneDNN may use, by what a reader calls it.
PROCESSORS = {
    "AVX512_BF16": "DEFAULT",
    "AVX-512 without it": "AVX512_CORE",
    "AVX2": "AVX2",
}
KINDS = [(precision, refine) for refine in (True, False) for precision in ("bfloat16", "float32")]


def measure(data: Path, steps: int) -> None:
    """Print images a CPU second of every kind of step, as this process sees the processor."""
    import torch

    from annotators.learn.plain import Earl
    from medmnist_det.folder import Folder
    from medmnist_det.reference.batches import Batches, Pool, targets_of
    from medmnist_det.reference.device import CPU
    from medmnist_det.reference.learner import Learner, anchors_of
    from medmnist_det.reference.model import SIZES
    from medmnist_det.reference.pixels import read_images
    from medmnist_det.reference.recipe import Recipe

    torch.set_num_threads(1)
    folder, usual = Folder.open(data), Recipe()
    known = Earl(usual).lessons(folder, "train")
    table = known.label_set
    images = read_images(folder.images("train"), table.images)
    pool = Pool(images, targets_of(known), known.looked, CPU)
    anchors = anchors_of(table.labels, SIZES[usual.model])

    def stepper(precision: Any, refine: bool) -> Callable[[], object]:
        recipe = Recipe(precision=precision, refine=refine)
        learner = Learner(recipe, anchors, len(table.classes), CPU)
        learner.model.train()
        batches = iter(Batches(pool, recipe.batch, recipe.augmentation, torch.Generator()))
        return lambda: learner.step(*next(batches), progress=0.5)

    kinds = [stepper(precision, refine) for precision, refine in KINDS]
    spent = [0.0] * len(kinds)
    for number in range(steps + 1):
        for k, step in enumerate(kinds):
            clock = time.process_time()
            step()
            if number:
                spent[k] += time.process_time() - clock
    print(json.dumps([usual.batch * steps / seconds for seconds in spent]))


def main() -> None:
    """Print a table in Markdown: medians of the rounds, with their range."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="a data set with the fused labels of EARL")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8, help="of each kind, in a process")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        measure(given.data, given.steps)
        return
    found: dict[str, list[list[float]]] = {name: [] for name in PROCESSORS}
    command = [sys.executable, __file__, str(given.data), "--one", "--steps", str(given.steps)]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    for _ in range(given.rounds):
        for name, most in PROCESSORS.items():
            held = {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "ONEDNN_MAX_CPU_ISA": most}
            told = subprocess.run(
                command, env=os.environ | held, check=True, stdout=subprocess.PIPE
            ).stdout
            found[name].append(json.loads(told))
            print(f"{name}: {told.decode().strip()}", file=sys.stderr, flush=True)
    print("| processor as oneDNN sees it | bfloat16 | float32 | without the refinement | float32 |")
    print("|---|---|---|---|---|")
    for name, rounds in found.items():
        print(f"| {name} | {' | '.join(map(spread, zip(*rounds, strict=True)))} |")
    ratios = [rounds[2] / rounds[0] for rounds in found["AVX512_BF16"]]
    print(f"a refined step in bfloat16 takes {spread(ratios)} of one that is not")


def spread(values: tuple[float, ...] | list[float]) -> str:
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


if __name__ == "__main__":
    main()
