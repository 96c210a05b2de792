"""train-reference and predict as commands, on a tiny set."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import cli
from cli import app
from medmnist_det.folder import Folder
from medmnist_det.guards import locked
from medmnist_det.reference.checkpoint import load_checkpoint
from medmnist_det.reference.learner import one_cycle

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def blind(small, tmp_path_factory) -> Folder:
    """A data set without the truth of its train and val split."""
    path = tmp_path_factory.mktemp("blind") / "set"
    shutil.copytree(small.path, path)
    for split in ("train", "val"):
        (path / "truth" / f"{split}.json").unlink()
    return Folder.open(path)


def call(*words, code=0):
    found = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert found.exit_code == code, found.output
    return " ".join(found.output.split())


def start(data, out, *more, code=0):
    return call(
        "train-reference", "--data", data, "--out", out, "--device", "cpu", *more, code=code
    )


def quick(data, out, *more, code=0):
    return start(data, out, "--epochs", 1, "--batch", 8, *more, code=code)


@pytest.fixture(scope="module")
def earl(blind, tmp_path_factory):
    """A run of the default method, and what it said."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("runs") / "earl"
    said = quick(blind.path, out, "--seed", 4)
    torch.set_num_threads(before)
    return out, said


def test_a_run_leaves_what_it_says_and_evaluate_prints_the_same_digits(earl, blind):
    out, said = earl
    names = {file.name for file in out.iterdir()}
    assert names == {"checkpoint.pt", "history.json", "curves.png", "preds.json", "scores.json"}
    again = call("evaluate", out / "preds.json", "--data", blind.path, "--bootstrap", 50)
    for metric, mean in json.loads((out / "scores.json").read_text())["scores"].items():
        for text in (said, again):
            assert f"{metric} {mean['value']:.4f}" in text
    assert len(json.loads((out / "history.json").read_text())) == 1


def test_predict_gives_the_predictions_of_the_run(earl, blind, tmp_path):
    out, _ = earl
    preds = tmp_path / "preds.json"
    common = ["predict", "--checkpoint", out / "checkpoint.pt", "--device", "cpu", "--out", preds]
    call(*common, "--data", blind.path)
    assert preds.read_bytes() == (out / "preds.json").read_bytes()
    said = call(*common, "--images", blind.images("test"), "--batch", 7)
    assert "20 images" in said
    ids = {row["image_id"] for row in json.loads(preds.read_text())}
    assert ids <= set(range(1, 21))


@pytest.mark.parametrize("method", ["baseline", "rater:3", "wbf", "majority-vote", "dawid-skene"])
def test_every_method_trains_without_the_truth(method, blind, tmp_path):
    said = quick(blind.path, tmp_path / "run", "--method", method)
    assert "mAP@0.4" in said
    assert load_checkpoint(tmp_path / "run" / "checkpoint.pt").recipe.method == method


def test_only_the_oracle_wants_the_truth(blind, small, tmp_path):
    said = quick(blind.path, tmp_path / "run", "--method", "oracle", code=2)
    assert "truth/train.json: No such file" in said
    quick(small.path, tmp_path / "other", "--method", "oracle")


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


@contextlib.contextmanager
def one_epoch_only(title, epochs):
    """Show a training by stopping it in its second epoch."""

    def stop(moment):
        if moment.epochs > 1:
            raise KeyboardInterrupt

    yield stop


def test_a_stopped_run_goes_on_to_the_same_predictions(blind, tmp_path, monkeypatch):
    whole, part = tmp_path / "whole", tmp_path / "part"
    start(blind.path, whole, "--epochs", 2, "--batch", 8)
    with monkeypatch.context() as patched:
        patched.setattr(cli, "training", one_epoch_only)
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


def stopped_in(epoch):
    @contextlib.contextmanager
    def show(title, epochs):
        def stop(moment):
            if moment.epochs > epoch:
                raise KeyboardInterrupt

        yield stop

    return show


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
    monkeypatch.setattr(cli, "training", one_epoch_only)
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
        patched.setattr(cli, "training", one_epoch_only)
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


def test_what_cannot_be_is_refused_in_a_sentence(blind, earl, tmp_path):
    assert "no data set there" in quick(tmp_path, tmp_path / "run", code=2)
    said = quick(blind.path, tmp_path / "run", "--method", "guess", code=2)
    assert "--method 'guess' is not known" in said
    if not torch.cuda.is_available():
        said = start(blind.path, tmp_path / "run", "--device", "cuda", code=2)
        assert "--device cuda: this machine has none" in said
    out, _ = earl
    assert "add --resume to go on" in quick(blind.path, out, code=2)
    for words, told in (
        (("--epochs", 0), "--epochs 0: must be from 1"),
        (("--batch", 0), "--batch 0: must be from 1"),
        (("--lr", "nan"), "--lr nan is not above 0"),
        (("--seed", -1), "--seed -1: must be from 0"),
        (("--method", "rater:9"), "has no rater '9'"),
    ):
        assert told in start(blind.path, tmp_path / "run", *words, code=2)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("missing", ["train", "test"])
