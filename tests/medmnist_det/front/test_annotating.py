"""Simulated annotators on boxes in memory draw what they draw on files."""

import pandas
import pytest

import medmnist_det
from medmnist_det.formats.coco import read_coco


def test_memory_and_files_give_the_same_crowd(small, tmp_path):
    file = small.truth_file("val")
    options = {"annotators": 2, "proficiency": [0.9, 0.4], "spurious": 0.5, "seed": 3}
    written = medmnist_det.annotate(str(file), tmp_path / "crowd", **options)
    held = medmnist_det.annotate(small.truth("val"), **options)
    read = read_coco(tmp_path / "crowd" / "crowd.json")
    assert read.labels.box == pytest.approx(held.labels.labels.box)
    assert written.labels.labels == held.labels.labels
    assert [one["proficiency"] for one in held.annotators] == [0.9, 0.4]
    with pytest.raises(ValueError, match="is there already; remove it or choose another out=$"):
        medmnist_det.annotate(file, tmp_path / "crowd", **options)


def test_a_table_of_a_crowd_goes_on_to_be_fused_without_a_guess(recwarn):
    truth = {"image": ["a", "b"], "label": ["cat", "dog"], "boxes": [[5, 5, 50, 50]] * 2}
    images = {"a": (100, 80), "b": (100, 80), "empty": (60, 60)}
    crowd = medmnist_det.annotate(truth, images=images, annotators=3, classes=["cat", "dog", "emu"])
    assert crowd.labels.images.height.tolist() == [80, 80, 60]
    assert crowd.labels.classes.names == ("cat", "dog", "emu")
    frame = crowd.to_frame()
    assert set(frame.image) == {"a", "b", "empty"}
    assert isinstance(frame, pandas.DataFrame)
    assert repr(crowd) == f"Annotated: {len(crowd.labels.labels)} boxes of 3 raters on 3 images"
    fused = medmnist_det.aggregate(frame, method="majority-vote")
    assert len(fused.labels.images) == 3
    assert not recwarn.list


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"^size: how large the images are"),
        ({"size": (40, 40)}, r"leaves its image of 40x40 pixels"),
        ({"size": (99, 99), "proficiency": 2}, r"^proficiency=2\.0 is not from 0 to 1"),
        (
            {"size": (99, 99), "classes": ["dog"]},
            r"truth: row 0 has the label 'cat', which classes=",
        ),
    ],
)
def test_bad_arguments_are_refused_by_name(options, message):
    truth = {"image": ["a"], "label": ["cat"], "boxes": [[5, 5, 50, 50]]}
    with pytest.raises(ValueError, match=message):
        medmnist_det.annotate(truth, **options)


def test_iscrowd_regions_are_left_out_aloud():
    truth = [{"boxes": [[1, 1, 9, 9], [1, 1, 30, 30]], "labels": [3, 3], "iscrowd": [0, 1]}]
    with pytest.warns(UserWarning, match="left out: 1 iscrowd regions"):
        crowd = medmnist_det.annotate(truth, size=(40, 40), preset="paper-code")
    assert crowd.left_out == 1
