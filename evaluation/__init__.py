"""Scores to trust to the last digit, for any detector and any COCO truth.

- ``Evaluator`` collects batches of arrays or tensors and scores them (``Scores``);
- ``score`` scores a table of labels against a label set;
- ``Metric`` is mean AP over a list of IoU thresholds.

Files, tables and lists, intervals and the error budget: ``medmnist_det.evaluate``, and
``medmnist-det evaluate`` in a terminal.

>>> from evaluation import Evaluator
>>> evaluator = Evaluator({7: "cat", 9: "dog"})
>>> truth = {"boxes": [[0, 0, 9, 9], [20, 0, 29, 9]], "labels": [7, 9]}
>>> evaluator.update(predictions=[truth | {"scores": [0.8, 0.7]}], truths=[truth])
>>> [row.name for row in evaluator.compute().classes]
['cat', 'dog']
"""

from evaluation.evaluator import Evaluator, score
from evaluation.metrics import Metric
from evaluation.scores import Scores

__all__ = ["Evaluator", "Metric", "Scores", "score"]
