"""What other libraries hold arrays in, as numbers of our own."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np


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
