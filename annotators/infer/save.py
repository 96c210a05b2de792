"""What a method made of a crowd, as the fused labels that are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from annotators.infer.parts.result import Inference
from annotators.infer.registry import InferenceOptions
from medmnist_det import fused
from medmnist_det.fused import Fused
from medmnist_det.hashes import label_hash
from medmnist_det.labels import Labels, LabelSet


def write_fused(
    folder: Path,
    name: str,
    method: str,
    crowd: LabelSet,
    ids: Sequence[Any],
    found: Inference,
    options: InferenceOptions | None = None,
) -> Path:
    """Write what a method made of a crowd to ``name.json`` and its details beside it.

    Returns the former's path. ``ids`` are the crowd's annotation ids, row by row. Labels that are
    one rater's are written without the images that this rater did not look at. Raises InputError
    when the disk refuses.
    """
    assigned = crowd.labels.assigned
    looked = np.zeros(crowd.labels.images, dtype=np.int64)
    if assigned is not None:
        looked = np.bincount(assigned[:, 0], minlength=crowd.labels.images)
    starts, support = found.starts.tolist(), found.support.tolist()
    path = folder / f"{name}.json"
    fused.write_fused(
        path,
        Fused(
            labels=about(crowd, found.labels),
            annotation_ids=[
                [ids[i] for i in support[first:last]] for first, last in pairwise(starts)
            ],
            assigned=looked[found.labels.image],
            existence=found.existence,
            posterior=found.posterior,
            method=method,
            options=asdict(options or InferenceOptions()),
            crowd=label_hash(crowd),
            raters=rater_rows(crowd, found),
            facts=found.facts,
            warnings=found.warnings,
        ),
    )
    return path


def about(crowd: LabelSet, labels: Labels) -> LabelSet:
    """Return what a method made of a crowd with the tables of the images that it is about."""
    label_set = replace(crowd, labels=replace(labels, assigned=None), raters=None)
    if labels.assigned is None:
        return label_set
    looked = np.zeros(labels.images, dtype=bool)
    looked[labels.assigned[:, 0]] = True
    return label_set.keep_images(looked)


def rater_rows(crowd: LabelSet, found: Inference) -> list[dict[str, Any]] | None:
    """Return what a method thinks of every rater as plain values; None where it estimates none."""
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
