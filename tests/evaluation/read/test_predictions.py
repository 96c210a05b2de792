"""A detector's boxes: the same from every format and layout, and what is read with a warning."""

import gzip
import json
import re
from pathlib import Path
from unittest import mock

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.read.copies import _copies
from evaluation.read.predictions import _at_once, _entry_by_entry, _pieces, read_predictions
from evaluation.read.truth import read_truth
from medmnist_det.errors import InputError
from medmnist_det.formats.entries import Entries
from tests.evaluation.files import as_results, coco, objects, write


@pytest.fixture(scope="module")
def lasting_truth(tmp_path_factory):
    return read_truth(write(tmp_path_factory.mktemp("t") / "truth.json", coco(10, objects(10, 0))))


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


def test_an_empty_list_is_valid(tmp_path, truth):
    found = read_predictions(write(tmp_path / "p.json", []), truth)

    assert len(found.boxes) == 0
    assert found.warnings == ()


def test_scores_outside_zero_to_one_are_read_with_a_warning(tmp_path, truth, rows):
    rows[4]["score"] = 87

    found = read_predictions(write(tmp_path / "p.json", rows), truth)

    assert found.boxes.score.max() == 87
    assert found.warnings[0].count("1 of 30 scores lie outside [0, 1] (such as 87.0)") == 1


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
