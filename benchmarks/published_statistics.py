"""Does the composer make what was published? Distances between our labels and MED-MNIST's.

    python benchmarks/published_statistics.py ../shared/data

Prints the two-sample Kolmogorov-Smirnov distance of box widths, box heights and digits per image,
and the share of empty images, of 4,000 composed images against the published training labels, with
the distance that two samples of one law would exceed once in twenty times.
"""

from __future__ import annotations

import sys
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


def main(root: Path) -> None:
    theirs = published(root)
    print(f"{'':18}{'distance':>10}{'ours':>10}{'published':>10}{'chance 5%':>10}")
    for seed in range(3):
        ours = composed(root, seed)
        for (name, a), b in zip(columns(ours).items(), columns(theirs).values(), strict=True):
            chance = 1.358 * np.sqrt(1 / len(a) + 1 / len(b))
            means = f"{a.mean():10.2f}{b.mean():10.2f}"
            print(f"{name:18}{ks_distance(a, b):10.4f}{means}{chance:10.4f}  seed {seed}")
        empty = [float((np.diff(labels.starts) == 0).mean()) for labels in (ours, theirs)]
        print(f"{'empty share':18}{abs(empty[0] - empty[1]):10.4f}{empty[0]:10.4f}{empty[1]:10.4f}")
        near = [float((overlaps(labels) > 0.2).mean()) for labels in (ours, theirs)]
        print(f"{'overlaps > .2':18}{abs(near[0] - near[1]):10.4f}{near[0]:10.4f}{near[1]:10.4f}")
    print("\ndistance of box heights by the smallest cell")
    height = columns(theirs)["box height"]
    for low in (10, 11, 12, 15):
        ours = composed(root, 0, options=SceneOptions(side=(low, 99)))
        print(f"  {low:2}..99 px {ks_distance(columns(ours)['box height'], height):.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
