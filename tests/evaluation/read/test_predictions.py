import gzip
import json
import os
import re
import time
from pathlib import Path
from unittest import mock

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.read.copies import _copies
from evaluation.read.predictions import _at_once, _entry_by_entry, _pieces, read_predictions
from evaluation.read.source import open_truth
from evaluation.read.truth import read_truth
from medmnist_det.errors import InputError
from medmnist_det.formats.entries import Entries
from tests.evaluation.files import as_results, coco, data_folder, objects, write


@pytest.fixture
def truth(tmp_path):
    return read_truth(write(tmp_path / "truth.json", coco(10, objects(10, 0))))


@pytest.fixture(scope="module")
def lasting_truth(tmp_path_factory):
    return read_truth(write(tmp_path_factory.mktemp("t") / "truth.json", coco(10, objects(10, 0))))


@pytest.fixture
def rows():
    return as_results(objects(10, 0))


def _columns(boxes):
    return [boxes.image.tolist(), boxes.label.tolist(), boxes.bbox.tolist(), boxes.score.tolist()]


def test_every_format_gives_the_same_boxes(tmp_path, truth, rows):
    plain = read_predictions(write(tmp_path / "p.json", rows), truth)
    zipped = read_predictions(
        write(tmp_path / "p.json.gz", gzip.compress(orjson.dumps(rows))), truth
    )
    floats = [row | {"image_id": float(row["image_id"])} for row in rows]
    odd = [row | {"note": None, "segmentation": []} for row in rows]
    annotated = read_predictions(write(tmp_path / "c.json", {"annotations": rows}), truth)

    assert _columns(zipped.boxes) == _columns(plain.boxes)
    assert _columns(annotated.boxes) == _columns(plain.boxes)
    assert _columns(read_predictions(write(tmp_path / "o.json", odd), truth).boxes) == _columns(
        plain.boxes
    )
    assert _columns(read_predictions(write(tmp_path / "f.json", floats), truth).boxes) == _columns(
        plain.boxes
    )


@pytest.mark.parametrize("piece", [2, 100, 1 << 17])
@pytest.mark.parametrize("layout", [None, 1])
def test_a_file_may_be_cut_anywhere(tmp_path, truth, rows, monkeypatch, piece, layout):
    monkeypatch.setattr("evaluation.read.predictions._PIECE", piece)
    rows[3]["note"] = 'a text like the end of an entry: }, {"'
    rows[5]["segmentation"] = {"size": [9, 9], "counts": "}, "}
    expected = _columns(
        read_predictions(write(tmp_path / "a.json", {"annotations": rows}), truth).boxes
    )

    found = read_predictions(
        write(tmp_path / "p.json", json.dumps(rows, indent=layout).encode()), truth
    )

    assert _columns(found.boxes) == expected


@given(st.integers(100, 3000), st.integers(0, 30), st.sampled_from([None, 1]))
def test_pieces_give_what_the_thorough_reader_gives(lasting_truth, piece, count, layout):
    rows = as_results(objects(10, 0))[:count]
    path = Path(lasting_truth.source).with_name("p.json")
    path.write_bytes(b" \n" + json.dumps(rows, indent=layout).encode() + b"\n")

    with mock.patch("evaluation.read.predictions._PIECE", piece), path.open("rb") as file:
        pieces, quick = list(_pieces(file)), _at_once(path, lasting_truth)
    entries = Entries(Path("p"), "entry", rows)
    thorough = _entry_by_entry(entries, lasting_truth, lambda _: "", scored=True)

    assert len(pieces) >= count * 60 / (2 * piece + 300)
    assert quick.keys() == thorough.keys()
    for name, column in thorough.items():
        np.testing.assert_array_equal(quick[name], column)


