"""The frozen editions: the same everywhere, and nothing else passes for one."""

from pathlib import Path

import pytest

from annotators.simulate.crowd import SimulatedCrowd
from annotators.simulate.presets import PRESETS, crowd_options
from medmnist_det.editions import EDITIONS
from medmnist_det.errors import InputError
from medmnist_det.folder import Folder
from medmnist_det.front.generating import plan_of
from medmnist_det.generation import DIGIT_CLASSES, generate
from medmnist_det.hashes import options_hash
from medmnist_det.labels import SPLITS
from medmnist_det.scenes import workers
from medmnist_det.scenes.composer import SceneOptions
from medmnist_det.scenes.digits import load_digits
from medmnist_det.verification import verify


def frozen(preset: str, source: str, root: Path | None, out: Path, processes: int = 1) -> Folder:
    plan = plan_of(preset, SceneOptions(), dict.fromkeys(SPLITS), 0)
    crowd = SimulatedCrowd.of(crowd_options(preset), DIGIT_CLASSES.names, 0)
    return generate(out, plan, load_digits(source, root), crowd, workers=processes)


def root_of(source: str, request: pytest.FixtureRequest) -> Path | None:
    return request.getfixturevalue("reference") if source == "mnist" else None


@pytest.mark.parametrize(("source", "processes"), [("optdigits", 2), ("mnist", 1)])
def test_the_frozen_editions_are_the_same_everywhere(source, processes, request, tmp_path):
    folder = frozen("paper", source, root_of(source, request), tmp_path / "set", processes)
    fingerprints = dict(EDITIONS.values())
    assert folder.edition is not None
    assert folder.manifest["fingerprint"] == fingerprints[folder.edition]
    assert verify(folder) == fingerprints[folder.edition]


@pytest.mark.parametrize("source", ["optdigits", "mnist"])
@pytest.mark.parametrize("preset", PRESETS[1:])
def test_every_preset_has_its_editions(preset, source, request, tmp_path, monkeypatch):
    # The images are digested, not kept: 126,000 files take minutes on a slow disk.
    monkeypatch.setattr(workers, "_write", lambda *_: None)
    folder = frozen(preset, source, root_of(source, request), tmp_path / "set")
    name = {"mnist": "MNIST", "optdigits": "optdigits"}[source]
    assert folder.edition == f"{preset} preset, {name}, seed 0"
    assert folder.manifest["fingerprint"] == dict(EDITIONS.values())[folder.edition]


def test_the_paper_s_editions_are_those_that_were_published():
    found = dict(EDITIONS.values())
    assert found["paper preset, MNIST, seed 0"].startswith("0f1a2963")
    assert found["paper preset, optdigits, seed 0"].startswith("a28814d6")
    assert len(found) == len(EDITIONS) == 2 * len(PRESETS)


def test_a_data_set_that_only_claims_to_be_an_edition_is_found_out(tmp_path, small, monkeypatch):
    monkeypatch.setitem(EDITIONS, options_hash(small.manifest), ("a test edition", "0" * 64))
    assert small.edition == "a test edition"
    with pytest.raises(
        InputError, match=r"is intact, but is not the frozen edition \(a test edition"
    ):
        verify(small)
