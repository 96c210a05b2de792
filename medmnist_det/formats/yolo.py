"""YOLO text files: one line a box, ``class cx cy width height [score]`` in shares of the image.

DIR/data.yaml                 names of the classes, where the splits are
DIR/images/SPLIT/000001.png
DIR/labels/SPLIT/000001.txt   empty where nothing is
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medmnist_det.boxes import snap
from medmnist_det.errors import InputError, shown
from medmnist_det.files import make_folder, naming, read_text, regular, write_atomically
from medmnist_det.formats.image_folder import image_table
from medmnist_det.formats.names import by_stem, copy_images, refuse_outside
from medmnist_det.formats.yolo_yaml import class_names
from medmnist_det.labels import Classes, Labels, LabelSet

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

_LINE = "lines are: class x_center y_center width height [score], all but the class within 0 to 1"


def write_yolo(folder: Path, split: str, label_set: LabelSet, images: Path) -> None:
    """Write the labels of a split, its images (copied from the folder ``images``) and data.yaml.

    Who drew a box has no place in the format and is left out. Raises InputError.
    """
    import yaml

    names = copy_images(images, folder / "images" / split, label_set.images)
    labels = label_set.labels
    size = np.stack([label_set.images.width, label_set.images.height], axis=1)[labels.image]
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
    for name, first, last in zip(names, labels.starts, labels.starts[1:], strict=False):
        file = out / f"{Path(name).stem}.txt"
        with naming(file):
            file.write_bytes("".join(lines[first:last]).encode())
    splits = sorted(path.name for path in (folder / "images").iterdir())
    # Without a "path" trainers take the folder of this file, from wherever they are started.
    described: dict[str, Any] = {name: f"images/{name}" for name in splits}
    described["names"] = dict(enumerate(label_set.classes.names))
    text = yaml.safe_dump(described, sort_keys=False, allow_unicode=True)
    write_atomically(folder / "data.yaml", [text.encode()])


def read_yolo(folder: Path, split: str, like: LabelSet | None = None) -> LabelSet:
    """Return the labels of a split of a YOLO folder.

    Corners are rounded to the grid of 1/65536 pixel, which undoes the division by the image's size.
    ``like`` gives the tables of images and classes; without it images are the files in
    ``images/SPLIT``, in the order of their names, and classes come from data.yaml. An image without
    a text file has no box. A line that repeats another is a box of its own, as two raters may have
    drawn it. Raises InputError that names the file and the line, also for boxes that reach out of
    their image by more than a pixel, which is more than rounding does.
    """
    images = image_table(folder / "images" / split) if like is None else like.images
    classes = _read_classes(folder / "data.yaml") if like is None else like.classes
    out = folder / "labels" / split
    if not out.is_dir():
        raise InputError(f"{out}: no such folder; YOLO labels lie in labels/SPLIT")
    found = read_lines(out, by_stem(folder, images.names), len(classes))
    found.refuse((found.middle_and_side[:, 2:] == 0).any(axis=1), "has no area")
    size = np.stack([images.width, images.height], axis=1)[found.image]
    half = found.middle_and_side[:, 2:] / 2
    middle = found.middle_and_side[:, :2]
    box = np.concatenate([(middle - half) * size, (middle + half) * size], axis=1)
    refuse_outside(images, found.image, box, 1, found.where)
    labels = Labels.unsorted(
        images=len(images), image=found.image, box=snap(box), label=found.label, score=found.score
    )
    return LabelSet(images=images, classes=classes, labels=labels)


def _read_classes(path: Path) -> Classes:
    names = class_names(path)
    return Classes(ids=tuple(range(1, len(names) + 1)), names=names)


@dataclass(frozen=True, kw_only=True, eq=False)
class Lines:
    """The lines of a folder of text files, in columns, in the order of the files' names."""

    #: Row of the image in the table that the stems came from.
    image: Int[np.ndarray, " n"]
    #: Class, counted from 0.
    label: Int[np.ndarray, " n"]
    #: Centre and size in shares of the image's width and height.
    middle_and_side: Float[np.ndarray, "n 4"]
    #: None: no line has one.
    score: Float[np.ndarray, " n"] | None
    #: File and number of every line, for messages.
    source: list[tuple[Path, int]]

    def where(self, k: int) -> str:
        """Return how a message names row k."""
        return f"{self.source[k][0]}, line {self.source[k][1]}"

    def refuse(self, bad: Bool[np.ndarray, " n"], complaint: str) -> None:
        """Raise InputError about the first bad line, if there is one."""
        if bad.any():
            k = int(np.argmax(bad))
            numbers = " ".join(f"{value:g}" for value in self.middle_and_side[k])
            raise InputError(f"{self.where(k)}: the box {numbers} {complaint}; {_LINE}")