@pytest.mark.parametrize("piece", [2, 100, 1 << 17])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1] + b",]",
        lambda text: text[:-1] + b", ]",
        lambda text: text + b" x",
        lambda text: text + text,
        lambda text: b"x" + text,
        lambda text: text.replace(b"},", b"},,", 1),
        lambda text: text.replace(b"},", b"} ", 1),
        lambda text: text[:-1],
        lambda text: text[1:],
        lambda text: text[: len(text) // 2],
    ],
)
def test_what_is_no_json_is_refused_however_it_is_cut(
    tmp_path, truth, rows, monkeypatch, piece, spoil
):
    monkeypatch.setattr("evaluation.read.predictions._PIECE", piece)

    with pytest.raises(InputError, match="not a whole JSON file"):
        read_predictions(write(tmp_path / "p.json", spoil(orjson.dumps(rows))), truth)


def test_a_pipe_is_refused_before_it_is_read(tmp_path, truth):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(InputError, match=r"pipe: is a pipe, which can be read only once"):
        read_predictions(tmp_path / "pipe", truth)
    with pytest.raises(InputError, match=r"pipe: is a pipe, which can be read only once"):
        read_truth(tmp_path / "pipe")


def test_an_entry_may_be_nested_deeply_in_what_is_not_read(tmp_path, truth, rows):
    lines = [orjson.dumps(row) for row in rows]
    for depth, message in ((500, None), (100_000, "is nested too deeply")):
        lines[2] = orjson.dumps(rows[2])[:-1] + b', "x": ' + b"[" * depth + b"]" * depth + b"}"
        path = write(tmp_path / "p.json", b"[" + b",".join(lines) + b"]")
        if message is None:
            assert len(read_predictions(path, truth).boxes) == 30
        else:
            with pytest.raises(InputError, match=message):
                read_predictions(path, truth)


def test_a_rater_missing_from_the_first_annotation_is_noticed(tmp_path, truth):
    content = coco(10, [one | {"rater_id": 1} for one in objects(10, 0)])
    del content["annotations"][0]["rater_id"]

    with pytest.raises(InputError, match="annotation 0: has no 'rater_id'; add it"):
        read_predictions(write(tmp_path / "c.json", content), truth)


def test_an_empty_list_is_valid(tmp_path, truth):
    found = read_predictions(write(tmp_path / "p.json", []), truth)

    assert len(found.boxes) == 0
    assert found.warnings == ()


