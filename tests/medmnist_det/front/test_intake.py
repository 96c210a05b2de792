"""Whatever form a crowd has in memory, the same labels come of it; what is ambiguous is refused."""

import json
import warnings

import numpy as np
import pandas
import polars
import pytest

import medmnist_det
from medmnist_det.formats.data_frame import to_frame
from medmnist_det.front.intake import About, in_memory
from tests.medmnist_det.front.data import COLUMNS, LOOKED, ROWS, columns, items


def held(data, **about):
    return in_memory(data, "crowd", About(**about), drawn=True).label_set


@pytest.mark.parametrize("frame", [dict, pandas.DataFrame, polars.DataFrame])
def test_tables_of_all_kinds_and_lists_are_one_label_set(frame):
    table = held(frame(columns()), images=["a", "b", "c"], assigned=LOOKED)
    listed = held([one | {"rater_list": LOOKED[one["image_id"]]} for one in items()])
    assert table.images.ids == listed.images.ids == ("a", "b", "c")
    assert table.classes == listed.classes
    assert table.classes.names == ("cat", "dog")
    assert table.raters == listed.raters == ("ann", "bob", "eve")
    assert table.labels == listed.labels
    assert table.labels.box[2].tolist() == [11, 9, 60, 52]
    looked = [(table.images.ids[i], table.raters[r]) for i, r in table.labels.assigned.tolist()]
    assert looked == [(image, rater) for image in "abc" for rater in LOOKED[image]]


def test_the_order_of_rows_changes_nothing():
    mixed = {name: cells[::-1] for name, cells in columns().items()}
    a, b = held(columns()), held(mixed)
    assert (a.images, a.classes, a.raters) == (b.images, b.classes, b.raters)
    assert sorted(a.labels.box.tolist()) == sorted(b.labels.box.tolist())


def test_rows_without_a_box_say_who_looked_in_every_library_s_word_for_a_gap():
    frame = pandas.DataFrame(columns())
    frame.loc[len(frame)] = ["b", "eve", None, *[np.nan] * 4]
    frame.loc[len(frame)] = ["c", "eve", None, *[np.nan] * 4]
    for table in (frame, polars.from_pandas(frame), frame.convert_dtypes()):
        found = held(table)
        assert found.images.ids == ("a", "b", "c")
        assert len(found.labels) == 5
        assert found.labels.assigned.tolist() == [
            [0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2], [2, 2],
        ]  # fmt: skip


def test_a_crowd_written_as_a_table_comes_back_with_who_looked(small):
    crowd = small.crowd("train")
    frame = to_frame(crowd, empty=True)
    back = held(
        frame, images=dict.fromkeys(crowd.images.ids, (96, 96)),
        classes=dict(zip(crowd.classes.ids, crowd.classes.names, strict=True)),
    )  # fmt: skip
    assert back.labels == crowd.labels
    assert (back.classes, back.raters) == (crowd.classes, crowd.raters)


def test_what_nobody_said_is_assumed_aloud_once_and_points_at_the_caller():
    with pytest.warns(UserWarning, match="nothing says who looked: all 3 raters") as told:
        medmnist_det.aggregate(columns(), "majority-vote")
    assert [one.filename for one in told] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        medmnist_det.aggregate(columns(), "majority-vote", assigned="all")
        images = ["a", "b", "c"]
        medmnist_det.aggregate(columns(), "majority-vote", images=images, assigned=LOOKED)


def changed(**cells):
    return columns() | cells


