"""Copying: shared boxes, who is copied, and the mixture that comes out."""

import numpy as np
import pytest

from annotators.simulate.annotator import draw_annotators
from annotators.simulate.copying import copying_order
from annotators.simulate.crowd import SimulatedCrowd
from annotators.simulate.options import AnnotatorOptions
from annotators.simulate.presets import crowd_options
from medmnist_det.errors import InputError
from medmnist_det.labels import Error
from tests.annotators.simulate.split_truth import IMAGES, NAMES, TRUTH, drawn_by, marks

TEACHER = AnnotatorOptions(family="uniform", proficiency=0.6, spurious=0.4)


def student(copies, corrects=0.3, **more):
    return AnnotatorOptions(
        family="uniform", proficiency=0.9, spurious=0.1, copies=copies, copies_from=1,
        corrects=corrects, **more,
    )  # fmt: skip


def boxes(labels, rater):
    mine = labels.of_rater(rater)
    rows = np.column_stack([mine.image, mine.box, mine.label])
    return {tuple(row) for row in rows.tolist()}


def test_who_copies_all_and_corrects_nothing_is_the_other():
    labels = marks(TEACHER, student(1.0, 0.0)).labels
    assert boxes(labels, 0) == boxes(labels, 1)


def test_who_corrects_everything_is_alone():
    labels = marks(TEACHER, student(1.0, 1.0)).labels
    alone = marks(TEACHER, student(0.0)).labels
    assert boxes(labels, 1) == boxes(alone, 1)


def test_the_share_of_copied_images_and_of_corrected_objects_comes_out():
    found = marks(TEACHER, student(0.6, 0.25))
    labels, copied = found.labels, np.array(found.behind["copied"])
    assert not copied[labels.rater == 0].any()
    assert boxes(labels.select((labels.rater == 1) & copied), 1) <= boxes(labels, 0)
    with_objects = np.bincount(TRUTH.image, minlength=len(IMAGES)) > 0
    images = np.unique(labels.image[copied])
    # An image without a kept box does not show; at 1 to 5 objects nearly all of them have one.
    share = len(np.intersect1d(images, np.flatnonzero(with_objects))) / with_objects.sum()
    assert 0.45 < share < 0.62
    teacher_drew = drawn_by(labels, 0) < 10
    there = labels.select(copied & (labels.error != Error.SPURIOUS))
    kept = np.zeros(len(TRUTH), dtype=bool)
    kept[there.true_object] = True
    expected = 0.6 * 0.75
    # Images are drawn, not objects: up to five objects of an image stand together.
    error = np.sqrt(5 * expected * (1 - expected) / teacher_drew.sum())
    assert kept[teacher_drew].mean() == pytest.approx(expected, abs=4 * error)


def test_what_is_reported_in_the_mean_is_the_mixture():
    crowd = SimulatedCrowd.of((TEACHER, student(0.8, 0.5)), NAMES, 0)
    found = crowd.annotate(TRUTH, IMAGES, "train")
    row = crowd.describe({"train": TRUTH}, {"train": found.labels})["annotators"][1]
    other, own = (one.matrix for one in crowd.annotators)
    matrix = np.array(row["reported"]["matrix"])
    assert matrix[:10] == pytest.approx(0.6 * own[:10] + 0.4 * other[:10])
    assert row["reported"]["spurious"] == pytest.approx(0.6 * 0.1 + 0.4 * 0.4)
    assert matrix.sum(axis=1) == pytest.approx(1)
    said = drawn_by(found.labels, 1)
    assert (said == TRUTH.label).mean() == pytest.approx(0.6 * 0.9 + 0.4 * 0.6, abs=0.02)
    spurious = (found.labels.of_rater(1).error == Error.SPURIOUS).mean()
    assert spurious * len(found.labels.of_rater(1)) / len(IMAGES) == pytest.approx(0.22, abs=0.03)


def test_nothing_is_copied_from_who_did_not_look():
    half = AnnotatorOptions(family="uniform", coverage=0.5)
    found = marks(half, student(1.0, 0.0, coverage=0.5), seed=1)
    looked = found.labels.assigned
    both = set(looked[looked[:, 1] == 0, 0].tolist()) & set(looked[looked[:, 1] == 1, 0].tolist())
    copied = np.array(found.behind["copied"])
    assert set(found.labels.image[copied].tolist()) <= both


def test_chains_are_followed_whatever_their_order():
    def one(copies_from):
        copies = 0.0 if copies_from is None else 0.5
        return AnnotatorOptions(copies=copies, copies_from=copies_from)

    assert copying_order([one(2), one(3), one(None)]) == [2, 1, 0]
    assert copying_order([one(None), one(1), one(1)]) == [0, 1, 2]


@pytest.mark.parametrize(
    ("copied", "message"),
    [
        ([1, None], "--copies-from 1: annotator 1 would copy from itself"),
        ([2, 1], r"copy in a circle \(1 from 2 from 1\)"),
        ([None, 4], "--copies-from 4 is none of the 2 annotators"),
    ],
)
def test_nobody_copies_from_nobody_itself_or_in_a_circle(copied, message):
    options = [
        AnnotatorOptions(copies=0.0 if who is None else 0.5, copies_from=who) for who in copied
    ]
    with pytest.raises(InputError, match=message):
        draw_annotators(options, 10, 0)
    with pytest.raises(InputError, match="nobody is named who is copied"):
        copying_order([AnnotatorOptions(copies=0.5)])


def test_one_value_is_for_all_but_the_one_who_is_copied():
    crowd = crowd_options("paper", copies=[0.4])
    assert [(one.copies, one.copies_from) for one in crowd] == [(0, None), (0.4, 1), (0.4, 1)]
    crowd = crowd_options("paper", copies=[0.4], copies_from=[3], corrects=[0.1])
    assert [(one.copies, one.copies_from) for one in crowd] == [(0.4, 3), (0.4, 3), (0, None)]
    with pytest.raises(InputError, match="--corrects means nothing where nobody copies"):
        crowd_options("paper", corrects=[0.2])
    with pytest.raises(InputError, match="annotator 1 would copy from itself"):
        draw_annotators(crowd_options("paper", annotators=1, copies=[0.4]), 10, 0)


def test_what_the_other_drew_as_one_is_copied_as_one_or_not_at_all():
    exact = {"family": "uniform", "proficiency": 1.0, "merges": 0.8}
    teacher = AnnotatorOptions(**exact)
    both = AnnotatorOptions(**exact, copies=1.0, copies_from=1, corrects=0.4)
    found = marks(teacher, both)
    labels, merged = found.labels, np.array(found.behind["merged_annotation_id"], dtype=object)
    mine = labels.rater == 1
    drawn = np.bincount(labels.true_object[mine], minlength=len(TRUTH))
    inside = np.array([one - 1 for one in merged[mine] if one is not None], dtype=int)
    assert len(inside) > 20
    # Nobody overlooks anything here: every object has a box of its own, or is in another's.
    assert (drawn + np.bincount(inside, minlength=len(TRUTH)) == 1).all()