def test_scores_outside_zero_to_one_are_read_with_a_warning(tmp_path, truth, rows):
    rows[4]["score"] = 87

    found = read_predictions(write(tmp_path / "p.json", rows), truth)

    assert found.boxes.score.max() == 87
    assert found.warnings[0].count("1 of 30 scores lie outside [0, 1] (such as 87.0)") == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"p\.json: not a whole JSON file"),
        (b"score: 1", r"p\.json: not a whole JSON file"),
        (b'[{"image_id": 1, "category_id": 1, "bb', r"p\.json: not a whole JSON file"),
        (b"\x1f\x8b\x08\x00garbage", r"p\.json: the gzip stream is corrupt or cut short"),
        (
            gzip.compress(b"[]")[:-4],
            r"p\.json: the gzip stream is corrupt or cut short \(Compressed",
        ),
        (gzip.compress(b"[]")[:-8] + bytes(8), r"p\.json: the gzip stream is corrupt .*CRC"),
        (b'{"predictions": []}', r"p\.json: holds a JSON object, not predictions; give a list"),
        (b'"boxes"', r"p\.json: holds a text, not predictions"),
        (b"3", r"p\.json: holds a number, not predictions"),
        (b"[1, 2]", r"p\.json, entry 0: is 1; it must be an object"),
        (b'{"annotations": {}}', r"p\.json: 'annotations' is a JSON object; it must be a list"),
    ],
)
def test_what_is_no_prediction_file_is_refused(tmp_path, truth, content, message):
    with pytest.raises(InputError, match=message):
        read_predictions(write(tmp_path / "p.json", content), truth)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bbox": [1, 2, -3, 4]}, r"entry 7: bbox has a negative width \(-3\); boxes are \[x, y"),
        ({"bbox": [1, 2, 3, -0.5]}, r"entry 7: bbox has a negative height \(-0\.5\)"),
        ({"bbox": [1, 2, 3]}, r"entry 7: bbox is \[1, 2, 3\]; boxes are \[x, y, width, height\]"),
        ({"bbox": None}, "entry 7: bbox is None"),
        ({"score": "high"}, "entry 7: score is 'high'; give a number"),
        ({"score": None}, "entry 7: score is None; give a number"),
        ({"image_id": None}, r"entry 7: image_id None is not in .*truth\.json, whose ids are 1 to"),
        ({"image_id": True}, "entry 7: image_id True is not in"),
        ({"image_id": 1.5}, r"entry 7: image_id 1\.5 is not in"),
        ({"image_id": [1]}, r"entry 7: image_id \[1\] is not in"),
        ({"category_id": True}, "entry 7: category_id True is not in"),
        ({"score": True}, "entry 7: score is True; give a number"),
        ({"bbox": [1, 2, 3, True]}, r"entry 7: bbox is \[1, 2, 3, True\]; boxes are"),
        ({"bbox": [1, 2, 3, 2e9]}, r"entry 7: bbox \[1, 2, 3, 2.*\] lies beyond 1,000,000,000"),
        ({"bbox": [-1e200, 2, 3, 4]}, r"entry 7: bbox \[-1e\+200, 2, 3, 4\] lies beyond"),
        ({"bbox": ["x"] * 999}, r"entry 7: bbox is \['x', .*'x'.{0,9}\.\.\.; boxes are"),
        ({"image_id": 1 << 63}, "entry 7: image_id 9223372036854775808 is not in"),
        ({"image_id": 99}, r"entry 7: image_id 99 is not in .*truth\.json, whose ids are 1 to 10"),
        ({"category_id": 12}, r"entry 7: category_id 12 is not in .*\(1 of 30 entries name such"),
    ],
)
def test_a_bad_entry_is_named_with_its_value(tmp_path, truth, rows, change, message):
    rows[7] |= change

    with pytest.raises(InputError, match=rf"p\.json, {message}"):
        read_predictions(write(tmp_path / "p.json", rows), truth)


@pytest.mark.parametrize("key", ["bbox", "score", "image_id", "category_id"])
def test_a_missing_key_is_named(tmp_path, truth, rows, key):
    del rows[3][key]

    with pytest.raises(InputError, match=rf"p\.json, entry 3: has no '{key}'; add it"):
        read_predictions(write(tmp_path / "p.json", rows), truth)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ('"score": NaN', "entry 2: score is nan; give a finite number"),
        ('"score": -Infinity', "entry 2: score is -inf; give a finite number"),
        ('"score": 1' + "0" * 400, r"entry 2: score is 1(0+\.\.\.|e\+400); give a finite number"),
        (
            '"bbox": [1, 1' + "0" * 400 + ", 3, 4]",
            r"entry 2: bbox \[1, 10{88,}\.\.\. is not finite",
        ),
        ('"bbox": [1, NaN, 3, 4]', r"entry 2: bbox \[1, nan, 3, 4\] is not finite"),
        ('"bbox": [1, 2, Infinity, 4]', r"entry 2: bbox \[1, 2, inf, 4\] is not finite"),
    ],
)
def test_nan_and_infinity_are_refused_by_entry(tmp_path, truth, rows, word, message):
    lines = [orjson.dumps(row).decode() for row in rows]
    lines[2] = lines[2][:-1] + f", {word}}}"  # the last of equal keys counts

    with pytest.raises(InputError, match=rf"p\.json, {message}"):
        read_predictions(write(tmp_path / "p.json", f"[{','.join(lines)}]".encode()), truth)


def test_entries_that_repeat_another_are_scored_with_a_warning(tmp_path, truth, rows):
    rows += [rows[3], rows[8], rows[3]]

    found = read_predictions(write(tmp_path / "p.json", rows), truth)

    assert len(found.boxes) == 33
    assert re.search(
        r"p\.json: 3 of 33 boxes repeat another \(.*; first: entry 30 repeats 3\); as in COCO each",
        found.warnings[0],
    )


