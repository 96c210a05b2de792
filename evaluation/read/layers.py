"""Who else labelled the images that are scored: raters and fused labels of a data folder."""

from __future__ import annotations

from dataclasses import dataclass, field
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
from medmnist_det.labels import CROWD_SPLITS, LabelSet

if TYPE_CHECKING:
    from jaxtyping import Bool


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
    absent: tuple[str, ...] = field(default=())
    #: Files that are there and cannot be shown, a sentence each.
    warnings: tuple[str, ...] = field(default=())


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
    boxes, rows = _placed(file, crowd, truth)
    rater, assigned = crowd.labels.rater, crowd.labels.assigned
    layers = []
    for k, name in enumerate(crowd.raters):
        mine = np.arange(len(rows)) if assigned is None else assigned[assigned[:, 1] == k, 0]
        layers.append(
            Layer(
                name=str(name),
                kind="rater",
                boxes=_here(boxes, None if rater is None else rater == k),
                looked=_looked(rows[mine], truth),
            )
        )
    return layers


def _fused(file: Path, crowd: LabelSet | None, truth: Truth) -> Layer:
    if details_file(file).exists():
        # Labels of a crowd that was drawn anew would pass for this one's.
        labels = read_fused(file, None if crowd is None else label_hash(crowd)).labels
    else:
        labels = read_coco(file)
    boxes, rows = _placed(file, labels, truth)
    return Layer(
        name=file.parent.name, kind="fused", boxes=_here(boxes, None), looked=_looked(rows, truth)
    )


def _placed(file: Path, labels: LabelSet, truth: Truth) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return a label set's columns in the rows of the truth, and the row of each of its images.

    An image that the truth does not have gets row -1.
    """
    image = {key: k for k, key in enumerate(truth.ids)}
    label = {key: k for k, key in enumerate(truth.classes.ids)}
    stray = [key for key in labels.classes.ids if key not in label]
    used = {labels.classes.ids[k] for k in np.unique(labels.labels.label).tolist()}
    if used & set(stray):
        raise InputError(
            f"{file}: has category {min(used & set(stray))}, which {truth.source} does not have; "
            "make both of the same classes"
        )
    rows = np.array([image.get(key, -1) for key in labels.images.ids], dtype=np.int64)
    classes = np.array([label.get(key, -1) for key in labels.classes.ids], dtype=np.int64)
    table = Boxes.of_labels(labels.labels, area=None, iscrowd=None)
    return {
        "image": rows[labels.labels.image],
        "bbox": table.bbox,
        "label": classes[labels.labels.label],
        "score": table.score,
    }, rows


def _here(columns: dict[str, np.ndarray], kept: Bool[np.ndarray, " n"] | None) -> Boxes:
    kept = columns["image"] >= 0 if kept is None else kept & (columns["image"] >= 0)
    return Boxes.of(**{name: column[kept] for name, column in columns.items()})


def _looked(rows: np.ndarray, truth: Truth) -> Bool[np.ndarray, " images"]:
    looked = np.zeros(len(truth.ids), dtype=bool)
    looked[rows[rows >= 0]] = True
    return looked
