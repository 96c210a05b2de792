"""Any COCO truth -> a crowd that labels it, in a folder of its own."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from medmnist_det.errors import InputError
from medmnist_det.files import make_folder, naming
from medmnist_det.folder import write_json
from medmnist_det.formats.coco import write_coco
from medmnist_det.generation import Crowd
from medmnist_det.guards import locked
from medmnist_det.labels import LabelSet
from medmnist_det.provenance import Marks, write_provenance

# The name under which the crowd's random numbers run: the file has no split.
_SPLIT = "all"

#: What the files of such a folder are called.
ANNOTATORS, PROVENANCE, CROWD = "annotators.json", "provenance.json", "crowd.json"


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """What a crowd drew on a truth."""

    #: With provenance: rows of the truth less its iscrowd regions.
    crowd: LabelSet
    #: The crowd's labels with what else is behind them.
    marks: Marks
    #: All that is known of the annotators: the content of ``annotators.json``.
    annotators: dict[str, Any]
    #: iscrowd regions of the truth, which are no single objects and were left out.
    left_out: int


def draw(truth: LabelSet, crowd: Crowd) -> Drawn:
    """Return what a crowd draws on a truth.

    Raises InputError for a truth without classes, and for boxes that leave their image.
    """
    if not len(truth.classes):
        raise InputError("the truth has no categories; a COCO file lists them under 'categories'")
    _refuse_outside(truth)
    flags = truth.labels.iscrowd
    kept = truth.labels if flags is None else truth.labels.select(~flags)
    marks = crowd.annotate(kept, truth.images, _SPLIT)
    return Drawn(
        crowd=replace(truth, labels=marks.labels, raters=crowd.raters),
        marks=marks,
        annotators=crowd.describe({_SPLIT: kept}, {_SPLIT: marks.labels}),
        left_out=len(truth.labels) - len(kept),
    )


def annotate(out: Path, truth: LabelSet, crowd: Crowd) -> Drawn:
    """Write ``crowd.json``, ``provenance.json`` and ``annotators.json`` for a truth into ``out``.

    Returns what they hold. Annotation ids in provenance.json are those of the truth less iscrowd
    regions, counted from 1. Raises InputError for a folder that has one of them, and for whatever
    :func:`draw` refuses.
    """
    _refuse_taken(out)
    found = draw(truth, crowd)
    make_folder(out)
    with locked(out):
        _refuse_taken(out)  # by whoever held the lock meanwhile
        write_json(out / ANNOTATORS, found.annotators)
        write_provenance(out / PROVENANCE, found.marks)
        write_coco(out / CROWD, found.crowd)
    return found


def _refuse_taken(out: Path) -> None:
    """Raise InputError for a folder in which something would be overwritten."""
    with naming(out):
        for name in (CROWD, PROVENANCE, ANNOTATORS):
            if os.path.lexists(out / name):
                raise InputError(
                    f"{out / name}: is there already; remove it or choose another --out"
                )


def _refuse_outside(truth: LabelSet) -> None:
    labels, images = truth.labels, truth.images
    size = np.stack([images.width, images.height], axis=1)[labels.image]
    outside = (labels.box[:, :2] < 0).any(axis=1) | (labels.box[:, 2:] > size).any(axis=1)
    if outside.any():
        k = int(np.argmax(outside))
        raise InputError(
            f"box {labels.box[k].tolist()} of image {images.ids[labels.image[k]]!r} leaves its "
            f"image of {size[k, 0]}x{size[k, 1]} pixels ({int(outside.sum())} such boxes); clip "
            "them first"
        )
