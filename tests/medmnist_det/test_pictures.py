"""Pictures of a data set: every box where its file says, every error marked, every name shown."""

import json
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from medmnist_det.drawing import COLOURS, WRONG
from medmnist_det.errors import InputError
from medmnist_det.folder import Folder
from medmnist_det.labels import Classes, Error, Images, Labels, LabelSet
from medmnist_det.pictures import (
    _busiest,
    _choose,
    draw_matrices,
    draw_scenes,
    matrices_figure,
    scenes_figure,
)
from tests.drawn import cells, formulas, image, overprinted, ticks


def frames(panel):
    """Every box as (x_min, y_min, x_max, y_max, colour, line), in pixels counted from a corner."""
    found = []
    for one in panel.patches:
        x, y = one.get_x() + 0.5, one.get_y() + 0.5
        corners = (x, y, x + one.get_width(), y + one.get_height())
        found.append((*np.round(corners, 6), to_hex(one.get_edgecolor()), one.get_linestyle()))
    return sorted(found)


def tags(panel):
    return sorted(text.get_text() for text in panel.texts)


def expected(folder, split, row, rater):
    """What a rater's panel has to show, from the crowd file, the truth and the provenance."""
    truth, crowd = folder.truth(split).labels, folder.crowd_with_provenance(split).labels
    names = folder.truth(split).classes.names
    boxes, texts, seen = [], [], set()
    for k in range(len(crowd)):
        if crowd.image[k] != row or crowd.rater[k] != rater:
            continue
        corners = np.round(crowd.box[k], 6)
        said = names[crowd.label[k]]
        seen.add(int(crowd.true_object[k]))
        if crowd.error[k] == Error.SPURIOUS:
            boxes.append((*corners, WRONG, "--"))
        else:
            boxes.append((*corners, COLOURS[1 + rater], "-"))
            right = names[truth.label[crowd.true_object[k]]]
            said = said if said == right else f"{said} ({right})"
        texts.append(said)
    for j in range(len(truth)):
        if truth.image[j] == row and j not in seen:
            boxes.append((*np.round(truth.box[j], 6), "#ffffff", ":"))
            texts.append(f"missed {names[truth.label[j]]}")
    return sorted(boxes), sorted(texts)


def test_scenes_show_the_truth_and_what_every_rater_drew_and_missed(small):
    figure = scenes_figure(small, "train", 8)
    panels = np.array(figure.axes).reshape(8, 4)
    truth = small.truth("train")
    rows = _choose(truth, 8)

    titles = [panel.get_title(loc="center") for panel in panels[0]]
    assert titles == ["truth", "rater 1", "rater 2", "rater 3"]
    looked = set(map(tuple, small.crowd("train").labels.assigned.tolist()))
    seen = set()
    for line, row in zip(panels, rows, strict=True):
        name = truth.images.names[row]
        with Image.open(small.images("train") / name) as picture:
            pixels = np.asarray(picture)
        assert line[0].get_ylabel() == name
        for panel in line:
            np.testing.assert_array_equal(image(panel), pixels)
            assert panel.images[0].get_clim() == (0, 255)
        mine = truth.labels.image == row
        assert frames(line[0]) == sorted(
            (*box, COLOURS[0], "-") for box in np.round(truth.labels.box[mine], 6)
        )
        assert tags(line[0]) == sorted(truth.classes.names[k] for k in truth.labels.label[mine])
        for rater in range(3):
            if (row, rater) not in looked:
                assert (frames(line[rater + 1]), tags(line[rater + 1])) == ([], ["not assigned"])
                seen.add("not assigned")
                continue
            boxes, texts = expected(small, "train", row, rater)
            assert frames(line[rater + 1]) == boxes
            assert tags(line[rater + 1]) == texts
            seen |= {one[-1] for one in boxes} | {"(" for text in texts if "(" in text}
    # The scenes hold every kind of mark, so that none went untested.
    assert seen == {"-", "--", ":", "(", "not assigned"}


def test_the_test_split_shows_the_truth_alone(small):
    figure = scenes_figure(small, "test", 1)

    assert [panel.get_title(loc="center") for panel in figure.axes] == ["truth"]
    assert "raters" not in figure.get_supxlabel()


def test_pictures_are_files_with_all_their_panels(small, tmp_path):
    draw_scenes(tmp_path / "scenes.png", small, "train", scenes=2)
    draw_matrices(tmp_path / "matrices.png", small.path / "annotators.json")

    with Image.open(tmp_path / "scenes.png") as picture:
        assert 1.8 < picture.width / picture.height < 2.2
    with Image.open(tmp_path / "matrices.png") as picture:
        assert picture.width > 2.2 * picture.height


