"""Scoring inside a program: batches of arrays go in, numbers come out. No torch is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evaluation.engines import Engine
from evaluation.metrics import HEADLINE, Metric
from evaluation.problem import Boxes, Problem, truth_of
from evaluation.scores import Scores, score_problem
from medmnist_det.boxes import xyxy_to_xywh
from medmnist_det.labels import Labels, LabelSet


def score(
    truth: LabelSet,
    predictions: Labels,
    *,
    metrics: tuple[Metric, ...] = HEADLINE,
    engine: Engine = "hotcoco",
) -> Scores:
    """Return the scores of predictions whose rows point into the truth's image and class tables.

    Without a score column every box scores 1. Raises ValueError where the tables do not fit.
    """
    if predictions.images != len(truth.images):
        raise ValueError(
            f"predictions for {predictions.images} images, truth for {len(truth.images)}"
        )
    table = truth_of(truth)
    row = {key: k for k, key in enumerate(table.ids)}
    place = np.array([row[key] for key in truth.images.ids], dtype=np.int64)
    boxes = Boxes.of(
        image=place[predictions.image],
        bbox=xyxy_to_xywh(predictions.box),
        label=predictions.label,
        score=predictions.score,
    )
    _check_labels(boxes.label, len(truth.classes))
    return score_problem(table.problem(boxes), table.classes.names, metrics=metrics, engine=engine)


def headline(truth: LabelSet, predictions: Labels) -> dict[str, float | None]:
    """Return the two means that :func:`score` leads with, by name; None where not defined."""
    found = score(truth, predictions)
    return {one.name: mean.value for one, mean in zip(found.metrics, found.headline, strict=True)}


class Evaluator:
    """Collects batches and scores them; give every image once, also those without a box.

    Boxes are ``x_min, y_min, x_max, y_max`` in pixels. What ``numpy.asarray`` takes is fine, and
    so are tensors on any device. (A class with one object scores 1 - 2e-16 at best: pycocotools
    adds that much to every denominator.)

    >>> evaluator = Evaluator(classes=["cat", "dog"])
    >>> evaluator.update(
    ...     predictions=[{"boxes": [[0, 0, 9, 9]], "labels": [1], "scores": [0.8]}],
    ...     truths=[{"boxes": [[0, 0, 9, 9]], "labels": [1]}],
    ... )
    >>> round(evaluator.compute().headline[0].value, 12)
    1.0
    """

    def __init__(
        self,
        classes: Sequence[str] | int,
        *,
        metrics: tuple[Metric, ...] = HEADLINE,
        engine: Engine = "hotcoco",
    ) -> None:
        self.classes = tuple(map(str, range(classes) if isinstance(classes, int) else classes))
        self.metrics = metrics
        self.engine: Engine = engine
        self.reset()

    def reset(self) -> None:
        """Forget all images."""
        self.images = 0
        self._objects: list[dict[str, np.ndarray]] = []
        self._detections: list[dict[str, np.ndarray]] = []

    def update(
        self, predictions: Sequence[Mapping[str, Any]], truths: Sequence[Mapping[str, Any]]
    ) -> None:
        """Add a batch: per image a mapping of predictions and one of truth.

        Predictions hold ``boxes`` (n, 4), ``labels`` (n,) and ``scores`` (n,); truths hold
        ``boxes``, ``labels`` and, if known, ``iscrowd`` and ``area``. Raises ValueError, and adds
        nothing, for lists of different lengths or columns that do not fit.
        """
        if len(predictions) != len(truths):
            raise ValueError(f"{len(predictions)} images of predictions, {len(truths)} of truth")
        found = [self._columns(one, k, ("scores",)) for k, one in enumerate(predictions)]
        known = [self._columns(one, k, (), ("area", "iscrowd")) for k, one in enumerate(truths)]
        for one in known:
            one.setdefault("area", (one["boxes"][:, 2] * one["boxes"][:, 3]))
            one.setdefault("iscrowd", np.zeros(len(one["boxes"])))
        for k, one in enumerate((*found, *known)):
            one["image"] = np.full(len(one["boxes"]), self.images + k % len(truths))
        self._detections += found
        self._objects += known
        self.images += len(truths)

    def _columns(
        self,
        one: Mapping[str, Any],
        k: int,
        needed: tuple[str, ...],
        optional: tuple[str, ...] = (),
    ) -> dict[str, np.ndarray]:
        columns = {name: _array(one[name]) for name in ("boxes", "labels", *needed)}
        columns |= {name: _array(one[name]) for name in optional if one.get(name) is not None}
        boxes = columns["boxes"].reshape(-1, 4) if columns["boxes"].size == 0 else columns["boxes"]
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f"image {k} of the batch: boxes have shape {boxes.shape}, not (n, 4)")
        for name, column in columns.items():
            if name != "boxes" and column.shape != (len(boxes),):
                raise ValueError(
                    f"image {k} of the batch: {name} has shape {column.shape}, not ({len(boxes)},)"
                )
            if not np.isfinite(column).all():
                raise ValueError(
                    f"image {k} of the batch: {name} holds a number that is not finite"
                )
        if (boxes[:, 2:] < boxes[:, :2]).any():
            raise ValueError(
                f"image {k} of the batch: a box has a negative size; boxes are x_min, y_min, "
                "x_max, y_max"
            )
        _check_labels(columns["labels"], len(self.classes))
        return columns | {"boxes": xyxy_to_xywh(boxes)}

    def compute(self) -> Scores:
        """Return the scores of all images so far; collecting may go on afterwards."""
        return score_problem(self.problem(), self.classes, metrics=self.metrics, engine=self.engine)

    def problem(self) -> Problem:
        """Return all images so far as one problem, for intervals and the error budget."""
        return Problem(
            images=self.images,
            classes=len(self.classes),
            objects=_table(self._objects),
            detections=_table(self._detections),
        )


def _array(values: Any) -> np.ndarray:
    # A tensor that takes part in training, or lies on a device, has to come home first.
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    return np.asarray(values, dtype=np.float64)


def _check_labels(labels: np.ndarray, classes: int) -> None:
    wrong = (labels < 0) | (labels >= classes) | (labels != np.floor(labels))
    if wrong.any():
        raise ValueError(f"label {labels[wrong][0]:g} is not a class index of 0 to {classes - 1}")


def _table(parts: list[dict[str, np.ndarray]]) -> Boxes:
    def column(name: str) -> np.ndarray | None:
        if parts and name not in parts[0]:
            return None
        return np.concatenate([part[name] for part in parts] or [np.zeros(0)])

    boxes = np.concatenate([part["boxes"] for part in parts] or [np.zeros((0, 4))])
    return Boxes.of(
        image=np.asarray(column("image"), dtype=np.int64),
        bbox=boxes,
        label=np.asarray(column("labels"), dtype=np.int64),
        score=column("scores"),
        area=column("area"),
        crowd=column("iscrowd"),
    )
