"""How hard every object is, for all annotators alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotators.simulate.touching import Touching, covered
from medmnist_det.boxes import areas
from medmnist_det.labels import Labels
from medmnist_det.streams import stream

if TYPE_CHECKING:
    from jaxtyping import Float, Int

#: What makes an object hard, and how much each part weighs: a small box, the share of it that
#: others cover, little ink, and chance.
WEIGHTS = {"size": 3, "covered": 2, "contrast": 2, "chance": 3}


def difficulties(
    truth: Labels,
    pairs: Touching,
    contrast: Float[np.ndarray, " n"] | None,
    seed: int,
    split: str,
) -> Float[np.ndarray, " n"]:
    """Return the difficulty of every object: the share of its class that is easier, in (0, 1).

    Every part of :data:`WEIGHTS` is the object's rank in its class, as a share; the weighted sum is
    ranked in the class once more:

        difficulty = (rank of (3 size + 2 covered + 2 contrast + 3 chance) + U) / members

    with U uniform on (0, 1), so that difficulties of a class are uniform whatever its size and
    parts: rates that are averaged over them stay what they are. Which class is hard is the matrix's
    to say. Where ``contrast`` is not known, it has no part. Ranks and shares are sums and quotients
    of whole numbers, the same on every machine.
    """
    rng = stream(seed, "difficulty", split)
    chance, jitter = rng.random((2, len(truth)))
    parts = {
        "size": -areas(truth.box),
        "covered": covered(truth, pairs),
        "contrast": None if contrast is None else -contrast,
        "chance": chance,
    }
    total = np.zeros(len(truth))
    for name, values in parts.items():
        if values is not None:
            total += WEIGHTS[name] * _share(values, truth.label)
    order, first, count = _by_class(truth.label, total, chance)
    found = np.empty(len(truth))
    found[order] = np.arange(len(truth)) - first  # equal sums are told apart by chance
    found[order] += np.clip(jitter[order], 1e-9, 1 - 1e-9)
    found[order] /= count
    return found


def _share(
    values: Float[np.ndarray, " n"], label: Int[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Return (rank of the value in its class + 1/2) / members; equal values share their rank."""
    order, begin, count = _by_class(label, values)
    v, k = values[order], label[order]
    new = (np.diff(k, prepend=-1) != 0) | (np.diff(v, prepend=np.nan) != 0)
    first, end = _runs(new)
    found = np.empty(len(values))
    found[order] = ((first + end - 1) / 2 - begin + 0.5) / count
    return found


def _by_class(
    label: Int[np.ndarray, " n"], *keys: np.ndarray
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Return the rows sorted by class and keys, where each one's class begins, and its members."""
    order = np.lexsort((*keys[::-1], label))
    begin, stop = _runs(np.diff(label[order], prepend=-1) != 0)
    return order, begin, stop - begin


def _runs(starts: np.ndarray) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Return for every row where its run begins, and where the next one does."""
    begins = np.flatnonzero(starts)
    run = np.cumsum(starts) - 1
    ends = np.append(begins[1:], len(starts))
    return begins[run], ends[run]
