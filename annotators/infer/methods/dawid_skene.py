"""Dawid-Skene for objects: EM over groups of boxes, in which a miss is evidence too."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annotators.infer.parts.box_model import fuse_boxes
from annotators.infer.parts.class_model import ClassModel, maximise, posterior
from annotators.infer.parts.evidence import Evidence, collect
from annotators.infer.parts.grouping import IOU, Groups, group_boxes
from annotators.infer.parts.result import Inference, Raters, fused
from medmnist_det.errors import InputError
from medmnist_det.labels import LabelSet

if TYPE_CHECKING:
    from jaxtyping import Float

#: An object is kept where it is likelier to be there than not.
KEEP = 0.5


@dataclass(frozen=True, kw_only=True)
class EmOptions:
    """When EM stops. Raises InputError for values out of bounds."""

    #: IoU from which boxes may mean one object, above 0 and below 1.
    iou: float = IOU
    #: Most rounds, 1 or more.
    iterations: int = 1000
    #: EM has converged when no entry of any matrix changes by more, above 0.
    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        if not 0 < self.iou < 1:
            raise InputError(f"--iou {self.iou} is not above 0 and below 1")
        if self.iterations < 1:
            raise InputError(f"--iterations {self.iterations} is not 1 or more")
        if not self.tolerance > 0:
            raise InputError(f"--tolerance {self.tolerance} is not above 0")


def dawid_skene(crowd: LabelSet, options: EmOptions | None = None) -> Inference:
    """Return fused labels and an estimate of every rater, from the crowd labels alone.

    Model: each image holds objects of class k at a Poisson rate; rater r reports an object by row k
    of a matrix whose last column is a miss, and adds spurious boxes at a rate of its own.

    1. Group the boxes; the truth of a group is a class, or that nothing is there.
    2. Start from the votes; then M step (rates and matrices from beliefs) and E step (beliefs from
       rates and matrices) in turn, in log space, until no matrix entry moves.
    3. Fuse the boxes of each group by the raters' estimated bias and precision, with the existence
       probabilities of step 2 as weights (given those, boxes and classes are independent, so that
       this is the rest of the same EM).

    Dawid and Skene 1979 have neither misses nor spurious boxes; docs/decisions.md says how both
    are counted, and what cannot be known where an image has one rater. Results do not depend on
    the order of the input. A crowd without a box gives no label. Warns where EM has not converged,
    and where the mean matrix is not diagonally dominant (Tanno et al. 2019: not identifiable).
    Raises ValueError for labels without raters or assignment.
    """
    options = options or EmOptions()
    groups = group_boxes(crowd.labels, iou=options.iou)
    seen = collect(crowd, groups, iou=options.iou)
    if len(groups) and seen.assigned.max() < 2:
        # Nothing can be learned of raters who were never compared: what EM would return is its
        # starting point, drifting.
        belief = votes_as_belief(seen)
        alone = assemble(crowd, groups, seen, maximise(belief, seen, None), belief)
        return replace(alone, raters=None, warnings=(_NEVER_COMPARED,), facts={"iterations": 0})
    model, belief, rounds, change = _expect(seen, options)
    warnings = []
    if change > options.tolerance:
        warnings.append(
            f"dawid-skene: not converged after {rounds} iterations; the last one changed a matrix "
            f"entry by {change:.2g}"
        )
    found = assemble(crowd, groups, seen, model, belief)
    if found.raters is not None and len(groups) and not found.raters.identifiable:
        warnings.append(
            "dawid-skene: the raters' mean matrix is not diagonally dominant: most raters may mix "
            "names up in the same way, and the crowd alone cannot tell (not identifiable)"
        )
    facts = {"iterations": rounds, "last_change": change, **found.facts}
    return replace(found, warnings=tuple(warnings), facts=facts)


_NEVER_COMPARED = (
    "dawid-skene: no image was looked at by two raters, so that nothing can be learned of them; "
    "the labels are the raters' own"
)


def assemble(
    crowd: LabelSet,
    groups: Groups,
    seen: Evidence,
    model: ClassModel,
    belief: Float[np.ndarray, "u L+1"],
) -> Inference:
    """Return the labels that follow from beliefs about every unit of evidence, boxes fused."""
    there = (1 - belief[:, -1])[seen.unit]
    classes = belief[:, :-1] + _EVEN
    classes /= classes.sum(axis=1, keepdims=True)
    box, habits = fuse_boxes(crowd.labels, groups, there, seen.raters)
    law = habits.law
    raters = Raters(
        matrix=model.matrix(),
        spurious=model.spurious,
        objects=model.shown,
        prior=model.prior,
        box_bias=habits.bias,
        box_spread=np.sqrt(habits.variance),
    )
    return fused(
        crowd,
        groups,
        there >= KEEP,
        box=box,
        posterior=classes[seen.unit],
        existence=there,
        raters=raters,
        facts={"box_law": "normal" if law is None else f"overlap, shape {law.shape:g}"},
    )


# So that the classes of what is surely nothing have a distribution as well.
_EVEN = 1e-12


def _expect(
    seen: Evidence, options: EmOptions
) -> tuple[ClassModel, Float[np.ndarray, "u L+1"], int, float]:
    """Return the model, the beliefs, the rounds, and the last change of a matrix entry."""
    belief = votes_as_belief(seen)
    model = maximise(belief, seen, None)
    change, rounds = 0.0, 0
    while len(belief) and rounds < options.iterations:
        rounds += 1
        belief = posterior(model, seen)
        new = maximise(belief, seen, model)
        change = float(np.abs(new.report - model.report).max())
        model = new
        if change <= options.tolerance:
            break
    return model, belief, rounds, change


def votes_as_belief(seen: Evidence) -> Float[np.ndarray, "u L+1"]:
    """Return where EM starts: classes by their votes, existence by the share that drew a box."""
    votes = seen.votes() + _SMOOTH_VOTE
    share = np.clip(seen.size / np.maximum(seen.assigned, 1), 0.0, _SURE)[:, None]
    classes = votes / votes.sum(axis=1, keepdims=True)
    return np.concatenate([share * classes, 1 - share], axis=1)


# A tenth of a vote over all classes: no class is excluded before EM has begun.
_SMOOTH_VOTE = 0.01
# Nothing is quite sure before EM has begun either.
_SURE = 0.98
