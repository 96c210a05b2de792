"""YOLO text files: one line a box, ``class cx cy width height [score]`` in shares of the image.

DIR/data.yaml                 names of the classes, where the splits are
DIR/images/SPLIT/000001.png
DIR/labels/SPLIT/000001.txt   empty where nothing is
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from medmnist_det.boxes import snap
from medmnist_det.errors import InputError
from medmnist_det.files import make_folder, naming, read_bytes, write_atomically
from medmnist_det.formats.image_folder import image_table
from medmnist_det.formats.names import copy_images, yaml_names
from medmnist_det.labels import Classes, Labels, LabelSet


def write_yolo(folder: Path, split: str, table: LabelSet, images: Path) -> None:
    """Write the labels of a split, its images (copied from the folder ``images``) and data.yaml.

    Who drew a box has no place in the format and is left out. Raises InputError.
    """
    import yaml

    names = copy_images(images, folder / "images" / split, table.images)
    labels = table.labels
    size = np.stack([table.images.width, table.images.height], axis=1)[labels.image]
    middle = (labels.box[:, :2] + labels.box[:, 2:]) / 2 / size
    side = (labels.box[:, 2:] - labels.box[:, :2]) / size
    numbers = [*middle.T, *side.T, *([] if labels.score is None else [labels.score])]
    lines = [
        f"{label} {' '.join(map(repr, row))}\n"
        for label, row in zip(
            labels.label.tolist(), np.stack(numbers, axis=1).tolist(), strict=True
        )
    ]
    out = folder / "labels" / split
    make_folder(out)
    with naming(out):
        for name, first, last in zip(names, labels.starts, labels.starts[1:], strict=False):
            (out / f"{Path(name).stem}.txt").write_text("".join(lines[first:last]))
    splits = sorted(path.name for path in (folder / "images").iterdir())
    # Without a "path" trainers take the folder of this file, from wherever they are started.
    described: dict[str, Any] = {name: f"images/{name}" for name in splits}
    described["names"] = dict(enumerate(table.classes.names))
    text = yaml.safe_dump(described, sort_keys=False, allow_unicode=True)
    write_atomically(folder / "data.yaml", [text.encode()])


def read_yolo(folder: Path, split: str, like: LabelSet | None = None) -> LabelSet:
    """Return the labels of a split of a YOLO folder.

    Corners are rounded to the grid of 1/65536 pixel, which undoes the division by the image's size.
    ``like`` gives the tables of images and classes; without it images are the files in
    ``images/SPLIT``, in the order of their names, and classes come from data.yaml. An image without
    a text file has no box. Raises InputError that names the file and the line.
    """
    images = image_table(folder / "images" / split) if like is None else like.images
    classes = _read_classes(folder / "data.yaml") if like is None else like.classes
    out = folder / "labels" / split
    if not out.is_dir():
        raise InputError(f"{out}: no such folder; YOLO labels lie in labels/SPLIT")
    files = {path.stem: path for path in sorted(out.glob("*.txt"))}
    stray = files.keys() - {Path(name).stem for name in images.names}
    if stray:
        raise InputError(
            f"{files[min(stray)]}: there is no such image ({len(stray)} such files); remove the "
            "file or add the image"
        )
    image, rows = [], []
    for k, name in enumerate(images.names):
        found = _read_lines(files[Path(name).stem], classes) if Path(name).stem in files else []
        image += [k] * len(found)
        rows += found
    if len({len(row) for row in rows}) > 1:
        raise InputError(f"{out}: some lines have a score and some have none; give all one or none")
    numbers = np.array(rows, dtype=np.float64).reshape(len(rows), -1 if rows else 5)
    owner = np.array(image, dtype=np.int64)
    size = np.stack([images.width, images.height], axis=1)[owner]
    half = numbers[:, 3:5] / 2
    box = np.concatenate([(numbers[:, 1:3] - half) * size, (numbers[:, 1:3] + half) * size], axis=1)
    labels = Labels(
        images=len(images),
        image=owner,
        box=snap(box),
        label=numbers[:, 0].astype(np.int64),
        score=numbers[:, 5] if numbers.shape[1] == 6 else None,
    )
    return LabelSet(images=images, classes=classes, labels=labels)


def _read_lines(path: Path, classes: Classes) -> list[list[float]]:
    rows = []
    for k, line in enumerate(read_bytes(path).decode("utf-8", "replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = [float(word) for word in line.split()]
        except ValueError:
            row = []
        if len(row) not in (5, 6) or not np.isfinite(row).all():
            raise InputError(
                f"{path}, line {k}: {line!r} is not 'class cx cy width height [score]' in numbers"
            )
        if row[0] != int(row[0]) or not 0 <= row[0] < len(classes):
            raise InputError(
                f"{path}, line {k}: class {row[0]:g} is not from 0 to {len(classes) - 1}"
            )
        if not (row[3] > 0 and row[4] > 0):
            raise InputError(f"{path}, line {k}: width and height must be above 0")
        rows.append(row)
    return rows


def _read_classes(path: Path) -> Classes:
    names = yaml_names(path)
    return Classes(ids=tuple(range(1, len(names) + 1)), names=names)
