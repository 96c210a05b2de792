"""Images as the network takes them: grey, in one size, in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from medmnist_det.errors import InputError
from medmnist_det.files import inside
from medmnist_det.formats.image_folder import image_table
from medmnist_det.formats.png import read_grey
from medmnist_det.labels import Images

if TYPE_CHECKING:
    from jaxtyping import Int, UInt8
    from torch import Tensor

# Side of the squares that every size of network takes.
_MULTIPLE = 32


def padded_size(table: Images) -> Int[np.ndarray, "n 2"]:
    """Return height and width of every image as the network takes it alone: multiples of 32."""
    sides = np.stack([table.height, table.width], axis=1)
    return -(-sides // _MULTIPLE) * _MULTIPLE


def read_images(
    folder: Path, table: Images, progress: Callable[[int], None] = lambda _: None
) -> UInt8[Tensor, "n 1 h w"]:
    """Return grey images, padded with black on the right and below to the size that all fit in.

    Height and width are multiples of 32. ``progress`` is told how many were read since the last
    call. Raises InputError for what is no whole image, or has not the size that the table says.
    """
    height, width = padded_size(table).max(axis=0, initial=_MULTIPLE)
    images = np.zeros((len(table), 1, height, width), dtype=np.uint8)
    for k, name in enumerate(table.names):
        grey = read_grey(inside(folder, name))
        expected = (table.height[k], table.width[k])
        if grey.shape != expected:
            raise InputError(
                f"{folder / name}: has {grey.shape[1]}x{grey.shape[0]} pixels, not "
                f"{expected[1]}x{expected[0]} as its labels say; generate it again"
            )
        images[k, 0, : grey.shape[0], : grey.shape[1]] = grey
        progress(1)
    return torch.from_numpy(images)


def named_images(folder: Path) -> Images:
    """Return the images of a folder in the order of their names, with ids that tell them apart.

    Where every name is a whole number (``000012.png``) that number is the image's id; else all ids
    are file names. Raises InputError for a folder without images.
    """
    table = image_table(folder)
    stems = [Path(name).stem for name in table.names]
    # Ids in a results list are numbers of 64 bits.
    numbered = all(stem.isdecimal() and len(stem) <= 18 for stem in stems)
    ids = tuple(map(int, stems)) if numbered else table.names
    if len(set(ids)) < len(ids):
        raise InputError(f"{folder}: two images have the same number as name; rename one")
    return replace(table, ids=ids)