def test_a_set_without_a_split_is_refused_before_anything_is_made(missing, tmp_path):
    path = tmp_path / "set"
    words = {"--train": 12, "--val": 2, "--test": 2, f"--{missing}": 0}
    few = [str(word) for pair in words.items() for word in pair]
    call("generate", "--out", path, "--digits", "optdigits", "--canvas", 64, *few)
    said = quick(path, tmp_path / "run", code=2)
    assert f"has no {missing} images, without which nothing can be trained and scored" in said
    assert f"--{missing} above 0" in said
    assert not (path / "fused").exists()
    assert not (tmp_path / "run").exists()


def test_a_detector_of_other_classes_is_not_asked_about_a_data_set(earl, blind, tmp_path):
    path = tmp_path / "set"
    shutil.copytree(blind.path, path)
    file = path / "truth" / "test.json"
    content = json.loads(file.read_text())
    content["categories"][0]["name"] = "cat"
    file.write_text(json.dumps(content))
    common = ["predict", "--checkpoint", earl[0] / "checkpoint.pt", "--out", tmp_path / "p.json"]
    said = call(*common, "--data", path, code=2)
    assert "cat" in said
    assert not (tmp_path / "p.json").exists()
    call(*common, "--images", path / "images" / "test")


def test_processes_that_torchrun_did_not_start_are_refused(blind, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    said = quick(blind.path, tmp_path / "run", code=2)
    assert "RANK is not set; start them with torchrun, or unset WORLD_SIZE" in said


def test_a_crowd_without_a_box_is_refused(blind, tmp_path):
    path = tmp_path / "set"
    shutil.copytree(blind.path, path)
    file = path / "crowd" / "train.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"annotations": []}))
    said = quick(path, tmp_path / "run", "--method", "baseline", code=2)
    assert "its train split has no box for --method baseline to learn from" in said
    assert not (tmp_path / "run").exists()


def test_labels_that_make_no_sense_are_told_at_once(small, tmp_path):
    path = tmp_path / "set"
    shutil.copytree(small.path, path)
    file = path / "truth" / "train.json"
    content = json.loads(file.read_text())
    for row in content["annotations"]:
        row["category_id"] = min(row["category_id"], 9)
    file.write_text(json.dumps(content))
    said = quick(path, tmp_path / "run", "--method", "oracle")
    assert "note: oracle: no box is called '9': the detector cannot learn what that is" in said


def test_too_little_memory_names_the_option_that_helps(blind, tmp_path, monkeypatch):
    from medmnist_det.reference import run

    def full(*_, **__):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 9 bytes")

    monkeypatch.setattr(run, "train", full)
    said = quick(blind.path, tmp_path / "run", code=2)
    assert "out of memory: --batch 8 with --model n is too much for cpu; lower --batch" in said


# Each process sees other images: their weights agree only if they share their gradients.
KEEP_ALL_WEIGHTS = """
import sys, torch
from cli import app
from medmnist_det.reference.learner import Learner
from medmnist_det.reference.processes import rank
place, state = sys.argv.pop(1), Learner.state
def keep(self):
    torch.save([p.detach() for p in self.model.parameters()], f"{place}/rank-{rank()}.pt")
    return state(self)
Learner.state = keep
app()
"""


@pytest.mark.skipif(os.name == "nt", reason="torchrun with gloo is not for Windows")
def test_two_processes_train_one_detector_together(blind, tmp_path):
    out = tmp_path / "run"
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
    ]
    program = ["--no-python", sys.executable, "-W", "ignore", "-c", KEEP_ALL_WEIGHTS, tmp_path]
    words = ["train-reference", "--data", blind.path, "--out", out, "--device", "cpu"]
    words += ["--method", "ensemble", "--epochs", "2", "--batch", "8"]
    done = subprocess.run(
        [*command, *map(str, program + words)],
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("COCO's twelve") == 1
    assert done.stderr.count("epoch 2 ") == 3  # one for each rater, from the first process alone
    history = json.loads((out / "rater-3" / "history.json").read_text())
    assert history[1]["loss"]["total"] < history[0]["loss"]["total"]
    assert (out / "scores.json").is_file()
    first, second = (torch.load(tmp_path / f"rank-{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.gpu
def test_the_large_detector_trains_on_a_gpu(blind, tmp_path):
    call("train-reference", "--data", blind.path, "--out", tmp_path / "run", "--epochs", 1)
    assert load_checkpoint(tmp_path / "run" / "checkpoint.pt").recipe.model == "s"
    call("predict", "--checkpoint", tmp_path / "run" / "checkpoint.pt", "--data", blind.path,
         "--out", tmp_path / "preds.json")  # fmt: skip
    assert (tmp_path / "preds.json").read_bytes() == (tmp_path / "run" / "preds.json").read_bytes()


def test_a_run_folder_that_another_training_holds_is_refused(small, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    with locked(out):
        said = quick(small.path, out, "--method", "oracle", code=2)
    assert "another medmnist-det command is at work in this folder" in said
    assert list(out.iterdir()) == []
