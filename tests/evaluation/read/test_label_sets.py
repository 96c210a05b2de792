"""Label sets as predictions: raters of a crowd file, and images that nobody labelled."""

import time

import numpy as np
import pytest

from evaluation.read.predictions import read_predictions
from evaluation.read.truth import read_truth
from medmnist_det.errors import InputError
from tests.evaluation.files import coco, objects, write


def _crowd(tmp_path, **changes):
    rows = objects(10, 0)
    drawn = [
        row | {"id": 2 * k + j + 1, "rater_id": f"R{j}"}
        for k, row in enumerate(rows)
        for j in range(2)
        if j == 0 or row["image_id"] <= 5
    ]
    content = coco(10, drawn)
    for image in content["images"]:
        image["rater_list"] = ["R0", "R1"] if image["id"] <= 5 else ["R0"]
    return write(tmp_path / "crowd.json", content | changes)


def test_one_rater_of_a_crowd_file_is_read_with_the_images_looked_at(tmp_path, truth):
    found = read_predictions(_crowd(tmp_path), truth, rater="R1")

    assert found.drawn
    assert found.looked is not None
    np.testing.assert_array_equal(np.flatnonzero(found.looked), range(5))
    assert set(found.boxes.image.tolist()) == {0, 2, 4}
    assert found.boxes.score.tolist() == [1.0] * 18


def test_a_rater_missing_from_the_first_annotation_is_noticed(tmp_path, truth):
    content = coco(10, [one | {"rater_id": 1} for one in objects(10, 0)])
    del content["annotations"][0]["rater_id"]

    with pytest.raises(InputError, match="annotation 0: has no 'rater_id'; add it"):
        read_predictions(write(tmp_path / "c.json", content), truth)


@pytest.mark.parametrize(
    ("rater", "message"),
    [
        (None, "holds the boxes of 2 raters; choose one with --rater, of 'R0', 'R1'"),
        ("R7", "holds no rater 'R7' among 2 raters; choose one with --rater, of 'R0', 'R1'"),
    ],
)
def test_a_rater_has_to_be_chosen_from_those_there_are(tmp_path, truth, rater, message):
    with pytest.raises(InputError, match=message):
        read_predictions(_crowd(tmp_path), truth, rater=rater)


def test_a_rater_of_a_prediction_file_is_refused(tmp_path, truth, rows):
    with pytest.raises(InputError, match="holds a detector's boxes, not raters'"):
        read_predictions(write(tmp_path / "p.json", rows), truth, rater="1")
    path = write(tmp_path / "fused.json", coco(10, objects(10, 0)))
    with pytest.raises(InputError, match="does not say who drew its boxes"):
        read_predictions(path, truth, rater="1")


def _label_set(tmp_path, **changes):
    content = coco(10, objects(10, 0))
    for image in content["images"]:
        image["rater_list"] = [1, 2] if image["id"] != 2 else []
    return write(tmp_path / "fused.json", content | changes)


def test_images_that_nobody_labelled_are_left_out_of_a_label_set(tmp_path, truth):
    found = read_predictions(_label_set(tmp_path), truth)

    assert np.flatnonzero(~found.looked).tolist() == [1]
    assert "does not list 1 of the 10 images" in found.warnings[0]


def test_images_that_a_label_set_does_not_list_are_left_out(tmp_path, truth):
    rows = [one for one in objects(10, 0) if one["image_id"] <= 4]

    found = read_predictions(write(tmp_path / "c.json", coco(4, rows)), truth)
    unlisted = read_predictions(write(tmp_path / "p.json", {"annotations": rows}), truth)

    assert found.looked.sum() == 4
    assert unlisted.looked is None
    assert unlisted.warnings == ()


def test_images_that_a_crowd_file_does_not_list_were_not_looked_at(tmp_path, truth):
    rows = [one | {"rater_id": 1} for one in objects(10, 0) if one["image_id"] <= 4]

    found = read_predictions(write(tmp_path / "c.json", coco(4, rows)), truth, rater="1")

    assert found.looked.sum() == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"annotations": [*objects(10, 0), objects(10, 0)[0] | {"image_id": 2, "id": 99}]},
            r"annotation 30: is on image 2, which the file does not list, or nobody looked at \(1 ",
        ),
        (
            {"images": [{"id": 1, "rater_list": 5}], "annotations": []},
            "image 0: rater_list is 5; give",
        ),
        ({"images": [{"id": 1}, {"id": 1}]}, "image 1: id 1 is there twice"),
        ({"images": [{"id": 77}]}, "1 of its 1 images are not in .*; name the truth that"),
    ],
)
def test_a_label_set_whose_images_contradict_it_is_refused(tmp_path, truth, changes, message):
    with pytest.raises(InputError, match=message):
        read_predictions(_label_set(tmp_path, **changes), truth)


def test_names_of_raters_are_shown_on_one_short_line(tmp_path, truth):
    raters = [f"R\n\x1b[31m{k}{'x' * 9999}" for k in range(30)]
    drawn = [one | {"rater_id": raters[k]} for k, one in enumerate(objects(10, 0))]

    for rater in (None, "y\n" * 9999):
        with pytest.raises(InputError) as caught:
            read_predictions(write(tmp_path / "c.json", coco(10, drawn)), truth, rater=rater)
        text = str(caught.value)
        assert text.isprintable()
        assert len(text) < 2000


def test_reading_a_rater_takes_time_in_proportion_to_the_images(tmp_path):
    images = 20_000
    content = coco(images, [objects(2, 0)[0] | {"rater_id": 1}])
    path = write(tmp_path / "c.json", content)
    truth = read_truth(path)
    start = time.process_time()

    read_predictions(path, truth, rater="1")

    # A set of all ids built for each of them took minutes.
    assert time.process_time() - start < 5
