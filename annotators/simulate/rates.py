"""What simulated annotators did: the rates that came out, from the provenance of their boxes."""

from __future__ import annotations

import numpy as np

from medmnist_det.boxes import paired_iou
from medmnist_det.labels import Error, Labels


def realised(truth: Labels, crowd: Labels, raters: int) -> list[dict[str, float | int | None]]:
    """Return what each annotator did, from the provenance of its boxes.

    Images and objects that it saw, boxes drawn, objects missed, objects under a wrong class,
    spurious boxes, and the mean IoU of its other boxes with the true ones (None where it drew no
    true object). Where anybody's boxes are parts of objects or around two, also how many objects
    were ``split`` and how many boxes hold two (``merged``; the smaller one counts as missed).
    """
    if crowd.rater is None or crowd.assigned is None or crowd.true_object is None:
        raise ValueError("these labels come without raters or without provenance")
    if crowd.error is None:
        raise ValueError("these labels come without raters or without provenance")
    objects = np.diff(truth.starts)
    looked = crowd.assigned[:, 1]
    images = np.bincount(looked, minlength=raters)
    seen = np.bincount(looked, objects[crowd.assigned[:, 0]], minlength=raters).astype(np.int64)
    real = crowd.select(crowd.error != Error.SPURIOUS)
    if real.rater is None or real.true_object is None or real.error is None:
        raise ValueError("these labels come without raters or without provenance")
    boxes = np.bincount(crowd.rater, minlength=raters)
    drawn = np.bincount(real.rater, minlength=raters)
    # An object that is split has two boxes: it counts once.
    once = np.unique(real.rater * max(len(truth), 1) + real.true_object, return_index=True)[1]
    found = np.bincount(real.rater[once], minlength=raters)
    amiss = real.label[once] != truth.label[real.true_object[once]]
    wrong = np.bincount(real.rater[once][amiss], minlength=raters)
    overlap = paired_iou(real.box, truth.box[real.true_object])
    total = np.bincount(real.rater, overlap, minlength=raters)
    rates: list[dict[str, float | int | None]] = [
        {
            "images": int(images[k]),
            "objects": int(seen[k]),
            "boxes": int(boxes[k]),
            "missed": int(seen[k] - found[k]),
            "wrong_class": int(wrong[k]),
            "spurious": int(boxes[k] - drawn[k]),
            "mean_iou": float(total[k] / drawn[k]) if drawn[k] else None,
        }
        for k in range(raters)
    ]
    parts = [real.error == kind for kind in (Error.SPLIT, Error.MERGE)]
    if any(one.any() for one in parts):
        halves, merged = (np.bincount(real.rater[one], minlength=raters) for one in parts)
        for k, one in enumerate(rates):
            one |= {"split": int(halves[k]) // 2, "merged": int(merged[k])}
    return rates
