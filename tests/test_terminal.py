"""What a terminal offers around the commands: version, completion, the folder one stands in."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from medmnist_det import __version__, pictures
from tests.printed import tables
from tests.test_cli import ROOT, SMALL, run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = tmp_path_factory.mktemp("terminal")
    run("generate", "--out", place / "med-mnist", *SMALL)
    return place


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    shutil.copytree(made / "med-mnist", tmp_path / "med-mnist")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def module(*words, cwd):
    """Run ``python -m medmnist_det`` in a folder."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "medmnist_det", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": paths, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        check=False,
    )


def test_the_version_is_printed():
    assert run("--version").stdout == f"medmnist-det {__version__}\n"


def test_python_m_is_the_same_command_beside_modules_of_the_same_names(here):
    for name in ("cli", "evaluation", "annotators"):
        (here / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    done = module("verify", cwd=here)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("med-mnist: intact, ")
    assert "Usage: medmnist-det [OPTIONS]" in module("--help", cwd=here).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_shown_for_each_shell(shell, here):
    done = module("--show-completion", shell, cwd=here)
    assert done.returncode == 0, done.stderr
    assert "_MEDMNIST_DET_COMPLETE=complete_" + shell in done.stdout


def test_the_shell_completes_commands(here):
    words = {
        "_MEDMNIST_DET_COMPLETE": "complete_bash",
        "COMP_WORDS": "medmnist-det ag",
        "COMP_CWORD": "1",
    }
    os.environ |= words
    try:
        done = module(cwd=here)
    finally:
        for word in words:
            del os.environ[word]
    assert done.stdout.split() == ["aggregate", "agreement"]


def test_a_second_generate_says_that_all_was_there(here):
    before = {file: file.stat().st_mtime_ns for file in here.rglob("*") if file.is_file()}
    said = run("generate", *SMALL).stdout
    assert "med-mnist: all of it was there already, and is intact; nothing was written" in said
    assert before == {file: file.stat().st_mtime_ns for file in here.rglob("*") if file.is_file()}


def test_commands_inside_the_data_folder_find_it_and_put_nothing_strange_there(here, monkeypatch):
    monkeypatch.chdir("med-mnist")
    assert run("generate", *SMALL).stdout.endswith("nothing was written\n")
    assert "holds a different data set" in run("generate", *SMALL, "--seed", 5, code=2).stderr
    run("show", "--scenes", 1)
    run("aggregate", "--method", "majority-vote")
    run("annotate", "truth/test.json")
    (here / "empty.json").write_text("[]")
    run("evaluate", "../empty.json")
    assert "verify" not in run("info").stdout
    assert run("verify").stdout.startswith(".: intact")
    assert {"scenes.png", "matrices.png", "crowd"} <= {file.name for file in here.iterdir()}
    # A manifest.json of something else is no data set.
    (here / "app").mkdir()
    monkeypatch.chdir(here / "app")
    Path("manifest.json").write_text("{}")
    assert "med-mnist: no data set there" in run("verify", code=2).stderr


def test_a_missing_data_set_names_those_that_are_there(here):
    said = run("verify", "--data", "nowhere", code=2).stderr
    assert "or name its folder with --data (there are: med-mnist)" in said


def scored(folder, fingerprint, value):
    """Put a run's files where a training leaves them."""
    folder.mkdir(parents=True)
    (folder / "checkpoint.pt").write_text("weights")
    (folder / "history.json").write_text("[{}, {}, {}]")
    if fingerprint:
        (folder / "preds.json").write_text("[]")
        content = {"fingerprint": fingerprint, "scores": {"mAP@0.4": {"value": value}}}
        (folder / "scores.json").write_text(json.dumps(content))


def test_info_says_what_is_there_what_was_made_and_what_comes_next(here):
    said = run("info").stdout
    assert "Fused labels" not in tables(said)
    for line in ("aggregate --method dawid-skene", "train-reference --method dawid-skene", "show"):
        assert f"\n  medmnist-det {line}\n" in said
    run("aggregate", "--method", "majority-vote")
    ours = json.loads((here / "med-mnist" / "manifest.json").read_text())["fingerprint"]
    scored(here / "runs" / "a", ours, 0.5)
    scored(here / "runs" / "b", ours, 0.25)
    scored(here / "runs" / "c", None, None)
    scored(here / "runs" / "d", "another", 0.9)
    scored(here / "runs" / "e" / "rater-1", None, None)
    scored(here / "runs" / "e" / "rater-2", None, None)
    os.utime(here / "runs" / "b" / "scores.json", (0, 0))
    said = run("info").stdout
    found = tables(said)
    assert found["Images"].column("images") == ["12", "4", "3"]
    assert found["Fused labels"].column("split") == ["train", "val"]
    assert found["Runs"].rows == [
        ["runs/a", "3", "0.5000", ""],
        ["runs/b", "3", "0.2500", "trained on since it was scored"],
        ["runs/c", "3", "-", "not scored yet"],
        ["runs/e", "6", "-", "not scored yet"],
    ]
    assert "1 more runs, of other data sets" in said
    for line in (
        "train-reference --resume --out runs/b",
        "train-reference --resume --out runs/c",
        "train-reference --resume --out runs/e --method ensemble",
        "evaluate runs/a/preds.json --report report.html",
    ):
        assert f"\n  medmnist-det {line}\n" in said
    assert "--data med-mnist" not in said
    assert "evaluate runs/b" not in said  # trained on since: its predictions are of before


def test_show_draws_fused_labels_and_predictions_in_the_raters_place(here, monkeypatch):
    drawn = []

    def keep(_folder, split, _scenes, others):
        drawn.append((split, others))
        return real(_folder, split, _scenes, others=others)

    real = pictures.scenes_figure
    monkeypatch.setattr(pictures, "scenes_figure", keep)
    run("aggregate", "--method", "majority-vote")
    run("show", "--labels", "fused:majority-vote")
    truth = json.loads((here / "med-mnist" / "truth" / "test.json").read_text())["annotations"]
    rows = [{key: one[key] for key in ("image_id", "category_id", "bbox")} for one in truth]
    rows[0]["category_id"] = rows[0]["category_id"] % 10 + 1
    nothing = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 2]}
    scores = [{"score": 0.9}] * len(rows)
    content = [one | score for one, score in zip(rows, scores, strict=True)]
    content += [nothing | {"score": 0.95}, nothing | {"score": 0.01}]
    (here / "p.json").write_text(json.dumps(content))
    said = run("show", "--labels", "p.json")
    assert "note: p.json: boxes of score 0.9 or more" in said.stderr
    assert [split for split, _ in drawn] == ["train", "test"]
    ((name, judged),) = drawn[1][1].items()
    assert name == "p.json"
    kinds = dict(zip(judged.labels.true_object.tolist(), judged.labels.error.tolist(), strict=True))
    assert kinds == {0: 1, **dict.fromkeys(range(1, len(truth)), 0), len(truth): 2}
    missing = run("show", "--labels", "q.json", code=2).stderr
    assert "q.json: No such file or directory" in missing
    assert "no such labels" in run("show", "--labels", "fused:x", code=2).stderr


