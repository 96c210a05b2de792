"""Does the composer make what was published? Distances between our labels and MED-MNIST's.

    python benchmarks/published_statistics.py ../shared/data --seeds 10

Prints the two-sample Kolmogorov-Smirnov distance of box widths, box heights and digits per image,
and the share of empty images and of near overlaps, of 4,000 composed images against the published
training labels: mean and range over the seeds, with the distance that two samples of one law would
exceed once in twenty times.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np

from medmnist_det.boxes import pairwise_iou
from medmnist_det.formats.vindr_csv import read_csv
from medmnist_det.labels import Labels, stack
from medmnist_det.scenes.composer import BLOCK, SceneOptions, compose_block
from medmnist_det.scenes.digits import load_digits

IMAGES = 4000


def composed(
    digits_root: Path, seed: int, images: int = IMAGES, options: SceneOptions | None = None
) -> Labels:
    digits = load_digits("mnist", digits_root)
    counts = [min(BLOCK, images - first) for first in range(0, images, BLOCK)]
    return stack(
        [
            compose_block(options or SceneOptions(), digits, seed, "train", block, count).labels
            for block, count in enumerate(counts)
        ]
    )


def published(digits_root: Path, split: str = "train") -> Labels:
    return read_csv(digits_root / "reference" / "SimMNIST" / f"{split}.csv").labels


def columns(labels: Labels) -> dict[str, np.ndarray]:
    side = labels.box[:, 2:] - labels.box[:, :2]
    count = np.diff(labels.starts)
    return {"box width": side[:, 0], "box height": side[:, 1], "digits per image": count}


def ks_distance(a: np.ndarray, b: np.ndarray) -> float:
    at = np.concatenate([a, b])
    below = [np.searchsorted(np.sort(x), at, side="right") / len(x) for x in (a, b)]
    return float(np.abs(below[0] - below[1]).max())


def overlaps(labels: Labels) -> np.ndarray:
    """Return the IoU of every pair of boxes of one image that overlap at all."""
    found = []
    for first, last in pairwise(labels.starts.tolist()):
        boxes = labels.box[first:last]
        found.append(pairwise_iou(boxes, boxes)[np.triu_indices(last - first, 1)])
    every = np.concatenate(found)
    return every[every > 0]


def distances(
    theirs: Labels, root: Path, seeds: int, options: SceneOptions | None = None
) -> dict[str, list[float]]:
    """Return by name what differs, seed by seed; "ours" and "chance" beside each name."""
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        ours = composed(root, seed, options=options)
        for (name, a), b in zip(columns(ours).items(), columns(theirs).values(), strict=True):
            found.setdefault(name, []).append(ks_distance(a, b))
            found.setdefault(f"{name}, ours", []).append(float(a.mean()))
            chance = 1.358 * np.sqrt(1 / len(a) + 1 / len(b))
            found.setdefault(f"{name}, chance", []).append(float(chance))
        for name, share in (("empty share", empty_share), ("overlaps > .2", near_share)):
            found.setdefault(name, []).append(abs(share(ours) - share(theirs)))
            found.setdefault(f"{name}, ours", []).append(share(ours))
    return found


def empty_share(labels: Labels) -> float:
    return float((np.diff(labels.starts) == 0).mean())


def near_share(labels: Labels) -> float:
    return float((overlaps(labels) > 0.2).mean())


def spread(values: list[float]) -> str:
    return f"{np.mean(values):.4f} ({min(values):.4f} to {max(values):.4f})"


def main(root: Path, seeds: int) -> None:
    theirs = published(root)
    found = distances(theirs, root, seeds)
    means = {name: float(column.mean()) for name, column in columns(theirs).items()}
    means |= {"empty share": empty_share(theirs), "overlaps > .2": near_share(theirs)}
    print(f"{seeds} seeds, {IMAGES:,} images each: mean (range)")
    print(f"{'':18}{'distance':>28}{'ours':>34}{'published':>12}{'chance 5%':>11}")
    for name, value in means.items():
        chance = found.get(f"{name}, chance")
        limit = "" if chance is None else f"{np.mean(chance):11.4f}"
        ours = spread(found[f"{name}, ours"])
        print(f"{name:18}{spread(found[name]):>28}{ours:>34}{value:12.4f}{limit}")
    print("\ndistance of box heights by the smallest cell")
    for low in (10, 11, 12, 15):
        height = distances(theirs, root, seeds, SceneOptions(side=(low, 99)))["box height"]
        print(f"  {low:2}..99 px {spread(height)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    asked = parser.parse_args()
    main(asked.shared, asked.seeds)
