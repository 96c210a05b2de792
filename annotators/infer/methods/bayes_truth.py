"""Bayes with the simulator's own matrices: the limit for labels alone. Privileged."""

from __future__ import annotations

import numpy as np

from annotators.infer.methods.dawid_skene import EmOptions, assemble, votes_as_belief
from annotators.infer.parts.class_model import ClassModel, maximise, posterior
from annotators.infer.parts.evidence import collect
from annotators.infer.parts.grouping import group_boxes
from annotators.infer.parts.result import Inference, Raters
from medmnist_det.labels import LabelSet


def bayes_truth(crowd: LabelSet, truth: Raters, options: EmOptions | None = None) -> Inference:
    """Return what is best inferred from the labels when all raters are known, as nobody does.

    The E step of :func:`annotators.infer.dawid_skene` with the true matrices and spurious rates in
    place of estimates; only the frequency of the classes is estimated. Boxes are
    fused as there. No method that sees labels alone can name more classes right on average, so that
    this is a limit and not a competitor. Raises ValueError for raters that are not the crowd's.
    """
    options = options or EmOptions()
    if crowd.raters is None or len(crowd.raters) != len(truth.spurious):
        raise ValueError("the known raters are not those of the crowd")
    groups = group_boxes(crowd.labels, iou=options.iou)
    seen = collect(crowd, groups, iou=options.iou)
    law = truth.matrix[:, -1, :-1]
    total = law.sum(axis=1, keepdims=True)
    even = np.full_like(law, 1 / max(law.shape[1], 1))
    known = ClassModel(
        report=truth.matrix[:, :-1],
        spurious=truth.spurious,
        fancy=np.divide(law, total, out=even, where=total > 0),
        objects=np.ones(len(crowd.classes)),
    )
    belief = votes_as_belief(seen)
    model, before = known, None
    for _ in range(options.iterations if len(belief) else 0):
        objects = maximise(belief, seen, before).objects
        change = float(np.abs(objects - model.objects).max())
        model = before = ClassModel(
            report=known.report, spurious=known.spurious, fancy=known.fancy, objects=objects
        )
        belief = posterior(model, seen)
        if change <= options.tolerance:
            break
    return assemble(crowd, groups, seen, model, belief)