def test_labels_of_other_images_or_another_order_are_not_shown_as_errors(here):
    truth = json.loads((here / "med-mnist" / "truth" / "train.json").read_text())
    truth["images"].reverse()
    file = here / "med-mnist" / "fused" / "mine" / "train.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(truth))
    said = run("show", "--labels", "fused:mine", code=2).stderr
    assert f"name the file itself: --labels {file.relative_to(here)}" in " ".join(said.split())
    assert not (here / "scenes.png").exists()


def test_a_folder_over_runs_is_no_ensemble(here):
    scored(here / "runs" / "exp" / "a", None, None)
    assert "runs/exp" not in run("info").stdout


def test_metadata_is_not_written_for_labels_that_were_changed(here):
    file = here / "med-mnist" / "truth" / "test.json"
    file.write_text(file.read_text().replace('"area":', '"area": 1,"was":', 1))
    run("croissant", code=2)
    assert not (here / "med-mnist" / "croissant.json").exists()


def test_tables_of_cells_that_are_there_have_no_other_place(here):
    said = run("benchmark", "--from", "b", "--out", "c", code=2).stderr
    assert "--out: with --from the tables are written beside its cells" in " ".join(said.split())
    said = run("benchmark", "--predictions", "mine=nope.json@12345678", code=2).stderr
    assert "nope.json: No such file or directory" in " ".join(said.split())
    assert not (here / "benchmark").exists()
