"""What other libraries hold arrays in, as numbers of our own."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from medmnist_det.errors import InputError, shown


def as_array(values: Any) -> np.ndarray:
    """Return anything like an array as float64 numbers that nobody else can change.

    Tensors may lie on any device, be of any precision and take part in training. Raises ValueError
    for torchvision's boxes in another format than XYXY, and for what holds no numbers.
    """
    form = getattr(getattr(values, "format", None), "name", "XYXY")
    if form != "XYXY":
        raise ValueError(f"boxes are in the format {form}; convert them to XYXY")
    if isinstance(values, list | tuple):
        tensors = any(hasattr(value, "detach") for value in values)
        return np.array([*map(as_array, values)] if tensors else values, dtype=np.float64)
    # A tensor that takes part in training, or lies on a device, has to come home first; numpy has
    # no bfloat16 and other short floats.
    if hasattr(values, "detach"):
        values = values.detach().cpu().double().numpy()
    return np.array(values, dtype=np.float64)


def as_boxes(values: Any, where: str) -> np.ndarray:
    """Return boxes as an array of shape (n, 4); no box at all may have any shape.

    Raises InputError that begins with ``where`` for what is none.
    """
    try:
        box = as_array(values)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where} are no numbers in the shape (n, 4) ({shown(error)})") from error
    box = box.reshape(-1, 4) if box.size == 0 else box
    if box.ndim != 2 or box.shape[1] != 4:
        raise InputError(f"{where} have shape {box.shape}, not (n, 4)")
    return box


def needed(package: str, what: str) -> Any:
    """Return a package that only ``what`` needs. Raises ImportError that says how to get it."""
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise ImportError(
            f"{what} needs the package {package!r}, which is not installed here: "
            f"pip install {package}"
        ) from error