@given(st.lists(st.tuples(*[st.integers(0, 1)] * 4), max_size=40))
def test_copies_are_counted_as_a_dictionary_would(rows):
    rows = [(image, label, x, 0, 1, 1, score) for image, label, x, score in rows]
    columns = [np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)]
    columns = [column.astype(float) if k > 1 else column for k, column in enumerate(columns)]
    first, again = {}, []
    for k, row in enumerate(rows):
        if first.setdefault(row, k) != k:
            again.append((k, first[row]))

    found = _copies(columns) if rows else None

    assert found == ((len(again), *again[0]) if again else None)


def test_copies_among_scored_labels_and_in_text_files_are_told_too(tmp_path, truth, rows):
    content = {"annotations": [*rows, rows[1]]}
    drawn = [one | {"id": 99} for one in (*objects(10, 0), objects(10, 0)[0])]

    scored = read_predictions(write(tmp_path / "s.json", content), truth)
    unscored = read_predictions(write(tmp_path / "u.json", {"annotations": drawn}), truth)

    assert "annotation 30 repeats 1" in scored.warnings[0]
    assert unscored.warnings == ()


def test_the_same_box_with_another_score_or_class_is_no_repetition(tmp_path, truth, rows):
    more = [rows[3] | {"score": 0.8}, rows[3] | {"category_id": 3}]

    assert len(read_predictions(write(tmp_path / "p.json", rows + more), truth).boxes) == 32


def test_classes_counted_from_zero_are_recognised(tmp_path, truth, rows):
    for row in rows:
        row["category_id"] -= 1

    with pytest.raises(InputError, match=r"category_id 0 .* count classes from 0: add 1 to each"):
        read_predictions(write(tmp_path / "p.json", rows), truth)


def test_a_file_for_another_split_is_told_which(tmp_path):
    source = open_truth(data_folder(tmp_path), "test", None)
    path = write(tmp_path / "p.json", as_results(objects(20, 2)))

    with pytest.raises(
        InputError,
        match=r"entry 30: image_id 11 is not in .*test\.json, whose ids are 1 to 10 \(30 of 60 "
        r"entries name such ids\); they fit the split 'train': add --split train",
    ):
        read_predictions(path, source.truth, hint=source.hint)


def test_a_file_for_another_data_set_is_refused(tmp_path):
    source = open_truth(data_folder(tmp_path), "test", None)
    rows = as_results(objects(10, 2))
    for row in rows:
        row["image_id"] = f"coco-{row['image_id']}"

    with pytest.raises(InputError, match="name the truth that the file was made for"):
        read_predictions(write(tmp_path / "p.json", rows), source.truth, hint=source.hint)


def _crowd(tmp_path, **changes):
    rows = objects(10, 0)
    drawn = [
        row | {"id": 2 * k + j + 1, "rater_id": f"R{j}"}
        for k, row in enumerate(rows)
        for j in range(2)
        if j == 0 or row["image_id"] <= 5
    ]
    content = coco(10, drawn)
    for image in content["images"]:
        image["rater_list"] = ["R0", "R1"] if image["id"] <= 5 else ["R0"]
    return write(tmp_path / "crowd.json", content | changes)


def test_one_rater_of_a_crowd_file_is_read_with_the_images_looked_at(tmp_path, truth):
    found = read_predictions(_crowd(tmp_path), truth, rater="R1")

    assert found.drawn
    assert found.looked is not None
    np.testing.assert_array_equal(np.flatnonzero(found.looked), range(5))
    assert set(found.boxes.image.tolist()) == {0, 2, 4}
    assert found.boxes.score.tolist() == [1.0] * 18


