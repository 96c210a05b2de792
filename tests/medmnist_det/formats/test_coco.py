import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.read.truth import read_truth
from medmnist_det.boxes import snap
from medmnist_det.errors import InputError
from medmnist_det.formats.coco import read_coco, read_coco_with_ids, write_coco
from medmnist_det.labels import Classes, Images, Labels, LabelSet


@st.composite
def label_sets(draw):
    images, classes = draw(st.integers(0, 4)), draw(st.integers(1, 3))
    rows = draw(st.integers(0, 6)) if images else 0
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    corner = rng.random((rows, 2)) * 300
    box = snap(np.concatenate([corner, corner + 0.01 + rng.random((rows, 2)) * 20], axis=1))
    image = np.sort(rng.integers(0, max(images, 1), rows))
    crowd, scored = draw(st.booleans()), draw(st.booleans())
    raters = draw(st.sampled_from([(1, 2), ("R01", 'a "b" ,{"id"')])) if crowd else None
    pairs = np.argwhere(np.ones((images, 2))) if crowd else None
    labels = Labels(
        images=images,
        image=image,
        box=box,
        label=rng.integers(0, classes, rows),
        rater=rng.integers(0, 2, rows) if crowd and rows else None,
        score=rng.random(rows) if scored and rows else None,
        assigned=pairs if crowd and rows else None,
    )
    ids = draw(st.sampled_from([(7, 3, 9, 1), ("a", "b,c", '"', "\N{SNOWMAN}")]))[:images]
    table = Images(
        ids=ids,
        names=tuple(f'{k}"}},{{"id"' for k in range(images)),
        width=np.full(images, 320),
        height=np.arange(images) + 1,
    )
    names = Classes(ids=(4, 2, 11)[:classes], names=("x", 'y"', "z")[:classes])
    return LabelSet(
        images=table, classes=names, labels=labels, raters=raters if crowd and rows else None
    )


@given(table=label_sets())
def test_written_and_read_again_everything_is_the_same(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("coco") / "x.json"
    write_coco(path, table)
    assert read_coco(path) == table
    json.loads(path.read_text())  # Python's own parser takes it as well


# pycocotools 2.0.11 has not heard of NumPy 2's copy keyword.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_reads_the_same_boxes(small, capsys):
    from pycocotools.coco import COCO

    table = small.truth("train")
    theirs = COCO(str(small.path / "truth" / "train.json"))
    capsys.readouterr()
    assert len(theirs.anns) == len(table.labels)
    for k, (key, annotation) in enumerate(sorted(theirs.anns.items())):
        assert key == k + 1
        x, y, width, height = annotation["bbox"]
        assert [x, y, x + width, y + height] == table.labels.box[k].tolist()
        assert annotation["category_id"] == table.labels.label[k] + 1
        assert annotation["area"] == width * height
        assert theirs.annToMask(annotation).sum() == width * height


GOOD = {
    "images": [{"id": 1, "file_name": "a.png", "width": 10, "height": 10}, {"id": 2, "width": 9, "height": 9}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]},
        {"id": 2, "image_id": 2, "category_id": 3, "bbox": [0, 0, 1, 1]},
    ],
    "categories": [{"id": 3, "name": "cat"}],
}  # fmt: skip


