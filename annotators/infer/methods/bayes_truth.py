"""Bayes with the simulator's own matrices: the limit for class names. Privileged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from annotators.infer.methods.dawid_skene import EmOptions, assemble
from annotators.infer.parts.class_model import ClassModel, maximise, posterior, share_alone
from annotators.infer.parts.em import votes_as_belief
from annotators.infer.parts.evidence import collect
from annotators.infer.parts.grouping import group_boxes
from annotators.infer.parts.result import Inference, Raters
from medmnist_det.labels import LabelSet


def bayes_truth(crowd: LabelSet, truth: Raters, options: EmOptions | None = None) -> Inference:
    """Return what is best inferred from the labels when all raters are known, as nobody does.

    The E step of :func:`annotators.infer.dawid_skene` with the true matrices and spurious rates in
    place of estimates; only the frequency of the classes is estimated. Boxes are fused as there.
    No method that sees labels alone can name more objects right on average: for class names this
    is a limit and not a competitor. It is none for boxes, nor for which objects are found, since
    grouping and the law of the boxes are estimated as everywhere. Raises ValueError for raters that
    are not the crowd's.
    """
    options = options or EmOptions()
    if crowd.raters is None or len(crowd.raters) != len(truth.spurious):
        raise ValueError("the known raters are not those of the crowd")
    groups = group_boxes(crowd.labels, iou=options.iou)
    seen = collect(crowd, groups, iou=options.iou)
    law = truth.matrix[:, -1, :-1]
    total = law.sum(axis=1, keepdims=True)
    even = np.full_like(law, 1 / max(law.shape[1], 1))
    belief = votes_as_belief(seen)
    known = ClassModel(
        report=truth.matrix[:, :-1],
        spurious=truth.spurious,
        fancy=np.divide(law, total, out=even, where=total > 0),
        alone=np.ones(len(truth.spurious)),
        objects=np.ones(len(crowd.classes)),
    )
    model, before = known, None
    for _ in range(options.iterations if len(belief) else 0):
        objects = maximise(belief, seen, before).objects
        change = float(np.abs(objects - model.objects).max())
        alone = share_alone(belief[:, -1] * seen.weight, seen)
        model = before = replace(known, objects=objects, alone=alone)
        belief = posterior(model, seen)
        if change <= options.tolerance:
            break
    return assemble(crowd, groups, seen, model, belief)
