"""The frozen editions: the same everywhere, and nothing else passes for one."""

import pytest

from annotators.simulate.crowd import SimulatedCrowd
from annotators.simulate.presets import crowd_options
from medmnist_det.errors import InputError
from medmnist_det.generation import DIGIT_CLASSES, Plan, generate
from medmnist_det.hashes import EDITIONS
from medmnist_det.scenes.composer import SceneOptions
from medmnist_det.scenes.digits import load_digits
from medmnist_det.verification import verify


def paper_plan() -> Plan:
    return Plan(scenes=SceneOptions(), images={"train": 5000, "val": 1000, "test": 1000})


def paper_crowd() -> SimulatedCrowd:
    return SimulatedCrowd.of(crowd_options("paper"), DIGIT_CLASSES.names, 0)


@pytest.mark.parametrize(("source", "workers"), [("optdigits", 2), ("mnist", 1)])
def test_the_frozen_editions_are_the_same_everywhere(source, workers, request, tmp_path):
    root = request.getfixturevalue("reference") if source == "mnist" else None
    digits = load_digits(source, root)
    folder = generate(tmp_path / "set", paper_plan(), digits, paper_crowd(), workers=workers)
    frozen = dict(EDITIONS.values())
    assert folder.edition is not None
    assert folder.manifest["fingerprint"] == frozen[folder.edition]
    assert verify(folder) == frozen[folder.edition]


def test_a_data_set_that_only_claims_to_be_an_edition_is_found_out(tmp_path, small, monkeypatch):
    from medmnist_det import hashes as module

    asked = module.options_hash(small.manifest)
    monkeypatch.setitem(module.EDITIONS, asked, ("a test edition", "0" * 64))
    assert small.edition == "a test edition"
    with pytest.raises(
        InputError, match=r"is intact, but is not the frozen edition \(a test edition"
    ):
        verify(small)
