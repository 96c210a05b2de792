"""A small label set with pictures, for every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from medmnist_det.formats.png import encode_png
from medmnist_det.labels import Classes, Images, Labels, LabelSet

NAMES = ("a.png", "b b.png", "c.png")


def table(*, crowd: bool = False, names: tuple[str, ...] = ("cat", "big dog")) -> LabelSet:
    """Four boxes on three images of 32x24 pixels, the last of which holds one."""
    box = [[1, 2, 10, 12], [3, 3, 8, 9], [0, 0, 20, 20.5], [5, 5, 6, 6]]
    labels = Labels(
        images=3,
        image=np.array([0, 0, 1, 2]),
        box=np.array(box, dtype=np.float64),
        label=np.array([0, 1, 1, 0]),
        rater=np.array([0, 1, 0, 1]) if crowd else None,
        assigned=np.array([[0, 0], [0, 1], [1, 0], [2, 0], [2, 1]]) if crowd else None,
    )
    images = Images(ids=(1, 2, 3), names=NAMES, width=np.full(3, 32), height=np.full(3, 24))
    return LabelSet(
        images=images,
        classes=Classes(ids=tuple(range(1, len(names) + 1)), names=names),
        labels=labels,
        raters=("R1", "R2") if crowd else None,
    )


def pictures(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in NAMES:
        (folder / name).write_bytes(encode_png(np.full((24, 32), 9, dtype=np.uint8)))
    return folder
