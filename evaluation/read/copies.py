"""Entries that repeat another one: scored as COCO scores them, and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evaluation.problem import Boxes, Truth
from medmnist_det.errors import shown


def copies_of_entries(path: Path, kind: str, columns: dict[str, np.ndarray]) -> tuple[str, ...]:
    """Return a sentence about entries that repeat another, if any do; columns as in the file."""
    found = _copies([columns["image"], columns["label"], *columns["bbox"].T, columns["score"]])
    if found is None:
        return ()
    count, copy, original = found
    return (_repeats(path, count, len(columns["image"]), f"{kind} {copy} repeats {original}"),)


def copies_of_boxes(path: Path | str, boxes: Boxes, truth: Truth) -> tuple[str, ...]:
    """Return a sentence about boxes that repeat another, if any do."""
    found = _copies([boxes.image, boxes.label, *boxes.bbox.T, boxes.score])
    if found is None:
        return ()
    image = shown(truth.names[boxes.image[found[1]]])
    return (_repeats(path, found[0], len(boxes), f"on image {image}"),)


def _repeats(path: Path | str, count: int, of: int, first: str) -> str:
    return (
        f"{path}: {count:,} of {of:,} boxes repeat another (same image, class, box and score; "
        f"first: {first}); as in COCO each copy counts as a box of its own, a wrong one where the "
        "other is right"
    )


_Copies = tuple[int, int, int] | None


def _copies(columns: list[np.ndarray]) -> _Copies:
    """Return how many rows repeat an earlier one, the first that does, and what it repeats."""
    mixed = np.zeros(len(columns[0]), dtype=np.uint64)
    for part in columns:
        # A multiplicative hash: sorting one word a row is far quicker than sorting the rows.
        mixed ^= part.view(np.uint64)
        mixed *= np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    # Half a word sorts in half the time; the few halves that agree by chance are told apart below.
    half = (mixed >> np.uint64(32)).astype(np.uint32)
    ordered = np.sort(half)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    marked = np.zeros(1 << 16, dtype=bool)
    marked[again >> np.uint32(16)] = True
    suspects = np.flatnonzero(marked[half >> np.uint32(16)])
    rows = np.stack([part[suspects] for part in columns], axis=1)
    order = np.lexsort(rows.T)
    new = np.append(True, (rows[order][1:] != rows[order][:-1]).any(axis=1))[: len(order)]
    copies = np.flatnonzero(~new)
    if len(copies) == 0:
        return None
    # The sort is stable, so that a copy stands behind what it repeats.
    first = copies[np.argmin(order[copies])]
    original = np.flatnonzero(new[:first])[-1]
    return len(copies), int(suspects[order[first]]), int(suspects[order[original]])
