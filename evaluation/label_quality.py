"""Label quality inside a program: labels against the true labels of the same images."""

from __future__ import annotations

from evaluation.problem import Boxes, Problem
from evaluation.quality import Quality, label_quality
from medmnist_det.boxes import xyxy_to_xywh
from medmnist_det.labels import Labels, LabelSet


def quality_of(truth: LabelSet, labels: Labels) -> Quality:
    """Return the quality of labels whose rows point into the truth's image and class tables.

    Raises ValueError where the tables do not fit.
    """
    if labels.images != len(truth.images):
        raise ValueError(f"labels for {labels.images} images, truth for {len(truth.images)}")
    problem = Problem(
        images=labels.images,
        classes=len(truth.classes),
        objects=_boxes(truth.labels),
        detections=_boxes(labels),
    )
    return label_quality(problem)


def _boxes(labels: Labels) -> Boxes:
    return Boxes.of(
        image=labels.image,
        bbox=xyxy_to_xywh(labels.box),
        label=labels.label,
        score=labels.score,
        area=labels.area,
        crowd=labels.iscrowd,
    )
