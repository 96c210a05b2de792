"""One CUDA GPU in one call: the paper preset learned by ``s``, its scores, and what bounds a step.

    python benchmarks/train_cuda.py --out cuda.json [--digits-root FOLDER] [--data FOLDER]
    python benchmarks/train_cuda.py --device cpu --epochs 1 --images 100 --steps 1    does it run?

Makes the data set where there is none (of optdigits if no folder with MNIST is named), then has
train-reference --method earl run without and with --compile, each a process of its own with an
empty compiler cache, and takes a step of either apart (benchmarks/train_step.py). Seconds of
training are those of history.json: reading, validation and prediction are left out. "First steps"
are what the first epoch takes beyond the median of the others: compiling and choosing kernels.
--peak is assumed, not measured. What is done is in --out, even if a later part fails.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from medmnist_det.terminal.console import out

_ROOT = Path(__file__).resolve().parents[1]
_CLI = [sys.executable, "-c", "from cli import app; app()"]
#: What the reference is asked to reach: the paper's scores, which are of data of its own.
_SECONDS, _SCORES = 60, {"mAP@0.4": 0.980, "mAP@[.5:.95]": 0.849}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("med-mnist"), help="made if absent")
    parser.add_argument("--digits-root", type=Path, help="folder with MNIST's idx files")
    parser.add_argument("--out", type=Path, default=Path("train_cuda.json"), help="every number")
    parser.add_argument("--peak", type=float, default=790, help="TFLOP/s; H200 in bf16: 790")
    parser.add_argument("--only", choices=("plain", "compiled"), help="one of the two runs")
    parser.add_argument("--steps", type=int, default=100, help="steps timed alone, three times")
    parser.add_argument("--device", default="cuda", help="cpu: only to see that all this runs")
    parser.add_argument("--model", default="s")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--images", type=int, help="for training, where the data set is made")
    options = parser.parse_args()
    check(options.device)
    if not (options.data / "manifest.json").is_file():
        generate(options)
    found: dict[str, Any] = {"peak_flop_per_s": options.peak * 1e12}
    for name in ("plain", "compiled") if options.only is None else (options.only,):
        found[name] = {}
        try:
            measure(options, found[name], ["--compile"] * (name == "compiled"))
        except subprocess.CalledProcessError as error:
            found[name]["failed"] = f"status {error.returncode}: {error.cmd}"
        options.out.write_text(json.dumps(found, indent=2))
    show(found)
    if any("failed" in one for one in found.values() if isinstance(one, dict)):
        raise SystemExit(1)


def check(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        print(
            f"error: torch {torch.__version__} sees no CUDA GPU here, which is what this measures; "
            "--device cpu --epochs 1 --images 100 --steps 1 shows that it runs",
            file=sys.stderr,
        )
        raise SystemExit(2)


def generate(options: argparse.Namespace) -> None:
    root, images = options.digits_root, options.images
    how = ["--digits", "optdigits"] if root is None else ["--digits-root", str(root)]
    if images is not None:
        few = str(-(-images // 5))
        how += ["--train", str(images), "--val", few, "--test", few]
    process([*_CLI, "generate", "--out", str(options.data), *how])


def process(command: list[str]) -> str:
    """Run a command with an empty compiler cache and return what it prints."""
    path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPATH": path, "TORCHINDUCTOR_CACHE_DIR": cache}
        run = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    return run.stdout.decode()


def measure(options: argparse.Namespace, found: dict[str, Any], how: list[str]) -> None:
    """Train, take a step apart, and put into ``found`` what comes out."""
    same = ["--device", options.device, "--data", str(options.data), *how]
    train = ["train-reference", "--method", "earl", "--model", options.model]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        train += ["--epochs", str(options.epochs), "--out", str(run)]
        start = time.perf_counter()
        process([*_CLI, *train, *same])
        found["whole_command_s"] = time.perf_counter() - start
        history = json.loads((run / "history.json").read_text())
        scores = json.loads((run / "scores.json").read_text())["scores"]
        found |= training(history) | {"scores": scores, "history": history}
        step = [str(_ROOT / "benchmarks" / "train_step.py"), str(run), *same]
        found["step"] = json.loads(process([sys.executable, *step, "--steps", str(options.steps)]))


def training(history: list[dict[str, Any]]) -> dict[str, float]:
    """Return seconds of training, with those that only the first steps take apart."""
    ends = [0.0, *(row["seconds"] for row in history)]
    epochs = [after - before for before, after in pairwise(ends)]
    first = epochs[0] - statistics.median(epochs[1:] or epochs)
    return {
        "epochs": len(history),
        "training_s": ends[-1] - first,
        "first_steps_s": first,
        "images_per_second": statistics.median(row["images_per_second"] for row in history),
    }


def show(found: dict[str, Any]) -> None:
    peak = found["peak_flop_per_s"]
    done = {name: one for name, one in found.items() if isinstance(one, dict) and "step" in one}
    columns = [described(one, peak) for one in done.values()]
    table = Table("", *done, title="train-reference --method earl")
    for cells in zip(*(column.items() for column in columns), strict=True):
        table.add_row(cells[0][0], *(value for _, value in cells))
    if done:
        out().print(table)
    for name, one in done.items():
        parts = Table("operator", "times", "ms", "of the step", title=f"a step, {name}")
        for row in one["step"]["operators"][:12]:
            share = row["s"] / one["step"]["step_s"]
            cells = f"{row['times']:.0f}", f"{row['s'] * 1e3:.3f}", f"{share:.1%}"
            parts.add_row(row["name"][:70], *cells)
        out().print(parts)


def described(one: dict[str, Any], peak: float) -> dict[str, str]:
    """Return the rows of the table for one of the runs."""
    step, products = one["step"], one["step"]["busy_with_products_s"]
    within = step["flop"] / products if products else 0.0
    took = f"{one['training_s']:.1f} s, asked for less than {_SECONDS}"
    took_alone = f"{step['step_s'] * 1e3:.2f} ms for {step['batch']} images"
    rows = {
        f"training, {one['epochs']} epochs": f"{took}: {met(one['training_s'] < _SECONDS)}",
        "first steps, beyond the usual": f"{one['first_steps_s']:.1f} s",
        "whole command": f"{one['whole_command_s']:.1f} s",
        "images/s, median of the epochs": f"{one['images_per_second']:,.0f}",
    }
    for name, asked in _SCORES.items():
        value = one["scores"][name]["value"] or 0.0
        rows[name] = f"{value:.4f}, asked for {asked:.3f}: {met(value >= asked)}"
    return rows | {
        f"step alone, {step['device']}": took_alone,
        "of it, making the batch": f"{step['batch_making_alone_s'] * 1e3:.2f} ms if done alone",
        "its first, beyond the usual": f"{step['first_step_s']:.1f} s",
        "FLOPs of a step": f"{step['flop'] / 1e12:.3f} T",
        "FLOP/s": f"{step['flop_per_s'] / 1e12:.1f} T, {step['flop_per_s'] / peak:.1%} of the peak",
        "within convolutions": f"{within / 1e12:.1f} T, {within / peak:.1%} of the peak",
        "kernels and copies of a step": f"{step['launches']:,.0f}",
        "most of the step": bound(step),
    }


def met(yes: bool) -> str:
    return "met" if yes else "not met"


def bound(step: dict[str, Any]) -> str:
    """Return the three parts of a step's time, the largest first."""
    whole, products = step["step_s"], step["busy_with_products_s"]
    parts = {
        "idle, waiting for launches": step["idle"],
        "convolutions and products": products / whole,
        "norms, activations, loss, optimiser, copies": (step["busy_s"] - products) / whole,
    }
    order = sorted(parts, key=lambda part: -parts[part])
    return ", ".join(f"{part} {parts[part]:.0%}" for part in order)


if __name__ == "__main__":
    main()
