"""What several tests need: the reference data where it is present, and a small data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from annotators.simulate.crowd import SimulatedCrowd
from annotators.simulate.options import AnnotatorOptions
from medmnist_det.folder import Folder
from medmnist_det.generation import DIGIT_CLASSES, Plan, generate
from medmnist_det.labels import Images, Labels
from medmnist_det.scenes.composer import SceneOptions
from medmnist_det.scenes.digits import Digits, load_digits

# Some examples write files, and a busy disk takes its time until they lie on it.
settings.register_profile("disks", deadline=None)
settings.load_profile("disks")

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder with MNIST and the published labels, beside the repository."""
    if not (SHARED / "MNIST" / "raw").is_dir():
        pytest.skip("no ../shared/data with MNIST and the published labels beside the repository")
    return SHARED


@pytest.fixture(scope="session")
def optdigits() -> Digits:
    return load_digits("optdigits")


def small_plan(seed: int = 0, train: int = 60, val: int = 20, test: int = 20) -> Plan:
    return Plan(
        scenes=SceneOptions(canvas=96, side=(12, 40), count=(1, 5)),
        images={"train": train, "val": val, "test": test},
        seed=seed,
    )


def small_crowd(seed: int = 0) -> SimulatedCrowd:
    options = (
        AnnotatorOptions(proficiency=0.7, spurious=0.3),
        AnnotatorOptions(proficiency=0.5, family="uniform", box_noise="gaussian", coverage=0.5),
        AnnotatorOptions(proficiency=0.9, family="structured", box_noise="biased", coverage=0.5),
    )
    return SimulatedCrowd.of(options, DIGIT_CLASSES.names, seed)


@pytest.fixture(scope="session")
def make_small(optdigits: Digits) -> Callable[..., Folder]:
    def make(out: Path, seed: int = 0, **how: object) -> Folder:
        return generate(out, small_plan(seed), optdigits, small_crowd(seed), **how)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, make_small: Callable[..., Folder]) -> Folder:
    """A data set of 100 images that nobody may change."""
    return make_small(tmp_path_factory.mktemp("small") / "set")


def random_truth(images: int = 2000, classes: int = 10, seed: int = 0) -> tuple[Labels, Images]:
    """Boxes of all sizes anywhere on 320x320 images, edges included; a third of images empty."""
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 6, images) * (rng.random(images) < 0.67)
    image = np.repeat(np.arange(images), count)
    side = rng.integers(1, 100, (len(image), 2))
    corner = rng.integers(0, 320 - side + 1)
    labels = Labels(
        images=images,
        image=image,
        box=np.concatenate([corner, corner + side], axis=1).astype(np.float64),
        label=rng.integers(0, classes, len(image)),
    )
    size = np.full(images, 320)
    ids = tuple(range(1, images + 1))
    return labels, Images(ids=ids, names=tuple(map(str, ids)), width=size, height=size)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none, saying so; begin with the longest test.

    At the end one process would be at it, and the others idle.
    """
    items.sort(key=lambda item: item.name != "test_every_shown_command_and_script_works_in_order")
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked:
        import torch

        if not torch.cuda.is_available():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason="needs a CUDA GPU: this machine has none"))
