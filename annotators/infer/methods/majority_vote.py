"""Majority vote over groups of boxes: the baseline of all truth inference."""

from __future__ import annotations

import numpy as np

from annotators.infer.parts.box_model import mean_boxes
from annotators.infer.parts.evidence import collect, favourites
from annotators.infer.parts.grouping import IOU, group_boxes
from annotators.infer.parts.result import Inference, fused
from medmnist_det.labels import LabelSet


def majority_vote(crowd: LabelSet, *, iou: float = IOU) -> Inference:
    """Return an object where half of the assigned raters or more drew a box.

    1. Group the boxes of different raters that mean one object.
    2. Keep a group that at least half of the N raters assigned to the image drew; with N even, a
       tie is kept, since raters overlook more than they invent.
    3. The class is the one with most votes; of equal ones that of the rater who comes first in the
       list of raters. The box is the plain mean.

    ``existence`` is the share of raters who drew it, ``posterior`` the share of the votes. Gives no
    estimate of the raters. A crowd without a box gives no label. Raises ValueError for labels
    without raters or assignment.
    """
    groups = group_boxes(crowd.labels, iou=iou)
    seen = collect(crowd, groups, iou=iou)
    votes = seen.votes()[seen.unit]
    share = (seen.size / seen.assigned)[seen.unit] if len(groups) else np.zeros(0)
    posterior = votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)
    return fused(
        crowd,
        groups,
        share >= 0.5,
        box=mean_boxes(crowd.labels, groups),
        posterior=posterior,
        existence=share,
        label=favourites(seen)[seen.unit],
    )
