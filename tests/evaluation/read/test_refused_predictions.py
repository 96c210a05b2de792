"""What is no file of predictions for this truth: refused by file, entry and value."""

import gzip
import os

import orjson
import pytest

from evaluation.read.predictions import read_predictions
from evaluation.read.source import open_truth
from evaluation.read.truth import read_truth
from medmnist_det.errors import InputError
from tests.evaluation.files import as_results, data_folder, objects, write


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
