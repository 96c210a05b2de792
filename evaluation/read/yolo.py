"""Reading YOLO text folders: one file an image, one line a box, sizes relative to the image."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np

from evaluation.problem import Boxes, Truth
from medmnist_det.errors import InputError, shown
from medmnist_det.files import naming

_LINE = "lines are: class x_center y_center width height score, all but the class within 0 to 1"


def read_yolo(folder: Path, truth: Truth) -> Boxes:
    """Return the boxes of a folder of ``<stem of the image>.txt`` files with six numbers a line.

    The class is counted from 0 in ascending order of category ids. An image without a file, or
    with an empty one, has no box. Raises InputError for a truth that does not say how large its
    images are, for files that belong to no image, and for lines that are not predictions.
    """
    if truth.sizes is None:
        raise InputError(
            f"{truth.source}: does not say how large its images are, which YOLO's relative boxes "
            "need; add width and height to its images"
        )
    row_of = _rows_by_stem(truth)
    with naming(folder):
        files = [file for file in folder.iterdir() if file.suffix.lower() == ".txt"]
    files.sort(key=lambda file: (file.stem, file.name))
    if not files:
        raise InputError(f"{folder}: holds no .txt file; name the folder of the label files")
    twice = [(a, b) for a, b in pairwise(files) if a.stem == b.stem]
    if twice:
        raise InputError(
            f"{folder}: {twice[0][0].name} and {twice[0][1].name} are of one image; remove one"
        )
    strange = [file.name for file in files if file.stem not in row_of]
    if strange:
        raise InputError(
            f"{folder}: {len(strange):,} of {len(files):,} files belong to no image of "
            f"{truth.source} (first: {strange[0]}); name the truth that they were made for"
        )
    images, rows = [], []
    for file in files:
        with naming(file):
            text = file.read_text(encoding="utf-8", errors="replace")
        lines = [(k, line) for k, line in enumerate(text.splitlines(), start=1) if line.strip()]
        numbers = [_numbers(file, k, line, len(truth.classes)) for k, line in lines]
        _refuse_copies(file, [k for k, _ in lines], numbers)
        rows += numbers
        images += [row_of[file.stem]] * len(lines)
    return _boxes(np.array(images, dtype=np.int64), np.array(rows).reshape(-1, 6), truth)


def _rows_by_stem(truth: Truth) -> dict[str, int]:
    stems = [PurePosixPath(name).stem for name in truth.names]
    rows = {stem: k for k, stem in enumerate(stems)}
    if len(rows) < len(stems):
        twice = next(stem for k, stem in enumerate(stems) if rows[stem] != k)
        raise InputError(
            f"{truth.source}: several images are called {twice!r}, so that text files cannot tell "
            "them apart; give the predictions as COCO results"
        )
    return rows


def _numbers(file: Path, k: int, line: str, classes: int) -> list[float]:
    try:
        numbers = [float(word) for word in line.split()]
    except ValueError:
        raise InputError(
            f"{file}, line {k}: {shown(line.strip())} is no row of numbers; {_LINE}"
        ) from None
    if len(numbers) == 5:
        raise InputError(f"{file}, line {k}: has no score; write it as the sixth number")
    if len(numbers) != 6:
        raise InputError(f"{file}, line {k}: has {len(numbers)} numbers, not six; {_LINE}")
    if not np.isfinite(numbers).all():
        raise InputError(f"{file}, line {k}: {shown(line.strip())} is not finite; {_LINE}")
    if min(numbers[3:5]) < 0:
        raise InputError(f"{file}, line {k}: has a negative size ({min(numbers[3:5])}); {_LINE}")
    if max(numbers[1:5]) > 2 or min(numbers[1:3]) < -1:
        # Boxes may reach a little over the edge; a centre a whole width beyond it is pixels.
        raise InputError(f"{file}, line {k}: {shown(line.strip())} seems to be in pixels; {_LINE}")
    if numbers[0] not in range(classes):
        raise InputError(
            f"{file}, line {k}: class {numbers[0]:g} is not among 0 to {classes - 1}; classes are "
            "counted from 0 in the order of the truth's category ids"
        )
    return numbers


def _refuse_copies(file: Path, lines: list[int], rows: list[list[float]]) -> None:
    seen: dict[tuple[float, ...], int] = {}
    for k, row in zip(lines, rows, strict=True):
        before = seen.setdefault(tuple(row), k)
        if before != k:
            raise InputError(f"{file}, line {k}: repeats line {before}; remove the copy")


def _boxes(image: np.ndarray, rows: np.ndarray, truth: Truth) -> Boxes:
    sizes = np.tile(np.asarray(truth.sizes)[image].reshape(-1, 2), 2)
    middle_and_side = rows[:, 1:5] * sizes
    bbox = np.concatenate(
        [middle_and_side[:, :2] - middle_and_side[:, 2:] / 2, middle_and_side[:, 2:]], axis=1
    )
    by_id = np.argsort(truth.classes.ids)
    return Boxes.of(
        image=image, bbox=bbox, label=by_id[rows[:, 0].astype(np.int64)], score=rows[:, 5]
    )
