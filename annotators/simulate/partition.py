"""Objects that are drawn as two boxes, and pairs of objects that are drawn as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotators.simulate.assignment import Block
from annotators.simulate.touching import Touching
from medmnist_det.boxes import areas, snap
from medmnist_det.labels import Error, Labels

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

# Where an object is cut: from this share of its longer side ...
_FIRST_CUT = 0.35
# ... to so much more.
_CUTS = 0.3
# By how much of the longer side the two parts overlap.
_OVERLAP = 0.1


def merge(
    part: dict[str, np.ndarray],
    truth: Labels,
    pairs: Touching,
    block: Block,
    rate: float,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Return an annotator's boxes with objects that touch drawn as one, with probability ``rate``.

    ``pairs`` are all objects that touch; ``part`` is of a block of images. A pair whose two objects
    are drawn becomes the hull of their boxes, under the name that the larger object has; the
    smaller is none of the annotator's any more, and stands in the column ``merged``, which else is
    one past the last object. An object is merged once: of several pairs the first counts.
    """
    first = block.objects.start
    row = np.full(block.objects.stop - first, -1)
    row[part["true_object"] - first] = np.arange(len(part["true_object"]))
    some = slice(*np.searchsorted(pairs.first, [first, block.objects.stop]).tolist())
    one, other = pairs.first[some] - first, pairs.second[some] - first
    chosen = (rng.random(len(one)) < rate) & (row[one] >= 0) & (row[other] >= 0)
    size = areas(truth.box[block.objects])
    kept, gone = [], []
    used: set[int] = set()
    for a, b in zip(one[chosen].tolist(), other[chosen].tolist(), strict=True):
        if not {a, b} & used:
            used |= {a, b}
            large, small = (b, a) if size[b] > size[a] else (a, b)
            kept.append(int(row[large]))
            gone.append(int(row[small]))
    merged = np.full(len(part["true_object"]), len(truth))
    box, error = part["box"].copy(), part["error"].copy()
    merged[kept] = part["true_object"][gone]
    box[kept, :2] = np.minimum(box[kept, :2], box[gone, :2])
    box[kept, 2:] = np.maximum(box[kept, 2:], box[gone, 2:])
    error[kept] = Error.MERGE
    rest = np.ones(len(merged), dtype=bool)
    rest[gone] = False
    columns = part | {"box": box, "error": error, "merged": merged}
    return {name: column[rest] for name, column in columns.items()}


def split_up(
    part: dict[str, np.ndarray], rate: float, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return an annotator's boxes with some drawn as two, with probability ``rate``.

    The box is cut across its longer side, at .35 to .65 of it, into two parts that overlap by .1 of
    that side. Merged boxes, and those that are too small for two, stay one.
    """
    chance, cut = rng.random((2, len(part["image"])))
    first, second = _parts(part["box"], _FIRST_CUT + _CUTS * cut)
    halved = (chance < rate) & (part["error"] != Error.MERGE) & _has_area(first) & _has_area(second)
    columns = dict(part)
    columns["box"] = np.where(halved[:, None], first, part["box"])
    columns["error"] = np.where(halved, Error.SPLIT, part["error"])
    more = {name: column[halved] for name, column in columns.items()}
    more["box"] = second[halved]
    return {name: np.concatenate([columns[name], more[name]]) for name in columns}


def _parts(
    box: Float[np.ndarray, "n 4"], cut: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "n 4"], Float[np.ndarray, "n 4"]]:
    side = box[:, 2:] - box[:, :2]
    rows, axis = np.arange(len(box)), np.argmax(side, axis=1)
    low, length = box[rows, axis], side[rows, axis]
    first, second = box.copy(), box.copy()
    first[rows, axis + 2] = low + (cut + _OVERLAP / 2) * length
    second[rows, axis] = low + (cut - _OVERLAP / 2) * length
    return snap(first), snap(second)


def _has_area(box: Float[np.ndarray, "n 4"]) -> Bool[np.ndarray, " n"]:
    return (box[:, 0] < box[:, 2]) & (box[:, 1] < box[:, 3])
