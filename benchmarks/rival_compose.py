"""A faithful stand-in for hukkelas/MNIST-ObjectDetection, the generator that people use today.

Written anew from its algorithm, with its library calls: one scene at a time, cv2.resize on float32,
a Python loop over rows and columns for the tight box, clipping of the whole canvas after every
digit, cv2.imwrite with default settings, and a text file of labels for every image. Only the law of
the scenes is MED-MNIST's, so that both sides do the same work: 55% of the images are empty, the
others hold 1..9 digits of 10..99 pixels on 320x320. ``--without-text`` leaves the text files out,
so that their share can be measured.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np


def iou(a: list[int], b: list[int]) -> float:
    if a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]:
        return 0.0
    inside = (min(a[2], b[2]) - max(a[0], b[0])) * (min(a[3], b[3]) - max(a[1], b[1]))
    return inside / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inside)


def first_ink(lines: np.ndarray) -> int:
    for k in range(len(lines)):
        if lines[k].sum() != 0:
            return k
    return len(lines)


def tight_box(digit: np.ndarray, x: int, y: int) -> list[int]:
    side = len(digit)
    return [
        x + first_ink(digit.T),
        y + first_ink(digit),
        x + side - first_ink(digit.T[::-1]),
        y + side - first_ink(digit[::-1]),
    ]


def main(digits_root: Path, out: Path, images: int, text: bool) -> None:
    import gzip

    raw = digits_root / "MNIST" / "raw"
    pool = np.frombuffer(
        gzip.decompress((raw / "train-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16
    ).reshape(-1, 28, 28)
    labels = np.frombuffer(
        gzip.decompress((raw / "train-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8
    )
    (out / "images").mkdir(parents=True)
    (out / "labels").mkdir()
    np.random.seed(0)  # noqa: NPY002 - as the original draws
    draw = np.random.randint
    for image_id in range(images):
        canvas = np.zeros((320, 320), dtype=np.float32)
        found: list[tuple[int, list[int]]] = []
        count = draw(1, 10) if np.random.rand() >= 0.55 else 0  # noqa: NPY002
        for _ in range(count):
            while True:
                side = draw(10, 100)
                x, y = draw(0, 320 - side), draw(0, 320 - side)
                cell = [x, y, x + side, y + side]
                if max([0.0, *(iou(cell, box) for _, box in found)]) < 0.25:
                    break
            index = draw(0, len(pool))
            digit = cv2.resize(pool[index].astype(np.float32), (side, side))
            found.append((int(labels[index]), tight_box(digit, x, y)))
            canvas[y : y + side, x : x + side] += digit
            canvas[canvas > 255] = 255
        cv2.imwrite(str(out / "images" / f"{image_id}.png"), canvas.astype(np.uint8))
        if not text:
            continue
        with (out / "labels" / f"{image_id}.txt").open("w") as file:
            file.write("label,xmin,ymin,xmax,ymax\n")
            for label, box in found:
                file.write(f"{label}," + ",".join(map(str, box)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), "--without-text" not in sys.argv)
