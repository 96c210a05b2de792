"""A data set made from Python is the one that the command makes; errors name arguments."""

import re

import numpy as np
import pytest
from typer.testing import CliRunner

import medmnist_det
from cli import app
from medmnist_det.folder import Folder

SMALL = {"train": 8, "val": 4, "test": 4, "canvas": 96, "digits": "optdigits"}


def test_arguments_make_what_options_make(tmp_path):
    words = (
        f"generate --out {tmp_path / 'a'} --annotators 3 --proficiency 0.9,0.8,1 --family random "
        "--spurious 0,0.5,0 --side 12,40 --count 1,5 --empty 0 --seed 7 --digits optdigits "
        "--train 8 --val 4 --test 4 --canvas 96"
    )
    assert CliRunner().invoke(app, words.split()).exit_code == 0
    data = medmnist_det.generate(
        str(tmp_path / "b"), annotators=np.int64(3), proficiency=(0.9, np.float64(0.8), 1),
        family="random", spurious=[0, 0.5, 0], side=(12, 40), count=[1, 5], empty=0, seed=7,
        **SMALL,
    )  # fmt: skip
    assert data.manifest == Folder.open(tmp_path / "a").manifest
    again = medmnist_det.generate(
        tmp_path / "a", annotators=3, proficiency="0.9,0.8,1", family=["random"],
        spurious="0,0.5,0", side="12,40", count="1,5", empty=0.0, seed=7, **SMALL,
    )  # fmt: skip
    assert again.path == tmp_path / "a"


def test_what_is_there_is_checked_and_a_changed_picture_named(tmp_path):
    data = medmnist_det.generate(tmp_path / "set", **SMALL)
    steps = []

    class Shown:
        def __init__(self, what, total):
            steps.append((what, total))

        def __enter__(self):
            return lambda _: None

        def __exit__(self, *_):
            pass

    medmnist_det.generate(tmp_path / "set", progress=Shown, **SMALL)
    assert steps == [("Composing", 16), ("Checking", 16)]
    picture = data.images("train") / "000001.png"
    picture.write_bytes((data.images("test") / "000003.png").read_bytes())
    picture.write_bytes(picture.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"000001\.png"):
        medmnist_det.generate(tmp_path / "set", **SMALL)


def test_a_data_set_says_what_is_in_it(small):
    data = medmnist_det.open(str(small.path))
    counts = small.manifest["counts"]["train"]
    assert f"train 60 images with {counts['objects']} objects and {counts['crowd']} crowd" in repr(
        data
    )
    assert "3 annotators; digits of optdigits" in repr(data)
    assert data.labels("train", "rater:2").raters == (1, 2, 3)
    assert len(data.dataset("val", "crowd")) == 20
    assert data.dataset("val", "crowd").categories[1] == data.classes[0] == "0"


BAD = [
    ({"proficiency": 1.5}, ValueError, r"proficiency=1\.5 is not from 0 to 1"),
    ({"proficiency": "high"}, ValueError, r"proficiency='high' is no number"),
    ({"proficiency": [0.5, 0.6]}, ValueError, r"proficiency= has 2 values for 3 annotators"),
    ({"proficiency": object}, ValueError, r"proficiency=.* is no number"),
    ({"proficiency": float("nan")}, ValueError, r"proficiency=nan is no number"),
    ({"family": "x"}, ValueError, r"family='x' is not known: choose random"),
    ({"family": 5}, ValueError, r"family=5 is not known"),
    ({"box_noise": "x"}, ValueError, r"box_noise='x' is not known"),
    ({"annotators": 2.5}, TypeError, r"annotators=2\.5 is of type float; give a whole number"),
    ({"annotators": True}, TypeError, r"annotators=True is of type bool"),
    ({"annotators": 0}, ValueError, r"annotators=0 is not from 1"),
    ({"annotators": 7, "preset": "crowd"}, ValueError, r"annotators=7 does not fit preset='crowd'"),
    ({"preset": "x"}, ValueError, r"preset='x' is not known: choose paper"),
    ({"train": "8"}, TypeError, r"train='8' is of type str; give a whole number"),
    ({"train": -1}, ValueError, r"train=-1 is not from 0"),
    ({"train": 0, "val": 0, "test": 0}, ValueError, r"give train=, val= or test= above 0"),
    ({"side": (5, 400)}, ValueError, r"side=5,400 is not an ascending range"),
    ({"side": 5}, ValueError, r"side=5 is not two whole numbers"),
    ({"max_iou": 2}, ValueError, r"max_iou=2\.0 is not above 0"),
    ({"empty": "half"}, TypeError, r"empty='half' is of type str; give a number"),
    ({"workers": 0}, ValueError, r"workers=0 is not from 1"),
    ({"digits": "svhn"}, ValueError, r"digits='svhn' is not known: choose auto, mnist, optdigits"),
    ({"digits": "optdigits", "digits_root": "."}, ValueError, r"digits_root= is a folder of MNIST"),
    ({"out": 5}, TypeError, r"out=5 is of type int; give a text or a path"),
    ({"seed": -1}, ValueError, r"seed=-1 is not from 0"),
]


@pytest.mark.parametrize(("options", "kind", "message"), BAD)
def test_bad_arguments_are_refused_by_name_and_leave_nothing(tmp_path, options, kind, message):
    options = {"out": tmp_path / "set", **SMALL, **options}
    with pytest.raises(kind, match=message) as error:
        medmnist_det.generate(**options)
    assert not re.search(r"--[a-z]|\n", str(error.value))
    assert not (tmp_path / "set").exists()


def test_there_is_no_positional_option_by_mistake(tmp_path):
    with pytest.raises(TypeError, match="positional"):
        medmnist_det.generate(tmp_path, "paper")
    with pytest.raises(TypeError, match="unexpected keyword argument 'proficency'"):
        medmnist_det.generate(tmp_path, proficency=0.8)


def test_a_folder_without_a_data_set_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no data set there; make one with .* with folder="):
        medmnist_det.open(tmp_path)
    with pytest.raises(ValueError, match="no data set there; .* with root="):
        medmnist_det.Dataset(tmp_path)
