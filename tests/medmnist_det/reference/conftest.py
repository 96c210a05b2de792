"""Tests of the detector run side by side: threads of one would only wait for those of another."""

import shutil
from collections.abc import Iterator

import pytest
import torch

from medmnist_det.folder import Folder
from tests.medmnist_det.reference.typed import quick


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def blind(small, tmp_path_factory) -> Folder:
    """A data set without the truth of its train and val split."""
    path = tmp_path_factory.mktemp("blind") / "set"
    shutil.copytree(small.path, path)
    for split in ("train", "val"):
        (path / "truth" / f"{split}.json").unlink()
    return Folder.open(path)


@pytest.fixture(scope="session")
def earl(blind, tmp_path_factory):
    """A run of the default method, and what it said."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("runs") / "earl"
    said = quick(blind.path, out, "--seed", 4)
    torch.set_num_threads(before)
    return out, said
