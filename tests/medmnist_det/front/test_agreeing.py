"""Agreement in memory is that of the command."""

import json

import pytest
from typer.testing import CliRunner

import medmnist_det
from cli import app
from medmnist_det.formats.data_frame import to_frame
from tests.medmnist_det.front.data import columns


def test_every_number_is_the_command_s(small, tmp_path):
    words = ["agreement", "--data", str(small.path), "--split", "train", "--out", str(tmp_path)]
    assert CliRunner().invoke(app, words).exit_code == 0
    written = json.loads((tmp_path / "agreement-train.json").read_text())
    found = medmnist_det.agreement(small.path)
    assert json.loads(json.dumps(found.to_dict())) == written
    held = medmnist_det.agreement(to_frame(small.crowd("train"), empty=True))
    assert held["alpha"] == pytest.approx(found["alpha"])
    assert held["map_on_truth"] is None
    assert f"alpha {found['alpha']:.3f} of 3 raters" in repr(found)


def test_tables_have_a_row_for_each(small):
    found = medmnist_det.agreement(small.path)
    without = [float("nan") if one is None else one for one in found["without"]]
    assert found.to_frame().alpha_without.tolist() == pytest.approx(without, nan_ok=True)
    assert found.to_frame("classes")["class"].tolist() == list("0123456789")
    assert len(found.to_frame("images")) == 60
    pairs = found.to_frame("pairs").set_index(["rater", "other"])
    assert pairs.loc[(1, 2), "alpha"] == found["pairwise"][0][1]
    assert pairs.loc[(1, 2), "map"] == found["map_against"][0][1]
    with pytest.raises(ValueError, match="of='x' is not known"):
        found.to_frame("x")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iou": 0}, r"^iou=0\.0 is not from 0\.01 to 0\.99"),
        ({"map_iou": 2}, r"^map_iou=2\.0 is not from 0\.01 to 1"),
        ({"assigned": [("a", "ann"), ("a", "bob"), ("a", "eve")]}, "did not look"),
    ],
)
def test_bad_arguments_are_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        medmnist_det.agreement(columns(), **({"assigned": "all"} | options))
