"""Training: what it learns, that it can be stopped anywhere, and what it says when it fails."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from evaluation.evaluator import score
from medmnist_det.errors import InputError
from medmnist_det.reference.batches import Augmentation
from medmnist_det.reference.checkpoint import load_checkpoint
from medmnist_det.reference.lessons import plain
from medmnist_det.reference.pixels import read_images
from medmnist_det.reference.prediction import predict
from medmnist_det.reference.recipe import Recipe
from medmnist_det.reference.training import train

RECIPE = Recipe(method="oracle", epochs=3, batch=8)


@pytest.fixture(scope="module")
def known(small):
    return plain(small.truth("train"))


@pytest.fixture(scope="module")
def images(small, known):
    return read_images(small.images("train"), known.label_set.images)


@pytest.fixture
def learn(known, images, tmp_path):
    """Train in ``tmp_path``."""
    return partial(train, lessons=known, images=images, folder=tmp_path)


def test_a_tiny_set_is_learned(learn, known, images):
    recipe = replace(RECIPE, epochs=120, batch=6, augmentation=Augmentation(empty=0.1))
    detector = learn(recipe).detector()
    found = predict(detector, images, known.label_set.images)
    paper, coco = score(known.label_set, found).headline
    assert paper.value > 0.9
    assert coco.value > 0.5


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
@pytest.mark.parametrize("moment", ["middle of an epoch", "before the first"])
def test_a_training_that_is_stopped_and_resumed_ends_with_the_same_weights(
    learn, precision, moment, tmp_path
):
    recipe = replace(RECIPE, precision=precision)
    whole = learn(recipe)
    other = tmp_path / "other"
    other.mkdir()

    def stop(now):
        if moment == "before the first" or now.epochs > 1.1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(recipe, folder=other, watch=stop)
    left = load_checkpoint(other / "checkpoint.pt")
    assert len(left.history) == (0 if moment == "before the first" else 1)
    # Its own recipe counts: whoever goes on elsewhere need not remember what was fast there.
    resumed = learn(RECIPE, folder=other, begun=left)
    assert resumed.recipe == recipe
    assert same(resumed.weights, whole.weights)
    assert same(resumed.average, whole.average)
    assert [row["loss"] for row in resumed.history] == [row["loss"] for row in whole.history]


def test_seeds_and_precision_decide(learn):
    one = learn(replace(RECIPE, epochs=1))
    again = learn(replace(RECIPE, epochs=1))
    assert same(one.weights, again.weights)
    assert not same(one.weights, learn(replace(RECIPE, epochs=1, seed=1)).weights)
    rough = learn(replace(RECIPE, epochs=1, precision="bfloat16"))
    assert not same(one.weights, rough.weights)
    torch.testing.assert_close(one.average, rough.average, atol=0.1, rtol=0.1)


def test_the_detector_learns_the_same_whether_its_boxes_are_refined_or_not(learn):
    with_it, without = (learn(replace(RECIPE, epochs=1, refine=refine)) for refine in (True, False))
    rest = {name: one for name, one in with_it.weights.items() if not name.startswith("refiner.")}
    assert len(rest) < len(with_it.weights)
    assert same(rest, without.weights)
    terms = with_it.history[0]["loss"]
    assert terms.pop("refinement") > 1
    assert without.history[0]["loss"].keys() == terms.keys()  # no curve of a term that is not there


def moved(known):
    box = known.label_set.labels.box.copy()
    box[0, 2] += 1
    labels = replace(known.label_set.labels, box=box)
    return replace(known, label_set=replace(known.label_set, labels=labels))


def unseen(known):
    looked = known.looked.copy()
    looked[-1] = not looked[-1]
    return replace(known, looked=looked)


@pytest.mark.parametrize(
    "change",
    [
        moved,
        unseen,
        lambda known: replace(known, weight=known.weight * 2),
        lambda known: replace(known, classes=known.classes * 0.9 + 0.01),
    ],
)
def test_other_lessons_are_not_gone_on_with(learn, known, change, tmp_path):
    begun = learn(replace(RECIPE, epochs=1))
    with pytest.raises(InputError, match="was begun with other lessons .* choose another --out"):
        learn(RECIPE, lessons=change(known), begun=begun)
    assert load_checkpoint(tmp_path / "checkpoint.pt").taught == begun.taught


def test_other_pixels_are_not_gone_on_with(learn, images):
    begun = learn(replace(RECIPE, epochs=1))
    other = images.clone()
    other[3, 0, 5, 5] ^= 1
    with pytest.raises(InputError, match="was begun with other images .*--data"):
        learn(RECIPE, images=other, begun=begun)
    learn(RECIPE, begun=begun)


def test_a_loss_that_is_not_finite_stops_training_and_names_the_last_good_checkpoint(
    learn, known, tmp_path
):
    huge = replace(known, weight=np.full(len(known.weight), 1e38))
    with pytest.raises(InputError, match=r"no longer a finite number in epoch 1 .*epoch 0; .*--lr"):
        learn(RECIPE, lessons=huge)
    assert load_checkpoint(tmp_path / "checkpoint.pt").history == ()


def test_who_watches_sees_terms_rate_time_left_and_validation(learn):
    seen = []
    done = learn(RECIPE, watch=seen.append, validate=lambda _: {"m": 0.5})
    assert seen[-1].epochs == pytest.approx(3)
    assert seen[-1].seconds_left == pytest.approx(0)
    assert seen[-1].validation == {"m": 0.5}
    assert seen[-1].losses.keys() == {"total", "box", "objectness", "classes", "refinement"}
    assert [row["epoch"] for row in done.history] == [1, 2, 3]
    assert done.history[-1]["validation"] == {"m": 0.5}
    seconds = [row["seconds"] for row in done.history]
    assert seconds[0] < seconds[1] < seconds[2]