@pytest.mark.parametrize(
    ("table", "about", "message"),
    [
        ({k: v for k, v in columns().items() if k != "rater"}, {}, "no column rater"),
        ({"image": [1]}, {}, r"crowd: the table has no column label, rater, x_min, y_min"),
        (changed(x_min=[10, "ten", 11, 20, 21]), {}, r"crowd: row 1 has 'ten' as x_min; give a number"),
        (changed(x_min=[10, 99, 11, 20, 21]), {}, r"crowd: row 1 .* has a negative size"),
        (changed(x_min=[10, 61, 11, 20, 21]), {}, r"crowd: row 1 .* has no area"),
        (changed(x_max=[60, np.inf, 60, 90, 92]), {}, r"crowd: row 1 .* is not finite"),
        (changed(x_max=[60, np.nan, 60, 90, 92]), {}, r"crowd: row 1 .* is not finite"),
        (changed(label=["cat", None, "dog", "dog", "dog"]), {}, r"row 1 has None as label"),
        (changed(label=["cat", 3, "dog", "dog", "dog"]), {}, r"labels are numbers and names"),
        (changed(label=[1.5, 1, 2, 2, 2]), {}, r"row 0 has 1.5 as label"),
        (changed(rater=["ann", None, "eve", "ann", "bob"]), {}, r"row 1 has None as rater"),
        (changed(rater=["1", 1, "eve", "ann", "bob"]), {}, r"a rater '1' and a rater 1"),
        (changed(score=[1]), {}, r"crowd: score has 1 rows, image has 5"),
        (changed(x_min=[1, 2]), {}, r"crowd: x_min has 2 rows, image has 5"),
        (changed(label="cat"), {}, r"crowd: label is 'cat'; give a value for every row"),
        (pandas.DataFrame([ROWS[0]], columns=[*COLUMNS[:-1], "label"]).assign(y_max=9), {}, r"the table has two columns label"),
        (columns() | {"boxes": [[1, 2], [3]]}, {}, r"crowd: boxes are no numbers in the shape \(n, 4\)"),
        (columns() | {"boxes": [[1, 2, 3]]}, {}, r"crowd: boxes have shape \(1, 3\), not \(n, 4\)"),
        (columns(), {"assigned": 5}, r"pairs of image and rater, not 5"),
        (columns(), {"assigned": ["ab"]}, r"pairs of image and rater, not 'ab'"),
        (columns(), {"assigned": pandas.DataFrame({"image": ["a"]})}, r"assigned: the table has no columns image and rater"),
        (columns(), {"images": ["a"]}, r"row 3 is on image 'b', which images= does not list"),
        (columns(), {"images": ["a", "b", "a"]}, r"images: 'a' is there twice"),
        (columns(), {"images": "ab"}, r"images='ab': give a list"),
        (columns(), {"assigned": "some"}, r"assigned='some': give 'all'"),
        (columns(), {"assigned": {"a": "ann"}}, r"a rater alone is a list of one"),
        (columns(), {"assigned": [("a",)]}, r"pairs of image and rater, not \('a',\)"),
        (columns(), {"assigned": {"z": ["ann"]}}, r"assigned: image 'z' is not among the images"),
        (columns(), {"assigned": {"a": ["ann", "bob"], "b": ["ann", "bob"]}}, r"row 2 is by rater 'eve' on image 'a'"),
        (columns(), {"classes": ["cat"]}, r"row 2 has the label 'dog', which classes= lacks: cat"),
        (changed(label=[0, 0, 1, 1, 1]), {"classes": ["cat", "dog"]}, r"which of the labels 0 to 1 in crowd is 'cat'; give \{number: name\}"),
        (columns(), {"classes": "cat"}, r"classes='cat': give a list of names"),
        (columns(), {"size": (0, 10)}, r"size=\(0, 10\): give width and height"),
        (columns(), {"size": 10}, r"size=10: give width and height"),
    ],
)  # fmt: skip
def test_bad_tables_are_refused_in_one_sentence_that_names_the_row(table, about, message):
    with pytest.raises(ValueError, match=message) as error:
        held(table, **about)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: one | {"boxes": one["boxes"][:, :3]}, r"image 0: boxes have shape \(3, 3\), not"),
        (lambda one: one | {"boxes": [[1, 2], [3]]}, r"image 0: boxes are no numbers"),
        (lambda one: one | {"labels": 1}, r"image 0: labels are 1; give one for every box"),
        (lambda one: one | {"labels": one["labels"][1:]}, r"image 0: labels have shape \(2,\), not \(3,\)"),
        (lambda one: {k: v for k, v in one.items() if k != "labels"}, "image 0 has boxes and no labels"),
        (lambda one: {k: v for k, v in one.items() if k != "boxes"}, "image 0 has no boxes"),
        (lambda one: {k: v for k, v in one.items() if k != "raters"}, "image 0 has no raters"),
        (lambda one: {k: v for k, v in one.items() if k != "image_id"}, "image 0 has no image_id, others have"),
        (lambda one: one | {"image_id": "b"}, "two items have the image_id 'b'"),
        (lambda one: one | {"rater_list": ["ann"]}, "image 1 has no rater_list, others have"),
        (lambda _: 7, "item 0 is of type int"),
    ],
)  # fmt: skip
def test_bad_lists_are_refused_in_one_sentence_that_names_the_image(change, message):
    bad = items()
    bad[0] = change(bad[0])
    with pytest.raises(ValueError, match=message):
        held(bad)


