"""Side by side in one run: medmnist-det evaluate, hotcoco called directly, pycocotools.

    python benchmarks/evaluate.py                 5,000 images x 100 boxes x 80 classes, 3 rounds
    python benchmarks/evaluate.py --images 500    a quick look

Every figure is a whole process, start-up included, on files made for the run; rounds alternate
between the programs, so that a busy machine slows all of them. One uncounted start of each warms
the file cache and writes Python's byte code. Ratios are quoted with their lowest and highest round.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

_ROOT = Path(__file__).resolve().parents[1]

# What a user of each library writes; the thresholds are those that our command scores.
_THRESHOLDS = "[0.4, *np.linspace(0.5, 0.95, 10)]"
_HOTCOCO = f"""
import sys, numpy as np
from hotcoco import COCO, COCOeval
truth = COCO(sys.argv[1])
run = COCOeval(truth, truth.load_res(sys.argv[2]), "bbox")
run.params.iou_thrs = {_THRESHOLDS}
run.evaluate(); run.accumulate()
precision = run.eval["precision"]
print(precision[0, ..., 0, 2][precision[0, ..., 0, 2] > -1].mean())
"""
_PYCOCOTOOLS = f"""
import sys, numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
truth = COCO(sys.argv[1])
run = COCOeval(truth, truth.loadRes(sys.argv[2]), "bbox")
run.params.iouThrs = np.array({_THRESHOLDS})
run.evaluate(); run.accumulate()
precision = run.eval["precision"]
print(precision[0, ..., 0, 2][precision[0, ..., 0, 2] > -1].mean())
"""
_OURS = "import cli; cli.app()"


@dataclass(frozen=True)
class Run:
    """Wall seconds and peak memory in MiB of one process."""

    seconds: float
    memory: float


def main() -> None:
    parser = argparse.ArgumentParser(description="Side by side: evaluate, hotcoco, pycocotools.")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder, "large"), Path(folder, "small")
        made_apart(large, images=options.images, boxes=100, classes=80, objects=7)
        made_apart(small, images=1000, boxes=15, classes=10, objects=2.25)
        compare(large, options.rounds, f"{options.images:,} images x 100 boxes x 80 classes")
        compare(small, options.rounds, "paper-sized: 1,000 images x 15 boxes x 10 classes")
        in_process(large, options.rounds)
        paper_sized(small, options.rounds)


def made_apart(folder: Path, **options: float) -> None:
    """Make files in another process: a child's peak memory counts from its parent's size."""
    child = multiprocessing.get_context("spawn").Process(
        target=make_files, args=(folder,), kwargs=options
    )
    child.start()
    child.join()


def compare(folder: Path, rounds: int, title: str) -> None:
    """Print seconds and memory of the three programs on the same files."""
    programs = {"pycocotools": _PYCOCOTOOLS, "hotcoco": _HOTCOCO, "evaluate": _OURS}
    plain = ["--bootstrap", "0", "--no-errors"]
    arguments = {
        name: ["evaluate", "boxes.json", "--truth", "truth.json", *plain]
        if name == "evaluate"
        else ["truth.json", "boxes.json"]
        for name in programs
    }
    for name in ("hotcoco", "evaluate"):
        process(programs[name], arguments[name], folder)
    runs = {name: [] for name in programs}
    for _ in range(rounds):
        for name, code in programs.items():
            runs[name].append(process(code, arguments[name], folder))
    print(f"\n{title}, whole process, {rounds} rounds")
    for name, taken in runs.items():
        seconds = [one.seconds for one in taken]
        memory = max(one.memory for one in taken)
        print(
            f"  {name:12s} {np.median(seconds):7.2f} s  ({min(seconds):.2f} to "
            f"{max(seconds):.2f})   {memory:6.0f} MiB"
        )
    print(f"  pycocotools / evaluate: {ratio(runs['pycocotools'], runs['evaluate'])}")
    print(f"  evaluate / hotcoco:     {ratio(runs['evaluate'], runs['hotcoco'])}")


def ratio(top: list[Run], bottom: list[Run]) -> str:
    each = [a.seconds / b.seconds for a, b in zip(top, bottom, strict=True)]
    return f"{np.median(each):.2f}x ({min(each):.2f} to {max(each):.2f})"


def in_process(folder: Path, rounds: int) -> None:
    """Print files to curves without start-up: our readers and checks, and hotcoco's own."""
    import hotcoco

    from evaluation.engines import run
    from evaluation.metrics import HEADLINE, union
    from evaluation.read.predictions import read_predictions
    from evaluation.read.truth import read_truth

    truth_file, boxes_file = folder / "truth.json", folder / "boxes.json"
    thresholds = np.array(union(HEADLINE))

    def ours() -> None:
        truth = read_truth(truth_file)
        run(truth.problem(read_predictions(boxes_file, truth).boxes), thresholds)

    def direct() -> None:
        truth = hotcoco.COCO(str(truth_file))
        evaluator = hotcoco.COCOeval(truth, truth.load_res(str(boxes_file)), "bbox")
        evaluator.params.iou_thrs = thresholds.tolist()
        evaluator.evaluate()
        evaluator.accumulate()

    runs = {ours: [], direct: []}
    for part in runs:
        part()
    for _ in range(2 * rounds):
        for part, taken in runs.items():
            taken.append(Run(seconds=timed(part), memory=0))
    print("\nthe same files, files to curves in one process, start-up left out")
    print(f"  evaluate / hotcoco:     {ratio(runs[ours], runs[direct])}")


