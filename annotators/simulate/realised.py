"""What simulated annotators did: the rates that came out, from the provenance of their boxes."""

from __future__ import annotations

import numpy as np

from medmnist_det.boxes import paired_iou
from medmnist_det.labels import Error, Labels


def realised(truth: Labels, crowd: Labels, raters: int) -> list[dict[str, float | int | None]]:
    """Return what each annotator did, from the provenance of its boxes.

    Images and objects that it saw, boxes drawn, objects missed, objects under a wrong class,
    spurious boxes, and the mean IoU with the true boxes (None where it drew no true object).
    """
    if crowd.rater is None or crowd.assigned is None or crowd.true_object is None:
        raise ValueError("these labels come without raters or without provenance")
    if crowd.error is None:
        raise ValueError("these labels come without raters or without provenance")
    objects = np.diff(truth.starts)
    looked = crowd.assigned[:, 1]
    images = np.bincount(looked, minlength=raters)
    seen = np.bincount(looked, objects[crowd.assigned[:, 0]], minlength=raters).astype(np.int64)
    real = crowd.error != Error.SPURIOUS
    who = crowd.rater[real]
    boxes = np.bincount(crowd.rater, minlength=raters)
    found = np.bincount(who, minlength=raters)
    wrong = np.bincount(crowd.rater[crowd.error == Error.CLASS], minlength=raters)
    overlap = paired_iou(crowd.box[real], truth.box[crowd.true_object[real]])
    total = np.bincount(who, overlap, minlength=raters)
    return [
        {
            "images": int(images[k]),
            "objects": int(seen[k]),
            "boxes": int(boxes[k]),
            "missed": int(seen[k] - found[k]),
            "wrong_class": int(wrong[k]),
            "spurious": int(boxes[k] - found[k]),
            "mean_iou": float(total[k] / found[k]) if found[k] else None,
        }
        for k in range(raters)
    ]
