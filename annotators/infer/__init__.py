"""Truth inference: crowd -> one label set with confidences.

``methods`` holds one method a file, ``parts`` what they are made of.
"""

from typing import TYPE_CHECKING

from medmnist_det.faces import face

if TYPE_CHECKING:
    from annotators.infer.methods.bayes_truth import bayes_truth as bayes_truth
    from annotators.infer.methods.dawid_skene import EmOptions as EmOptions
    from annotators.infer.methods.dawid_skene import dawid_skene as dawid_skene
    from annotators.infer.methods.majority_vote import majority_vote as majority_vote
    from annotators.infer.methods.wbf import WbfOptions as WbfOptions
    from annotators.infer.methods.wbf import wbf as wbf
    from annotators.infer.parts.grouping import group_boxes as group_boxes
    from annotators.infer.parts.result import Inference as Inference
    from annotators.infer.parts.result import Raters as Raters
    from annotators.infer.registry import METHODS as METHODS
    from annotators.infer.registry import InferenceOptions as InferenceOptions
    from annotators.infer.registry import infer as infer

__all__ = [
    "EmOptions",
    "Inference",
    "InferenceOptions",
    "METHODS",
    "Raters",
    "WbfOptions",
    "bayes_truth",
    "dawid_skene",
    "group_boxes",
    "infer",
    "majority_vote",
    "wbf",
]

__getattr__, __dir__ = face(
    __name__,
    {
        "EmOptions": "annotators.infer.methods.dawid_skene",
        "Inference": "annotators.infer.parts.result",
        "InferenceOptions": "annotators.infer.registry",
        "METHODS": "annotators.infer.registry",
        "Raters": "annotators.infer.parts.result",
        "WbfOptions": "annotators.infer.methods.wbf",
        "bayes_truth": "annotators.infer.methods.bayes_truth",
        "dawid_skene": "annotators.infer.methods.dawid_skene",
        "group_boxes": "annotators.infer.parts.grouping",
        "infer": "annotators.infer.registry",
        "majority_vote": "annotators.infer.methods.majority_vote",
        "wbf": "annotators.infer.methods.wbf",
    },
)
