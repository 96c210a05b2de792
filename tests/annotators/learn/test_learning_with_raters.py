"""The criteria that learn with the detector, from the command line."""

import pytest
import torch

import cli
from medmnist_det.front.learned import learned
from medmnist_det.reference.checkpoint import load_checkpoint
from tests.medmnist_det.reference.typed import start, stopped_in


@pytest.mark.parametrize("method", ["crowd-layer", "vote"])
def test_a_training_without_truth_that_was_stopped_goes_on_exactly(
    blind, tmp_path, monkeypatch, method
):
    words = ["--method", method, "--epochs", 2, "--batch", 8, "--no-refine"]
    said = start(blind.path, tmp_path / "whole", *words)
    assert ("Raters: what they report" in said) == (method == "crowd-layer")
    with monkeypatch.context() as patched:
        patched.setattr(cli, "training", stopped_in(1))
        start(blind.path, tmp_path / "part", *words, code=130)
    start(blind.path, tmp_path / "part", "--resume")
    whole, part = (load_checkpoint(tmp_path / k / "checkpoint.pt") for k in ("whole", "part"))
    for what in ("weights", "average", "criterion"):
        one, other = getattr(whole, what), getattr(part, what)
        assert all(torch.equal(one[k], other[k]) for k in one), what
    assert any(one.abs().sum() > 0 for one in whole.criterion.values())
    assert (learned(blind, tmp_path / "part").raters is None) == (method == "vote")
