"""How good a cell's training labels are, and the raters that were estimated with them."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from annotators.known import read_known_raters
from annotators.learn.registry import fused_by
from annotators.recovery import recovery
from evaluation.quality import Quality, quality_of
from medmnist_det.folder import Folder
from medmnist_det.front.learned import Learned
from medmnist_det.labels import LabelSet


def label_quality(
    folder: Folder, method: str, found: Learned | None
) -> dict[str, float | None] | None:
    """Return how good the labels are that a run taught in the end; of several raters, the mean.

    ``found`` is None for an ensemble, which teaches every rater's. None for the truth itself.
    """
    if method == "oracle":
        return None
    label_set = folder.crowd("train") if found is None else found.lessons.label_set
    truth = folder.truth("train")
    if label_set.raters is None or method.startswith("rater:"):
        return _shares([quality_of(_kept(truth, label_set), label_set.labels)])
    raters = range(len(label_set.raters))
    return _shares([quality_of(truth, label_set.labels.of_rater(k)) for k in raters])


def _kept(truth: LabelSet, label_set: LabelSet) -> LabelSet:
    """Return the truth of the images that labels are about."""
    there = set(label_set.images.ids)
    return truth.keep_images(np.array([key in there for key in truth.images.ids]))


_SHARES = ("precision", "recall", "class_accuracy", "mean_iou")


def _shares(found: list[Quality]) -> dict[str, float | None]:
    values = {name: [getattr(one, name) for one in found] for name in _SHARES}
    known = {name: [v for v in column if v is not None] for name, column in values.items()}
    return {name: float(np.mean(column)) if column else None for name, column in known.items()}


def rater_recovery(
    folder: Folder, method: str, found: Learned | None
) -> dict[str, float | None] | None:
    """Return the errors of the raters that a run estimates, or the fused labels that it teaches.

    None where none are. Classes weigh alike, as the digits of scenes do.
    """
    if found is not None and found.raters is not None:
        truth = read_known_raters(folder.annotators_file, folder.crowd("train")).columns()
        return asdict(recovery(found.raters.columns() | {"prior": truth["prior"]}, truth))
    fused = fused_by(method)
    raters = None if fused is None else folder.fused("train", fused).raters
    if raters is None:
        return None
    truth = read_known_raters(folder.annotators_file, folder.crowd("train")).columns()
    bias = [one["box_bias"] for one in raters]
    estimate = {
        "matrix": np.array([one["matrix"] for one in raters]),
        "spurious": np.array([one["spurious"] for one in raters]),
        "prior": truth["prior"],
        "box_bias": None if None in bias else np.array(bias),
    }
    return asdict(recovery(estimate, truth))
