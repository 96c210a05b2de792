"""Crowds and truths as callers hold them: written out by hand, and those of a small data set."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Two images with an object each, seen by three raters; nobody drew on the third image.
ROWS = [
    ("a", "ann", "cat", 10, 10, 60, 50),
    ("a", "bob", "cat", 12, 11, 61, 50),
    ("a", "eve", "dog", 11, 9, 60, 52),
    ("b", "ann", "dog", 20, 30, 90, 80),
    ("b", "bob", "dog", 21, 30, 92, 79),
]
COLUMNS = ("image", "rater", "label", "x_min", "y_min", "x_max", "y_max")


def columns() -> dict[str, list[Any]]:
    """The rows as a dictionary of columns."""
    return {name: [row[k] for row in ROWS] for k, name in enumerate(COLUMNS)}


def items() -> list[dict[str, Any]]:
    """The rows as a list of dictionaries, one an image, the empty one included."""
    found = []
    for image in "abc":
        mine = [row for row in ROWS if row[0] == image]
        found.append(
            {
                "image_id": image,
                "boxes": np.array([row[3:] for row in mine], dtype=np.float32).reshape(-1, 4),
                "labels": [row[2] for row in mine],
                "raters": [row[1] for row in mine],
            }
        )
    return found


LOOKED = {"a": ["ann", "bob", "eve"], "b": ["ann", "bob"], "c": ["eve"]}
