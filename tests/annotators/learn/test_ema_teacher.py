from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from annotators.learn.ema_teacher import EmaTeacher, corrected
from annotators.simulate.options import AnnotatorOptions
from evaluation.quality import quality_of
from medmnist_det.labels import Labels, LabelSet
from medmnist_det.reference.criterion import Criterion
from medmnist_det.reference.lessons import plain
from medmnist_det.reference.recipe import Recipe
from tests.annotators.crowds import names, shuffled, simulated, tables, truth
from tests.annotators.learn.sights import Data, nothing_seen, seen_at, seer, sightings

BOX, SEEN = (10.0, 10, 50, 50), (14.0, 10, 54, 50)


def lessons(*rows):
    """Return lessons of boxes with their classes, in one image."""
    labels = Labels(
        images=1,
        image=np.zeros(len(rows), dtype=np.int64),
        box=np.array([box for box, _ in rows]).reshape(-1, 4),
        label=np.array([label for _, label in rows], dtype=np.int64),
    )
    return plain(LabelSet(images=tables(1), classes=names(3), labels=labels))


def sighting(box=SEEN, classes=(0.1, 0.8, 0.1), objectness=0.9):
    return seen_at((box, objectness, classes))


def test_a_box_moves_half_way_and_a_class_is_the_one_that_the_average_gives():
    found = corrected(lessons((BOX, 0)), sighting(), boxes=True, classes=True)
    assert found.label_set.labels.box.tolist() == [[12, 10, 52, 50]]
    assert found.label_set.labels.label.tolist() == [1]
    assert found.classes.tolist() == [[0, 1, 0]]


def test_each_is_corrected_apart():
    found = corrected(lessons((BOX, 0)), sighting(), boxes=True, classes=False)
    assert (found.label_set.labels.label.tolist(), found.label_set.labels.box[0, 0]) == ([0], 12)
    found = corrected(lessons((BOX, 0)), sighting(), boxes=False, classes=True)
    assert (found.label_set.labels.label.tolist(), found.label_set.labels.box[0, 0]) == ([1], 10)


@pytest.mark.parametrize(
    "seen",
    [
        sighting(objectness=0.1),
        sighting(box=(40.0, 10, 80, 50)),
        sighting(box=BOX, classes=(0.2, 0.45, 0.35)),
    ],
    ids=["unsure of the object", "elsewhere", "unsure of the class"],
)
def test_what_the_average_is_not_sure_of_stays(seen):
    before = lessons((BOX, 0))
    assert corrected(before, seen, boxes=True, classes=True).digest() == before.digest()


def test_a_sighting_corrects_one_label_and_nothing_is_added_or_lost():
    two = lessons((BOX, 0), ((11.0, 10, 51, 50), 1))
    found = corrected(two, sighting(), boxes=True, classes=True).label_set.labels
    assert found.box[:, 0].tolist() == [10, 12.5]
    assert corrected(two, nothing_seen(), boxes=True, classes=True).digest() == two.digest()
    empty = lessons()
    assert corrected(empty, sighting(), boxes=True, classes=True).digest() == empty.digest()


class Voted(Data):
    """A data folder with the labels of a majority."""

    def fused(self, split, method):  # noqa: ARG002
        from annotators.infer.registry import infer
        from annotators.infer.save import about
        from medmnist_det.fused import Fused

        assert method == "majority-vote"
        crowd = self.label_set
        labels = about(crowd, infer(method, crowd).labels)
        nothing = np.zeros(len(labels.labels))
        return Fused(
            labels=labels, annotation_ids=[], assigned=nothing.astype(np.int64),
            existence=nothing, posterior=nothing, method=method, crowd="",
        )  # fmt: skip


@pytest.fixture(scope="module")
def some():
    true = truth(150)
    options = [AnnotatorOptions(proficiency=p) for p in (0.8, 0.6, 0.7)]
    label_set, _ = simulated(true, options)
    return true, label_set, sightings(true, scatter=0.03, confused=0.05)


def course(label_set, seen):
    """Return the lessons after each of ten epochs, and those of the beginning first."""
    teacher = EmaTeacher(Recipe(epochs=10))
    first = teacher.lessons(Voted(label_set), "train")
    return [first, *(teacher.after_epoch(k, seer(seen), Criterion()) for k in range(1, 10))]


def test_boxes_are_corrected_before_classes_and_both_get_better(some):
    true, label_set, seen = some
    found = course(label_set, seen)
    assert [one is None for one in found] == [False, True, True] + [False] * 7
    start, boxes, both = (quality_of(true, found[k].label_set.labels) for k in (0, 3, 5))
    assert boxes.class_accuracy == start.class_accuracy < both.class_accuracy
    assert start.mean_iou < boxes.mean_iou == both.mean_iou


def test_corrections_begin_with_the_labels_as_they_were(some):
    _, label_set, seen = some
    found = course(label_set, seen)
    assert found[9].digest() == found[5].digest()


def test_the_order_of_the_input_changes_nothing(some):
    _, label_set, seen = some
    for one, two in zip(course(label_set, seen), course(shuffled(label_set, 1), seen), strict=True):
        assert (one is None and two is None) or one.digest() == two.digest()


def test_lessons_of_the_val_split_are_not_what_is_corrected(some):
    _, label_set, seen = some
    teacher = EmaTeacher(Recipe(epochs=10))
    teacher.lessons(Voted(label_set), "train")
    other = replace(label_set, labels=label_set.labels.select(np.zeros(0, dtype=np.int64)))
    teacher.lessons(Voted(other), "val")
    assert len(teacher.after_epoch(9, seer(seen), Criterion()).label_set.labels) > 0
