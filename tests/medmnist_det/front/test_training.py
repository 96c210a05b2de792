"""Training from Python is the command's, and ends in scores by name."""

import shutil

import pytest

import medmnist_det


def test_a_run_is_trained_scored_and_resumed(small, tmp_path):
    shutil.copytree(small.path, tmp_path / "set")
    run = medmnist_det.train(
        tmp_path / "set", "wbf", epochs=1, device="cpu", out=tmp_path / "run", seed=2
    )
    names = {file.name for file in run.folder.iterdir()}
    assert names >= {"checkpoint.pt", "history.json", "curves.png", "preds.json", "scores.json"}
    assert (
        run.scores["mAP@0.4"] == medmnist_det.evaluate(tmp_path / "set", run.predictions)["mAP@0.4"]
    )
    assert repr(run).startswith(f"Trained: {str(tmp_path / 'run')!r}; Evaluated: mAP@0.4 ")
    with pytest.raises(ValueError, match="there is a training already; add resume= to go on"):
        medmnist_det.train(tmp_path / "set", "wbf", epochs=1, device="cpu", out=tmp_path / "run")


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"method": "x"}, ValueError, r"^method='x' is not known"),
        ({"model": "xl"}, ValueError, r"^model='xl' is not known: choose n, s"),
        ({"epochs": 0}, ValueError, r"^epochs=0: must be from 1"),
        ({"epochs": 1.5}, TypeError, r"^epochs=1\.5 is of type float"),
        ({"lr": 2}, ValueError, r"^lr=2 is not above 0"),
        ({"device": "tpu"}, ValueError, r"^device='tpu' is not known"),
        ({"resume": True}, ValueError, r"no training to go on with; leave resume= out"),
        ({"data": 5}, TypeError, r"^data is of type int; give the folder of a data set"),
    ],
)
def test_bad_arguments_are_refused_by_name(small, tmp_path, options, kind, message):
    given = {"data": small.path, "device": "cpu", "out": tmp_path / "run"} | options
    with pytest.raises(kind, match=message):
        medmnist_det.train(**given)
