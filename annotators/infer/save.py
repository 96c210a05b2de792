"""Fused labels on disk: a COCO file, and beside it where every label comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from annotators.infer.parts.result import Inference
from medmnist_det.files import make_folder, write_atomically
from medmnist_det.formats.coco import write_coco
from medmnist_det.labels import LabelSet


def write_fused(
    folder: Path, name: str, method: str, crowd: LabelSet, ids: Sequence[Any], found: Inference
) -> Path:
    """Write ``name.json`` (COCO with ``score``) and ``name.details.json``; return the former.

    Row k of the details belongs to annotation id k + 1: the ids of the supporting annotations of
    the crowd, N (the raters assigned to the image), the probability that the object is there, and
    that of every class. Estimated raters are in the details, too. ``ids`` are the crowd's
    annotation ids, row by row. Raises InputError when the disk refuses.
    """
    make_folder(folder)
    path = folder / f"{name}.json"
    write_coco(path, replace(crowd, labels=found.labels, raters=None))
    write_atomically(folder / f"{name}.details.json", _details(method, crowd, ids, found))
    return path


def _details(method: str, crowd: LabelSet, ids: Sequence[Any], found: Inference) -> Iterator[bytes]:
    head = {
        "method": method,
        "facts": found.facts,
        "warnings": found.warnings,
        "classes": crowd.classes.names,
        "raters": _raters(crowd, found),
    }
    # The closing brace comes after the annotations.
    yield orjson.dumps(head, option=orjson.OPT_INDENT_2)[:-2] + b',\n  "annotations": [\n'
    assigned = crowd.labels.assigned
    looked = np.zeros(crowd.labels.images, dtype=np.int64)
    if assigned is not None:
        looked = np.bincount(assigned[:, 0], minlength=crowd.labels.images)
    number = looked[found.labels.image].tolist()
    starts, support = found.starts.tolist(), found.support.tolist()
    last = len(number) - 1
    for k, n in enumerate(number):
        row = {
            "annotation_ids": [ids[i] for i in support[starts[k] : starts[k + 1]]],
            "assigned": n,
            "existence": round(float(found.existence[k]), 9),
            "posterior": np.round(found.posterior[k], 9),
        }
        yield orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) + (b",\n" if k < last else b"\n")
    yield b"]}\n"


def _raters(crowd: LabelSet, found: Inference) -> list[dict[str, Any]] | None:
    if found.raters is None:
        return None
    one = found.raters
    return [
        {
            "rater_id": name,
            "skill": float(one.skill[k]),
            "miss_rate": float(one.miss[k]),
            "spurious": float(one.spurious[k]),
            "box_bias": None if one.box_bias is None else one.box_bias[k].tolist(),
            "box_spread": None if one.box_spread is None else one.box_spread[k].tolist(),
            "matrix": one.matrix[k].tolist(),
        }
        for k, name in enumerate(crowd.raters or ())
    ]
