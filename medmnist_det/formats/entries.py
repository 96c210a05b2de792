"""A list of JSON objects read column by column; complaints name the file and the entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medmnist_det.boxes import xywh_to_xyxy
from medmnist_det.errors import InputError, shown

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

_BOX = "boxes are [x, y, width, height] in pixels"

#: No image is so large; beyond it areas would leave the range of floating point in the end.
LARGEST = 1e9


class Entries:
    """One list of a file, read column by column; every complaint names the file and the entry."""

    def __init__(self, path: Path, kind: str, rows: list[Any]) -> None:
        self.path, self.kind, self.rows = path, kind, rows
        for k, row in enumerate(rows):
            if not isinstance(row, dict):
                raise InputError(f"{path}, {kind} {k}: is {shown(row)}; it must be an object")

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
            if not (isinstance(value, str) or (type(value) is int and abs(value) < 1 << 63)):
                raise InputError(
                    f"{self.path}, {self.kind} {k}: {key} is {shown(value)}; give a whole number "
                    "below 2**63 or a text"
                )
            if value in seen:
                raise InputError(
                    f"{self.path}, {self.kind} {k}: {key} {shown(value)} is there twice; make it "
                    "unique"
                )
            seen.add(value)
        return tuple(values)

    def texts(self, key: str, absent: Sequence[int | str]) -> tuple[str, ...]:
        """Return names: texts or whole numbers; where the key is absent, those of ``absent``."""
        values = [row.get(key, name) for row, name in zip(self.rows, absent, strict=True)]
        for k, value in enumerate(values):
            if not (isinstance(value, str) or type(value) is int):
                raise InputError(
                    f"{self.path}, {self.kind} {k}: {key} is {shown(value)}; give a text"
                )
        return tuple(map(str, values))

    def numbers(self, key: str) -> Float[np.ndarray, " n"]:
        """Return finite numbers."""
        values = self.column(key)
        for k, value in enumerate(values):
            if not _is_number(value):
                raise InputError(
                    f"{self.path}, {self.kind} {k}: {key} is {shown(value)}; give a number"
                )
        numbers = np.array([_float(value) for value in values], dtype=np.float64)
        self.refuse(
            ~np.isfinite(numbers), lambda k: f"{key} is {shown(values[k])}; give a finite number"
        )
        return numbers

    def flags(self, key: str) -> Bool[np.ndarray, " n"]:
        """Return flags: true and false, or numbers of which 0 means no."""
        values = self.column(key)
        self.refuse(
            np.array(
                [not isinstance(value, int | float) or value != value for value in values],
                dtype=bool,
            ),
            lambda k: f"{key} is {shown(values[k])}; give 0 or 1",
        )
        return np.array([bool(value) for value in values], dtype=bool)

    def pixels(self, key: str) -> Int[np.ndarray, " n"]:
        """Return sides of images."""
        sides = self.numbers(key)
        self.refuse(
            ~((sides >= 1) & (sides <= LARGEST)) | (sides != np.floor(sides)),
            lambda k: (
                f"{key} is {shown(self.rows[k][key])}; sizes are whole pixels, 1 to {LARGEST:,.0f}"
            ),
        )
        return sides.astype(np.int64)

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
                and all(_is_number(number) for number in value)
            ):
                raise InputError(f"{self.path}, {self.kind} {k}: {key} is {shown(value)}; {_BOX}")
        boxes = np.array([[_float(number) for number in value] for value in values]).reshape(-1, 4)
        self.refuse(
            np.logical_not(np.isfinite(boxes).all(axis=1)),
            lambda k: f"{key} {shown(values[k])} is not finite; {_BOX}",
        )
        self.refuse(
            np.abs(boxes).max(axis=1, initial=0) > LARGEST,
            lambda k: f"{key} {shown(values[k])} lies beyond {LARGEST:,.0f} pixels; {_BOX}",
        )
        for column, side in ((2, "width"), (3, "height")):
            self.refuse(
                boxes[:, column] < 0,
                lambda k, c=column, s=side: (
                    f"{key} has a negative {s} ({shown(values[k][c])}); {_BOX}"
                ),
            )
        if not zero_area:
            self.refuse(
                np.minimum(boxes[:, 2], boxes[:, 3]) <= 0,
                lambda k: f"{key} {shown(values[k])} has no area; remove it or give it a size",
            )
        return boxes

    def lookup(
        self,
        key: str,
        known: Sequence[int | str],
        table: str,
        remedy: Callable[[set[Any]], str] = lambda _: "add it there or remove them",
    ) -> Int[np.ndarray, " n"]:
        """Return the row in ``known`` of every entry's id; ``remedy`` is told all of the ids."""
        number: dict[Any, int] = {name: k for k, name in enumerate(known)}
        values = self.column(key)
        rows = [number.get(value, -1) if _is_id(value) else -1 for value in values]
        bad = [k for k, row in enumerate(rows) if row < 0]
        if bad:
            ids = {value for value in values if _is_id(value)}
            raise InputError(
                f"{self.path}, {self.kind} {bad[0]}: {key} {shown(values[bad[0]])} is not in "
                f"{table} ({len(bad):,} of {len(values):,} entries name such ids); {remedy(ids)}"
            )
        return np.array(rows, dtype=np.int64)

    def refuse(self, bad: np.ndarray, complaint: Callable[[int], str]) -> None:
        """Raise about the first bad entry, if there is one."""
        if bad.any():
            k = int(np.argmax(bad))
            raise InputError(f"{self.path}, {self.kind} {k}: {complaint(k)}")


def _is_number(value: Any) -> bool:
    # True and false count as 1 and 0 in Python.
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_id(value: Any) -> bool:
    # A whole float finds its whole number, as it does in pycocotools.
    return _is_number(value) or isinstance(value, str)


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return np.inf
