"""Which labels teach the better detector: the reference trained by several methods, seed by seed.

    python benchmarks/methods.py --digits-root ../shared/data --epochs 8 --out methods

Seed s makes the data set (paper preset) and seeds the training, so that methods are compared on the
same images and the same crowd. Trainings are commands of their own, with as many threads as there
are cores for each of --jobs; those that are done are kept, and the script can be run again. Scores
are those of the test split.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

_ROOT = Path(__file__).resolve().parents[1]
_METRICS = ("mAP@0.4", "mAP@[.5:.95]")


def command(threads: int, *words: object) -> None:
    """Run a command of ours; its own fault is shown as it is."""
    paths = os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "from cli import app; app()", *map(str, words)],
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": str(threads)},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--digits-root", help="folder of MNIST's files; optdigits without")
    parser.add_argument("--out", type=Path, default=Path("methods"))
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--methods", default="oracle,dawid-skene,earl,baseline")
    asked = parser.parse_args()
    methods, seeds = asked.methods.split(","), range(asked.seeds)
    threads = max((os.cpu_count() or 1) // asked.jobs, 1)
    digits = (
        ["--digits-root", asked.digits_root] if asked.digits_root else ["--digits", "optdigits"]
    )
    for seed in seeds:
        command(threads, "generate", "--out", asked.out / f"data-{seed}", "--seed", seed, *digits)

    def score(job: tuple[int, str]) -> dict[str, float]:
        seed, method = job
        data = asked.out / f"data-{seed}"
        out = asked.out / f"{method.replace(':', '-')}-{seed}-{asked.epochs}"
        if not (out / "scores.json").is_file():
            more = ["--resume"] if (out / "checkpoint.pt").is_file() else []
            words = ["--method", method, "--epochs", asked.epochs, "--seed", seed]
            command(threads, "train-reference", "--data", data, "--out", out, *words, *more)
        found = json.loads((out / "scores.json").read_text())["scores"]
        return {name: found[name]["value"] for name in _METRICS}

    jobs = list(itertools.product(seeds, methods))
    with ThreadPoolExecutor(asked.jobs) as pool:
        scores = dict(zip(jobs, pool.map(score, jobs), strict=True))
    table = Table(title=f"Test split, {asked.epochs} epochs, seeds 0 to {asked.seeds - 1}")
    for name in ("method", *_METRICS, f"{_METRICS[1]} by seed", f"minus {methods[-1]}, by seed"):
        table.add_column(name)
    for method in methods:
        columns = [[scores[seed, method][name] for seed in seeds] for name in _METRICS]
        over = [scores[s, method][_METRICS[1]] - scores[s, methods[-1]][_METRICS[1]] for s in seeds]
        table.add_row(
            method,
            *(f"{statistics.mean(column):.4f} ({_spread(column):.4f})" for column in columns),
            " ".join(f"{value:.4f}" for value in columns[1]),
            " ".join(f"{value:+.4f}" for value in over),
        )
    Console(width=160).print(table)


def _spread(values: list[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0


if __name__ == "__main__":
    main()
