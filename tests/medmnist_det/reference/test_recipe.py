"""The recipe: options by their names, what is usual, and what is refused."""

import inspect
from dataclasses import asdict

import pytest
import torch

import cli
from medmnist_det.errors import InputError
from medmnist_det.reference.batches import Augmentation
from medmnist_det.reference.device import CPU
from medmnist_det.reference.loss import LossOptions
from medmnist_det.reference.recipe import Recipe, read_recipe, recipe_of

NAN = float("nan")


def test_what_is_not_given_is_what_is_usual_for_the_model():
    open_ = {"epochs": None, "batch": None, "precision": "auto"}
    small = recipe_of(open_, CPU)
    assert (small.model, small.epochs, small.batch) == ("n", 32, 16)
    large = recipe_of({**open_, "model": "s"}, CPU)
    assert (large.model, large.epochs, large.batch) == ("s", 50, 64)
    assert recipe_of({"model": "s", "epochs": 3}, CPU).epochs == 3


def test_an_option_of_a_part_is_given_by_its_name_and_leaves_the_others():
    given = {"normalise_weights": True, "confidence": "share", "objectness": 0.5, "lr": 0.01}
    found = recipe_of(given, CPU)
    for name, value in given.items():
        assert found.option(name) == value
    assert found.loss.box == LossOptions().box
    assert found.weighting.normalise_weights
    assert found.weighting.confidence == "share"


def test_every_option_of_the_command_is_a_field_under_the_same_name():
    of_the_run = {"data", "device", "compile", "out", "resume"}
    for name in set(inspect.signature(cli.train_reference).parameters) - of_the_run:
        assert Recipe().option(name) is not None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "--epochs 0: must be from 1"),
        ({"epochs": 10**12}, "--epochs 1000000000000: must be from 1"),
        ({"batch": -1}, "--batch -1: must be from 1"),
        ({"seed": 2**32}, "--seed 4294967296: must be from 0"),
        ({"seed": -1}, "--seed -1: must be from 0"),
        ({"lr": NAN}, "--lr nan is not above 0"),
        ({"lr": 0.0}, "--lr 0 is not above 0"),
        ({"lr": float("inf")}, "--lr inf is not above 0"),
        ({"model": "x"}, "--model 'x' is not known: choose n or s"),
        ({"precision": "half"}, "--precision 'half' is not known: choose bfloat16, float32"),
        ({"confidence": "?"}, "--confidence '.' is not known: choose count or share"),
        ({"decay": NAN}, "decay nan"),
        ({"average": 1.0}, "average 1"),
        ({"clip": 0.0}, "clip 0"),
        ({"smoothing": 1.0}, "smoothing 1"),
        ({"match": NAN}, "match nan"),
        ({"objectness": -1.0}, "share objectness -1"),
        ({"overlay": -1}, "overlay -1"),
        ({"empty": 1.5}, "empty 1.5"),
    ],
)
def test_absurd_options_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        recipe_of(values, CPU)


def test_a_recipe_that_was_written_is_read_and_one_of_another_version_is_not():
    recipe = Recipe(model="s", loss=LossOptions(box=3.0), augmentation=Augmentation(overlay=1))
    written = asdict(recipe)
    assert read_recipe(written) == recipe
    few = {name: value for name, value in written.items() if name != "lr"}
    for content, named in (
        (written | {"rate": 1.0}, "rate"),
        (few, "lr"),
        (written | {"loss": written["loss"] | {"iou": 1}}, "loss.iou"),
        (written | {"loss": {}}, "loss.box"),
        (written | {"loss": 3}, "loss"),
        (written | {"epochs": "3"}, "epochs"),
        (written | {"epochs": 0}, "--epochs 0"),
        ([], "object"),
    ):
        with pytest.raises(InputError, match=named):
            read_recipe(content)


def test_precision_is_part_of_what_is_usual(monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert recipe_of({}, CPU).precision == "float32"
    assert recipe_of({"precision": "bfloat16"}, CPU).precision == "bfloat16"
    assert recipe_of({"precision": "auto"}, torch.device("mps")).precision == "float32"
