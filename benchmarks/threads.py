"""Two one-threaded trainings beside each other, or one with two threads after the other: seconds.

    python benchmarks/threads.py DATA --rounds 2

Whole commands (2 epochs of ``train-reference --method oracle``), in alternation. On a machine that
does something else the numbers say nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def start(data: Path, out: Path, threads: int, seed: int) -> subprocess.Popen[bytes]:
    """Start a training."""
    words = ["--data", data, "--method", "oracle", "--epochs", "2", "--seed", seed, "--out", out]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", "medmnist_det", "train-reference", *map(str, words)],
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": str(threads)},
        stdout=subprocess.DEVNULL,
    )


def finish(training: subprocess.Popen[bytes]) -> None:
    """Wait for a training; one that fails ends all."""
    if training.wait():
        sys.exit("a training failed")


def main() -> None:
    """Print a line a round."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    for number in range(given.rounds):
        with tempfile.TemporaryDirectory() as place:
            clock = time.monotonic()
            both = [start(given.data, Path(place, f"a{k}"), 1, k) for k in range(2)]
            for training in both:
                finish(training)
            beside = time.monotonic() - clock
            for k in range(2):
                finish(start(given.data, Path(place, f"b{k}"), 2, k))
            after = time.monotonic() - clock - beside
        print(
            f"round {number}: beside each other, one thread each {beside:.1f} s; one after the "
            f"other, two threads {after:.1f} s; {after / beside:.2f}"
        )


if __name__ == "__main__":
    main()
