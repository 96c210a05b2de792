"""Annotators from a file: what was simulated comes back, and slips are refused."""

import json

import numpy as np
import orjson
import pytest

from annotators.simulate.crowd import SimulatedCrowd
from annotators.simulate.described import read_described
from annotators.simulate.options import AnnotatorOptions
from annotators.simulate.presets import PRESETS, crowd_options
from medmnist_det.errors import InputError
from tests.annotators.simulate.split_truth import IMAGES, NAMES, TRUTH

OPTIONS = (
    AnnotatorOptions(spurious=0.2),
    AnnotatorOptions(box_noise="sized", habit="loose", hand=2.0, difficulty=0.5, drift=-0.4),
    AnnotatorOptions(box_noise="biased", copies=0.5, copies_from=1, splits=0.1, merges=0.2),
)


def described(options=OPTIONS):
    crowd = SimulatedCrowd.of(options, NAMES, 0)
    drawn = crowd.annotate(TRUTH, IMAGES, "train").labels
    return (
        crowd,
        drawn,
        orjson.loads(orjson.dumps(crowd.describe({"train": TRUTH}, {"train": drawn}))),
    )


CROWD, DRAWN, CONTENT = described()


def read(tmp_path, content, names=NAMES):
    file = tmp_path / "annotators.json"
    file.write_text(json.dumps(content))
    return read_described(file, names)


def test_what_a_file_describes_draws_the_same_boxes(tmp_path):
    found = read(tmp_path, CONTENT)
    again = SimulatedCrowd(annotators=found.annotators, seed=0, class_names=NAMES)
    assert again.annotate(TRUTH, IMAGES, "train").labels == DRAWN
    assert again.describe({"train": TRUTH}, {"train": DRAWN}) == CROWD.describe(
        {"train": TRUTH}, {"train": DRAWN}
    )
    sources = [one["source"] for one in again.describe_options()]
    assert len(set(sources)) == 3
    assert all("source" not in one for one in CROWD.describe_options())


@pytest.mark.parametrize("preset", [one for one in PRESETS if one != "crowd"])
def test_every_preset_can_be_read_back(preset, tmp_path):
    crowd = SimulatedCrowd.of(crowd_options(preset), NAMES, 4)
    content = orjson.loads(orjson.dumps(crowd.describe({}, {})))
    for one, other in zip(read(tmp_path, content).annotators, crowd.annotators, strict=True):
        assert one.options == other.options
        assert np.array_equal(one.matrix, other.matrix)


def test_a_fit_s_remarks_are_not_read_and_its_names_are_kept(tmp_path):
    content = changed(rater_id="R08", family="fitted", fitted={"matrix_sd": [1, 2]})
    content["fitted"] = {"images": 15_000}
    content["annotators"][2]["copies_from"] = "R08"
    one = read(tmp_path, content).annotators[0]
    assert (one.name, one.options.family) == ("R08", "fitted")
    assert one.describe()["name"] == "R08"
    less = changed(rater_id="R08", family="fitted")
    less["annotators"][2]["copies_from"] = "R08"
    assert read(tmp_path, less).annotators[0].source == one.source
    assert read(tmp_path, CONTENT).annotators[0].source != one.source


def test_teams_read_together(tmp_path):
    content = changed()
    content["annotators"][2] = content["annotators"][2] | {"copies": 0.0, "copies_from": None}
    content["teams"] = [{"raters": [1, 3], "share": 0.25}, {"raters": [2], "share": 0.75}]
    found = read(tmp_path, content)
    crowd = SimulatedCrowd(
        annotators=found.annotators, seed=0, class_names=NAMES, teams=found.teams
    )
    drawn = crowd.annotate(TRUTH, IMAGES, "train").labels
    looked = np.zeros((len(IMAGES), 3), dtype=bool)
    looked[drawn.assigned[:, 0], drawn.assigned[:, 1]] = True
    assert np.array_equal(looked[:, 0], looked[:, 2])
    assert np.array_equal(looked[:, 0], ~looked[:, 1])
    share = looked[:, 0].mean()
    assert share == pytest.approx(0.25, abs=4 * np.sqrt(0.1875 / len(IMAGES)))
    assert crowd.describe({}, {})["teams"] == content["teams"]