def read_lines(
    folder: Path, stems: dict[str, int], classes: int, *, scored: bool | None = None
) -> Lines:
    """Return the lines of all text files in a folder; ``stems`` gives the image of each.

    ``scored`` asks for a score in every line; None leaves it to the files, whose lines are all
    alike then. Every number is finite, no size is negative, and no box lies a whole image away; a
    box may reach over an edge, and lines may repeat each other. Raises InputError for anything
    else, for files that belong to no image, and for what is no file.
    """
    rows: list[list[float]] = []
    source: list[tuple[Path, int]] = []
    image: list[int] = []
    for file in _files(folder, stems):
        # Only line breaks end lines here, so that numbers are those of every editor.
        for k, line in enumerate(read_text(regular(file)).split("\n"), start=1):
            if line.strip():
                rows.append(_numbers(file, k, line, scored))
                source.append((file, k))
                image.append(stems[file.stem])
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    if (lengths != lengths[:1]).any():
        k = int(np.argmax(lengths != lengths[0]))
        now, before = ("a score" if length == 6 else "no score" for length in lengths[[k, 0]])
        raise InputError(
            f"{source[k][0]}, line {source[k][1]}: has {now}, and earlier lines have {before}; "
            "give all one or none"
        )
    numbers = np.array(rows, dtype=np.float64).reshape(len(rows), lengths[0] if rows else 5)
    return _checked(numbers, np.array(image, dtype=np.int64), source, classes)


def _files(folder: Path, stems: dict[str, int]) -> list[Path]:
    with naming(folder):
        files = [file for file in folder.iterdir() if file.suffix.lower() == ".txt"]
    files.sort(key=lambda file: (file.stem, file.name))
    for a, b in pairwise(files):
        if a.stem == b.stem:
            raise InputError(f"{folder}: {a.name} and {b.name} are of one image; remove one")
    strange = [file.name for file in files if file.stem not in stems]
    if strange:
        raise InputError(
            f"{folder}: {len(strange):,} of {len(files):,} files belong to no image (first: "
            f"{strange[0]}); remove them, or name the images that they were made for"
        )
    return files


def _numbers(file: Path, k: int, line: str, scored: bool | None) -> list[float]:
    try:
        numbers = [float(word) for word in line.split()]
    except ValueError:
        raise InputError(
            f"{file}, line {k}: {shown(line.strip())} is no row of numbers; {_LINE}"
        ) from None
    if len(numbers) == 5 and scored:
        raise InputError(f"{file}, line {k}: has no score; write it as the sixth number")
    if len(numbers) not in (5, 6):
        wanted = "six" if scored else "five or six"
        raise InputError(f"{file}, line {k}: has {len(numbers)} numbers, not {wanted}; {_LINE}")
    return numbers


def _checked(
    numbers: Any, image: np.ndarray, source: list[tuple[Path, int]], classes: int
) -> Lines:
    label, shares = numbers[:, 0], numbers[:, 1:5]
    # Class 0 stands in for what is none until it is refused below.
    known = (label >= 0) & (label < classes) & (label == np.floor(label))
    found = Lines(
        image=image,
        label=np.where(known, label, 0).astype(np.int64),
        middle_and_side=shares,
        score=numbers[:, 5] if numbers.shape[1] == 6 else None,
        source=source,
    )
    found.refuse(~np.isfinite(numbers).all(axis=1), "or its score is not finite")
    found.refuse((shares[:, 2:] < 0).any(axis=1), "has a negative size")
    # Boxes may reach a little over the edge; a centre a whole width beyond it is pixels.
    pixels = (shares > 2).any(axis=1) | (shares[:, :2] < -1).any(axis=1)
    found.refuse(pixels, "seems to be in pixels")
    if not known.all():
        k = int(np.argmin(known))
        raise InputError(
            f"{found.where(k)}: class {label[k]:g} is not among 0 to {classes - 1}; classes are "
            "counted from 0 in the order of their table"
        )
    return found
