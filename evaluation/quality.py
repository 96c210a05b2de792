"""How good labels are: what a rater, or a fusion of raters, drew against the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.confusion import pair_up
from evaluation.matching import Pairs
from evaluation.problem import Problem, problem_of
from medmnist_det.labels import Labels, LabelSet

#: A box is on an object from this IoU on, whatever its class.
ON_OBJECT = 0.4


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Label quality. A share of nothing is None: no box has no precision, no object no recall."""

    images: int
    objects: int
    boxes: int
    #: IoU from which a box is on an object, whatever its class.
    iou: float
    #: Share of the boxes that are on an object.
    precision: float | None
    #: Share of the objects that a box is on.
    recall: float | None
    #: Share of those boxes that name the object's class.
    class_accuracy: float | None
    #: Mean IoU of those boxes with their objects.
    mean_iou: float | None


def label_quality(problem: Problem, *, pairs: Pairs | None = None) -> Quality:
    """Return the quality of a label set (the problem's detections), pairing closest boxes first.

    Boxes in iscrowd regions of the truth count neither for nor against. ``pairs`` are those of all
    detections, of at least a lower IoU, if they are known.
    """
    boxes, objects = problem.detections, problem.objects
    pairing = pair_up(boxes, objects, iou=ON_OBJECT, pairs=pairs)
    pairs = pairing.pairs
    found = len(pairs.iou)
    same = boxes.label[pairs.detection] == objects.label[pairs.object]
    return Quality(
        images=problem.images,
        objects=found + len(pairing.missed),
        boxes=len(boxes),
        iou=ON_OBJECT,
        precision=_share(found, found + len(pairing.spurious)),
        recall=_share(found, found + len(pairing.missed)),
        class_accuracy=_share(int(np.count_nonzero(same)), found),
        mean_iou=float(pairs.iou.mean()) if found else None,
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def quality_of(truth: LabelSet, labels: Labels) -> Quality:
    """Return the quality of labels whose rows point into the truth's image and class tables.

    Where the labels say who looked at which image, images that nobody looked at are left out.
    Raises ValueError where the tables do not fit.
    """
    return label_quality(problem_of(truth, labels)[1])