def test_a_bad_value_of_a_box_is_named_with_its_own_image():
    given = items()
    given[1]["raters"] = ["ann", 1.5]
    with pytest.raises(ValueError, match=r"image 1 has the rater 1\.5; give a whole number or"):
        held(given)
    given = [{"boxes": [[1, 2, 3, 4]], "labels": [1], "iscrowd": [flag]} for flag in (0, 7)]
    with pytest.raises(ValueError, match="truth: image 1: iscrowd holds 7"):
        medmnist_det.evaluate(given, given)


def test_what_holds_no_labels_is_a_type_error():
    for data in (5, None, np.zeros((3, 4)), {1, 2}):
        with pytest.raises(
            TypeError, match="crowd is of type .*; give a path, a LabelSet, a table"
        ):
            medmnist_det.aggregate(data)


def test_tensors_of_any_precision_are_taken():
    torch = pytest.importorskip("torch")
    given = items()
    for one in given:
        one["boxes"] = torch.tensor(one["boxes"], dtype=torch.bfloat16, requires_grad=True)
        one["labels"] = torch.tensor([{"cat": 1, "dog": 2}[name] for name in one["labels"]])
        one["image_id"] = torch.tensor(ord(one["image_id"]))
    found = held(given, classes={1: "cat", 2: "dog"})
    assert found.images.ids == (97, 98, 99)
    assert found.labels.label.tolist() == [0, 0, 1, 1, 1]
    assert found.labels.box[0].tolist() == list(ROWS[0][3:])


def test_who_looked_is_a_mapping_pairs_or_a_table():
    pairs = [(image, rater) for image, raters in LOOKED.items() for rater in raters]
    table = pandas.DataFrame(pairs, columns=["image", "rater"])
    images = ["a", "b", "c"]
    expected = held(columns(), images=images, assigned=LOOKED)
    for assigned in (pairs, table, polars.from_pandas(table)):
        assert held(columns(), images=images, assigned=assigned).labels == expected.labels


def test_a_crowd_that_drew_nothing_needs_classes_and_gives_nothing():
    nothing = [{"boxes": [], "labels": [], "raters": [], "rater_list": ["ann", "bob"]}]
    with pytest.raises(ValueError, match="nothing names the crowd's classes: .* classes= does"):
        medmnist_det.aggregate(nothing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(medmnist_det.aggregate(nothing, classes=["cat"])) == 0


def test_a_split_is_of_data_sets_only(small):
    with pytest.raises(ValueError, match="split='val': crowd is held in memory and has no splits"):
        medmnist_det.aggregate(small.crowd("val"), split="val")
    with pytest.raises(ValueError, match="split='val': crowd is a file and has no splits"):
        medmnist_det.aggregate(small.crowd_file("val"), split="val")
    with pytest.raises(ValueError, match="split='val': truth is a file"):
        medmnist_det.evaluate(small.truth_file("val"), small.truth("val"), split="val")
    with pytest.raises(ValueError, match="split='val': truth is held in memory"):
        medmnist_det.evaluate(small.truth("val"), small.truth("val"), split="val")


def test_what_a_file_leaves_unsaid_is_told_too(small, tmp_path):
    content = json.loads(small.crowd_file("val").read_text())
    for image in content["images"]:
        del image["rater_list"]
    (tmp_path / "crowd.json").write_text(json.dumps(content))
    with pytest.warns(UserWarning, match=r"crowd\.json: no image has a rater_list: all 3 raters"):
        medmnist_det.aggregate(tmp_path / "crowd.json", "majority-vote")
