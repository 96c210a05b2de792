"""What is fused in memory is what the command writes."""

import shutil

import numpy as np
import polars
import pytest

import medmnist_det
from medmnist_det.formats import read_coco, to_frame, to_supervision

METHODS = ("all", "rater:2", "majority-vote", "wbf", "wbf-agnostic", "dawid-skene")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("method", METHODS)
def test_memory_and_files_give_the_same_labels(small, tmp_path, method):
    crowd = small.crowd("train")
    file = small.crowd_file("train")
    options = {} if method in ("all", "rater:2") else {"iou": 0.3}
    written = medmnist_det.aggregate(file, method, out=tmp_path, **options)
    assert written.path == tmp_path / method.replace(":", "-") / "train.json"
    assert len(read_coco(written.path).labels) == len(written)
    frame = to_frame(crowd, empty=True)
    for given in (crowd, frame, polars.from_pandas(frame), to_supervision(crowd)):
        found = medmnist_det.aggregate(given, method, **options)
        assert found.path is None
        assert found.labels.labels.box == pytest.approx(written.labels.labels.box, abs=1e-6)
        assert found.labels.labels.score == pytest.approx(written.labels.labels.score, abs=1e-9)
        assert found.labels.images.ids == written.labels.images.ids


def test_a_data_set_s_labels_are_written_where_a_dataset_finds_them(small, tmp_path):
    shutil.copytree(small.path, tmp_path / "set")
    data = medmnist_det.open(tmp_path / "set")
    fused = medmnist_det.aggregate(data, "majority-vote", split="val")
    assert fused.path == data.fused_file("majority-vote", "val")
    assert len(data.dataset("val", "fused:majority-vote").label_set.labels) == len(fused)
    some = medmnist_det.aggregate(data, "majority-vote", split="train", raters=[1, "2"])
    assert some.path is None
    assert not data.fused_file("majority-vote", "train").exists()


@pytest.mark.filterwarnings("ignore:dawid-skene")
def test_results_are_tables(small):
    fused = medmnist_det.aggregate(small.crowd("train"))
    frame = fused.to_frame()
    assert list(frame) == [
        "image", "label", "x_min", "y_min", "x_max", "y_max", "score", "existence", "boxes",
    ]  # fmt: skip
    assert frame.score.tolist() == fused.labels.labels.score.tolist()
    assert frame.boxes.sum() == len(fused.inference.support)
    raters = fused.raters_to_frame().set_index("rater_id")
    assert raters.skill.tolist() == [one["skill"] for one in fused.raters]
    content = fused.to_dict()
    assert content["method"] == "dawid-skene"
    assert len(content["labels"]) == len(fused) == len(frame)
    assert np.array(content["raters"][0]["matrix"]).shape == (11, 11)
    assert f"Aggregated: {len(fused)} labels on 60 images by dawid-skene, 3 raters" in repr(fused)
    with pytest.raises(ValueError, match="majority-vote estimates no raters"):
        medmnist_det.aggregate(small.crowd("train"), "majority-vote").raters_to_frame()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "x"}, r"^method='x' is not known: choose all"),
        ({"method": "wbf", "iterations": 3}, r"^iterations=3 goes with method=.*, not 'wbf'"),
        ({"method": "wbf", "weights": [1, 2]}, r"^weights= has 2 values for 3 raters"),
        ({"method": "wbf", "weights": "a"}, r"^weights='a' is no number"),
        ({"iou": 2}, r"^iou=2\.0 is not above 0 and below 1"),
        ({"raters": ["9"]}, r"raters= names 9, who are not among the raters 1, 2, 3"),
        ({"method": "bayes-truth"}, r"^method='bayes-truth' needs the annotators.json .* crowd="),
        ({"images": [1]}, r"^images: crowd is a LabelSet, which says that itself; leave images= out"),
    ],
)  # fmt: skip
def test_errors_speak_of_arguments(small, options, message):
    with pytest.raises(ValueError, match=message) as error:
        medmnist_det.aggregate(small.crowd("train"), **options)
    assert "--" not in str(error.value)


def test_labels_without_raters_are_refused(small):
    with pytest.raises(ValueError, match="crowd: these labels do not say who drew them"):
        medmnist_det.aggregate(small.truth("train"))
    with pytest.raises(ValueError, match=r"split='test': annotators label train and val only"):
        medmnist_det.aggregate(small.path, split="test")
