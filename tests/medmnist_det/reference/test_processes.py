"""Several processes: those that train one detector together, and those that must not meet."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from medmnist_det.guards import locked
from tests.medmnist_det.reference.typed import quick

ROOT = Path(__file__).parents[3]


def test_processes_that_torchrun_did_not_start_are_refused(blind, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    said = quick(blind.path, tmp_path / "run", code=2)
    assert "RANK is not set; start them with torchrun, or unset WORLD_SIZE" in said


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


def test_a_run_folder_that_another_training_holds_is_refused(small, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    with locked(out):
        said = quick(small.path, out, "--method", "oracle", code=2)
    assert "another medmnist-det command is at work in this folder" in said
    assert list(out.iterdir()) == []
