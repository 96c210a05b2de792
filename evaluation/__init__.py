"""Scores to trust to the last digit, for any detector and any COCO truth.

``score`` and ``Evaluator`` score arrays; ``medmnist-det evaluate`` scores files.
"""

from evaluation.evaluator import Evaluator, score
from evaluation.metrics import Metric
from evaluation.scores import Scores

__all__ = ["Evaluator", "Metric", "Scores", "score"]
