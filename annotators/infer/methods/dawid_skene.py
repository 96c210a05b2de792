"""Dawid-Skene for objects: EM over groups of boxes, in which a miss is evidence too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annotators.infer.parts.box_model import fuse_boxes
from annotators.infer.parts.class_model import ClassModel, maximise, unseen
from annotators.infer.parts.em import Settled, settle, votes_as_belief
from annotators.infer.parts.evidence import Evidence, collect, favourites
from annotators.infer.parts.grouping import IOU, Groups, group_boxes
from annotators.infer.parts.result import Inference, Raters, fused
from annotators.infer.parts.spurious import ENOUGH, SpuriousRates, spurious_rates
from medmnist_det.errors import InputError
from medmnist_det.labels import LabelSet

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


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
    2. Count: how many boxes each rater draws on nothing (:mod:`annotators.infer.parts.spurious`).
    3. Start from the votes; then M step (rates and matrices from beliefs) and E step (beliefs from
       rates and matrices) in turn, in log space, until no matrix entry moves. In the end each
       report is judged by its rater's other reports.
    4. Fuse the boxes of each group by the raters' estimated bias and precision, with the existence
       probabilities of step 3 as weights (given those, boxes and classes are independent, so that
       this is the rest of the same EM).
    5. Keep the groups with which the expected F1 of the objects is greatest.

    Dawid and Skene 1979 have neither misses nor spurious boxes; docs/decisions.md says how both
    are counted. Where images have two raters, names are those of majority vote and all raters
    count alike: nothing can be learned of names from two. Where they have one, labels are that
    rater's. Both are warned of. Results do not depend on the order of the input. A crowd without a
    box gives no label. Warns where EM has not converged, and where the mean matrix is not
    diagonally dominant (Tanno et al. 2019: not identifiable).
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
    end, rates = believe(crowd, groups, seen, options)
    found = assemble(crowd, groups, seen, end.model, end.belief, tied=not rates.compared)
    warnings = [*_doubts(crowd, rates)] if len(groups) else []
    if end.change > options.tolerance:
        warnings.append(
            f"dawid-skene: not converged after {end.rounds} iterations; the last one changed a "
            f"matrix entry by {end.change:.2g}"
        )
    if found.raters is not None and len(groups) and not found.raters.identifiable:
        warnings.append(
            "dawid-skene: the raters' mean matrix is not diagonally dominant: most raters may mix "
            "names up in the same way, and the crowd alone cannot tell (not identifiable)"
        )
    facts = {"iterations": end.rounds, "last_change": end.change, **found.facts}
    return replace(found, warnings=tuple(warnings), facts=facts)


def believe(
    crowd: LabelSet, groups: Groups, seen: Evidence, options: EmOptions
) -> tuple[Settled, SpuriousRates]:
    """Return steps 2 and 3: what is believed of every unit of evidence, and of the raters."""
    rates = spurious_rates(crowd, groups, iou=options.iou)
    end = settle(
        seen,
        iterations=options.iterations,
        tolerance=options.tolerance,
        spurious=rates.rate,
        alike=not rates.compared,
    )
    return end, rates


_NEVER_COMPARED = (
    "dawid-skene: no image was looked at by two raters, so that nothing can be learned of them; "
    "the labels are the raters' own"
)


def _doubts(crowd: LabelSet, rates: SpuriousRates) -> Iterator[str]:
    """Yield what cannot be known of this crowd."""
    if rates.compared:
        return
    yield (
        f"dawid-skene: fewer than {ENOUGH} objects were drawn by three raters: who is right about "
        "a name cannot be learned from two, so that all raters count alike, and of two names the "
        "first rater's is kept"
    )
    if rates.unknown:
        names = ", ".join(str((crowd.raters or ())[k]) for k in rates.unknown[:5])
        more = ", ..." if len(rates.unknown) > 5 else ""
        yield (
            "dawid-skene: boxes that one rater drew may be invented, or missed by the other: the "
            f"counts do not tell for rater {names}{more}, so that all of these boxes are kept"
        )


def assemble(
    crowd: LabelSet,
    groups: Groups,
    seen: Evidence,
    model: ClassModel,
    belief: Float[np.ndarray, "u L+1"],
    *,
    tied: bool = False,
) -> Inference:
    """Return the labels that follow from beliefs about every unit of evidence, boxes fused.

    ``tied`` gives ties of names to the first rater, as majority vote does.
    """
    there = (1 - belief[:, -1])[seen.unit]
    classes = belief[:, :-1] + _EVEN
    if tied:
        classes[np.arange(len(classes)), favourites(seen)] *= _FIRST
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
        worth_keeping(there, unseen(model, seen, belief)),
        box=box,
        posterior=classes[seen.unit],
        existence=there,
        raters=raters,
        facts={"box_law": "normal" if law is None else f"overlap, shape {law.shape:g}"},
    )


# So that the classes of what is surely nothing have a distribution as well.
_EVEN = 1e-12
# So that of two names that are equally likely the first rater's wins, in single precision as well.
_FIRST = 1 + 1e-6


def worth_keeping(existence: Float[np.ndarray, " g"], unseen: float) -> Bool[np.ndarray, " g"]:
    """Say which groups to keep: those with which the expected F1 of the objects is greatest.

    These are the groups that are there with half of that F1 or more: 1/2 where all is clear, and
    less where half of the objects would otherwise be lost. ``unseen`` objects are in no group.
    """
    order = np.argsort(-existence, kind="stable")
    sure = existence[order]
    total = sure.sum() + unseen
    score = 2 * np.cumsum(sure) / (np.arange(1, len(sure) + 1) + total)
    kept = np.zeros(len(existence), dtype=bool)
    if len(sure):
        kept = existence >= sure[score.argmax()]
    return kept
