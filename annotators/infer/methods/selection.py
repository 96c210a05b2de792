"""No inference at all: every rater's boxes, or one rater's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from annotators.infer.parts.grouping import numbered_groups
from annotators.infer.parts.pairs import canonical_order
from annotators.infer.parts.result import Inference, fused
from medmnist_det.errors import InputError
from medmnist_det.labels import LabelSet


def all_boxes(crowd: LabelSet) -> Inference:
    """Return every box of every rater as an object of its own: the paper's baseline.

    Confidence, existence and the class are taken as sure (a box's own score, where it has one, is
    its confidence). A crowd without a box gives no label.
    """
    return _as_drawn(crowd, np.ones(len(crowd.labels), dtype=bool))


def one_rater(crowd: LabelSet, name: str) -> Inference:
    """Return the boxes of the rater that the file calls ``name``.

    The labels say which images the rater looked at, where that is known: the others hold no label,
    and are not empty. Raises InputError for no such rater, ValueError for labels without raters.
    """
    if crowd.labels.rater is None or crowd.raters is None:
        raise ValueError("these labels do not say who drew them")
    names = [str(rater) for rater in crowd.raters]
    if name not in names:
        known = ", ".join(names[:20]) + (", ..." if names[20:] else "")
        raise InputError(f"--method rater:{name}: there is no such rater; there are {known}")
    mine = names.index(name)
    found = _as_drawn(crowd, crowd.labels.rater == mine)
    looked = crowd.labels.of_rater(mine).assigned
    return replace(found, labels=replace(found.labels, assigned=looked))


def _as_drawn(crowd: LabelSet, kept: np.ndarray) -> Inference:
    labels = crowd.labels
    group = np.empty(len(labels), dtype=np.int64)
    group[canonical_order(labels)] = np.arange(len(labels))
    groups = numbered_groups(labels, group)
    label = labels.label[groups.row]
    posterior = np.zeros((len(labels), len(crowd.classes)))
    posterior[np.arange(len(labels)), label] = 1.0
    return fused(
        crowd,
        groups,
        kept[groups.row],
        box=labels.box[groups.row],
        posterior=posterior,
        existence=np.ones(len(labels)),
        label=label,
        score=labels.confidence[groups.row],
    )