def timed(part: Callable[[], object]) -> float:
    start = time.perf_counter()
    part()
    return time.perf_counter() - start


def paper_sized(folder: Path, rounds: int) -> None:
    """Print what a user waits for with everything on, and what the parts take within a process."""
    from evaluation.bootstrap import resample
    from evaluation.engines import run
    from evaluation.matching import Matching
    from evaluation.metrics import HEADLINE, union
    from evaluation.read.predictions import read_predictions
    from evaluation.read.truth import read_truth

    arguments = ["evaluate", "boxes.json", "--truth", "truth.json"]
    taken = [process(_OURS, arguments, folder).seconds for _ in range(2 * rounds)]
    print("\npaper-sized, everything on (1,000 resamples, error budget, sizes)")
    print(f"  medmnist-det evaluate: {np.median(taken):.2f} s ({spread(taken)})")
    truth = read_truth(folder / "truth.json")
    problem = truth.problem(read_predictions(folder / "boxes.json", truth).boxes)
    parts = {
        "1,000 resamples of two metrics": lambda: resample(
            Matching(problem, union(HEADLINE), any_class=False), HEADLINE, resamples=1000, seed=0
        ),
        "engine, arrays to curves": lambda: run(problem, np.array(union(HEADLINE))),
    }
    for name, part in parts.items():
        part()
        taken = [timed(part) for _ in range(2 * rounds)]
        print(f"  {name}: {np.median(taken):.3f} s ({spread(taken)})")


def spread(seconds: list[float]) -> str:
    return f"{min(seconds):.3f} to {max(seconds):.3f}"


def process(code: str, arguments: list[str], folder: Path) -> Run:
    """Run Python code as a program of its own and wait for it."""
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    # Installed programs have their byte code; without this every start would compile ours.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    start = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        raise RuntimeError(f"{arguments} ended with status {status}")
    return Run(seconds=seconds, memory=usage.ru_maxrss / 1024)


def make_files(folder: Path, *, images: int, boxes: int, classes: int, objects: float) -> None:
    """Write a truth, and boxes of which a third are near an object and most of these well named."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    count = round(images * objects)
    image = np.sort(rng.integers(0, images, count))
    label = rng.integers(0, classes, count)
    bbox = np.concatenate([rng.uniform(0, 440, (count, 2)), rng.uniform(10, 200, (count, 2))], 1)
    near = rng.integers(0, count, images * boxes)
    close = rng.random(len(near)) < 1 / 3
    guess = np.concatenate(
        [rng.uniform(0, 440, (len(near), 2)), rng.uniform(10, 200, (len(near), 2))], axis=1
    )
    guess[close] = bbox[near[close]] * np.abs(rng.normal(1, 0.08, (close.sum(), 4)))
    named = close & (rng.random(len(near)) < 0.8)
    where = np.where(close, image[near], rng.integers(0, images, len(near)))
    what = np.where(named, label[near], rng.integers(0, classes, len(near)))
    score = np.round(np.clip(rng.beta(2, 4, len(near)) + 0.3 * named, 0, 1), 5)
    rows = np.argsort(where, kind="stable")
    content = {
        "images": [
            {"id": k + 1, "file_name": f"{k + 1}.png", "width": 640, "height": 640}
            for k in range(images)
        ],
        "categories": [{"id": k + 1, "name": f"class {k}"} for k in range(classes)],
        "annotations": [
            {
                "id": k + 1,
                "image_id": int(image[k]) + 1,
                "category_id": int(label[k]) + 1,
                "bbox": bbox[k].round(2).tolist(),
                "area": float(bbox[k, 2] * bbox[k, 3]),
                "iscrowd": 0,
            }
            for k in range(count)
        ],
    }
    results = [
        {
            "image_id": int(where[k]) + 1,
            "category_id": int(what[k]) + 1,
            "bbox": guess[k].round(2).tolist(),
            "score": float(score[k]),
        }
        for k in rows
    ]
    (folder / "truth.json").write_bytes(orjson.dumps(content))
    (folder / "boxes.json").write_bytes(orjson.dumps(results))


if __name__ == "__main__":
    main()
