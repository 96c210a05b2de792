"""YOLO text folders as boxes to score; the lines themselves are read in medmnist_det.formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evaluation.problem import Boxes, Truth
from medmnist_det.errors import InputError
from medmnist_det.files import naming
from medmnist_det.formats.names import by_stem
from medmnist_det.formats.yolo import read_lines


def read_yolo(folder: Path, truth: Truth) -> Boxes:
    """Return the boxes of a folder of ``<stem of the image>.txt`` files with six numbers a line.

    The class is counted from 0 in ascending order of category ids. An image without a file, or
    with an empty one, has no box. Raises InputError for a truth that does not say how large its
    images are, for a folder without text files, for files that belong to no image, and for lines
    that are not predictions.
    """
    if truth.sizes is None:
        raise InputError(
            f"{truth.source}: does not say how large its images are, which YOLO's relative boxes "
            "need; add width and height to its images"
        )
    with naming(folder):
        if not any(file.suffix.lower() == ".txt" for file in folder.iterdir()):
            raise InputError(f"{folder}: holds no .txt file; name the folder of the label files")
    found = read_lines(folder, by_stem(truth.source, truth.names), len(truth.classes), scored=True)
    sides = np.tile(truth.sizes[found.image].reshape(-1, 2), 2)
    bbox = found.middle_and_side * sides
    bbox[:, :2] -= bbox[:, 2:] / 2
    by_id = np.argsort(truth.classes.ids)
    score = np.zeros(0) if found.score is None else found.score
    return Boxes.of(image=found.image, bbox=bbox, label=by_id[found.label], score=score)
