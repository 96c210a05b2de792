"""``aggregate`` and ``agreement`` as a user runs them, on a data set made for the purpose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import app
from medmnist_det.folder import Folder
from medmnist_det.formats.coco import read_coco
from medmnist_det.generation import generate
from medmnist_det.scenes.digits import Digits
from tests.conftest import small_crowd, small_plan
from tests.printed import tables


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, optdigits: Digits) -> Path:
    out = tmp_path_factory.mktemp("commands") / "set"
    generate(out, small_plan(), optdigits, small_crowd())
    return out


def run(*arguments: Any, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize(
    ("method", "folder"),
    [
        ("all", "all"),
        ("rater:2", "rater-2"),
        ("majority-vote", "majority-vote"),
        ("wbf", "wbf"),
        ("wbf-agnostic", "wbf-agnostic"),
        ("dawid-skene", "dawid-skene"),
        ("bayes-truth", "bayes-truth"),
    ],
)
def test_every_method_writes_what_evaluate_and_the_folder_read(
    data: Path, method: str, folder: str
) -> None:
    shown = run("aggregate", "--data", data, "--method", method)
    assert "Label quality" in shown
    assert "class accuracy" in shown
    for split in ("train", "val"):
        labels = Folder.open(data).labels(split, f"fused:{folder}")
        everything = Folder.open(data).truth(split).images
        if method == "rater:2":  # who looked at half of the images: the others are not empty
            seen = Folder.open(data).labels(split, "rater:2").images
            assert len(seen) < len(everything)
            assert labels.images == seen
        else:
            assert labels.images == everything
        details = json.loads((data / "fused" / folder / f"{split}.details.json").read_text())
        assert len(details["annotations"]) == len(labels.labels)
        drawn = len(Folder.open(data).crowd(split).labels)
        ids = [key for row in details["annotations"] for key in row["annotation_ids"]]
        assert len(ids) == len(set(ids))
        assert set(ids) <= set(range(1, drawn + 1))
    shown = run(
        "evaluate", data / "fused" / folder / "train.json", "--data", data, "--split", "train"
    )
    assert "mAP@0.4" in shown


def test_dawid_skene_prints_the_raters_beside_the_truth_and_draws_them(
    data: Path, tmp_path: Path
) -> None:
    shown = run(
        "aggregate", "--data", data, "--split", "train", "--plots", tmp_path, "--out", tmp_path
    )
    for words in ("what they report", "errors of their boxes", "Recovery of the raters", "true"):
        assert words in shown
    for what in ("matrices", "boxes", "skills"):
        assert (tmp_path / f"dawid-skene-train-{what}.png").stat().st_size > 20_000
        assert f"drawn: {tmp_path}/dawid-skene-train-{what}.pdf" in shown
    assert (tmp_path / "dawid-skene" / "train.json").is_file()


def test_a_file_of_ones_own_is_fused_without_a_data_set(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = run("aggregate", "--crowd", data / "crowd" / "train.json", "--method", "majority-vote")
    assert "Label quality" not in shown
    assert len(read_coco(tmp_path / "fused" / "majority-vote" / "train.json").labels) > 0


def test_readers_of_a_data_set_are_compared_with_their_own_truth(
    data: Path, tmp_path: Path
) -> None:
    shown = run(
        "aggregate", "--data", data, "--split", "train", "--raters", "1,3", "--out", tmp_path
    )
    assert "of 2 raters" in shown
    assert "Recovery of the raters" in shown


def test_agreement_shows_tables_and_draws_who_agrees(data: Path, tmp_path: Path) -> None:
    shown = run(
        "agreement", "--data", data, "--split", "train", "--plots", tmp_path, "--out", tmp_path
    )
    for words in (
        "Krippendorff's alpha",
        "mean over the images (KaLOS)",
        "By class",
        "mAP on truth",
    ):
        assert words in shown
    for what in ("alpha", "mAP", "disputed"):
        assert (tmp_path / f"agreement-train-{what}.png").stat().st_size > 10_000
    report = json.loads((tmp_path / "agreement-train.json").read_text())
    assert len(report["of_image"]) == 60
    assert report["pairwise"][0][0] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "mean"], "'mean' is not known: choose all"),
        (["--method", "rater:9"], "there is no such rater; there are 1, 2, 3"),
        (["--split", "test"], "annotators label train and val only"),
        (["--method", "wbf", "--weights", "1,2"], "2 values for 3 raters: give one each"),
        (["--iou", "1.5"], "--iou 1.5 is not"),
        (
            ["--raters", "8", "--out", "x"],
            "--raters names 8, who are not among the raters 1, 2, 3",
        ),
        (["--iou", "0"], "--iou 0.0 is not above 0 and below 1"),
        (["--method", "wbf", "--iterations", "3"], "--iterations 3 goes with --method dawid-skene"),
        (["--method", "wbf", "--weights", "1e308,1,1"], "--weights 1e+308 is not from"),
    ],
)
def test_what_the_user_can_mend_is_one_sentence(
    data: Path, arguments: list[str], message: str
) -> None:
    shown = run("aggregate", "--data", data, *arguments, code=2)
    assert message in shown
    assert "Traceback" not in shown


def test_a_single_reader_has_nobody_to_agree_with(data: Path) -> None:
    shown = run("agreement", "--data", data, "--raters", "1", code=2)
    assert "agreement needs images that two raters or more looked at" in shown


def test_split_and_file_exclude_each_other(data: Path) -> None:
    file = data / "crowd" / "train.json"
    shown = run("aggregate", "--crowd", file, "--split", "train", code=2)
    assert "--split belongs to a data folder" in shown


def test_em_that_is_stopped_early_warns(data: Path, tmp_path: Path) -> None:
    shown = run("aggregate", "--data", data, "--iterations", "1", "--out", tmp_path)
    assert "warning: dawid-skene: not converged after 1 iterations" in shown


def test_a_file_that_is_no_simulator_s_is_refused(data: Path, tmp_path: Path) -> None:
    from annotators.known import read_known_raters
    from medmnist_det.errors import InputError

    path = tmp_path / "annotators.json"
    path.write_text('{"annotators": [{"spurious": 1}]}')
    with pytest.raises(InputError, match="does not describe simulated annotators"):
        read_known_raters(path, Folder.open(data).crowd("train"))


def test_the_raters_that_annotate_made_are_recovered_from_their_own_file(
    data: Path, tmp_path: Path
) -> None:
    words = ["--preset", "paper", "--seed", "3", "--out", tmp_path / "mine"]
    said = run("annotate", data / "truth" / "train.json", *words)
    crowd = tmp_path / "mine" / "crowd.json"
    assert f"written: {crowd}, and beside it provenance.json and annotators.json" in said
    assert f"next: medmnist-det aggregate --crowd {crowd}" in said
    common = ["aggregate", "--crowd", crowd, "--out", tmp_path / "fused"]
    whole = run(*common)
    assert "Recovery of the raters" in whole
    some = run(*common, "--raters", "3,1")
    assert "Recovery of the raters" in some
    run(*common, "--method", "bayes-truth")
    beside = tmp_path / "mine" / "annotators.json"
    content = json.loads(beside.read_text())
    # In any order, each rater is held against himself.
    beside.write_text(json.dumps(content | {"annotators": content["annotators"][::-1]}))
    assert tables(run(*common)) == tables(whole)
    beside.write_text(json.dumps(content | {"annotators": content["annotators"][:2]}))
    lost = run(*common)
    assert "note: no recovery of the raters is shown: " in lost
    assert "knows nothing of rater 3" in lost
    assert "Recovery of the raters" not in lost
    beside.write_text(json.dumps(content | {"classes": ["x", *content["classes"][1:]]}))
    assert "is about the classes x, 1, 2" in run(*common)
    beside.write_text("[]")
    assert "does not describe simulated annotators" in run(*common)
    beside.unlink()
    assert "Recovery" not in run(*common)


def test_options_that_a_method_has_no_use_for_are_not_passed_over_in_silence(
    data: Path, tmp_path: Path
) -> None:
    refused = run("aggregate", "--data", data, "--method", "all", "--weights", "1,2,3", code=2)
    assert "--weights 1,2,3 goes with --method wbf, wbf-agnostic, not 'all': drop it" in refused
    told = run("aggregate", "--data", data, "--method", "all", "--plots", tmp_path / "plots")
    assert "all estimates no raters: there is nothing to draw" in told


@pytest.mark.parametrize("command", ["aggregate", "agreement"])
def test_a_data_set_without_crowd_labels_says_so(
    tmp_path: Path, optdigits: Digits, command: str
) -> None:
    out = tmp_path / "set"
    generate(out, small_plan(train=0, val=0, test=5), optdigits, small_crowd())
    shown = run(command, "--data", out, code=2)
    assert (
        "has no crowd labels: annotators label train and val, and its only split is test" in shown
    )
    assert not (out / "fused").exists()
    shown = run("train-reference", "--data", out, "--method", "wbf", code=2)
    assert "Traceback" not in shown
