"""Runs that were stopped, or are to go on: to the same weights, or not at all."""

import contextlib
import json
import shutil

import pytest
import torch

import cli
from medmnist_det.reference.checkpoint import load_checkpoint
from medmnist_det.reference.learner import one_cycle
from tests.medmnist_det.reference.typed import call, quick, start, stopped_in


def test_an_ensemble_is_a_detector_for_every_rater(blind, tmp_path, monkeypatch):
    quick(blind.path, tmp_path / "run", "--method", "ensemble")
    folders = sorted(path.name for path in (tmp_path / "run").iterdir() if path.is_dir())
    assert folders == ["rater-1", "rater-2", "rater-3"]
    weights = [
        load_checkpoint(tmp_path / "run" / name / "checkpoint.pt").weights["stem.0.weight"]
        for name in folders
    ]
    assert not torch.equal(weights[0], weights[1])
    assert (tmp_path / "run" / "scores.json").is_file()
    # More epochs, stopped in the second detector: the others get them without being told again.
    begun = []

    @contextlib.contextmanager
    def only_the_first(title, _epochs):
        begun.append(title)
        if len(begun) > 1:
            raise KeyboardInterrupt
        yield lambda _: None

    words = ["--method", "ensemble", "--resume"]
    with monkeypatch.context() as patched:
        patched.setattr(cli, "training", only_the_first)
        start(blind.path, tmp_path / "run", *words, "--epochs", 2, code=130)
    start(blind.path, tmp_path / "run", *words)
    done = [json.loads((tmp_path / "run" / name / "history.json").read_text()) for name in folders]
    assert [len(history) for history in done] == [2, 2, 2]


def test_a_stopped_run_goes_on_to_the_same_predictions(blind, tmp_path, monkeypatch):
    whole, part = tmp_path / "whole", tmp_path / "part"
    start(blind.path, whole, "--epochs", 2, "--batch", 8)
    with monkeypatch.context() as patched:
        patched.setattr(cli, "training", stopped_in(1))
        said = start(blind.path, part, "--epochs", 2, "--batch", 8, code=130)
    assert "stopped: what was done is kept; add --resume to the same command" in said
    said = start(blind.path, part, "--epochs", 2, "--batch", 8, code=2)
    assert "there is a training already; add --resume" in said
    for words, told in (
        (("--epochs", 1), "was begun with --epochs 2, and --epochs 1 is fewer: give more to train"),
        (("--lr", 0.1), "was begun with --lr 0.003, not 0.1"),
        (("--model", "s"), "was begun with --model 'n', not 's'"),
        (("--normalise-weights",), "was begun with --normalise-weights False, not True"),
        (("--method", "baseline"), "was begun with --method 'earl', not 'baseline'"),
    ):
        assert told in start(blind.path, part, "--resume", *words, code=2)
    start(blind.path, part, "--resume")
    assert (part / "preds.json").read_bytes() == (whole / "preds.json").read_bytes()


def test_more_epochs_train_on_by_a_schedule_that_is_told(earl, blind, tmp_path, monkeypatch):
    finished = earl[0]  # one epoch
    whole, part, unfinished = (tmp_path / name for name in ("whole", "part", "unfinished"))
    shutil.copytree(finished, whole)
    shutil.copytree(finished, part)
    said = start(blind.path, whole, "--resume", "--epochs", 3)
    assert "trains on after epoch 1 to 3 instead of 1: the learning rate goes from 0 to " in said
    assert "falls to 0 by the new end; that is not what a training of 3 epochs" in said
    history = json.loads((whole / "history.json").read_text())
    rates = [row["learning_rate"] for row in history]
    assert rates == [pytest.approx(3e-3 * one_cycle(done), abs=1e-12) for done in (1, 2 / 3, 1)]
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert load_checkpoint(whole / "checkpoint.pt").recipe.epochs == 3
    assert (whole / "preds.json").read_bytes() != (finished / "preds.json").read_bytes()
    # Whoever is stopped on the way goes on to the same, without naming the epochs again.
    for where, words in ((0, ("--epochs", 3)), (2, ())):
        with monkeypatch.context() as patched:
            patched.setattr(cli, "training", stopped_in(where))
            start(blind.path, part, "--resume", *words, code=130)
        assert load_checkpoint(part / "checkpoint.pt").recipe.epochs == 3
    said = start(blind.path, part, "--resume")
    assert "trains on after" not in said
    assert (part / "preds.json").read_bytes() == (whole / "preds.json").read_bytes()
    # An unfinished run, too.
    with monkeypatch.context() as patched:
        patched.setattr(cli, "training", stopped_in(1))
        start(blind.path, unfinished, "--epochs", 2, "--batch", 8, code=130)
    said = start(blind.path, unfinished, "--resume", "--epochs", 3)
    assert "trains on after epoch 1 to 3 instead of 2" in said
    assert len(json.loads((unfinished / "history.json").read_text())) == 3


def test_precision_is_told_kept_and_gone_on_with(blind, tmp_path, monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    monkeypatch.setattr(cli, "training", stopped_in(1))
    words = ["--epochs", 2, "--batch", 8, "--precision", "bfloat16"]
    start(blind.path, tmp_path / "rough", *words, code=130)
    start(blind.path, tmp_path / "run", *words[:-2], code=130)
    monkeypatch.undo()
    said = start(blind.path, tmp_path / "rough", "--resume", "--precision", "auto")
    assert "on cpu in bfloat16" in said
    said = start(blind.path, tmp_path / "run", "--resume", "--precision", "bfloat16", code=2)
    assert "was begun with --precision 'float32', not 'bfloat16'" in said
    said = start(blind.path, tmp_path / "run", "--resume")
    assert "on cpu in float32" in said
    assert load_checkpoint(tmp_path / "run" / "checkpoint.pt").recipe.precision == "float32"


def test_a_run_is_not_resumed_with_other_fused_labels(small, tmp_path, monkeypatch):
    path = tmp_path / "set"
    shutil.copytree(small.path, path)
    with monkeypatch.context() as patched:
        patched.setattr(cli, "training", stopped_in(1))
        start(path, tmp_path / "run", "--epochs", 2, "--batch", 8, code=130)
    call("aggregate", "--method", "wbf-agnostic", "--iou", 0.7, "--data", path)
    said = start(path, tmp_path / "run", "--resume", code=2)
    assert "was begun with other lessons" in said
    shutil.rmtree(path / "fused")
    start(path, tmp_path / "run", "--resume")


def test_a_run_is_not_resumed_on_other_data_or_from_nothing(earl, blind, make_small, tmp_path):
    out, _ = earl
    other = make_small(tmp_path / "other", 1)
    assert "was begun with other lessons" in start(other.path, out, "--resume", code=2)
    said = start(blind.path, tmp_path / "none", "--resume", code=2)
    assert "there is no training to go on with; leave --resume out" in said
