"""What the formats share: images found by name, ids read from text, images copied along."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from medmnist_det.errors import InputError, shown
from medmnist_det.files import inside, make_folder, naming, regular
from medmnist_det.labels import Images

if TYPE_CHECKING:
    from jaxtyping import Float, Int


def adopt(path: Path, images: Images) -> tuple[Images, Callable[[str, int], int]]:
    """Return a given image table and a function that finds a row of it by id, name or stem."""
    rows: dict[str, int | None] = {}
    stems = (name.removesuffix(PurePosixPath(name).suffix) for name in images.names)
    for names in (map(str, images.ids), images.names, stems):
        found: dict[str, int | None] = {}
        for k, name in enumerate(names):
            found[name] = None if name in found else k
        rows = found | rows

    def find(name: str, line: int) -> int:
        row = rows.get(name, -1)
        if row is None:
            raise InputError(
                f"{path}, line {line}: several of the images given are called {shown(name)}; use "
                "their ids here"
            )
        if row < 0:
            raise InputError(
                f"{path}, line {line}: image {shown(name)} is not among the {len(images)} images "
                "given; name the file that belongs to these labels"
            )
        return row

    return images, find


def by_stem(source: Path | str, names: Iterable[str]) -> dict[str, int]:
    """Return the row of every image by its name without folder and suffix.

    ``source`` is whose images these are. Raises InputError where two share a stem: labels in a
    file an image could not tell them apart.
    """
    rows: dict[str, int] = {}
    for k, name in enumerate(names):
        stem = PurePosixPath(name).stem
        if rows.setdefault(stem, k) != k:
            raise InputError(
                f"{source}: several images are called {shown(stem)}, so that files of this name "
                "cannot tell them apart; rename one, or use COCO"
            )
    return rows


# Digits of a number that a column of 64 bits holds whatever they are.
_DIGITS = 18


def numbered(names: Collection[str]) -> tuple[int | str, ...]:
    """Return the names in their order: as whole numbers where all are some."""
    if all(name.isdecimal() and len(name) <= _DIGITS and str(int(name)) == name for name in names):
        return tuple(map(int, names))
    return tuple(names)


def refuse_outside(
    images: Images,
    image: Int[np.ndarray, " n"],
    box: Float[np.ndarray, "n 4"],
    slack: float,
    where: Callable[[int], str],
) -> None:
    """Raise InputError about the first box that leaves its image by more than ``slack`` pixels."""
    size = np.stack([images.width, images.height], axis=1)[image].reshape(-1, 2)
    outside = (box[:, :2] < -slack).any(axis=1) | (box[:, 2:] > size + slack).any(axis=1)
    if outside.any():
        k = int(np.argmax(outside))
        corners = ", ".join(f"{value:.10g}" for value in box[k])
        raise InputError(
            f"{where(k)}: the box from x, y to x, y of {corners} leaves its image of "
            f"{size[k, 0]}x{size[k, 1]} pixels ({int(outside.sum()):,} such boxes); clip or remove "
            "them"
        )


def refuse_names(target: Path, what: str, names: Iterable[object]) -> None:
    """Raise InputError about a name that is empty or holds a line break or the like."""
    for name in map(str, names):
        if not name or any(unicodedata.category(sign) in ("Cc", "Zl", "Zp") for sign in name):
            wrong = "holds a control character" if name else "is empty"
            raise InputError(
                f"{target}: the name {shown(name)} of {what} {wrong}, which would not come back "
                "from there; rename it, or use COCO"
            )


def copy_images(source: Path, target: Path, images: Images) -> tuple[str, ...]:
    """Copy the images of a table into one flat folder and return their names there.

    Raises InputError for a missing image, for names that lead out of ``source``, that would
    overwrite one another without their folders, or that a list of names cannot hold, and when the
    disk refuses.
    """
    files = [inside(source, name) for name in images.names]
    names = tuple(file.name for file in files)
    refuse_names(target, "an image", names)
    if len({Path(name).stem for name in names}) < len(names):
        raise InputError(f"{target}: two images would share a name there; rename one of them")
    make_folder(target)
    for file, name in zip(files, names, strict=True):
        with naming(regular(file)):
            content = file.read_bytes()
        with naming(target / name):
            (target / name).write_bytes(content)
    return names
