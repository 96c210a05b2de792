"""All methods by name."""

from __future__ import annotations

from dataclasses import dataclass

from annotators.infer.methods.bayes_truth import bayes_truth
from annotators.infer.methods.dawid_skene import EmOptions, dawid_skene
from annotators.infer.methods.majority_vote import majority_vote
from annotators.infer.methods.selection import all_boxes, one_rater
from annotators.infer.methods.wbf import WbfOptions, wbf
from annotators.infer.parts.grouping import IOU
from annotators.infer.parts.result import Inference, Raters
from medmnist_det.errors import InputError
from medmnist_det.labels import LabelSet

#: Beside these there is ``rater:K``. The last is privileged: it needs the simulator's matrices.
METHODS = ("all", "majority-vote", "wbf", "wbf-agnostic", "dawid-skene", "bayes-truth")


@dataclass(frozen=True, kw_only=True)
class InferenceOptions:
    """Options of all methods; each takes what it knows. Bounds are checked by the method."""

    #: IoU from which boxes mean one object. None: the method's own.
    iou: float | None = None
    #: Weights of the raters in WBF.
    weights: tuple[float, ...] | None = None
    #: Most rounds of EM.
    iterations: int = EmOptions.iterations


def infer(
    method: str,
    crowd: LabelSet,
    options: InferenceOptions | None = None,
    truth: Raters | None = None,
) -> Inference:
    """Return what a method makes of crowd labels; ``truth``, the raters as they are, may be known.

    Raises InputError for an unknown method, and for ``bayes-truth`` without ``truth``.
    """
    options = options or InferenceOptions()
    em = EmOptions(iou=options.iou or IOU, iterations=options.iterations)
    kind, _, name = method.partition(":")
    if kind == "rater" and name:
        return one_rater(crowd, name)
    match method:
        case "all":
            return all_boxes(crowd)
        case "majority-vote":
            return majority_vote(crowd, iou=em.iou)
        case "wbf" | "wbf-agnostic":
            iou = WbfOptions.iou if options.iou is None else options.iou
            by_class = method == "wbf"
            return wbf(crowd, WbfOptions(iou=iou, by_class=by_class, weights=options.weights))
        case "dawid-skene":
            return dawid_skene(crowd, em)
        case "bayes-truth":
            if truth is None:
                raise InputError(
                    "--method bayes-truth needs the annotators.json of a generated data set: give "
                    "--data, or choose dawid-skene"
                )
            return bayes_truth(crowd, truth, em)
    raise InputError(f"--method {method!r} is not known: choose {', '.join(METHODS)} or rater:K")


def folder_name(method: str) -> str:
    """Return what the folder of a method's labels is called (a colon is no part of a file name)."""
    return method.replace(":", "-")
