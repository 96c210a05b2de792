"""Budgets: what they mean, and what a changed one is called."""

import pytest

from evaluation.benchmark.budgets import BUDGETS, budget_of
from medmnist_det.errors import InputError


def test_a_budget_says_what_it_means():
    assert BUDGETS["quick"].sentence() == (
        "budget quick: 2,500 train, 1,000 val, 1,000 test images of 320 px, model n, 10 epochs"
    )
    assert BUDGETS["paper"].sentence() == ("budget paper: all images of 320 px, model n, 32 epochs")


def test_the_paper_s_budget_is_the_default_training():
    from medmnist_det.reference.recipe import Recipe

    assert (BUDGETS["paper"].epochs, BUDGETS["paper"].model) == (Recipe().epochs, Recipe().model)


def test_a_changed_budget_is_custom_and_named_by_its_values():
    assert budget_of("quick", epochs=10) == BUDGETS["quick"]
    one = budget_of("paper", images=(60, 20, 10), epochs=1, model="s", canvas=96)
    assert (one.name, one.key) == ("custom", "60-20-10x96-s-1")
    assert one.sentence().endswith("60 train, 20 val, 10 test images of 96 px, model s, 1 epoch")
    assert budget_of("quick", images=(60,)).key == "60-1000-1000x320-n-10"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"images": (0,)}, "--images 0 is not from 1 to 999,999 train images"),
        ({"images": (5, 5)}, "--images 5,5: give the number of training images, or three"),
        ({"epochs": 0}, "--epochs 0: must be from 1"),
    ],
)
def test_impossible_budgets_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        budget_of("quick", **values)


def test_an_unknown_budget_is_refused_with_those_that_there_are():
    with pytest.raises(
        InputError, match="--budget 'big' is not known: choose quick, standard, paper"
    ):
        budget_of("big")
