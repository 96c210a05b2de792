"""``generate``'s tables against numbers that are counted by hand from the folder's files."""

import io
import json
import shutil

import numpy as np
import pytest

from medmnist_det.folder import Folder
from medmnist_det.labels import Error
from medmnist_det.terminal.console import LineConsole
from medmnist_det.terminal.summary import annotator_table, summary
from tests.printed import tables


def printed(renderable, width=500):
    console = LineConsole(width=width, file=io.StringIO(), markup=False)
    console.print(renderable)
    return console.file.getvalue()


def counted(folder, split):
    """Images, objects and crowd boxes as they lie on the disk."""
    truth = json.loads((folder.path / "truth" / f"{split}.json").read_text())
    full = {row["image_id"] for row in truth["annotations"]}
    crowd = folder.path / "crowd" / f"{split}.json"
    boxes = len(json.loads(crowd.read_text())["annotations"]) if crowd.is_file() else None
    return len(truth["images"]), len(truth["images"]) - len(full), len(truth["annotations"]), boxes


def test_splits_are_counted_column_by_column(small):
    found = tables(printed(summary(small)))["Images"].columns()

    assert found["split"] == ["train", "val", "test"]
    for k, split in enumerate(found["split"]):
        images, empty, objects, boxes = counted(small, split)
        assert found["images"][k] == f"{images}"
        assert found["empty"][k] == f"{100 * empty / images:.1f}%"
        assert found["objects"][k] == f"{objects}"
        assert found["objects/image"][k] == f"{objects / images:.2f}"
        assert found["crowd boxes"][k] == ("-" if boxes is None else f"{boxes}")


def by_hand(folder, rater):
    """Return drawn, share missed, share of wrong names, spurious, mean IoU of one rater."""
    drawn = missed = seen = wrong = spurious = 0
    overlaps = []
    for split in ("train", "val"):
        crowd, truth = folder.crowd_with_provenance(split).labels, folder.truth(split).labels
        looked = {int(i) for i, k in crowd.assigned if k == rater}
        mine = [k for k in range(len(crowd)) if crowd.rater[k] == rater]
        found = {int(crowd.true_object[k]) for k in mine}
        for j in range(len(truth)):
            seen += int(truth.image[j]) in looked
            missed += int(truth.image[j]) in looked and j not in found
        for k in mine:
            drawn += 1
            if crowd.error[k] == Error.SPURIOUS:
                spurious += 1
                continue
            wrong += crowd.label[k] != truth.label[crowd.true_object[k]]
            overlaps.append(overlap(crowd.box[k], truth.box[crowd.true_object[k]]))
    return drawn, missed / seen, wrong / (drawn - spurious), spurious, np.mean(overlaps)


def overlap(a, b):
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (both - width * height)


def test_annotators_are_counted_column_by_column(small):
    described = json.loads((small.path / "annotators.json").read_text())
    found = tables(printed(summary(small)))["Annotators"].columns()

    assert found["rater"] == ["1", "2", "3"]
    assert found["matrix"] == ["random", "uniform", "structured"]
    assert found["boxes"] == ["iou", "gaussian", "biased"]
    assert found["p"] == ["0.7", "0.5", "0.9"]
    for k, one in enumerate(described["annotators"]):
        diagonal = [one["matrix"][c][c] for c in range(10)]
        drawn, missed, wrong, spurious, mean = by_hand(small, k)
        assert found["diagonal"][k] == f"{sum(diagonal) / 10:.3f}"
        assert found["drawn"][k] == f"{drawn}"
        assert found["missed"][k] == f"{100 * missed:.1f}%"
        assert found["wrong"][k] == f"{100 * wrong:.1f}%"
        assert found["spurious"][k] == f"{spurious}"
        assert found["IoU"][k] == f"{mean:.3f}"


def one(rater, family, **rates):
    made = {"images": 10, "objects": 100, "boxes": 90, "missed": 10, "wrong_class": 9}
    return {
        "rater_id": rater,
        "proficiency": 0.5,
        "family": family,
        "box_noise": "iou",
        "spurious": 0.1,
        "coverage": 1.0,
        "matrix": [[0.6, 0.4], [0.1, 0.9]],
        "realised": {"train": made | {"spurious": 0, "mean_iou": 0.5} | rates},
    }


def test_of_many_annotators_every_kind_is_a_row_that_sums_them_up():
    people = [one(k, "random") for k in range(1, 12)]
    people += [one(k, "uniform", boxes=80, missed=20, mean_iou=0.75) for k in range(12, 23)]
    people += [one(23, "uniform", boxes=0, missed=100, wrong_class=0, mean_iou=None)]

    found = tables(printed(annotator_table({"annotators": people})))["Annotators"]

    assert found.headers[0] == "rater"
    assert found.rows == [
        ["1-11", "random", "iou", "0.5", "0.600", "990", "10.0%", "10.0%", "0", "0.500"],
        ["12-23", "uniform", "iou", "0.5", "0.600", "880", "26.7%", "11.2%", "0", "0.750"],
    ]


def test_nobody_s_boxes_have_no_shares():
    idle = one(1, "random", objects=0, boxes=0, missed=0, wrong_class=0, mean_iou=None)

    found = tables(printed(annotator_table({"annotators": [idle]})))["Annotators"]

    assert found.row("1")[4:] == ["0", "-", "-", "0", "-"]


@pytest.mark.parametrize("name", ["[red]a[/b]", "x" * 200, "line\nbreak\x1b[31m"])
def test_a_folder_s_name_is_printed_whole_and_as_it_is(small, tmp_path, name):
    shutil.copytree(small.path, tmp_path / name)

    text = printed(summary(Folder.open(tmp_path / name)), width=80)

    plain = name.replace("\n", "\ufffd").replace("\x1b", "\ufffd")
    assert plain in "".join(line.strip() for line in text.splitlines())
    assert "\x1b" not in text