def changed(path, value):
    content = json.loads(json.dumps(GOOD))
    where = content
    for key in path[:-1]:
        where = where[key]
    if value is ...:
        del where[path[-1]]
    else:
        where[path[-1]] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["images"], ..., r"has no list 'images'; a COCO file is an object with the lists"),
        (["annotations"], {}, "has no list 'annotations'"),
        (["categories"], None, "has no list 'categories'"),
        (["annotations", 1, "bbox"], ..., r"annotation 1: has no 'bbox'; add it"),
        (["annotations", 1], [1], r"annotation 1: is \[1\]; it must be an object"),
        (
            ["annotations", 1, "bbox"],
            [1, 2, 3],
            r"annotation 1: bbox is \[1, 2, 3\]; boxes are \[x",
        ),
        (["annotations", 1, "bbox"], [1, 2, "3", 4], "annotation 1: bbox is .*boxes are"),
        (
            ["annotations", 0, "bbox"],
            [1, 2, -3.0, 4],
            r"negative width \(-3\.0\); boxes are \[x, y",
        ),
        (
            ["annotations", 0, "bbox"],
            [1, 2, 3, -4],
            r"annotation 0: bbox has a negative height \(-4\)",
        ),
        (["annotations", 0, "bbox"], [1, 2, 0, 4], "annotation 0: bbox .* has no area; remove it"),
        (
            ["annotations", 0, "bbox"],
            [1, float("nan"), 1, 4],
            "annotation 0: bbox .* is not finite",
        ),
        (
            ["annotations", 0, "bbox"],
            [1, float("inf"), 1, 4],
            "annotation 0: bbox .* is not finite",
        ),
        (["annotations", 0, "image_id"], 5, r"image_id 5 is not in images \(1 of 2 entries name"),
        (["annotations", 1, "category_id"], 9, "annotation 1: category_id 9 is not in categories"),
        (["annotations", 1, "category_id"], [3], r"category_id \[3\] is not in categories"),
        (["annotations", 1, "score"], 0.5, "annotation 0: has no 'score'; add it"),
        (["annotations", 1, "rater_id"], 2, "annotation 0: has no 'rater_id'; add it"),
        (["images", 1, "id"], 1, "image 1: id 1 is there twice; make it unique"),
        (["images", 1, "id"], 1.5, "image 1: id is 1.5; give a whole number"),
        (["images", 0, "width"], 0, "image 0: width is 0; sizes are whole pixels"),
        (["images", 0, "width"], ..., "image 0: has no 'width'"),
        (["categories", 0, "id"], "cat", "category 0: id is 'cat'; category ids are whole numbers"),
    ],
)
def test_bad_files_are_refused_by_entry(path, value, message, tmp_path):
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(changed(path, value)))
    with pytest.raises(InputError, match=message) as caught:
        read_coco(file)
    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a whole JSON file"),
        (b'{"images": [', "not a whole JSON file"),
        (b"[]", "holds a JSON list, not a COCO file"),
        (
            gzip.compress(b'{"images": []}' * 99, mtime=0)[:-9],
            "the gzip stream is corrupt or cut short",
        ),
    ],
)
def test_files_that_are_no_coco_file_are_refused(content, message, tmp_path):
    file = tmp_path / "bad.json"
    file.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_coco(file)


def test_a_missing_file_is_named():
    with pytest.raises(
        InputError, match=r"nowhere\.json: No such file or directory; check the path"
    ):
        read_coco(Path("nowhere.json"))


def test_gzipped_files_are_read(tmp_path):
    (tmp_path / "x.json.gz").write_bytes(gzip.compress(json.dumps(GOOD).encode()))
    assert len(read_coco(tmp_path / "x.json.gz").labels) == 2


@pytest.mark.parametrize("key", ["rater_id", "rater", "rad_id", "annotator"])
def test_raters_are_read_under_every_name_of_the_field(key, tmp_path):
    content = changed(["annotations", 0, key], "R2")
    content["annotations"][1][key] = "R10"
    (tmp_path / "x.json").write_text(json.dumps(content))
    label_set = read_coco(tmp_path / "x.json")
    assert label_set.raters == ("R10", "R2")
    assert label_set.labels.rater.tolist() == [1, 0]
    assert label_set.labels.assigned is None


def test_a_rater_who_drew_on_an_image_without_being_assigned_is_refused(tmp_path):
    content = changed(["annotations", 0, "rater_id"], 1)
    content["annotations"][1]["rater_id"] = 2
    content["images"][0]["rater_list"], content["images"][1]["rater_list"] = [1, 2], [1]
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(
        InputError, match="annotation 1: rater 2 is not in the rater_list of image 2"
    ):
        read_coco(tmp_path / "x.json")


