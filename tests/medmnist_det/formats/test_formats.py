import json
from pathlib import Path

import numpy as np
import pytest

from medmnist_det.errors import InputError
from medmnist_det.formats.coco import read_coco
from medmnist_det.formats.export import export_folder, read_labels
from medmnist_det.formats.image_folder import image_table
from medmnist_det.formats.vindr_csv import read_csv, write_csv


@pytest.mark.parametrize("form", ["yolo", "voc", "csv"])
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_truth_comes_back_the_same(form, split, small, tmp_path):
    export_folder(small, tmp_path / "out", form, "truth")
    truth = small.truth(split)
    assert read_labels(tmp_path / "out", form, split, like=truth) == truth
    alone = read_labels(tmp_path / "out", form, split, like=None)
    assert alone.labels == truth.labels
    assert alone.images == truth.images
    assert alone.classes.names == truth.classes.names


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_crowd_comes_back_the_same_by_csv(split, small, tmp_path):
    export_folder(small, tmp_path / "out", "csv", "crowd")
    crowd = small.crowd(split)
    assert read_labels(tmp_path / "out", "csv", split, like=crowd) == crowd


@pytest.mark.parametrize("form", ["yolo", "voc"])
def test_one_rater_s_boxes_come_back_the_same(form, small, tmp_path):
    counts = export_folder(small, tmp_path / "out", form, "rater:1")
    assert set(counts) == {"train", "val"}
    mine = small.labels("train", "rater:1")
    back = read_labels(tmp_path / "out", form, "train", like=mine).labels
    assert np.array_equal(back.box, mine.labels.box)
    assert np.array_equal(back.label, mine.labels.label)
    assert np.array_equal(back.image, mine.labels.image)


def test_fused_scores_come_back_by_yolo_and_csv(small, tmp_path):
    from dataclasses import replace

    from medmnist_det.formats.yolo import read_yolo, write_yolo

    truth = small.truth("val")
    score = np.random.default_rng(0).random(len(truth.labels))
    fused = replace(truth, labels=replace(truth.labels, score=score))
    write_yolo(tmp_path / "yolo", "val", fused, small.images("val"))
    assert read_yolo(tmp_path / "yolo", "val", fused) == fused
    write_csv(tmp_path / "x.csv", fused)
    assert read_csv(tmp_path / "x.csv", fused) == fused


def test_ultralytics_finds_its_way_in_a_yolo_folder(small, tmp_path):
    import yaml

    export_folder(small, tmp_path / "out", "yolo", "truth")
    described = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())
    assert described["names"] == {k: str(k) for k in range(10)}
    for split in ("train", "val", "test"):
        images = sorted((tmp_path / "out" / described[split]).iterdir())
        texts = sorted((tmp_path / "out" / "labels" / split).iterdir())
        assert [p.stem for p in images] == [p.stem for p in texts]
    numbers = np.loadtxt([line for p in texts for line in p.read_text().splitlines()], ndmin=2)
    assert ((numbers[:, 1:] > 0) & (numbers[:, 1:] <= 1)).all()


def test_voc_counts_pixels_from_one(small, tmp_path):
    from xml.etree import ElementTree

    export_folder(small, tmp_path / "out", "voc", "truth")
    truth = small.truth("test")
    image = int(truth.labels.image[0])
    tree = ElementTree.parse(tmp_path / "out/test/Annotations" / f"{image + 1:06d}.xml")
    box = [float(tree.findtext(f"object/bndbox/{tag}")) for tag in ("xmin", "ymin", "xmax", "ymax")]
    assert box == (truth.labels.box[0] + [1, 1, 0, 0]).tolist()


def test_an_export_never_overwrites_and_leaves_nothing_half_made(small, tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match="there: is there already; name a new folder"):
        export_folder(small, tmp_path / "there", "yolo", "truth")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(
        InputError,
        match=r"/new/train/JPEGImages/000001\.png: No space left on device; free some space",
    ):
        export_folder(small, tmp_path / "new", "voc", "truth")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_vindr_s_radiologists_are_read(reference):
    label_set = read_csv(reference / "reference" / "VinCXR" / "full_allboxes_train.csv")
    assert len(label_set.images) == 12_000
    assert label_set.raters == tuple(f"R{k:02d}" for k in range(1, 18))
    readers = np.bincount(label_set.labels.assigned[:, 0])
    assert (readers == 3).all()
    assert len(label_set.classes) == 14
    assert label_set.labels.score is None


