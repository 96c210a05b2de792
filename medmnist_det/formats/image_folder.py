"""Folders of images that come without a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from medmnist_det.errors import InputError
from medmnist_det.files import naming
from medmnist_det.labels import Images

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


def image_table(folder: Path) -> Images:
    """Return the table of all images in a folder, in the order of their names, ids from 1.

    Raises InputError where there is no such folder, no image, or a file that is none.
    """
    from PIL import Image, UnidentifiedImageError

    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; images lie there")
    names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    if not names:
        raise InputError(f"{folder}: holds no image ({', '.join(_SUFFIXES)})")
    sizes = []
    for name in names:
        with naming(folder / name):
            try:
                with Image.open(folder / name) as image:
                    sizes.append(image.size)
            except UnidentifiedImageError as error:
                raise InputError(f"{folder / name}: is no readable image; remove it") from error
    width, height = np.array(sizes).T
    return Images(
        ids=tuple(range(1, len(names) + 1)), names=tuple(names), width=width, height=height
    )
