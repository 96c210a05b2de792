"""Which labels teach the better detector: the reference trained by several methods, seed by seed.

    python benchmarks/methods.py --seeds 20,21,22 --digits-root ../shared/data --out methods

Seed s makes the data set of --preset and seeds the training, so that methods are compared on the
same images and the same crowd. --split val scores on the truth of the val split: recipes are tuned
there, with seeds 0 to 4. Published tables are of the test split, with seeds 20 and up. A training
is a command of its own, with one thread; --jobs of them run at a time. What is finished is kept:
the same command goes on where it was stopped, and longer lists of seeds or methods add to it.
earl-normalised is EARL with --normalise-weights. Everything is in --out: data sets, runs with a log
each, and results-SPLIT.json with the scores of all cells of the call.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.table import Table

from medmnist_det.reference.lessons import fused_by
from medmnist_det.terminal.console import out, say

_ROOT = Path(__file__).resolve().parents[1]
_METRICS = ("mAP@0.4", "mAP@[.5:.95]")
_METHODS = "oracle,dawid-skene,wbf,earl,earl-normalised,baseline"


def main() -> None:
    asked = options()
    jobs = list(itertools.product(asked.seeds, asked.methods))
    with ThreadPoolExecutor(asked.jobs) as pool:
        list(pool.map(lambda seed: prepare(asked, seed), asked.seeds))
        cells = dict(zip(jobs, pool.map(lambda job: cell(asked, *job), jobs), strict=True))
    title = f"{asked.preset}, {asked.split} split, {asked.epochs} epochs, {len(asked.seeds)} seeds"
    out().print(table(title, asked.methods, asked.seeds, cells))
    rows = [{"seed": seed, "method": method} | cells[seed, method] for seed, method in jobs]
    whole = {"preset": asked.preset, "split": asked.split, "epochs": asked.epochs, "cells": rows}
    file = asked.out / f"results-{asked.split}.json"
    file.write_text(json.dumps(whole, indent=2))
    say(f"written: {file}")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=numbers, default=[20, 21, 22], help="with commas between")
    parser.add_argument("--methods", type=lambda text: text.split(","), default=_METHODS)
    parser.add_argument("--preset", default="paper")
    parser.add_argument(
        "--split", choices=("val", "test"), default="test", help="truth to score on"
    )
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time, a thread each")
    parser.add_argument("--digits-root", type=Path, help="folder of MNIST's files; else optdigits")
    parser.add_argument("--images", type=int, help="for training; the preset's number by default")
    parser.add_argument("--out", type=Path, default=Path("methods"))
    asked = parser.parse_args()
    for method in asked.methods:
        fused_by(plain(method))
    return asked


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def plain(method: str) -> str:
    return "earl" if method == "earl-normalised" else method


def prepare(asked: argparse.Namespace, seed: int) -> None:
    """Make the data set of a seed, and the fused labels, which several trainings share."""
    data = data_of(asked, seed)
    root, images = asked.digits_root, asked.images
    words = ["--digits", "optdigits"] if root is None else ["--digits-root", root]
    if images is not None:
        few = -(-images // 5)
        words += ["--train", images, "--val", few, "--test", few]
    log = data.with_suffix(".log")
    command(log, "generate", "--out", data, "--preset", asked.preset, "--seed", seed, *words)
    for fused in sorted({fused_by(plain(method)) or "" for method in asked.methods} - {""}):
        if not (data / "fused" / fused / "val.json").is_file():
            command(log, "aggregate", "--data", data, "--method", fused)


def data_of(asked: argparse.Namespace, seed: int) -> Path:
    return asked.out / f"data-{asked.preset}-{seed}"


def cell(asked: argparse.Namespace, seed: int, method: str) -> dict[str, float]:
    """Return a training's scores by metric, training first where that is not done yet."""
    data = data_of(asked, seed)
    run = asked.out / f"{asked.preset}-{method.replace(':', '-')}-{seed}-{asked.epochs}"
    log = run.with_suffix(".log")
    scores = run / ("scores.json" if asked.split == "test" else "val-scores.json")
    if not (run / "scores.json").is_file():
        resume = ["--resume"] if (run / "checkpoint.pt").is_file() else []
        words = ["--method", plain(method), "--epochs", asked.epochs, "--seed", seed]
        words += ["--normalise-weights"] * (method == "earl-normalised")
        words += ["--device", "cpu", "--model", "n", *resume]
        command(log, "train-reference", "--data", data, "--out", run, *words)
    if not scores.is_file():
        where = ["--data", data, "--split", asked.split]
        found, checkpoint = run / "val-preds.json", run / "checkpoint.pt"
        command(log, "predict", "--checkpoint", checkpoint, "--out", found, *where)
        command(log, "evaluate", found, *where, "--json", scores)
    means = json.loads(scores.read_text())["scores"]
    return {name: means[name]["value"] for name in _METRICS}


def command(log: Path, *words: object) -> None:
    """Run a command of ours with one thread; what it says goes into the log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    paths = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    program = [sys.executable, "-W", "ignore", "-c", "from cli import app; app()"]
    with log.open("a") as file:
        done = subprocess.run(
            [*program, *map(str, words)],
            env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
            stdout=file,
            stderr=file,
        )
    if done.returncode != 0:
        last = log.read_text().strip().splitlines()[-1]
        raise SystemExit(f"{log}: {words[0]} ended with status {done.returncode}: {last}")
    say(f"done: {' '.join(map(str, words))}")


def table(
    title: str,
    methods: list[str],
    seeds: list[int],
    cells: dict[tuple[int, str], dict[str, float]],
) -> Table:
    """Return means over seeds (standard deviations), and what is gained over the last method."""
    found = Table(title=f"{title}: mean (standard deviation)")
    paper, coco = _METRICS
    for name in ("method", paper, coco, f"more than {methods[-1]}", f"{coco} by seed", "more"):
        found.add_column(name)
    for method in methods:
        values = {name: [cells[seed, method][name] for seed in seeds] for name in _METRICS}
        more = [cells[seed, method][coco] - cells[seed, methods[-1]][coco] for seed in seeds]
        found.add_row(
            method,
            spread(values[paper]),
            spread(values[coco]),
            spread(more, "+.4f"),
            each(values[coco]),
            each(more, "+.4f"),
        )
    return found


def spread(values: list[float], form: str = ".4f") -> str:
    deviation = f" ({statistics.stdev(values):.4f})" if len(values) > 1 else ""
    return f"{statistics.mean(values):{form}}{deviation}"


def each(values: Iterable[float], form: str = ".4f") -> str:
    return " ".join(f"{value:{form}}" for value in values)


if __name__ == "__main__":
    main()
