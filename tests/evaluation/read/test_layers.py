"""Raters and fused labels of a data folder, in the rows of the truth that is scored on."""

import numpy as np
import pytest

from evaluation.read.layers import read_layers
from evaluation.read.source import open_truth
from evaluation.read.truth import read_truth
from tests.evaluation.files import annotation, coco, objects, write


def crowd(folder, split="val", raters=("7", "x"), images=10):
    """Rater 7 drew two boxes of class 2 on image 3; x looked at image 1 and drew nothing."""
    rows = [
        annotation(1, 3, 2, [5, 6, 7, 8], rater_id=raters[0]),
        annotation(2, 3, 2, [50, 6, 7, 8], rater_id=raters[0]),
    ]
    content = coco(images, rows)
    for one in content["images"]:
        one["rater_list"] = {3: [raters[0]], 1: [raters[1]]}.get(one["id"], [])
    return write(folder / "crowd" / f"{split}.json", content)


def layers(folder, split="val"):
    source = open_truth(folder, split, None)
    return read_layers(source, source.truth)


def test_raters_and_fused_labels_come_with_who_looked_where(data):
    crowd(data)
    rows = [one | {"score": 0.5} for one in objects(10, 1)]
    write(data / "fused" / "wbf" / "val.json", coco(10, rows))

    found = layers(data)

    seven, x, fused = found.layers
    assert (seven.name, seven.kind, seven.looked.nonzero()[0].tolist()) == ("7", "rater", [2])
    assert seven.boxes.image.tolist() == [2, 2]
    assert seven.boxes.label.tolist() == [2, 2]
    assert seven.boxes.bbox.tolist() == [[5, 6, 7, 8], [50, 6, 7, 8]]
    assert (x.name, len(x.boxes), x.looked.nonzero()[0].tolist()) == ("x", 0, [0])
    assert (fused.name, fused.kind, len(fused.boxes)) == ("wbf", "fused", len(rows))
    assert fused.boxes.score.tolist() == [0.5] * len(rows)
    assert fused.looked.all()
    assert (found.absent, found.warnings) == ((), ())


def test_images_that_are_not_scored_are_left_out(data):
    crowd(data)
    source = open_truth(data, "val", None)
    kept = np.arange(10) == 2

    found = read_layers(source, source.truth.only(kept))

    assert [one.boxes.image.tolist() for one in found.layers] == [[0, 0], []]
    assert [one.looked.tolist() for one in found.layers] == [[True], [False]]


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ("test", "Raters: the test split has no crowd labels, only truth; raters label train and"),
        ("val", "crowd/val.json is not there."),
    ],
)
def test_what_is_not_there_is_said(data, split, said):
    found = layers(data, split)

    assert found.layers == ()
    assert said in found.absent[0]
    assert found.absent[1] == f"Fused labels: there are none of the {split} split."


def test_a_lone_truth_has_no_folder_to_look_into(data):
    path = data / "truth" / "val.json"

    found = read_layers(open_truth(data, "val", path), read_truth(path))

    assert found.absent == ("Raters and fused labels are read from a data folder (--data).",)


def test_files_that_cannot_be_shown_are_warnings_and_the_others_are_shown(data):
    write(data / "crowd" / "val.json", b"{")
    write(data / "fused" / "a" / "val.json", coco(10, objects(10, 1)))
    other = coco(1, [annotation(1, 1, 0, [0, 0, 9, 9])])
    other["categories"][0]["id"] = other["annotations"][0]["category_id"] = 99
    write(data / "fused" / "b" / "val.json", other)

    found = layers(data)

    assert [one.name for one in found.layers] == ["a"]
    assert "crowd/val.json: not a whole JSON file" in found.warnings[0]
    assert "b/val.json: has category 99, which" in found.warnings[1]


def test_labels_fused_from_another_crowd_are_not_shown_as_this_ones(tmp_path):
    from typer.testing import CliRunner

    import cli

    def run(*words):
        result = CliRunner().invoke(cli.app, [*words, "--data", str(tmp_path / "d")])
        assert result.exit_code == 0, result.output

    small = ["--train", "0", "--val", "6", "--test", "0", "--canvas", "96", "--digits", "optdigits"]
    words = ["generate", *small, "--out", str(tmp_path / "d")]
    assert CliRunner().invoke(cli.app, words).exit_code == 0
    run("aggregate", "--method", "majority-vote")
    source = open_truth(tmp_path / "d", "val", None)
    assert [one.kind for one in read_layers(source, source.truth).layers][-1] == "fused"
    crowd(tmp_path / "d", images=6)

    found = read_layers(source, source.truth)

    assert [one.kind for one in found.layers] == ["rater", "rater"]
    assert "was made from another crowd than the one beside it" in found.warnings[0]