@pytest.mark.parametrize(
    ("rater", "message"),
    [
        (None, "holds the boxes of 2 raters; choose one with --rater, of 'R0', 'R1'"),
        ("R7", "holds no rater 'R7' among 2 raters; choose one with --rater, of 'R0', 'R1'"),
    ],
)
def test_a_rater_has_to_be_chosen_from_those_there_are(tmp_path, truth, rater, message):
    with pytest.raises(InputError, match=message):
        read_predictions(_crowd(tmp_path), truth, rater=rater)


def test_a_rater_of_a_prediction_file_is_refused(tmp_path, truth, rows):
    with pytest.raises(InputError, match="holds a detector's boxes, not raters'"):
        read_predictions(write(tmp_path / "p.json", rows), truth, rater="1")
    path = write(tmp_path / "fused.json", coco(10, objects(10, 0)))
    with pytest.raises(InputError, match="does not say who drew its boxes"):
        read_predictions(path, truth, rater="1")


def _label_set(tmp_path, **changes):
    content = coco(10, objects(10, 0))
    for image in content["images"]:
        image["rater_list"] = [1, 2] if image["id"] != 2 else []
    return write(tmp_path / "fused.json", content | changes)


def test_images_that_nobody_labelled_are_left_out_of_a_label_set(tmp_path, truth):
    found = read_predictions(_label_set(tmp_path), truth)

    assert np.flatnonzero(~found.looked).tolist() == [1]
    assert "does not list 1 of the 10 images" in found.warnings[0]


def test_images_that_a_label_set_does_not_list_are_left_out(tmp_path, truth):
    rows = [one for one in objects(10, 0) if one["image_id"] <= 4]

    found = read_predictions(write(tmp_path / "c.json", coco(4, rows)), truth)
    unlisted = read_predictions(write(tmp_path / "p.json", {"annotations": rows}), truth)

    assert found.looked.sum() == 4
    assert unlisted.looked is None
    assert unlisted.warnings == ()


def test_images_that_a_crowd_file_does_not_list_were_not_looked_at(tmp_path, truth):
    rows = [one | {"rater_id": 1} for one in objects(10, 0) if one["image_id"] <= 4]

    found = read_predictions(write(tmp_path / "c.json", coco(4, rows)), truth, rater="1")

    assert found.looked.sum() == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"annotations": [*objects(10, 0), objects(10, 0)[0] | {"image_id": 2, "id": 99}]},
            r"annotation 30: is on image 2, which the file does not list, or nobody looked at \(1 ",
        ),
        (
            {"images": [{"id": 1, "rater_list": 5}], "annotations": []},
            "image 0: rater_list is 5; give",
        ),
        ({"images": [{"id": 1}, {"id": 1}]}, "image 1: id 1 is there twice"),
        ({"images": [{"id": 77}]}, "1 of its 1 images are not in .*; name the truth that"),
    ],
)
def test_a_label_set_whose_images_contradict_it_is_refused(tmp_path, truth, changes, message):
    with pytest.raises(InputError, match=message):
        read_predictions(_label_set(tmp_path, **changes), truth)


def test_names_of_raters_are_shown_on_one_short_line(tmp_path, truth):
    raters = [f"R\n\x1b[31m{k}{'x' * 9999}" for k in range(30)]
    drawn = [one | {"rater_id": raters[k]} for k, one in enumerate(objects(10, 0))]

    for rater in (None, "y\n" * 9999):
        with pytest.raises(InputError) as caught:
            read_predictions(write(tmp_path / "c.json", coco(10, drawn)), truth, rater=rater)
        text = str(caught.value)
        assert text.isprintable()
        assert len(text) < 2000


def test_reading_a_rater_takes_time_in_proportion_to_the_images(tmp_path):
    images = 20_000
    content = coco(images, [objects(2, 0)[0] | {"rater_id": 1}])
    path = write(tmp_path / "c.json", content)
    truth = read_truth(path)
    start = time.process_time()

    read_predictions(path, truth, rater="1")

    # A set of all ids built for each of them took minutes.
    assert time.process_time() - start < 5