def test_matrices_have_the_true_class_as_row_and_the_reported_as_column(small):
    described = json.loads((small.path / "annotators.json").read_text())
    figure = matrices_figure(described)

    names = [*map(str, range(10)), "no_obj"]
    for panel, one in zip(figure.axes, described["annotators"], strict=False):
        matrix = np.array(one["matrix"])
        np.testing.assert_array_equal(image(panel), matrix)
        assert list(ticks(panel.xaxis).values()) == names
        assert list(ticks(panel.yaxis).values()) == names
        assert (panel.get_xlabel(), panel.images[0].get_clim()) == ("reported", (0, 1))
        assert cells(panel) == {
            (i, j): f"{100 * matrix[i, j]:.0f}"
            for i in range(11)
            for j in range(11)
            if matrix[i, j] >= 0.005
        }
        mean = sum(matrix[k, k] for k in range(10)) / 10
        assert panel.get_title(loc="left") == (
            f"rater {one['rater_id']} \N{MIDDLE DOT} {one['family']}, p = {one['proficiency']:g}\n"
            f"mean diagonal {mean:.3f}"
        )
    assert figure.axes[0].get_ylabel() == "true"
    assert figure.axes[3].get_ylabel() == "probability (cells: %)"


@pytest.mark.parametrize(("count", "classes"), [(1, 2), (3, 10), (17, 10), (17, 80)])
def test_no_name_lies_on_another_and_what_is_left_out_is_said(count, classes):
    matrix = np.eye(classes + 1).tolist()
    people = [
        {"rater_id": k, "family": "pairwise-flipper", "proficiency": 0.6188, "matrix": matrix}
        for k in range(count)
    ]
    names = [*(f"class of a long name {k}" for k in range(classes)), "no_obj"]
    figure = matrices_figure({"classes": names, "annotators": people})

    assert overprinted(figure) == []
    assert formulas(figure) == []
    assert figure.get_supxlabel() == ("6 of 17 annotators" if count == 17 else "")


def test_classes_of_any_name_are_drawn_as_they_are(small, tmp_path, monkeypatch):
    hard = ("$\\frac{$", "a\nb\x1b[3m", "x" * 256, "\N{HEBREW LETTER SHIN}", *"456789")

    def renamed(method):
        classes = Classes(ids=tuple(range(10)), names=hard)
        return lambda self, split: replace(method(self, split), classes=classes)

    monkeypatch.setattr(Folder, "truth", renamed(Folder.truth))
    monkeypatch.setattr(Folder, "crowd_with_provenance", renamed(Folder.crowd_with_provenance))
    draw_scenes(tmp_path / "x.png", small, "train", scenes=10)
    shown = {text for panel in scenes_figure(small, "train", 10).axes for text in tags(panel)}

    assert {"$\\frac{$", "a\ufffdb\ufffd[3m", "\N{HEBREW LETTER SHIN}"} <= shown
    assert max(map(len, shown)) <= 40


def test_a_split_without_an_object_cannot_be_shown(small, tmp_path, monkeypatch):
    empty = replace(small.truth("train"), labels=Labels.empty(60))
    monkeypatch.setattr(Folder, "truth", lambda *_: empty)
    with pytest.raises(InputError, match="no train image holds an object; show another --split"):
        draw_scenes(tmp_path / "x.png", small, "train")


def test_of_many_raters_those_who_looked_are_shown():
    images = Images(ids=(1, 2), names=("a", "b"), width=np.ones(2), height=np.ones(2))
    pairs = np.array([[0, 7], [0, 8], [0, 19], [1, 2], [1, 7]])
    labels = Labels(
        images=2, image=np.zeros(0), box=np.zeros((0, 4)), label=np.zeros(0), assigned=pairs
    )
    crowd = LabelSet(
        images=images,
        classes=Classes(ids=(1,), names=("x",)),
        labels=labels,
        raters=tuple(range(20)),
    )
    assert set(_busiest(crowd, [0, 1])) >= {2, 7, 8, 19}
    assert set(_busiest(crowd, [0])) >= {7, 8, 19}


def test_of_many_raters_the_caption_says_how_many_are_shown(small):
    figure = scenes_figure(small, "train", 1, raters=[2, 0])

    assert [panel.get_title(loc="center") for panel in figure.axes] == [
        "truth",
        "rater 3",
        "rater 1",
    ]
    assert figure.get_supxlabel().endswith("2 of 3 raters")
