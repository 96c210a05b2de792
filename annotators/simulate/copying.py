"""Annotators who start from another's labels and correct only some: errors that agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from annotators.simulate.assignment import Block
from annotators.simulate.options import AnnotatorOptions
from medmnist_det.errors import InputError
from medmnist_det.labels import Error

if TYPE_CHECKING:
    from jaxtyping import Bool, Int


def copying_order(options: Sequence[AnnotatorOptions]) -> list[int]:
    """Return the rows of the annotators, whoever is copied before those who copy.

    Raises InputError for annotators who copy from nobody, from themselves or in a circle.
    """
    copied = [one.copies_from if one.copies else None for one in options]
    for k, (one, other) in enumerate(zip(options, copied, strict=True)):
        if one.copies and other is None:
            raise InputError(
                f"--copies {one.copies:g} of annotator {k + 1}: nobody is named who is copied; "
                "give the annotator's number with --copies-from"
            )
        if other is not None and not 1 <= other <= len(options):
            raise InputError(
                f"--copies-from {other} is none of the {len(options)} annotators: give 1 to "
                f"{len(options)}"
            )
        if other == k + 1:
            raise InputError(
                f"--copies-from {other}: annotator {other} would copy from itself; name another, "
                "or give it --copies 0"
            )
    order: list[int] = []
    for k in range(len(options)):
        way = [k]
        while (other := copied[way[-1]]) is not None and other - 1 not in order:
            if other - 1 in way:
                circle = [str(one + 1) for one in way[way.index(other - 1) :]] + [str(other)]
                raise InputError(
                    f"--copies-from: annotators copy in a circle ({' from '.join(circle)}); give "
                    "one of them --copies 0"
                )
            way.append(other - 1)
        order += [one for one in reversed(way) if one not in order]
    return order


def copy(
    own: dict[str, np.ndarray],
    other: dict[str, np.ndarray],
    block: Block,
    both: Bool[np.ndarray, " images"],
    options: AnnotatorOptions,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Return what an annotator leaves on its images who starts from another's labels on some.

    Both parts are of a block of images; ``both`` says on which of these both look. Of these a share
    ``copies`` is copied. There every object is the annotator's own doing with probability
    ``corrects``, else the other's: box, name and miss alike. A spurious box of the other stays with
    1 - ``corrects``, and one of the annotator's own is added with ``corrects``. So with

        w = copies (1 - corrects)

    an annotator with matrix M who copies from one with M' reports by (1 - w) M + w M' where both
    look, and with probability w two errors are one. The column ``copied`` says which boxes are the
    other's. Objects that either of the two drew as one are judged as one.
    """
    first, count = block.objects.start, block.objects.stop - block.objects.start
    copied = (rng.random(len(both)) < options.copies) & both
    afresh = (rng.random(count) < options.corrects)[_as_one([own, other], first, count)]

    def redone(part: dict[str, np.ndarray]) -> Bool[np.ndarray, " n"]:
        """Say of every box whether it is one that the annotator judges alone."""
        found = rng.random(len(part["image"])) < options.corrects
        real = part["error"] != Error.SPURIOUS
        found[real] = afresh[part["true_object"][real] - first]
        return found

    mine = redone(own) | ~copied[own["image"] - block.images.start]
    theirs = ~redone(other) & copied[other["image"] - block.images.start]
    found = {name: np.concatenate([own[name][mine], other[name][theirs]]) for name in own}
    found["copied"] = np.repeat([False, True], [mine.sum(), theirs.sum()])
    return found


def _as_one(
    parts: Sequence[dict[str, np.ndarray]], first: int, count: int
) -> Int[np.ndarray, " objects"]:
    """Return of every object of a block the first of those that were drawn as one with it."""
    found = np.arange(count)
    pairs = [
        (part["true_object"][drawn] - first, part["merged"][drawn] - first)
        for part in parts
        if "merged" in part
        for drawn in [part["merged"] < first + count]
    ]
    while True:
        before = found.copy()
        for kept, gone in pairs:
            lower = np.minimum(found[kept], found[gone])
            np.minimum.at(found, kept, lower)
            np.minimum.at(found, gone, lower)
        if (found == before).all():
            return found
