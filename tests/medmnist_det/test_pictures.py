import numpy as np
import pytest
from PIL import Image

from medmnist_det.errors import InputError
from medmnist_det.pictures import draw_matrices, draw_scenes


def colours(path):
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    return {tuple(colour) for colour in np.unique(pixels, axis=0).tolist()}


TRUTH, RATERS = (0, 158, 115), [(86, 180, 233), (230, 159, 0), (204, 121, 167)]


def test_scenes_show_the_truth_and_every_rater_in_colours_of_their_own(small, tmp_path):
    draw_scenes(tmp_path / "x.png", small, "train", scenes=2)
    assert {TRUTH, *RATERS} <= colours(tmp_path / "x.png")


def test_the_test_split_shows_the_truth_alone(small, tmp_path):
    draw_scenes(tmp_path / "x.png", small, "test", scenes=1)
    found = colours(tmp_path / "x.png")
    assert TRUTH in found
    assert not set(RATERS) & found


def test_matrices_are_drawn_for_every_annotator(small, tmp_path):
    draw_matrices(tmp_path / "x.png", small.path / "annotators.json")
    with Image.open(tmp_path / "x.png") as image:
        assert image.width > 2.5 * image.height


def test_a_split_without_an_object_cannot_be_shown(small, tmp_path, monkeypatch):
    from dataclasses import replace

    from medmnist_det.folder import Folder
    from medmnist_det.labels import Labels

    empty = replace(small.truth("train"), labels=Labels.empty(60))
    monkeypatch.setattr(Folder, "truth", lambda *_: empty)
    with pytest.raises(InputError, match="no train image holds an object; show another --split"):
        draw_scenes(tmp_path / "x.png", small, "train")
