"""Majority vote over groups of boxes: the baseline of all truth inference."""

from __future__ import annotations

import numpy as np

from annotators.grouping import IOU, group_boxes
from annotators.infer.box_model import mean_boxes
from annotators.infer.evidence import collect
from annotators.infer.result import Inference, fused
from medmnist_det.labels import LabelSet


def majority_vote(crowd: LabelSet, *, iou: float = IOU) -> Inference:
    """Return an object where half of the assigned raters or more drew a box.

    1. Group the boxes of different raters that mean one object.
    2. Keep a group that at least half of the N raters assigned to the image drew; with N even, a
       tie is kept, since raters overlook more than they invent.
    3. The class is the one with most votes; of equal ones the one that the crowd reports more
       often overall, then the first. The box is the plain mean.

    ``existence`` is the share of raters who drew it, ``posterior`` the share of the votes. Gives no
    estimate of the raters. A crowd without a box gives no label. Raises ValueError for labels
    without raters or assignment.
    """
    groups = group_boxes(crowd.labels, iou=iou)
    seen = collect(crowd, groups, iou=iou)
    votes = seen.votes()[seen.unit]
    share = (seen.size / seen.assigned)[seen.unit] if len(groups) else np.zeros(0)
    posterior = votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)
    usual = np.bincount(crowd.labels.label, minlength=len(crowd.classes))
    # Less than any difference of votes: decides between equal ones and nothing else.
    tie_break = usual / (2 * (usual.sum() + 1))
    label = (votes + tie_break).argmax(axis=1) if len(groups) else np.zeros(0, dtype=np.int64)
    return fused(
        crowd,
        groups,
        share >= 0.5,
        box=mean_boxes(crowd.labels, groups),
        posterior=posterior,
        existence=share,
        label=label,
    )
