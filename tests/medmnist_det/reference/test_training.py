"""Training: what it learns, that it can be stopped anywhere, and what it says when it fails."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from evaluation.evaluator import score
from medmnist_det.errors import InputError
from medmnist_det.labels import Labels
from medmnist_det.reference.batches import Augmentation
from medmnist_det.reference.checkpoint import load_checkpoint
from medmnist_det.reference.lessons import Weighting, lessons
from medmnist_det.reference.model import SIZES
from medmnist_det.reference.pixels import read_images
from medmnist_det.reference.prediction import predict
from medmnist_det.reference.training import Recipe, Task, Validation, anchors_of, recipe_of, train


@pytest.fixture
def task(small, tmp_path):
    found = lessons(small, "train", "oracle", Weighting())
    return Task(
        recipe=Recipe(method="oracle", epochs=3, batch=8),
        images=read_images(small.images("train"), found.table.images),
        lessons=found,
        device=torch.device("cpu"),
        folder=tmp_path,
        data="",
    )


def test_a_tiny_set_is_learned(task):
    recipe = replace(task.recipe, epochs=120, batch=6, augmentation=Augmentation(empty=0.1))
    detector = train(replace(task, recipe=recipe)).detector()
    table = task.lessons.table
    found = predict(detector, task.images, table.images)
    paper, coco = score(table, found).headline
    assert paper.value > 0.9
    assert coco.value > 0.5


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("moment", ["middle of an epoch", "before the first"])
def test_a_training_that_is_stopped_and_resumed_ends_with_the_same_weights(task, moment, tmp_path):
    whole = train(task)
    other = replace(task, folder=tmp_path / "other")
    other.folder.mkdir()

    def stop(now):
        if moment == "before the first" or now.epochs > 1.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(replace(other, watch=stop))
    left = load_checkpoint(other.folder / "checkpoint.pt")
    assert left.epoch == (0 if moment == "before the first" else 1)
    resumed = train(other, left)
    assert same(resumed.weights, whole.weights)
    assert same(resumed.average, whole.average)
    assert [row["loss"] for row in resumed.about["history"]] == [
        row["loss"] for row in whole.about["history"]
    ]


def test_seeds_decide(task):
    one = train(replace(task, recipe=replace(task.recipe, epochs=1)))
    again = train(replace(task, recipe=replace(task.recipe, epochs=1)))
    other = train(replace(task, recipe=replace(task.recipe, epochs=1, seed=1)))
    assert same(one.weights, again.weights)
    assert not same(one.weights, other.weights)


def test_a_loss_that_is_not_finite_stops_training_and_names_the_last_good_checkpoint(task):
    train(replace(task, recipe=replace(task.recipe, epochs=1)))
    begun = load_checkpoint(task.folder / "checkpoint.pt")
    bad = replace(task.lessons, weight=np.full(len(task.lessons.weight), 1e38))
    with pytest.raises(InputError, match=r"no longer a finite number in epoch 2 .*epoch 1; .*--lr"):
        train(replace(task, lessons=bad), begun)
    kept = load_checkpoint(task.folder / "checkpoint.pt")
    assert kept.epoch == 1
    assert all(torch.isfinite(tensor).all() for tensor in kept.weights.values())


def test_who_watches_sees_terms_rate_time_left_and_validation(task):
    seen = []
    validation = Validation(
        images=task.images, table=task.lessons.table.images, score=lambda _: {"m": 0.5}
    )
    done = train(replace(task, watch=seen.append, validation=validation))
    assert seen[-1].epochs == pytest.approx(3)
    assert seen[-1].seconds_left == pytest.approx(0)
    assert seen[-1].validation == {"m": 0.5}
    assert seen[-1].losses.keys() == {"total", "box", "objectness", "classes"}
    history = done.about["history"]
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert history[-1]["validation"] == {"m": 0.5}
    assert history[0]["seconds"] < history[1]["seconds"] < history[2]["seconds"]


def test_anchors_are_quantiles_of_the_boxes_and_need_one():
    size = SIZES["n"]
    side = np.arange(1.0, 101.0)
    box = np.stack([side * 0, side * 0, side, 2 * side], axis=1)
    labels = Labels(images=1, image=np.zeros(100), box=box, label=np.zeros(100))
    found = anchors_of(labels, size).flatten(0, 1)
    assert found[:, 1].tolist() == (found[:, 0] * 2).tolist()
    taken = [(side[:, None] <= found[:, 0].numpy()).mean(axis=0)[k] for k in range(6)]
    assert taken == pytest.approx([(k + 0.5) / 6 for k in range(6)], abs=0.011)
    with pytest.raises(InputError, match="no box to learn from"):
        anchors_of(Labels.empty(3), size)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "--epochs 0: must be at least 1"),
        ({"batch": -1}, "--batch -1: must be at least 1"),
        ({"rate": float("nan")}, "--lr nan is not above 0"),
        ({"size": "x"}, "--model 'x' is not known: choose n or s"),
    ],
)
def test_absurd_options_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        recipe_of(values)
