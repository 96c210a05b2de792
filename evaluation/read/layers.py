"""Who else labelled the images that are scored: raters and fused labels of a data folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from evaluation.problem import Boxes, Truth
from evaluation.read.source import Source
from medmnist_det.errors import InputError
from medmnist_det.folder import Layout
from medmnist_det.formats.coco import read_coco
from medmnist_det.fused import details_file, read_fused
from medmnist_det.hashes import label_hash
from medmnist_det.labels import CROWD_SPLITS, Labels, LabelSet

if TYPE_CHECKING:
    from jaxtyping import Bool, Int


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """What one rater, or one method of truth inference, says about the images of a truth."""

    #: The rater's name, or the method's.
    name: str
    kind: Literal["rater", "fused"]
    #: Images and classes are the truth's rows.
    boxes: Boxes
    #: Images that were looked at; elsewhere "no box" means nothing.
    looked: Bool[np.ndarray, " images"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Layers:
    """Everybody else's labels; ``absent`` says in sentences what there is none of, and why."""

    layers: tuple[Layer, ...] = ()
    absent: tuple[str, ...] = ()
    #: Files that are there and cannot be shown, a sentence each.
    warnings: tuple[str, ...] = ()


def read_layers(source: Source, truth: Truth) -> Layers:
    """Return the crowd and the fused labels that a data folder holds of the source's split.

    ``truth`` is the source's, or the part of it that a rater looked at; images beyond it are left
    out. A file that cannot be read, or does not fit, is a warning: scores do not rest on it.
    """
    if source.data is None or source.split is None:
        return Layers(absent=("Raters and fused labels are read from a data folder (--data).",))
    place, split = Layout(path=source.data), source.split
    found: list[Layer] = []
    absent: list[str] = []
    warnings: list[str] = []
    crowd: LabelSet | None = None
    if place.crowd_file(split).is_file():
        try:
            crowd = read_coco(place.crowd_file(split))
            found += _raters(place.crowd_file(split), crowd, truth)
        except InputError as error:
            warnings.append(f"raters are not on the page: {error}")
    else:
        absent.append(
            f"Raters: {place.crowd_file(split)} is not there."
            if split in CROWD_SPLITS
            else f"Raters: the {split} split has no crowd labels, only truth; raters label "
            f"{' and '.join(CROWD_SPLITS)}."
        )
    files = sorted(place.fused_folder.glob(f"*/{split}.json"))
    for file in files:
        try:
            found.append(_fused(file, crowd, truth))
        except InputError as error:
            warnings.append(f"fused labels are not on the page: {error}")
    if not files:
        absent.append(f"Fused labels: there are none of the {split} split.")
    return Layers(layers=tuple(found), absent=tuple(absent), warnings=tuple(warnings))


def _raters(file: Path, crowd: LabelSet, truth: Truth) -> list[Layer]:
    if crowd.raters is None:
        raise InputError(f"{file}: does not say who drew its boxes; add a rater_id to each")
    image, label = _rows(file, crowd, truth)
    drawn = [crowd.labels.of_rater(k) for k in range(len(crowd.raters))]
    return [
        Layer(
            name=str(name),
            kind="rater",
            boxes=_placed(one, image, label),
            looked=_looked(image if one.assigned is None else image[one.assigned[:, 0]], truth),
        )
        for name, one in zip(crowd.raters, drawn, strict=True)
    ]


def _fused(file: Path, crowd: LabelSet | None, truth: Truth) -> Layer:
    if details_file(file).exists():
        # Labels of a crowd that was drawn anew would pass for this one's.
        found = read_fused(file, None if crowd is None else label_hash(crowd)).labels
    else:
        found = read_coco(file)
    image, label = _rows(file, found, truth)
    boxes, looked = _placed(found.labels, image, label), _looked(image, truth)
    return Layer(name=file.parent.name, kind="fused", boxes=boxes, looked=looked)


def _rows(
    file: Path, found: LabelSet, truth: Truth
) -> tuple[Int[np.ndarray, " images"], Int[np.ndarray, " classes"]]:
    """Return the truth's row of each image and of each class; -1 where the truth has none."""
    image = {key: k for k, key in enumerate(truth.ids)}
    label = {key: k for k, key in enumerate(truth.classes.ids)}
    used = {found.classes.ids[k] for k in np.unique(found.labels.label).tolist()}
    stray = used - label.keys()
    if stray:
        raise InputError(
            f"{file}: has category {min(stray)}, which {truth.source} does not have; make both of "
            "the same classes"
        )
    return (
        np.array([image.get(key, -1) for key in found.images.ids], dtype=np.int64),
        np.array([label.get(key, -1) for key in found.classes.ids], dtype=np.int64),
    )


def _placed(
    labels: Labels, image: Int[np.ndarray, " images"], label: Int[np.ndarray, " classes"]
) -> Boxes:
    """Return labels in the rows of the truth, without those on images that it does not have."""
    boxes = Boxes.of_labels(
        labels, image=image[labels.image], label=label[labels.label], area=None, iscrowd=None
    )
    return boxes.select(boxes.image >= 0)


def _looked(rows: Int[np.ndarray, " n"], truth: Truth) -> Bool[np.ndarray, " images"]:
    looked = np.zeros(len(truth.ids), dtype=bool)
    looked[rows[rows >= 0]] = True
    return looked