def test_a_rater_that_is_no_name_is_refused(tmp_path):
    content = changed(["annotations", 0, "rater_id"], 1)
    content["annotations"][1]["rater_id"] = ["R1"]
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"annotation 1: rater_id is \['R1'\]; give a number or"):
        read_coco(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("first", "second", "listed", "message"),
    [
        (None, [1], ..., "image 0: rater_list is None; give a list of raters, maybe an empty one"),
        ("R1", [1], ..., "image 0: rater_list is 'R1'; give a list"),
        (..., [1], ..., "image 0: has no 'rater_list'; add it"),
        ([1, 2, 1], [1], ..., "image 0: rater_list: rater 1 is there twice; remove one"),
        ([[1]], [1], ..., r"image 0: rater_list: a rater is \[1\]; give a number or a name"),
        ([True], [1], ..., "image 0: rater_list: a rater is True; give a number or a name"),
        ([1.0], [1], ..., "image 0: rater_list: a rater is 1.0; give a number or a name"),
        ([2**63], [1], ..., "image 0: rater_list: a rater is 9223372036854775808; give a number"),
        ([1], [1, "1"], ..., "has a rater '1' and a rater 1, who would look alike everywhere"),
        ([1], [1], {}, r"'raters' is \{\}; give a list"),
        ([1], [1], [None], "'raters': a rater is None; give a number or a name"),
    ],
)
def test_lists_of_raters_are_lists_of_different_names(first, second, listed, message, tmp_path):
    content = changed(["annotations", 0, "rater_id"], 1)
    content["annotations"][1]["rater_id"] = 1
    for row, value in zip(content["images"], (first, second), strict=True):
        if value is not ...:
            row["rater_list"] = value
    if listed is not ...:
        content["raters"] = listed
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        read_coco(tmp_path / "x.json")


@pytest.mark.parametrize("value", [True, None, 1.5, 10**30, [1]])
@pytest.mark.parametrize("where", ["images", "annotations", "categories"])
def test_ids_are_whole_numbers_or_texts(where, value, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(changed([where, 0, "id"], value)))
    with pytest.raises(InputError, match=r"0: id is .*; give a whole number below 2\*\*63"):
        read_coco(tmp_path / "x.json")


def test_an_annotation_id_that_is_there_twice_is_refused(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(changed(["annotations", 1, "id"], 1)))
    with pytest.raises(InputError, match="annotation 1: id 1 is there twice; make it unique"):
        read_coco(tmp_path / "x.json")


def test_ids_lie_beside_their_boxes(tmp_path):
    content = changed(["annotations", 0, "image_id"], 2)
    content["annotations"][1] |= {"image_id": 1, "id": "x"}
    (tmp_path / "x.json").write_text(json.dumps(content))
    table, ids = read_coco_with_ids(tmp_path / "x.json")
    assert ids == ("x", 1)
    assert table.labels.box[:, 0].tolist() == [0, 1]
    for row in content["annotations"]:
        del row["id"]
    (tmp_path / "x.json").write_text(json.dumps(content))
    assert read_coco_with_ids(tmp_path / "x.json")[1] == (2, 1)


@pytest.mark.parametrize(("where", "key"), [("images", "file_name"), ("categories", "name")])
@pytest.mark.parametrize("value", [None, ["x" * 10_000], 1.5, True])
def test_names_are_texts(where, key, value, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(changed([where, 0, key], value)))
    for read in (read_coco, read_truth):
        with pytest.raises(InputError, match=f"0: {key} is .*; give a text") as caught:
            read(tmp_path / "x.json")
        assert len(str(caught.value)) < 500


def test_categories_without_names_are_called_by_their_ids(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(changed(["categories", 0, "name"], ...)))
    assert read_coco(tmp_path / "x.json").classes.names == ("3",)


def test_masks_areas_and_crowd_flags_are_kept(tmp_path):
    content = changed(["annotations", 0, "area"], 2.5)
    content["annotations"][1]["area"] = 1
    for annotation, flag in zip(content["annotations"], (0, 1), strict=True):
        annotation["iscrowd"] = flag
    (tmp_path / "x.json").write_text(json.dumps(content))
    labels = read_coco(tmp_path / "x.json").labels
    assert labels.area.tolist() == [2.5, 1]
    assert labels.iscrowd.tolist() == [False, True]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(small, tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    path.write_text("old")
    monkeypatch.setattr("medmnist_det.formats.coco.coco_chunks", failing_chunks)
    with pytest.raises(
        InputError, match=r"x\.json: No space left on device; free some space there"
    ):
        write_coco(path, small.truth("train"))
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
    assert path.read_text() == "old"


def failing_chunks(_):
    yield b"half"
    raise OSError(28, "No space left on device")
