"""Predictions of somebody else: named, of the right data set, marked; else refused."""

import json
import shutil

import orjson
import pytest

from evaluation.benchmark.cells import read_cells
from evaluation.benchmark.table import blocks
from medmnist_det.errors import InputError
from medmnist_det.front.given import Given, given_of, score_given
from tests.medmnist_det.front.inline import asked, run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("given")
    cells, _ = run(out, "oracle", seeds=(0, 1))
    return out, cells, asked("oracle", seeds=(0, 1))


def preds(made):
    out, (first, _), _ = made
    return out / "runs" / first.spec.run_name / "preds.json"


def score(made, file, fingerprint=None):
    out, cells, what = made
    one = Given(name="mine", file=file, fingerprint=fingerprint or cells[0].data.fingerprint[:8])
    return score_given([one], what, out, cells)[0]


def test_they_stand_beside_ours_with_the_same_scores(made):
    out, (first, _), _ = made
    shutil.rmtree(out / "data" / first.spec.data_name)  # made again where it is not there
    (mine,) = score(made, preds(made))
    assert mine.scores == first.scores
    assert (mine.spec.method, mine.spec.seed, mine.spec.budget) == ("mine", 0, None)
    assert mine.data == first.data
    assert (out / "cells" / "paper-given-mine-0.json").is_file()
    (block,) = blocks(read_cells(out / "cells"))
    rows = {row.method: row for row in block.rows}
    assert (rows["mine"].given, rows["mine"].done, rows["oracle"].done) == (True, 1, 2)


def test_another_data_set_is_refused_with_those_that_there_are(made):
    _, (first, second), _ = made
    known = f"{first.data.fingerprint[:12]} .paper, seed 0., {second.data.fingerprint[:12]}"
    with pytest.raises(InputError, match=f"fingerprint 01234567, which is none .*: {known}"):
        score(made, preds(made), "01234567")


def test_images_that_the_data_set_does_not_have_are_refused(made, tmp_path):
    rows = orjson.loads(preds(made).read_bytes()) or [
        {"category_id": 1, "bbox": [1, 1, 5, 5], "score": 0.5}
    ]
    file = tmp_path / "preds.json"
    file.write_bytes(orjson.dumps([rows[0] | {"image_id": 77}]))
    with pytest.raises(InputError, match="77"):
        score(made, file)
    with pytest.raises(InputError, match="No such file"):
        score(made, tmp_path / "none.json")


def test_the_fingerprint_may_stand_behind_the_file_or_beside_it(tmp_path):
    file = tmp_path / "a@b" / "preds.json"
    file.parent.mkdir()
    assert given_of(f"mine={file}@0123abcd") == Given(
        name="mine", file=file, fingerprint="0123abcd"
    )
    beside = tmp_path / "preds.json"
    facts = {"fingerprint": "ff" * 32, "predictions": str(beside)}
    (tmp_path / "scores.json").write_text(json.dumps(facts))
    assert given_of(f"their net={beside}") == Given(
        name="their net", file=beside, fingerprint="ff" * 32
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("preds.json", "write name=preds.json@fingerprint"),
        ("mine=", "write name=preds.json@fingerprint"),
        ("a/b=preds.json@01234567", "with a name of letters"),
        ("oracle=preds.json@01234567", "'oracle': is one of our methods"),
        ("rater=preds.json@0123", "'0123' is no fingerprint: give the first 8 signs or more"),
        ("mine=preds.json", "image ids do not say which data set they are of: add @"),
    ],
)
def test_what_does_not_say_enough_is_refused(text, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        given_of(text)
