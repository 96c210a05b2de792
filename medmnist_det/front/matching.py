"""How boxes in memory go together with a truth: images by id, labels as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluation.problem import Truth
from evaluation.read.source import Source
from medmnist_det.errors import InputError, listed, shown
from medmnist_det.formats.rows import Held
from medmnist_det.front.intake import tell
from medmnist_det.labels import Labels, LabelSet


def raters_of(label_set: LabelSet) -> set[int]:
    """Return the rows of the raters who drew or looked; a label set may be of one of many."""
    labels = label_set.labels
    drew = [] if labels.rater is None else labels.rater.tolist()
    looked = [] if labels.assigned is None else labels.assigned[:, 1].tolist()
    return {*drew, *looked}


def of_rater(label_set: LabelSet, what: str, rater: str | None) -> Labels:
    """Return one rater's labels, and tell where it is assumed who looked. Raises InputError."""
    names = [str(one) for one in label_set.raters or ()]
    if rater not in names:
        found = "the boxes of" if rater is None else f"no rater {rater!r} among"
        raise InputError(
            f"{what}: holds {found} {len(names)} raters; choose one with rater=, of {listed(names)}"
        )
    if label_set.labels.assigned is None:
        sentence = "is taken to have looked at every image that is named"
        tell([f"{what}: rater {rater} {sentence}; say who looked with assigned="])
    return label_set.labels.of_rater(names.index(rater))


def image_rows(
    held: Held, what: str, source: Source, known: Held | None, *, complete: bool
) -> np.ndarray:
    """Return the row in the truth of every image of predictions.

    ``known`` is the truth as it is held; None: it is on disk. ``complete`` asks for every image.
    Raises InputError.
    """
    ids: Sequence[Any] = held.label_set.images.ids
    truth = source.truth
    of_truth = known.label_set.images.ids if known is not None and known.in_order else None
    if held.nameless:
        if of_truth is None:
            raise InputError(
                f"{what}: its items have no image_id, without which item k could be any image of "
                f"{truth.source}; add it, or give the truth as a list or Dataset in the same order"
            )
        if len(ids) != len(of_truth):
            raise InputError(
                f"{what}: has {len(ids):,} items, truth {len(of_truth):,}; give one for every "
                "image, those without a box included"
            )
        ids = of_truth
    elif known is not None and known.nameless:
        raise InputError(
            "truth: its items have no image_id, so that images of "
            f"{what}, which have, cannot be found; add it"
        )
    row = {key: k for k, key in enumerate(truth.ids)}
    unknown = [key for key in ids if key not in row]
    if unknown:
        remedy = source.hint(set(ids)) or "list all images of the truth (images=)"
        raise InputError(
            f"{what}: {len(unknown):,} of its {len(ids):,} images are not in {truth.source} "
            f"(first: {shown(unknown[0])}); {remedy}"
        )
    if complete and len(ids) < len(truth.ids):
        raise InputError(
            f"{what}: has items for {len(ids):,} of the truth's {len(truth.ids):,} images; give "
            "one for every image, those without a box included"
        )
    return np.array([row[key] for key in ids], dtype=np.int64)


def class_rows(held: Held, what: str, truth: Truth, known: Held | None) -> np.ndarray:
    """Return the row among the truth's classes of every class of predictions. Raises InputError."""
    mine = held.label_set.classes
    theirs = truth.classes
    if held.indices and not (known is not None and known.indices):
        raise InputError(
            f"{what}: Detections without data['class_name'] count classes from 0, the truth's "
            "labels are numbers of their own; add class_name"
        )
    if mine.numbered and theirs.numbered:
        wanted, there = mine.ids, theirs.ids
    elif mine.named and theirs.named:
        wanted, there = mine.names, theirs.names
    else:
        a, b = ("numbers", "names") if mine.numbered else ("names", "numbers")
        raise InputError(
            f"{what}: its labels are {a}, the truth's are {b}; give classes={{number: name}}"
        )
    if mine.numbered and mine.named and theirs.numbered and theirs.named:
        _refuse_contradiction(held, what, truth)
    row = {key: k for k, key in enumerate(there)}
    if len(row) < len(there):
        raise InputError("truth: two of its classes have one name; give labels as numbers")
    used = set(np.unique(held.label_set.labels.label).tolist())
    for k, key in enumerate(wanted):
        if key not in row and k in used:
            zero = all(isinstance(one, int) and one + 1 in row for one in wanted)
            hint = "they seem to count classes from 0: add 1 to each" if zero else (
                "name all classes with classes= where the truth has no box of some"
            )  # fmt: skip
            raise InputError(
                f"{what}: label {shown(key)} is not among those of {truth.source}, "
                f"{listed(there)}; {hint}"
            )
    return np.array([row.get(key, 0) for key in wanted], dtype=np.int64)


def _refuse_contradiction(held: Held, what: str, truth: Truth) -> None:
    """Raise InputError where a class has the number of one of the truth's and another name."""
    mine, theirs = held.label_set.classes, truth.classes
    name_of = dict(zip(theirs.ids, theirs.names, strict=True))
    for k in np.unique(held.label_set.labels.label).tolist():
        number, name = mine.ids[k], mine.names[k]
        if name_of.get(number, name) != name:
            raise InputError(
                f"{what}: its class {number} is {shown(name)}, that of {truth.source} "
                f"{shown(name_of[number])}; make the labels with the truth's "
                "classes={number: name}, or give what to_frame() returns"
            )
