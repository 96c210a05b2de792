"""How many boxes a second simulated annotators draw, on one core; and what p comes to.

    taskset -c 0 python benchmarks/simulate.py
    python benchmarks/simulate.py --diagonals       what an annotator gets right, by p and by preset

20,000 images of 2.2 objects, three annotators of the paper's matrices; median and range of rounds.
Then the presets, by CPU time: 20,000 images each, looks of digits (family ``instance``) included.
Then, by p, how many of the boxes proposed by ``iou_noise`` are accepted, for boxes in the middle of
an image, in its corner, tiny ones, and the whole image.

``--diagonals`` draws the matrices alone, with a hundred seeds: the mean diagonal (the probability
that an object is found and named right) and the mean of the last column (that it is missed).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from annotators.simulate import box_noise
from annotators.simulate.annotator import draw_annotators
from annotators.simulate.crowd import annotate, simulate
from annotators.simulate.options import BOX_NOISES, AnnotatorOptions
from annotators.simulate.presets import PRESETS, crowd_options
from medmnist_det.labels import Images, Labels
from medmnist_det.scenes.digits import load_digits
from medmnist_det.scenes.looks import Looks

IMAGES, ROUNDS = 20_000, 15
SEEDS = 100


def truth(rng: np.random.Generator) -> Labels:
    count = rng.integers(1, 10, IMAGES) * (rng.random(IMAGES) >= 0.55)
    side = rng.integers(7, 75, (count.sum(), 2))
    corner = rng.integers(0, 320 - side + 1)
    return Labels(
        images=IMAGES,
        image=np.repeat(np.arange(IMAGES), count),
        box=np.concatenate([corner, corner + side], axis=1).astype(np.float64),
        label=rng.integers(0, 10, len(side)),
    )


def diagonals() -> None:
    print(f"{SEEDS} seeds; the range is that of the crowds' means\n")
    print(f"{'family random, 3 annotators':46}{'mean diagonal':>24}{'smallest':>10}{'missed':>8}")
    for p in (0.0, 0.2, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0):
        print(f"{f'p = {p:g}':46}{realised(crowd_options(proficiency=[p]))}")
    print(f"\n{'preset, and who of it':46}{'mean diagonal':>24}{'smallest':>10}{'missed':>8}")
    for preset in PRESETS:
        everybody = crowd_options(preset)
        kinds = groupby(everybody, key=lambda one: (one.family, preset == "radiology" or one))
        for (family, _), group in kinds:
            some = tuple(group)
            p = f"{some[0].proficiency:g}" + (
                f"-{some[-1].proficiency:g}" if preset == "radiology" else ""
            )
            print(f"{f'{preset}: {len(some)} {family}, p = {p}':46}{realised(some)}")


def realised(crowd: Sequence[AnnotatorOptions]) -> str:
    """Return what crowds of these annotators come to: means over seeds, and their range."""
    right, least, missed = [], [], []
    for seed in range(SEEDS):
        matrices = np.stack([one.matrix for one in draw_annotators(crowd, 10, seed)])[:, :-1]
        diagonal = matrices.diagonal(axis1=1, axis2=2)
        right.append(diagonal.mean())
        least.append(diagonal.min())
        missed.append(matrices[:, :, -1].mean())
    spread = f"{np.mean(right):.3f} ({min(right):.3f} to {max(right):.3f})"
    return f"{spread:>24}{np.mean(least):10.3f}{np.mean(missed):8.3f}"


def speed() -> None:
    labels = truth(np.random.default_rng(0))
    size = np.full(IMAGES, 320)
    ids = tuple(range(IMAGES))
    images = Images(ids=ids, names=tuple(map(str, ids)), width=size, height=size)
    print(f"{'noise':10}{'p':>5}{'million boxes/s, median (range)':>36}")
    for noise in BOX_NOISES:
        for p in (0.5, 0.8, 0.95):
            options = crowd_options(box_noise=[noise], proficiency=[p])
            annotators = draw_annotators(options, 10, 0)
            rates = []
            for _ in range(ROUNDS):
                start = time.perf_counter()
                drawn = simulate(labels, images, annotators, 0, "train")
                rates.append(len(drawn) / (time.perf_counter() - start) / 1e6)
            spread = f"{statistics.median(rates):.2f} ({min(rates):.2f} to {max(rates):.2f})"
            print(f"{noise:10}{p:5g}{spread:>36}")
    presets(labels, images)
    print("\nshare of proposals that iou_noise accepts")
    cases = {
        "middle": (100, 100, 130, 139),
        "corner": (0, 0, 30, 39),
        "1x5 px": (160, 160, 161, 165),
        "whole": (0, 0, 320, 320),
    }
    print(f"{'p':>5}" + "".join(f"{name:>9}" for name in cases))
    for p in (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 0.95, 0.99):
        shares = [accepted(box, p) for box in cases.values()]
        print(f"{p:5g}" + "".join(f"{share:9.1%}" for share in shares))


def presets(labels: Labels, images: Images) -> None:
    """Print the rates of all presets, from truth and digits to labels and what is behind them."""
    digits = load_digits("optdigits")
    digit = np.random.default_rng(0).integers(0, len(digits.labels["train"]), len(labels))
    drawn = replace(labels, label=digits.labels["train"][digit])
    print(f"\n{'preset':22}{'million boxes/s of CPU time, median (range)':>46}")
    for preset in PRESETS:
        annotators = draw_annotators(crowd_options(preset), 10, 0)
        rates = []
        for _ in range(5):
            start = time.process_time()
            looks = Looks.of(digits, "train", digit)
            made = annotate(drawn, images, annotators, 0, "train", looks=looks)
            rates.append(len(made.labels) / (time.process_time() - start) / 1e6)
        spread = f"{statistics.median(rates):.2f} ({min(rates):.2f} to {max(rates):.2f})"
        print(f"{preset:22}{spread:>46}", flush=True)


def accepted(box: tuple[int, ...], p: float, boxes: int = 20_000) -> float:
    proposed = 0
    snap = box_noise.snap

    def counting(drawn: np.ndarray) -> np.ndarray:
        nonlocal proposed
        proposed += len(drawn)
        return snap(drawn)

    box_noise.snap = counting  # every proposal passes through it once
    try:
        true = np.tile(np.array(box, dtype=np.float64), (boxes, 1))
        box_noise.iou_noise(true, np.full((boxes, 2), 320.0), p, np.random.default_rng(0))
    finally:
        box_noise.snap = snap
    return boxes / proposed


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--diagonals", action="store_true")
    (diagonals if parser.parse_args().diagonals else speed)()
