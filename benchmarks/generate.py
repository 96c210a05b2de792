"""How fast, and in how much memory, data sets are made; beside the generator that people use today.

    python benchmarks/generate.py ../shared/data            20,000 images, about three minutes
    python benchmarks/generate.py ../shared/data --quick    2,000 images: does it still run?

Whole processes from start to exit into fresh folders, one after the other in every round, so that
what else the machine does strikes all alike. The rival (benchmarks/rival_compose.py) composes and
writes the same law of scenes with true labels, a text file an image; "same work" is our library
doing just that, with one COCO file for all; "all" is the command, which also simulates and writes
a crowd of three, and hashes everything. What is not the same is printed, too: the share of the
rival's CPU time that goes into text files, and the bytes of a picture (ours are packed less
tightly). One process means one core (taskset), for both. The folders lie in TMPDIR: a slow disk
hides everything else, so TMPDIR=/dev/shm compares the programs.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

HERE = Path(__file__).parent
COMMAND = [sys.executable, "-c", "from cli import app; app()", "generate"]
SAME_WORK = """
import sys
from pathlib import Path
from medmnist_det.formats.coco import write_coco
from medmnist_det.scenes.digits import load_digits
from medmnist_det.files import make_folder
from medmnist_det.generation import label_set
from medmnist_det.scenes.workers import Job, write_images
from medmnist_det.labels import stack
from medmnist_det.scenes.composer import SceneOptions

if __name__ == "__main__":
    root, out, images, workers = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])
    digits = load_digits("mnist", root)
    make_folder(out / "train")
    job = Job(folder=out, scenes=SceneOptions(), digits=digits, seed=0)
    blocks = write_images(job, {"train": images, "val": 0, "test": 0}, workers)
    write_coco(out / "truth.json", label_set(stack([labels for labels, _, _ in blocks]), 320))
"""


def timed(command: list[str], out: Path, cores: str) -> float:
    """Return the seconds that a command takes. Nobody watches it: watching takes a core's time."""
    process, start = begun(command, out, cores)
    process.wait()
    return ended(process, start)


def cpu(command: list[str], out: Path) -> float:
    """Return the CPU seconds of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    timed(command, out, "0")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def bytes_of_pictures(out: Path) -> float:
    """Return the mean size of the PNG files below a folder."""
    return statistics.mean(file.stat().st_size for file in out.rglob("*.png"))


def not_the_same(rival: list[str], same: list[str], out: Path, rounds: int) -> None:
    """Print in what the rival's work and ours differ."""
    shares, sizes = [], []
    for _ in range(rounds):
        without, whole = cpu([*rival, "--without-text"], out), cpu(rival, out)
        shares.append(100 * (1 - without / whole))
    for command in (rival, same):
        timed(command, out, "0")
        sizes.append(bytes_of_pictures(out))
    print(f"text files: {spread(shares)} % of the rival's CPU time")
    theirs, mine = sizes
    print(f"bytes of a PNG: rival {theirs:,.0f}, ours {mine:,.0f} ({mine / theirs - 1:+.0%})")


def weighed(command: list[str], out: Path, cores: str) -> tuple[float, float]:
    """Return the seconds that a command takes and the peak memory of it and its children, in MB."""
    process, start = begun(command, out, cores)
    first, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        try:
            tree = [first, *first.children(recursive=True)]
            peak = max(peak, sum(one.memory_info().rss for one in tree))
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.02)
    return ended(process, start), peak / 1e6


def begun(command: list[str], out: Path, cores: str) -> tuple[subprocess.Popen[bytes], float]:
    shutil.rmtree(out, ignore_errors=True)
    start = time.perf_counter()
    process = subprocess.Popen(
        ["taskset", "-c", cores, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    return process, start


def ended(process: subprocess.Popen[bytes], start: float) -> float:
    seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(process.stderr.read().decode() if process.stderr else "failed")
    return seconds


def ours(root: Path, out: Path, images: int, workers: int) -> list[str]:
    """Return our command: the paper's proportions of the splits, and its crowd of three."""
    part = images // 7
    sizes = ["--train", str(images - 2 * part), "--val", str(part), "--test", str(part)]
    where = ["--out", str(out), "--digits-root", str(root)]
    return [*COMMAND, *sizes, *where, "--workers", str(workers)]


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):6.2f} ({min(values):.2f} to {max(values):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("digits_root", type=Path)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    root = asked.digits_root.resolve()
    images, rounds, many = (2_000, 1, 4_000) if asked.quick else (20_000, 3, 100_000)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set"
        rival = [sys.executable, str(HERE / "rival_compose.py"), str(root), str(out), str(images)]
        script = Path(folder) / "same_work.py"
        script.write_text(SAME_WORK)
        same = [sys.executable, str(script), str(root), str(out), str(images)]
        seconds: dict[str, list[float]] = {}
        for _ in range(rounds):
            for name, command, cores in (
                ("rival, 1 process", rival, "0"),
                ("same work, 1 process", [*same, "1"], "0"),
                ("same work, 2", [*same, "2"], "0,1"),
                ("all, 1 process", ours(root, out, images, 1), "0"),
                ("all, 2 processes", ours(root, out, images, 2), "0,1"),
            ):
                seconds.setdefault(name, []).append(timed(command, out, cores))
                subprocess.run(["sync"], check=True)
        print(f"{images:,} images, {rounds} rounds: seconds, median (range)")
        for name, values in seconds.items():
            ratio = [a / b for a, b in zip(seconds["rival, 1 process"], values, strict=True)]
            rate = images / statistics.median(values)
            print(f"  {name:20} {spread(values)}  {rate:6,.0f} images/s  ratio {spread(ratio)}")
        not_the_same(rival, [*same, "1"], out, rounds)
        paper = [timed(ours(root, out, 7_000, 2), out, "0,1") for _ in range(rounds)]
        print(f"paper preset, 7,000 images, 3 raters, 2 processes: {spread(paper)} s")
        print("peak memory, all processes (what they share counts in each):")
        for size in (many // 5, many):
            took, peak = weighed(ours(root, out, size, 2), out, "0,1")
            print(f"  {size:7,} images: {peak:4.0f} MB, {took:.1f} s")


if __name__ == "__main__":
    main()
