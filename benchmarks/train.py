"""Training speed side by side in one run: our ``n``, and ultralytics' YOLOv5n from scratch.

    python benchmarks/train.py --data med-mnist --rival-python rival/bin/python

The same images with true boxes, 320 px, batch 16, the same CPU. A step is all that a trainer does
for a batch: making it, forward, backward, optimiser, moving average of the weights. Every figure is
a process of its own, timed from the end of step --warm-up (start-up, reading of files and first
steps are left out) until --seconds are over; contestants alternate. Either trains as it comes: ours
in the precision that is fast here (bfloat16 where the processor has instructions for it) on one
grey channel, all images in memory, a checkpoint after every epoch; theirs in float32 on three
channels, read from PNG files without worker processes (on a CPU its trainer takes none), with all
its augmentations, an optimiser step for one to four batches, and no checkpoints. It leaves a core
idle; "all cores" is the same with torch.set_num_threads. The networks are not equally large: the
table gives their parameters. Memory is the peak of the process that was timed; that of our whole
command (one epoch, validation, test split) comes below.

ultralytics is AGPL and no part of this project; it wants an environment of its own:

    python -m venv rival && rival/bin/pip install ultralytics
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
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]
_BATCH = 16
OURS, RIVAL, ALL_CORES = "ours, n", "yolov5n", "yolov5n, all cores"


class Done(Exception):  # noqa: N818
    """Raised inside a trainer when enough was measured."""


class Stopwatch:
    """Images and seconds since the end of the warm-up."""

    def __init__(self, warm_up: int, seconds: float) -> None:
        self.warm_up, self.seconds = warm_up, seconds
        self.steps, self.images, self.start = 0, 0, 0.0
        self.found: dict[str, Any] = {}

    def step(self, images: int, model: Any) -> None:
        """Count a step that is over, and stop the training if it was the last."""
        now = time.perf_counter()
        self.steps += 1
        if self.steps <= self.warm_up:
            self.start = now
            return
        self.images += images
        if now - self.start >= self.seconds:
            import torch

            self.found = {
                "rate": self.images / (now - self.start),
                "parameters": sum(p.numel() for p in model.parameters()),
                "threads": torch.get_num_threads(),
                "torch": torch.__version__,
            }
            raise Done


def ours(data: Path, watch: Stopwatch) -> None:
    """Run the trainer of train-reference, made to count its steps."""
    from medmnist_det.folder import Folder
    from medmnist_det.reference import training as trainer
    from medmnist_det.reference.device import CPU
    from medmnist_det.reference.lessons import plain
    from medmnist_det.reference.pixels import read_images
    from medmnist_det.reference.recipe import recipe_of

    class Counting(trainer.Learner):
        def step(self, images: Any, *rest: Any, **named: Any) -> Any:
            terms = super().step(images, *rest, **named)
            watch.step(len(images), self.model)
            return terms

    trainer.Learner = Counting
    folder = Folder.open(data)
    known = plain(folder.truth("train"))
    images = read_images(folder.images("train"), known.label_set.images)
    recipe = recipe_of({"method": "oracle", "model": "n", "batch": _BATCH, "epochs": 1000}, CPU)
    trainer.train(recipe, known, images, Path.cwd())


def rival(data: Path, watch: Stopwatch, *, all_cores: bool) -> None:
    """Run ultralytics' own trainer on a folder that ``export`` made."""
    import torch
    from ultralytics import YOLO  # type: ignore[import-not-found]

    def start(_: Any) -> None:
        if all_cores:
            torch.set_num_threads(os.cpu_count() or 1)

    def step(trainer: Any) -> None:
        # The last batch of an epoch has what is left.
        images, batches = len(trainer.train_loader.dataset), len(trainer.train_loader)
        watch.step(min(_BATCH, images - watch.steps % batches * _BATCH), trainer.model)

    model = YOLO("yolov5n.yaml")
    model.add_callback("on_train_start", start)
    model.add_callback("on_train_batch_end", step)
    quiet = {"val": False, "plots": False, "save": False, "pretrained": False, "project": "runs"}
    model.train(data=str(data / "data.yaml"), imgsz=320, batch=_BATCH, device="cpu", **quiet)


def measure(options: argparse.Namespace) -> None:
    """Train one contestant in this process and write what was found."""
    watch = Stopwatch(options.warm_up, options.seconds)
    try:
        if options.contestant == OURS:
            ours(options.data, watch)
        else:
            rival(options.data, watch, all_cores=options.contestant == ALL_CORES)
    except Done:
        options.result.write_text(json.dumps(watch.found))
        return
    raise SystemExit("training was over before the time was; give more images or fewer --seconds")