def test_spurious_boxes_have_the_size_and_place_that_are_told(tmp_path):
    law = {
        "log_side_mean": [-2.0, -1.5], "log_side_std": [0.2, 0.3], "log_side_correlation": 0.8,
        "place": [[0.0, 0.0, 0.0], [0.0, 0.0, 0.7], [0.3, 0.0, 0.0]],
    }  # fmt: skip
    content = changed(spurious=2.0, spurious_boxes=law)
    row = content["annotators"][0]["matrix"][-1]
    content["annotators"][0]["matrix"][-1] = [(1 - np.exp(-2.0)) / 10] * 10 + [np.exp(-2.0)]
    assert len(row) == 11
    found = read(tmp_path, content)
    crowd = SimulatedCrowd(annotators=found.annotators, seed=0, class_names=NAMES)
    drawn = crowd.annotate(TRUTH, IMAGES, "train").labels.of_rater(0)
    box = drawn.box[drawn.error == 2]
    side = np.log((box[:, 2:] - box[:, :2]) / 320)
    n = len(box)
    assert side.mean(axis=0) == pytest.approx([-2.0, -1.5], abs=4 * 0.3 / np.sqrt(n))
    assert side.std(axis=0) == pytest.approx([0.2, 0.3], abs=4 * 0.3 / np.sqrt(2 * n))
    assert np.corrcoef(side.T)[0, 1] == pytest.approx(0.8, abs=0.03)
    centre = (box[:, :2] + box[:, 2:]) / 2
    right = centre[:, 0] > 160
    assert right.mean() == pytest.approx(0.7, abs=4 * np.sqrt(0.21 / n))
    # Centres fall into the cell, but for boxes that are moved into the image.
    assert centre[right, 1].min() > 320 / 3 - 1e-4
    assert centre[right, 1].max() < 640 / 3 + 1e-4
    assert centre[~right, 0].max() < 320 / 3 + 1e-4
    assert (box >= 0).all()
    assert (box <= 320).all()


def changed(*gone, **values):
    content = json.loads(json.dumps(CONTENT))
    content["annotators"][0] |= values
    for name in gone:
        del content["annotators"][0][name]
    return content


def matrix(row, column, value):
    found = [list(one) for one in CONTENT["annotators"][0]["matrix"]]
    found[row][column] = value
    return found


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "has no list 'annotators'; name an annotators.json"),
        ({"annotators": []}, "'classes' are none, the data has 10 classes"),
        (changed("matrix"), "annotator 1: has no 'matrix'; a description needs"),
        (changed(matrix=matrix(3, 4, 0.9)), "annotator 1: row 4 of 'matrix' is .* which sums to"),
        (changed(matrix=matrix(0, 0, -0.5)), "row 1 of 'matrix'"),
        (changed(matrix=[[1.0]]), "'matrix' is .*; give 11 x 11 numbers"),
        (changed(matrix=matrix(0, 0, "x")), "give 11 x 11 numbers"),
        (changed(spurious=0.4), r"'spurious' 0.4 gives 0.67032: change one of the two"),
        (changed(dificulty=0.5), "annotator 1: 'dificulty' is not known; remove it"),
        (changed(difficulty=1.5), "annotator 1: --difficulty 1.5 is not from 0 to 1"),
        (changed(difficulty="much"), "annotator 1: 'difficulty' is 'much'; give a number"),
        (changed(family=3), "annotator 1: 'family' is 3; give a name"),
        (changed(family="wild"), "annotator 1: --family 'wild' is not known"),
        (changed(bias_mean=[0, 0, 0, 0]), "'bias_mean' means nothing to box_noise 'iou'"),
        (changed(box_noise="sized"), "annotator 1: has no 'bias_mean'; a description needs"),
        (changed(copies=0.5, copies_from=3), r"copy in a circle \(1 from 3 from 1\)"),
        (changed(copies=0.5, copies_from=9), "'copies_from' names 9, who is none of the annotat"),
        (changed(rater_id=2), "annotator 2: rater_id is 2; give every annotator an id of its own"),
        (changed(spurious_boxes={"place": [[1]]}), "spurious_boxes: has no 'log_side_mean'"),
        (CONTENT | {"teams": [{"raters": [1], "share": 0.5}]}, "shares of 'teams' sum to 0.5"),
        (CONTENT | {"teams": [{"raters": [7], "share": 1.0}]}, "'raters' names 7, who is none"),
        (CONTENT | {"teams": [{"raters": [1, 1], "share": 1.0}]}, "names somebody twice"),
        (CONTENT | {"teams": [{"raters": [1], "share": 1}]}, "annotator 2 is in none of the 'tea"),
        (CONTENT | {"team": []}, "'team' is not known; remove it"),
    ],
)  # fmt: skip
def test_slips_are_refused(content, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read(tmp_path, content)


def test_a_file_about_other_classes_is_refused(tmp_path):
    with pytest.raises(
        InputError, match="'classes' are 10 classes 0, 1, .* the data has 2 classes cat"
    ):
        read(tmp_path, CONTENT, ("cat", "dog"))
    with pytest.raises(InputError, match="the data has 10 classes a, b"):
        read(tmp_path, CONTENT, tuple("abcdefghij"))
