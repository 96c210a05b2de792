"""A list of JSON objects read column by column; complaints name the file and the entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from medmnist_det.boxes import xywh_to_xyxy
from medmnist_det.errors import InputError

_BOX = "boxes are [x, y, width, height] in pixels"


class Entries:
    """One list of a file, read column by column; every complaint names the file and the entry."""

    def __init__(self, path: Path, kind: str, rows: list[Any]) -> None:
        self.path, self.kind, self.rows = path, kind, rows
        for k, row in enumerate(rows):
            if not isinstance(row, dict):
                raise InputError(f"{path}, {kind} {k}: is {row!r}; it must be an object")

    def have(self, key: str) -> bool:
        """Say whether the column is there; one that only some entries have is refused."""
        count = sum(key in row for row in self.rows)
        if 0 < count < len(self.rows):
            self.column(key)
        return count > 0

    def column(self, key: str) -> list[Any]:
        """Return the values under a key that every entry must have."""
        try:
            return [row[key] for row in self.rows]
        except KeyError:
            k = next(k for k, row in enumerate(self.rows) if key not in row)
            raise InputError(f"{self.path}, {self.kind} {k}: has no '{key}'; add it") from None

    def unique(self, key: str) -> tuple[Any, ...]:
        """Return ids: whole numbers or texts, no two alike."""
        values, seen = self.column(key), set()
        for k, value in enumerate(values):
            if not isinstance(value, int | str):
                raise InputError(f"{self.path}, {self.kind} {k}: {key} is {value!r}; give a number")
            if value in seen:
                raise InputError(
                    f"{self.path}, {self.kind} {k}: {key} {value!r} is there twice; make it unique"
                )
            seen.add(value)
        return tuple(values)

    def numbers(self, key: str) -> Float[np.ndarray, " n"]:
        """Return finite numbers."""
        values = self.column(key)
        for k, value in enumerate(values):
            if not isinstance(value, int | float):
                raise InputError(f"{self.path}, {self.kind} {k}: {key} is {value!r}; give a number")
        numbers = np.array(values, dtype=np.float64)
        self.refuse(~np.isfinite(numbers), lambda k: f"{key} is {values[k]}; give a finite number")
        return numbers

    def boxes(self, key: str, *, zero_area: bool) -> Float[np.ndarray, "n 4"]:
        """Return the corners of boxes; a width or height of 0 passes only with ``zero_area``."""
        return xywh_to_xyxy(self.bboxes(key, zero_area=zero_area))

    def bboxes(self, key: str, *, zero_area: bool) -> Float[np.ndarray, "n 4"]:
        """Return ``[x, y, width, height]`` bit for bit as the file has it."""
        values = self.column(key)
        for k, value in enumerate(values):
            if not (
                isinstance(value, list)
                and len(value) == 4
                and all(isinstance(number, int | float) for number in value)
            ):
                raise InputError(f"{self.path}, {self.kind} {k}: {key} is {value!r}; {_BOX}")
        boxes = np.array(values, dtype=np.float64).reshape(-1, 4)
        self.refuse(
            np.logical_not(np.isfinite(boxes).all(axis=1)),
            lambda k: f"{key} {values[k]} is not finite; {_BOX}",
        )
        for column, side in ((2, "width"), (3, "height")):
            self.refuse(
                boxes[:, column] < 0,
                lambda k, c=column, s=side: f"{key} has a negative {s} ({values[k][c]}); {_BOX}",
            )
        if not zero_area:
            self.refuse(
                np.minimum(boxes[:, 2], boxes[:, 3]) <= 0,
                lambda k: f"{key} {values[k]} has no area; remove it or give it a size",
            )
        return boxes

    def lookup(self, key: str, known: Sequence[int | str], table: str) -> Int[np.ndarray, " n"]:
        """Return the row in ``known`` of every entry's id."""
        number = {name: k for k, name in enumerate(known)}
        values = self.column(key)
        try:
            return np.array([number[value] for value in values], dtype=np.int64)
        except (KeyError, TypeError):
            bad = [
                k
                for k, value in enumerate(values)
                if not isinstance(value, int | str) or value not in number
            ]
            raise InputError(
                f"{self.path}, {self.kind} {bad[0]}: {key} {values[bad[0]]!r} is not in {table} "
                f"({len(bad)} such entries); add it there or remove them"
            ) from None

    def refuse(self, bad: np.ndarray, complaint: Callable[[int], str]) -> None:
        """Raise about the first bad entry, if there is one."""
        if bad.any():
            k = int(np.argmax(bad))
            raise InputError(f"{self.path}, {self.kind} {k}: {complaint(k)}")
