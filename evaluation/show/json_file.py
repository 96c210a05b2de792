"""The JSON file of an assessment: every number in full, undefined ones as null."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from evaluation.assessment import Assessment, Comparison
from evaluation.bootstrap import Interval
from evaluation.budget import Budget
from evaluation.engines import RECALLS, describe
from evaluation.scores import Mean
from medmnist_det.drawing import NO_OBJ
from medmnist_det.files import write_atomically

# Classes up to which confusions are written as a matrix; beyond, as the cells that are not 0.
_DENSE = 500


def write_json(path: Path, found: Assessment | Comparison) -> None:
    """Write an assessment or comparison as JSON, atomically. Raises InputError."""
    write_atomically(path, [as_json(found)])


def as_json(found: Assessment | Comparison) -> bytes:
    """Return what the JSON file of an assessment or comparison holds."""
    content = as_dict(found) if isinstance(found, Assessment) else comparison_as_dict(found)
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
    return orjson.dumps(content, option=options) + b"\n"


def as_dict(found: Assessment) -> dict[str, Any]:
    """Return an assessment as plain values: numbers, texts, lists, dictionaries and None."""
    scores = found.scores
    names = [metric.name for metric in scores.metrics]
    return {
        "predictions": found.source,
        "truth": found.truth.source,
        **found.facts,
        "engine": describe(scores.engine),
        "images": scores.images,
        "objects": scores.objects,
        "iscrowd_regions": scores.iscrowd_regions,
        "boxes": scores.detections,
        "boxes_not_counted": scores.beyond,
        "scores": {
            metric.name: {
                **_mean(mean),
                "thresholds": list(metric.thresholds),
                "interval": _interval(spread, found.seed),
            }
            for metric, mean, spread in zip(
                scores.metrics, scores.headline, found.intervals, strict=True
            )
        },
        "coco": {name: _mean(mean) for name, mean in scores.coco.items()},
        "label_quality": None if found.quality is None else dict(_fields(found.quality)),
        "classes": [
            {
                "id": found.truth.classes.ids[k],
                "name": (row := scores.classes[k]).name,
                "objects": row.objects,
                "boxes": row.detections,
                "ap": dict(zip(names, row.ap, strict=True)),
                "ar": row.ar,
            }
            for k in scores.used
        ],
        "classes_left_out": len(scores.classes) - len(scores.used),
        "sizes": [
            {
                "side": row.name,
                "objects": row.objects,
                "ap": {name: _mean(mean) for name, mean in zip(names, row.ap, strict=True)},
                "ar": _mean(row.ar),
            }
            for row in scores.sizes
        ],
        "error_budget": {budget.metric.name: _budget(budget) for budget in found.budgets} or None,
        "confusion": _confusion(found),
        "precision_recall": {
            "recall": RECALLS.tolist(),
            "precision": [
                {"iou": iou, "classes": list(_curves(found, row))}
                for row, iou in enumerate(scores.thresholds)
            ],
        },
        "images_not_looked_at": found.not_looked,
        "warnings": list(found.warnings),
    }


def _fields(record: Any) -> Iterator[tuple[str, Any]]:
    for name in record.__dataclass_fields__:
        yield name, getattr(record, name)


def _mean(mean: Mean) -> dict[str, Any]:
    return {"value": mean.value, "classes": mean.classes, "of": mean.of}


def _interval(spread: Interval | None, seed: int) -> dict[str, Any] | None:
    return None if spread is None else {**dict(_fields(spread)), "seed": seed}


def _budget(budget: Budget) -> dict[str, Any]:
    return {
        "lost": budget.lost,
        "errors": [dict(_fields(loss)) for loss in budget.losses],
    }


def _confusion(found: Assessment) -> dict[str, Any] | None:
    matrix = found.confusion
    if matrix is None:
        return None
    names = [found.truth.classes.names[k] for k in matrix.classes]
    if len(names) <= _DENSE:
        counts = {"counts": matrix.counts.tolist()}
    else:
        counts = {"cells": np.stack([matrix.true, matrix.given, matrix.count], axis=1).tolist()}
    return {
        "rows": [*names, NO_OBJ],
        "columns": [*names, NO_OBJ],
        **counts,
        "iou": matrix.iou,
        "score": matrix.score,
    }


def _curves(found: Assessment, row: int) -> Iterator[list[float] | None]:
    scores = found.scores
    column = {k: place for place, k in enumerate(scores.defined)}
    for k in scores.used:
        yield scores.precision[row, :, column[k]].tolist() if k in column else None


def comparison_as_dict(found: Comparison) -> dict[str, Any]:
    """Return a comparison as plain values."""
    return {
        "first": as_dict(found.first),
        "second": as_dict(found.second),
        "differences": {
            metric.name: None
            if delta is None
            else {
                "value": delta.value,
                "interval": _interval(delta.interval, found.first.seed),
                "p_value": delta.p_value,
                "real": delta.real,
            }
            for metric, delta in zip(found.first.scores.metrics, found.differences, strict=True)
        },
    }
