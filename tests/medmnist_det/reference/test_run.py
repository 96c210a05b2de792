"""train-reference and predict as commands, on a tiny set."""

import json
import shutil

import pytest
import torch

from medmnist_det.reference.checkpoint import load_checkpoint
from tests.medmnist_det.reference.typed import call, quick, start


def test_a_run_leaves_what_it_says_and_evaluate_prints_the_same_digits(earl, blind):
    out, said = earl
    names = {file.name for file in out.iterdir()}
    assert names == {
        "checkpoint.pt",
        "history.json",
        "curves.png",
        "curves.pdf",
        "preds.json",
        "scores.json",
    }
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


@pytest.mark.gpu
def test_the_large_detector_trains_on_a_gpu(blind, tmp_path):
    call("train-reference", "--data", blind.path, "--out", tmp_path / "run", "--epochs", 1)
    assert load_checkpoint(tmp_path / "run" / "checkpoint.pt").recipe.model == "s"
    call("predict", "--checkpoint", tmp_path / "run" / "checkpoint.pt", "--data", blind.path,
         "--out", tmp_path / "preds.json")  # fmt: skip
    assert (tmp_path / "preds.json").read_bytes() == (tmp_path / "run" / "preds.json").read_bytes()
