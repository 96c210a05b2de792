"""Labels that the detector's moving average corrects, once early learning is over.

A classic of learning from *one* noisy label set, without a word about raters: a network learns what
labels have in common before it learns their errors by heart (Liu et al., NeurIPS 2020), and the
moving average of its weights is the steadier witness (Tarvainen and Valpola, NeurIPS 2017). Boxes
are memorised before classes, so that each has a switch point of its own:

1. Labels are those of ``majority-vote``.
2. From the first switch on, after every epoch, a label's box is the mean of itself and of the box
   that the average sees there.
3. From the second switch on, a label's class is the one that the average gives it, if that has a
   probability of more than 1/2; else it keeps its own.

Every correction begins with the labels as they were, never with corrected ones: errors of the
detector are not passed on from epoch to epoch. Labels that the average does not see stay as they
are, and it adds none. The published recipes find their switch points in curves of a training with
a constant learning rate; ours are fixed shares of the training (docs/decisions.md). Works with any
crowd, also with one rater, whose labels then are corrected.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from annotators.learn.parts.matching import match
from annotators.learn.plain import MajorityVote
from medmnist_det.boxes import paired_iou
from medmnist_det.folder import Folder
from medmnist_det.labels import Split
from medmnist_det.reference.criterion import Criterion
from medmnist_det.reference.lessons import Lessons
from medmnist_det.reference.teacher import Predict, Sightings

#: Shares of the epochs after which boxes, and after which classes, are corrected.
BOXES_FROM, CLASSES_FROM = 0.3, 0.5
# What is sighted with less objectness corrects nothing, nor what overlaps a label by less.
_LEAST, _OVERLAP = 0.2, 0.5
# Share of the sighting in a corrected box.
_TRUST = 0.5
# A class is taken from the average where its probability is above this.
_SURE = 0.5


class EmaTeacher(MajorityVote):
    """Teaches the majority's labels, corrected by the moving average of what learns them."""

    _before: Lessons

    def lessons(self, folder: Folder, split: Split) -> Lessons:
        """Return the labels of ``majority-vote``."""
        found = super().lessons(folder, split)
        if split == "train":
            self._before = found
        return found

    def after_epoch(
        self,
        done: int,
        predict: Predict,
        criterion: Criterion,  # noqa: ARG002
    ) -> Lessons | None:
        """Return the labels corrected by what the average sees; None before the first switch."""
        share = done / self.recipe.epochs
        if share < min(BOXES_FROM, CLASSES_FROM):
            return None
        seen = predict(np.unique(self._before.label_set.labels.image))
        return corrected(
            self._before, seen, boxes=share >= BOXES_FROM, classes=share >= CLASSES_FROM
        )


def corrected(lessons: Lessons, seen: Sightings, *, boxes: bool, classes: bool) -> Lessons:
    """Return lessons whose boxes and classes are corrected, either or both, by sightings."""
    seen = seen.select(seen.objectness >= _LEAST)
    labels = lessons.label_set.labels
    alone = replace(labels, rater=np.zeros(len(labels), dtype=np.int64))
    row, sighting = match(alone, seen, lessons.label_set.images)
    close = paired_iou(labels.box[row], seen.box[sighting]) > _OVERLAP
    row, sighting = row[close], sighting[close]
    box, label, target = labels.box.copy(), labels.label.copy(), lessons.classes.copy()
    if boxes:
        box[row] = (1 - _TRUST) * box[row] + _TRUST * seen.box[sighting]
    if classes:
        belief = seen.classes[sighting]
        sure = belief.max(axis=1, initial=0) > _SURE
        label[row[sure]] = belief[sure].argmax(axis=1)
        target[row[sure]] = np.eye(belief.shape[1])[label[row[sure]]]
    taught = replace(labels, box=box, label=label)
    return replace(lessons, label_set=replace(lessons.label_set, labels=taught), classes=target)
