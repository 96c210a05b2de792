import hashlib

import numpy as np
import pytest

from medmnist_det.errors import InputError
from medmnist_det.generation import Plan, generate
from medmnist_det.scenes.background import background
from medmnist_det.scenes.composer import BLOCK, SceneOptions, compose, compose_block
from medmnist_det.verification import verify
from tests.conftest import small_crowd


def options(kind, **more):
    return SceneOptions(canvas=96, side=(12, 40), count=(1, 5), background=kind, **more)


@pytest.mark.parametrize(
    ("kind", "most", "sha256"),
    [
        ("noise", 63, "d00c3d489dc3b29172c8e368a554281d45c9fd7b6810bcc77963528700cdd94a"),
        ("texture", 127, "f98f1c47e483dccddf286ff4f831bc74aea43d1ba45dee9f3c306863902144ee"),
    ],
)
def test_a_background_is_the_same_on_every_machine(kind, most, sha256):
    found = background(kind, 320, 0, "train", 7)
    assert found.shape == (320, 320)
    assert 0.95 * most < found.max() <= most
    assert hashlib.sha256(found.tobytes()).hexdigest() == sha256
    for other in ((1, "train", 7), (0, "test", 7), (0, "train", 8)):
        assert not np.array_equal(background(kind, 320, *other), found)


def test_clouds_are_smooth_and_noise_is_not():
    steps = {
        kind: np.abs(np.diff(background(kind, 320, 0, "val", 0).astype(int), axis=1)).mean()
        for kind in ("noise", "texture")
    }
    assert steps["texture"] < 5 < 15 < steps["noise"]


@pytest.mark.parametrize("kind", ["noise", "texture"])
def test_digits_are_added_to_it_and_labels_stay_the_same(kind, optdigits):
    plain = compose_block(options("black"), optdigits, 0, "val", 1, 20)
    scenes = compose_block(options(kind), optdigits, 0, "val", 1, 20)
    assert np.array_equal(scenes.labels.box, plain.labels.box)
    assert np.array_equal(scenes.labels.label, plain.labels.label)
    drawn = 0
    for row in range(20):
        behind = background(kind, 96, 0, "val", BLOCK + row).astype(int)
        # Digits are clipped where they overlap, and so is their sum with what lies behind.
        expected = np.minimum(behind + plain.pixels(row), 255)
        assert np.array_equal(scenes.pixels(row), expected)
        assert np.array_equal(compose(options(kind), optdigits, 0, "val", BLOCK + row)[0], expected)
        drawn += bool(plain.pixels(row).any())
    assert 0 < drawn < 20


@pytest.mark.parametrize("workers", [1, 2])
def test_a_data_set_with_one_has_the_same_labels_and_other_pixels(optdigits, tmp_path, workers):
    images = {"train": BLOCK + 5, "val": 10, "test": 5}
    made = {
        kind: generate(
            tmp_path / kind, Plan(scenes=options(kind), images=images), optdigits, small_crowd(),
            workers=workers,
        )
        for kind in ("black", "noise", "texture")
    }  # fmt: skip
    for folder in made.values():
        assert verify(folder) == folder.manifest["fingerprint"]
    hashes = [made[kind].manifest["hashes"] for kind in made]
    for split in images:
        assert len({of[split]["truth"] for of in hashes}) == 1
        assert len({of[split]["pixels"] for of in hashes}) == 3
    assert len({of["train"]["crowd"] for of in hashes}) == 1
    # Black is what all data sets were before there were others, and their manifests stay the same.
    scenes = {kind: made[kind].manifest["options"]["scenes"] for kind in made}
    assert "background" not in scenes["black"]
    assert scenes["noise"]["background"] == "noise"


def test_a_folder_with_another_background_is_another_data_set(optdigits, tmp_path):
    images = {"train": 3, "val": 0, "test": 0}
    plans = [Plan(scenes=options(kind), images=images) for kind in ("noise", "black")]
    generate(tmp_path / "set", plans[0], optdigits, small_crowd())
    with pytest.raises(InputError, match="holds a different data set .*background"):
        generate(tmp_path / "set", plans[1], optdigits, small_crowd())


def test_what_is_no_background_is_refused():
    with pytest.raises(InputError, match="--background 'snow' is not known: choose black, noise"):
        SceneOptions(background="snow")