def process(command: list[str], folder: Path) -> float:
    """Run a command in a folder and return its peak memory in MiB."""
    # Either has its own idea of the number of threads.
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment |= {"PYTHONPATH": path, "YOLO_CONFIG_DIR": str(folder)}
    environment |= {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}
    # A font that is there is not downloaded; without plots nobody opens it.
    (folder / "Ultralytics").mkdir(exist_ok=True)
    (folder / "Ultralytics" / "Arial.ttf").touch()
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        raise SystemExit(f"{command} failed:\n{(folder / 'log').read_text()[-3000:]}")
    return usage.ru_maxrss / 1024


def compare(options: argparse.Namespace) -> None:
    """Let the contestants train in turns, and print the table."""
    from medmnist_det.folder import Folder
    from medmnist_det.formats.export import export_folder

    version, load = rival_version(options.rival_python), os.getloadavg()[0]
    folder, data = Folder.open(options.data), options.data.resolve()
    runs: dict[str, list[dict[str, Any]]] = {OURS: [], RIVAL: [], ALL_CORES: []}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        # The current folder of every process, for what trainers leave behind.
        yolo, result = place / "yolo", place / "yolo" / "result.json"
        export_folder(folder, yolo, "yolo", "truth")
        times = ["--seconds", str(options.seconds), "--warm-up", str(options.warm_up)]
        for _ in range(options.rounds):
            for contestant, taken in runs.items():
                mine = contestant == OURS
                command = [
                    sys.executable if mine else options.rival_python,
                    str(Path(__file__).resolve()),
                ]
                command += ["--contestant", contestant, "--data", str(data if mine else yolo)]
                memory = process([*command, *times, "--result", str(result)], yolo)
                taken.append(json.loads(result.read_text()) | {"memory": memory})
        train = ["train-reference", "--method", "oracle", "--model", "n", "--device", "cpu"]
        command = [sys.executable, "-c", "from cli import app; app()", *train, "--epochs", "1"]
        whole = process([*command, "--data", str(data), "--out", str(place / "run")], place)
    show(runs)
    print(
        f"{len(folder.truth('train').images):,} training images; {options.rounds} rounds of "
        f"{options.seconds:g} s after {options.warm_up} steps of warm-up; {os.cpu_count()} cores, "
        f"load {load:.1f} before (threads that wait for each other crawl on a busy machine); "
        f"torch {runs[OURS][0]['torch']}, theirs {runs[RIVAL][0]['torch']}; ultralytics {version}\n"
        f"the whole command, train-reference --model n --epochs 1: {whole:,.0f} MiB at its peak"
    )


def rival_version(python: str) -> str:
    """Return the version of ultralytics that an interpreter has, or end with what to do."""
    code = "import ultralytics; print(ultralytics.__version__)"
    check = subprocess.run([python, "-c", code], capture_output=True, text=True)
    if check.returncode == 0:
        return check.stdout.split()[-1]
    print(
        f"error: {python} cannot import ultralytics ({check.stderr.strip().splitlines()[-1]}): "
        "make an environment with 'python -m venv rival && rival/bin/pip install ultralytics' and "
        "name it with --rival-python rival/bin/python",
        file=sys.stderr,
    )
    raise SystemExit(2)


def show(runs: dict[str, list[dict[str, Any]]]) -> None:
    from rich.table import Table

    from medmnist_det.terminal.console import out

    table = Table("", title="training: median of the rounds (range)")
    for column in ("images/s", "ours / this one", "threads", "parameters", "memory, MiB"):
        table.add_column(column, justify="right")
    for name, rounds in runs.items():
        ratios = [a["rate"] / b["rate"] for a, b in zip(runs[OURS], rounds, strict=True)]
        table.add_row(
            name,
            spread([one["rate"] for one in rounds], ".1f"),
            "" if name == OURS else spread(ratios, ".2f"),
            str(rounds[0]["threads"]),
            f"{rounds[0]['parameters']:,}",
            spread([one["memory"] for one in rounds], ",.0f"),
        )
    out().print(table)


def spread(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("med-mnist"), help="data set's folder")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30, help="measured in every round")
    parser.add_argument("--warm-up", type=int, default=20, help="steps left out of every round")
    parser.add_argument("--rival-python", default=sys.executable, help="one with ultralytics")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    (compare if options.contestant is None else measure)(options)


if __name__ == "__main__":
    main()
