"""Scoring inside a program: batches of arrays go in, numbers come out. No torch is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evaluation.engines import Engine
from evaluation.metrics import HEADLINE, Metric
from evaluation.problem import Boxes, Problem, problem_of
from evaluation.scores import Scores, score_problem
from medmnist_det.boxes import xyxy_to_xywh
from medmnist_det.formats.arrays import as_array
from medmnist_det.labels import Labels, LabelSet


def score(
    truth: LabelSet,
    predictions: Labels,
    *,
    metrics: tuple[Metric, ...] = HEADLINE,
    engine: Engine = "hotcoco",
) -> Scores:
    """Return the scores of predictions whose rows point into the truth's image and class tables.

    Without a score column every box scores 1. Where the predictions say who looked at which image,
    images that nobody looked at are left out. Raises ValueError where the tables do not fit.
    """
    table, problem = problem_of(truth, predictions)
    return score_problem(problem, table.classes.names, metrics=metrics, engine=engine)


def headline(truth: LabelSet, predictions: Labels) -> dict[str, float | None]:
    """Return the two means that :func:`score` leads with, by name; None where not defined."""
    found = score(truth, predictions)
    return {one.name: mean.value for one, mean in zip(found.metrics, found.headline, strict=True)}


class Evaluator:
    """Collects batches and scores them; give every image once, also those without a box.

    Boxes are ``x_min, y_min, x_max, y_max`` in pixels. What ``numpy.asarray`` takes is fine, and
    so are tensors on any device and of any precision. (A class with one object scores 1 - 2e-16 at
    best: pycocotools adds that much to every denominator.)

    >>> evaluator = Evaluator(classes=["cat", "dog"], first_label=1)
    >>> evaluator.update(
    ...     predictions=[{"boxes": [[0, 0, 9, 9]], "labels": [2], "scores": [0.8]}],
    ...     truths=[{"boxes": [[0, 0, 9, 9]], "labels": [2]}],
    ... )
    >>> round(evaluator.compute().headline[0].value, 12)
    1.0
    """

    def __init__(
        self,
        classes: Mapping[int, str] | Sequence[str] | int,
        *,
        first_label: int | None = None,
        metrics: tuple[Metric, ...] = HEADLINE,
        engine: Engine = "hotcoco",
    ) -> None:
        """Prepare for labels of these classes: names in order, their number, or {label: name}.

        ``first_label`` is the label of the first name, without which a shift by one would pass for
        poor detection: 1 for torchvision's models and this package's Dataset, where 0 is the
        background, 0 for networks that count from 0. A mapping says it itself. Raises ValueError
        where it is missing, or of no use.
        """
        self.labels, self.classes = _label_table(classes, first_label)
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
        columns = {name: as_array(one[name]) for name in ("boxes", "labels", *needed)}
        columns |= {name: as_array(one[name]) for name in optional if one.get(name) is not None}
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
        return columns | {"boxes": xyxy_to_xywh(boxes), "labels": self._index(columns["labels"], k)}

    def _index(self, labels: np.ndarray, k: int) -> np.ndarray:
        """Return the class index of every label."""
        place = np.minimum(np.searchsorted(self.labels, labels), max(len(self.labels) - 1, 0))
        known = self.labels.take(place) == labels if len(self.labels) else labels != labels
        if not known.all():
            named = "none" if len(self.labels) == 0 else f"{self.labels[0]} to {self.labels[-1]}"
            raise ValueError(
                f"image {k} of the batch: label {labels[~known][0]:g} is not among those of the "
                f"{len(self.labels)} classes, {named}; labels begin with first_label, which is 1 "
                "where 0 is the background, as in torchvision and in this package's Dataset"
            )
        return place

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


def _label_table(
    classes: Mapping[int, str] | Sequence[str] | int, first: int | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the labels in ascending order, and what each is called."""
    if isinstance(classes, Mapping):
        if first is not None:
            raise ValueError("first_label: a mapping says which labels there are; leave it out")
        labels = np.array(sorted(classes), dtype=np.int64)
        return labels, tuple(str(classes[key]) for key in labels.tolist())
    if isinstance(classes, str):
        raise ValueError(f"classes={classes!r} is one text; give a list of names")
    if first is None:
        raise ValueError(
            "first_label is missing: say which label the first class has, 1 for torchvision's "
            "models and this package's Dataset (0 is their background), 0 where classes count "
            "from 0"
        )
    names = range(classes) if isinstance(classes, int) else classes
    names = tuple(str(name) for name in names)
    return np.arange(len(names), dtype=np.int64) + first, names


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
        iscrowd=column("iscrowd"),
    )
