"""What lies behind the digits: nothing, noise or clouds. Truth and crowd do not depend on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from medmnist_det.labels import Split
from medmnist_det.scenes.resize import resize
from medmnist_det.streams import stream

if TYPE_CHECKING:
    from jaxtyping import UInt8

#: Black as published; every pixel a grey level of its own; clouds of grey.
Background = Literal["black", "noise", "texture"]

# Grey levels of a background: 0 up to below it. Strokes reach 255.
_NOISE, _CLOUDS = 64, 128
# Points each way whose grey levels are drawn; between them clouds are interpolated.
_POINTS = 28


def background(
    kind: Background, canvas: int, seed: int, split: Split, index: int
) -> UInt8[np.ndarray, "canvas canvas"]:
    """Return what lies behind the digits of image ``index`` of a split, counted from 0.

    The same on every machine, whatever else was drawn before.
    """
    if kind == "black":
        return np.zeros((canvas, canvas), dtype=np.uint8)
    rng = stream(seed, "background", split, index)
    if kind == "noise":
        return rng.integers(0, _NOISE, (canvas, canvas), dtype=np.uint8)
    points = rng.integers(0, _CLOUDS, (1, _POINTS, _POINTS), dtype=np.uint8)
    return resize(points, canvas)[0]
