"""Folders of images that come without a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from medmnist_det.errors import InputError, shown
from medmnist_det.files import naming
from medmnist_det.formats.png import picture_size
from medmnist_det.labels import Images

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


def image_table(folder: Path) -> Images:
    """Return the table of all images in a folder, in the order of their names, ids from 1.

    Raises InputError where there is no such folder, no image, a file that is none, or one whose
    name is no text.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; images lie there")
    with naming(folder):
        names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    if not names:
        raise InputError(f"{folder}: holds no image ({', '.join(_SUFFIXES)})")
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"{folder}: the name {shown(name)} is no text in UTF-8; rename that file"
            ) from error
    width, height = np.array([picture_size(folder / name) for name in names]).T
    return Images(
        ids=tuple(range(1, len(names) + 1)), names=tuple(names), width=width, height=height
    )
