"""How many boxes a second simulated annotators draw, on one core.

    taskset -c 0 python benchmarks/simulate.py

20,000 images of 2.2 objects, three annotators of the paper's matrices; median and range of rounds.
Then, by p, how many of the boxes proposed by ``iou_noise`` are accepted, for boxes in the middle of
an image, in its corner, tiny ones, and the whole image.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from annotators import box_noise
from annotators.simulate.crowd import draw_annotators, simulate
from annotators.simulate.options import crowd_options
from medmnist_det.labels import Images, Labels

IMAGES, ROUNDS = 20_000, 15


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


def main() -> None:
    labels = truth(np.random.default_rng(0))
    size = np.full(IMAGES, 320)
    ids = tuple(range(IMAGES))
    images = Images(ids=ids, names=tuple(map(str, ids)), width=size, height=size)
    print(f"{'noise':10}{'p':>5}{'million boxes/s, median (range)':>36}")
    for noise in ("iou", "gaussian", "biased"):
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
    main()