CSV = "image_id,class_id,rad_id,x_min,y_min,x_max,y_max,image_width,image_height\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "image_id,x_min\na,1\n",
            "has no column class_id, y_min, x_max, y_max; a CSV of boxes has",
        ),
        (CSV + "a,0,R1,1,1,3,x,9,9\n", "line 2: y_max is 'x'; give a finite number"),
        (CSV + "a,0,R1,1,1,3,nan,9,9\n", "line 2: y_max is 'nan'; give a finite number"),
        (
            CSV + "a,0,R1,1,1,3,2,9,9\na,0.5,R1,1,1,3,2,9,9\n",
            "line 3: class_id is '0.5'; give a whole",
        ),
        (CSV + "a,-1,R1,1,1,3,2,9,9\n", "line 2: class_id is '-1'; give a whole"),
        (CSV + "a,0,R1,3,1,3,2,9,9\n", r"line 2: box \(3\.0, 1\.0, 3\.0, 2\.0\) has no area"),
        (CSV + ",0,R1,1,1,3,2,9,9\n", "line 2: has no image_id"),
        (CSV + "a,0,R1,1,1,3,2,,9\n", "line 2: image_width is ''; give a whole number"),
        (CSV + "a,0,R1,1,1,3,2,9,9\na,0,,1,1,3,2,9,9\n", "line 3: has a box but no rad_id"),
        (CSV + "a,0\n", "line 2: has 2 fields, but the header has 9; mend"),
    ],
)
def test_bad_csv_lines_are_refused_by_number(text, message, tmp_path):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_csv(tmp_path / "x.csv")


def test_csv_images_that_are_not_given_are_refused(small, tmp_path):
    (tmp_path / "x.csv").write_text(CSV + "zebra,0,R1,1,1,3,2,9,9\n")
    with pytest.raises(InputError, match="line 2: image 'zebra' is not among the 60 images given"):
        read_csv(tmp_path / "x.csv", small.truth("train"))


def test_more_classes_than_no_finding_leaves_room_for_are_refused(small, tmp_path):
    from dataclasses import replace

    from medmnist_det.labels import Classes

    many = Classes(ids=tuple(range(20)), names=tuple(map(str, range(20))))
    with pytest.raises(
        InputError, match="20 classes do not fit a CSV file, whose class 14 is 'No f"
    ):
        write_csv(tmp_path / "x.csv", replace(small.truth("train"), classes=many))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "labels/train/000001.txt",
            "1 2 3\n",
            "line 1: has 3 numbers, not five or six; lines are: class x_c",
        ),
        (
            "labels/train/000001.txt",
            "0 .5 .5 x .1\n",
            "line 1: '0 .5 .5 x .1' is no row of numbers",
        ),
        ("labels/train/000001.txt", "12 .5 .5 .1 .1\n", "class 12 is not among 0 to 9"),
        ("labels/train/000001.txt", "10 .5 .5 .1 .1\n", "class 10 is not among 0 to 9"),
        ("labels/train/000001.txt", "1 .5 .5 0 .1\n", "line 1: the box 0.5 0.5 0 0.1 has no area"),
        ("labels/train/zebra.txt", "1 .5 .5 .1 .1\n", r"belong to no image \(first: zebra\.txt"),
        ("data.yaml", "names: 3\n", "has no 'names'; a data.yaml has"),
        ("data.yaml", "names: [a\n", "is not YAML"),
        ("images/train/000001.png", "no", r"000001\.png: is no readable image"),
    ],
)
def test_bad_yolo_files_are_refused_by_line(name, text, message, small, tmp_path):
    export_folder(small, tmp_path / "out", "yolo", "truth")
    (tmp_path / "out" / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_labels(tmp_path / "out", "yolo", "train", None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<xmin>", "<xmin>x", "object 0: <bndbox/xmin> is 'x.*; give a number of pixels"),
        ("<name>", "<name>zebra", "object 0: class 'zebra.*' is not among 0, 1"),
        ("</annotation>", "", "is not whole XML"),
        ("<bndbox>", "<bndbox><ymax>0</ymax>", "object 0: the box has no area"),
        ("xmax", "xmin", "object 0: has no <bndbox/xmax>; add it"),
    ],
)
def test_bad_voc_files_are_refused_by_object(old, new, message, small, tmp_path):
    export_folder(small, tmp_path / "out", "voc", "truth")
    image = int(small.truth("train").labels.image[0])
    path = tmp_path / "out/train/Annotations" / f"{image + 1:06d}.xml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=message):
        read_labels(tmp_path / "out", "voc", "train", None)


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no image"):
        image_table(tmp_path)
    with pytest.raises(InputError, match="no such folder; images lie there"):
        image_table(tmp_path / "nowhere")


def test_imported_labels_are_a_coco_file(small, tmp_path):
    from medmnist_det.formats.coco import write_coco

    export_folder(small, tmp_path / "out", "yolo", "truth")
    write_coco(tmp_path / "x.json", read_labels(tmp_path / "out", "yolo", "test", None))
    assert read_coco(tmp_path / "x.json") == small.truth("test")
    assert json.loads((tmp_path / "x.json").read_text())["images"][0]["width"] == 96
