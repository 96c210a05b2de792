"""Splits and merges: one object as two boxes, two objects as one."""

import numpy as np
import pytest

from annotators.simulate.crowd import SimulatedCrowd
from annotators.simulate.options import AnnotatorOptions
from annotators.simulate.touching import touching
from medmnist_det.boxes import areas
from medmnist_det.labels import Error, Images, Labels
from tests.annotators.simulate.split_truth import IMAGES, NAMES, TRUTH, marks

EXACT = AnnotatorOptions(family="uniform", proficiency=1.0)


def exact(**more):
    return AnnotatorOptions(family="uniform", proficiency=1.0, **more)


def test_all_that_touch_are_drawn_as_one_and_the_larger_gives_the_name():
    box = np.array(
        [[0, 0, 10, 10], [8, 0, 30, 30], [30, 30, 50, 50], [0, 60, 9, 70]], dtype=np.float64
    )
    truth = Labels(images=1, image=np.zeros(4), box=box, label=np.arange(4))
    images = Images(ids=(7,), names=("x",), width=np.array([90]), height=np.array([90]))
    found = marks(exact(merges=1.0), truth=truth, images=images)
    labels = found.labels
    # The first pair; the third box touches the second at a corner, which is merged already.
    order = np.argsort(labels.true_object)
    assert labels.true_object[order].tolist() == [1, 2, 3]
    assert labels.box[order][0].tolist() == [0, 0, 30, 30]
    assert labels.label[order].tolist() == [1, 2, 3]
    assert labels.error[order].tolist() == [Error.MERGE, Error.NONE, Error.NONE]
    merged = found.behind["merged_annotation_id"]
    assert [merged[k] for k in order.tolist()] == [1, None, None]


def test_merges_come_at_their_rate():
    pairs = touching(TRUTH)
    alone = np.bincount(np.concatenate([pairs.first, pairs.second]), minlength=len(TRUTH)) == 1
    lonely = alone[pairs.first] & alone[pairs.second]  # pairs that nobody else can break up
    found = marks(exact(merges=0.3)).labels
    large = np.where(
        areas(TRUTH.box[pairs.second]) > areas(TRUTH.box[pairs.first]), pairs.second, pairs.first
    )
    merged = np.isin(large[lonely], found.true_object[found.error == Error.MERGE])
    error = np.sqrt(0.21 / lonely.sum())
    assert merged.mean() == pytest.approx(0.3, abs=4 * error)


def test_splits_come_at_their_rate_and_cover_the_object():
    found = marks(exact(splits=0.2)).labels
    parts = found.select(found.error == Error.SPLIT)
    objects, count = np.unique(parts.true_object, return_counts=True)
    assert (count == 2).all()
    assert len(objects) / len(TRUTH) == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / len(TRUTH)))
    order = np.argsort(parts.true_object, kind="stable")
    first, second = parts.box[order][0::2], parts.box[order][1::2]
    true = TRUTH.box[parts.true_object[order][0::2]]
    hull = np.concatenate(
        [np.minimum(first, second)[:, :2], np.maximum(first, second)[:, 2:]], axis=1
    )
    assert np.array_equal(hull, true)
    assert (areas(first) < 0.75 * areas(true) + 1e-3).all()
    assert (areas(second) < 0.75 * areas(true) + 1e-3).all()
    wide = true[:, 2] - true[:, 0] > true[:, 3] - true[:, 1]
    assert (first[wide, 3] == true[wide, 3]).all()  # cut across the longer side


def test_what_came_out_counts_objects_once():
    crowd = SimulatedCrowd.of((exact(splits=0.3, merges=0.5), EXACT), NAMES, 0)
    labels = crowd.annotate(TRUTH, IMAGES, "train").labels
    one, other = (
        row["realised"]["train"]
        for row in crowd.describe({"train": TRUTH}, {"train": labels})["annotators"]
    )
    assert one["missed"] == one["merged"] > 0
    assert one["boxes"] == len(TRUTH) - one["merged"] + one["split"]
    assert one["wrong_class"] == 0
    assert (other["missed"], other["split"], other["merged"]) == (0, 0, 0)
