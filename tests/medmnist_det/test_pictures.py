"""Pictures of a data set: every box where its file says, every error marked, every name shown."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from medmnist_det.boxes import pairwise_iou
from medmnist_det.drawing import SKY, VERMILION, YELLOW, save
from medmnist_det.errors import InputError
from medmnist_det.folder import Folder
from medmnist_det.labels import Classes, Error, Images, Labels, LabelSet
from medmnist_det.pictures import (
    _choose,
    _looked,
    boxes_figure,
    matrices_figure,
    scenes_figure,
    write_pictures,
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
            boxes.append((*corners, VERMILION, "-"))
            said = f"{said} (no_obj)"
        else:
            right = names[truth.label[crowd.true_object[k]]]
            boxes.append((*corners, SKY if said == right else VERMILION, "-"))
            said = said if said == right else f"{said} ({right})"
        texts.append(said)
    for j in range(len(truth)):
        if truth.image[j] == row:
            boxes.append((*np.round(truth.box[j], 6), YELLOW, "--"))
        if truth.image[j] == row and j not in seen:
            texts.append(f"no_obj ({names[truth.label[j]]})")
    return sorted(boxes), sorted(texts)


def test_scenes_show_the_truth_and_what_every_rater_drew_and_missed(small):
    figure = scenes_figure(small, "train", 8)
    truth, crowd = small.truth("train"), small.crowd("train")
    panels, seen = iter(figure.axes), set()
    for row in _choose(truth, 8):
        name = truth.images.names[row]
        with Image.open(small.images("train") / name) as picture:
            pixels = np.asarray(picture)
        looked = crowd.labels.assigned[crowd.labels.assigned[:, 0] == row, 1].tolist()
        for rater in (None, *looked):
            panel = next(panels)
            np.testing.assert_array_equal(image(panel), pixels)
            assert panel.images[0].get_clim() == (0, 255)
            if rater is None:
                mine = truth.labels.image == row
                boxes = sorted((*box, YELLOW, "--") for box in np.round(truth.labels.box[mine], 6))
                texts = sorted(truth.classes.names[k] for k in truth.labels.label[mine])
            else:
                boxes, texts = expected(small, "train", row, rater)
                seen |= {re.sub("[0-9]", "", text) for text in texts}
            said = "truth" if rater is None else f"rater {crowd.raters[rater]}"
            assert panel.get_title(loc="left") == said
            assert (frames(panel), tags(panel)) == (boxes, texts)
    assert next(panels, None) is None
    # The scenes hold every kind of mark, so that none went untested.
    assert seen == {"", " ()", " (no_obj)", "no_obj ()"}
    above = [text.get_text() for text in figure.texts]
    assert above[0] == truth.images.names[_choose(truth, 8)[0]]
    assert above[-1].startswith("Dashed: the truth. Solid: what was drawn")


def test_the_test_split_shows_the_truth_alone(small):
    figure = scenes_figure(small, "test", 1)

    assert [panel.get_title(loc="left") for panel in figure.axes] == ["truth"]
    assert figure.texts[-1].get_text() == "The truth."


def test_pictures_are_files_with_all_their_panels(small, tmp_path):
    written = write_pictures(tmp_path, small, "train", scenes=2)

    assert [path.name for path in written] == ["scenes.png", "matrices.png", "boxes.png"]
    with Image.open(tmp_path / "scenes.png") as picture:
        assert 1.2 < picture.width / picture.height < 2.2
    with Image.open(tmp_path / "matrices.png") as picture:
        assert picture.width > 2.2 * picture.height


def test_box_errors_are_the_overlaps_with_the_objects(small):
    truth, crowd = small.truth("train"), small.crowd_with_provenance("train")
    (axes,) = boxes_figure(truth, crowd).axes
    labels, medians = crowd.labels, {}
    for rater in range(3):
        mine = np.flatnonzero((labels.rater == rater) & (labels.error != Error.SPURIOUS))
        overlaps = [
            pairwise_iou(labels.box[[k]], truth.labels.box[[labels.true_object[k]]])[0, 0]
            for k in mine
        ]
        medians[f"{crowd.raters[rater]}  (n = {len(mine)})"] = np.median(overlaps)
    order = sorted(medians, key=lambda name: -medians[name])
    assert list(ticks(axes.yaxis).values()) == order
    dots = [one.get_xdata()[0] for one in axes.lines if one.get_marker() == "o"]
    np.testing.assert_allclose(dots, [medians[name] for name in order])


def test_matrices_have_the_true_class_as_row_and_the_reported_as_column(small):
    described = json.loads((small.path / "annotators.json").read_text())
    figure = matrices_figure(described)

    names = [*map(str, range(10)), "no_obj"]
    for panel, one in zip(figure.axes, described["annotators"], strict=False):
        matrix = np.array(one["matrix"])
        np.testing.assert_array_equal(image(panel), matrix)
        assert list(ticks(panel.xaxis).values()) == names
        assert list(ticks(panel.yaxis).values()) == names
        assert (panel.get_xlabel(), panel.images[0].get_clim()) == ("reported class", (0, 1))
        assert cells(panel) == {
            (i, j): f"{100 * matrix[i, j]:.0f}"
            for i in range(11)
            for j in range(11)
            if matrix[i, j] >= 0.005
        }
        mean = sum(matrix[k, k] for k in range(10)) / 10
        assert panel.get_title(loc="left") == (
            f"rater {one['rater_id']}\n{one['family']}, p = {one['proficiency']:g}\n"
            f"mean diagonal {mean:.3f}"
        )
    assert figure.axes[0].get_ylabel() == "true class"
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
    assert figure.get_supxlabel() == (
        "6 of 17 annotators, evenly from best to worst" if count == 17 else ""
    )


def test_classes_of_any_name_are_drawn_as_they_are(small, tmp_path, monkeypatch):
    hard = ("$\\frac{$", "a\nb\x1b[3m", "x" * 256, "\N{HEBREW LETTER SHIN}", *"456789")

    def renamed(method):
        classes = Classes(ids=tuple(range(10)), names=hard)
        return lambda self, split: replace(method(self, split), classes=classes)

    monkeypatch.setattr(Folder, "truth", renamed(Folder.truth))
    monkeypatch.setattr(Folder, "crowd_with_provenance", renamed(Folder.crowd_with_provenance))
    save(tmp_path / "x.png", scenes_figure(small, "train", 10))
    shown = {text for panel in scenes_figure(small, "train", 10).axes for text in tags(panel)}

    assert {"$\\frac{$", "a\ufffdb\ufffd[3m", "\N{HEBREW LETTER SHIN}"} <= shown
    assert max(map(len, shown)) <= 31


def test_a_split_without_an_object_cannot_be_shown(small, tmp_path, monkeypatch):
    empty = replace(small.truth("train"), labels=Labels.empty(60))
    monkeypatch.setattr(Folder, "truth", lambda *_: empty)
    with pytest.raises(InputError, match="no train image holds an object; show another --split"):
        write_pictures(tmp_path, small, "train")
    assert not list(tmp_path.iterdir())


def test_of_a_scene_those_who_looked_are_shown_best_first():
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
    ranks = np.arange(20)[::-1]
    assert _looked(crowd, 0, ranks) == [19, 8, 7]
    assert _looked(crowd, 1, ranks) == [7, 2]
