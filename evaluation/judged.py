"""Any labels held against the truth, box by box: what is behind each, as in simulated crowds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from evaluation.confusion import pair_up, working_point
from evaluation.matching import Matching
from evaluation.problem import Boxes, in_order, truth_of
from evaluation.quality import ON_OBJECT
from evaluation.read.predictions import read_predictions
from medmnist_det.errors import InputError
from medmnist_det.folder import Folder
from medmnist_det.labels import Error, Labels, LabelSet, Split


def judged_labels(folder: Folder, split: Split, which: str) -> tuple[LabelSet, str]:
    """Return ``fused:METHOD`` labels or those of a file with the error behind every box.

    They come as the labels of one rater, rows of images and objects being those of the split's
    truth, and with a sentence about boxes that were left out: of a detector's, those that score
    below the point of the best F1. Raises InputError.
    """
    truth = folder.truth(split)
    if which.startswith("fused:"):
        found = folder.labels(split, which)
        if (found.images.ids, found.classes) != (truth.images.ids, truth.classes):
            file = folder.fused_file(which.partition(":")[2], split)
            raise InputError(
                f"{file}: its images or classes are not those of {folder.truth_file(split)}, in "
                f"their order; name the file itself: --labels {file}"
            )
        labels = found.labels
        place = in_order(truth.images.ids)[1]
        return judged(truth, Boxes.of_labels(labels, image=place[labels.image], area=None)), ""
    table = truth_of(truth, str(folder.truth_file(split)))
    found = read_predictions(Path(which), table)
    if found.looked is not None and not found.looked.all():
        raise InputError(
            f"{which}: is about {int(found.looked.sum()):,} of the {len(table.ids):,} {split} "
            "images only; show another --split"
        )
    if found.drawn:
        return judged(truth, found.boxes), "; ".join(found.warnings)
    score = working_point(
        Matching(table.problem(found.boxes), (ON_OBJECT,), any_class=False), ON_OBJECT
    )
    kept = found.boxes.select(found.boxes.score >= score)
    said = (f"{which}: boxes of score {score:.3g} or more", *found.warnings)
    return judged(truth, kept), "; ".join(said)


def judged(truth: LabelSet, boxes: Boxes) -> LabelSet:
    """Return boxes as labels of one rater, with the true object and the error behind each.

    Images of ``boxes`` are in ascending order of their ids. Boxes and objects are paired whatever
    their classes, the closest first.
    """
    order, place = in_order(truth.images.ids)
    pairing = pair_up(boxes, truth_of(truth).boxes, iou=ON_OBJECT)
    # Objects there are rows in the order of the ids; rows of the truth's own table are wanted.
    rows = np.argsort(place[truth.labels.image], kind="stable")
    pairs = pairing.pairs
    true = np.full(len(boxes), len(truth.labels), dtype=np.int64)
    true[pairs.detection] = rows[pairs.object]
    error = np.full(len(boxes), Error.SPURIOUS)
    same = boxes.label[pairs.detection] == truth.labels.label[rows[pairs.object]]
    error[pairs.detection] = np.where(same, Error.NONE, Error.CLASS)
    labels = Labels.unsorted(
        images=len(truth.images),
        image=np.array(order, dtype=np.int64)[boxes.image],
        box=boxes.corners,
        label=boxes.label,
        rater=np.zeros(len(boxes), dtype=np.int64),
        true_object=true,
        error=error,
    )
    return replace(truth, labels=labels, raters=(1,))
