from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from annotators.aggregation import fuse_missing
from annotators.infer.methods.dawid_skene import dawid_skene
from annotators.learn.consensus import Consensus, agree
from annotators.learn.plain import DawidSkene
from annotators.recovery import recovery
from annotators.simulate.options import AnnotatorOptions
from evaluation.quality import quality_of
from medmnist_det.front.learned import learned
from medmnist_det.labels import LabelSet
from medmnist_det.reference.checkpoint import load_checkpoint
from medmnist_det.reference.criterion import Criterion
from medmnist_det.reference.lessons import Lessons
from medmnist_det.reference.recipe import Recipe
from medmnist_det.reference.teacher import Sightings
from tests.annotators.crowds import crowd, shuffled, simulated, truth
from tests.annotators.learn.seen import Pretended, sightings_of
from tests.medmnist_det.reference.typed import start

TRUE = truth(500)
PAPER = (AnnotatorOptions(),) * 3
ONE_EACH = (AnnotatorOptions(coverage=0.25),) * 4


def quality(lessons: Lessons | LabelSet) -> tuple[float, float, float, float]:
    """Return class accuracy, mean IoU, recall and precision."""
    labels = lessons.labels if isinstance(lessons, LabelSet) else lessons.label_set.labels
    found = quality_of(TRUE, labels)
    values = (found.class_accuracy, found.mean_iou, found.recall, found.precision)
    return tuple(value or 0.0 for value in values)  # type: ignore[return-value]


@pytest.mark.parametrize("options", [PAPER, ONE_EACH])
def test_its_labels_are_better_than_those_of_the_raters_alone(
    options: tuple[AnnotatorOptions, ...],
) -> None:
    table, known = simulated(TRUE, options)
    found = agree(table, sightings_of(TRUE))
    ours, theirs = quality(found.lessons), quality(replace(table, labels=dawid_skene(table).labels))
    assert ours[0] > theirs[0] + 0.01
    assert ours[1] > theirs[1] + 0.02
    assert ours[2] >= theirs[2]
    assert ours[3] > 0.99
    assert recovery(found.raters.columns(), known.columns()).matrix < 0.03


def test_without_a_sighting_it_is_about_dawid_skene() -> None:
    table, _ = simulated(TRUE, PAPER)
    found = quality(agree(table, sightings_of(TRUE, seen=0.0, false=0.0)).lessons)
    assert found == pytest.approx(
        quality(replace(table, labels=dawid_skene(table).labels)), abs=0.01
    )


def test_lessons_can_be_taught_and_say_what_every_rater_reported() -> None:
    table, _ = simulated(TRUE, ONE_EACH)
    lessons = agree(table, sightings_of(TRUE)).lessons
    lessons.check("consensus", table.images)
    assert lessons.reports is not None
    asked = (lessons.reports >= 0).sum(axis=1)
    assert set(asked.tolist()) == {1}
    missed = (lessons.reports == 10).any(axis=1)
    assert 0 < missed.mean() < 0.1  # these the detector alone has seen
    assert (lessons.weight > 0).all()
    assert (lessons.weight <= 1).all()


def test_the_order_of_the_input_changes_nothing() -> None:
    table, _ = simulated(truth(60), PAPER)
    seen = sightings_of(truth(60))
    order = np.random.default_rng(0).permutation(len(seen.image))
    one = agree(table, seen).lessons
    other = agree(shuffled(table, 3), Sightings(*(column[order] for column in seen))).lessons
    assert one.digest() == other.digest()


def test_boxes_lie_within_their_images() -> None:
    edge = crowd([(0, 0, 1, (0, 0, 30, 30)), (0, 1, 1, (0, 0, 30, 30))], raters=2)
    seen = Sightings(
        np.zeros(1, dtype=int),
        np.array([[-9.0, -9.0, 30.0, 30.0]]),
        np.ones(1),
        np.full((1, 3), 1 / 3),
        np.full((1, 4), 0.01),
    )
    box = agree(edge, seen).lessons.label_set.labels.box
    assert box.min() >= 0
    assert box.max() == pytest.approx(30, abs=3)


def test_nothing_drawn_and_nothing_seen_teaches_nothing() -> None:
    nothing = sightings_of(truth(3, classes=3), seen=0.0, false=0.0)
    found = agree(crowd([], images=3), nothing)
    assert len(found.lessons.label_set.labels) == 0
    assert np.isfinite(found.raters.matrix).all()


def test_detectors_learn_from_parts_for_as_long_as_it_pays(blind) -> None:
    fuse_missing(blind, "dawid-skene")
    teacher = Consensus(Recipe(method="consensus", epochs=8))
    plain = DawidSkene(Recipe(method="dawid-skene")).lessons(blind, "train")
    lessons = teacher.lessons(blind, "train")
    assert lessons.digest() == plain.digest()
    school = Pretended(sightings_of(truth(len(lessons.looked))))
    taught = teacher.prepare(lessons, school)
    assert [epochs for _, epochs in school.taught.values()] == [14, 14]
    taught.check("consensus", lessons.label_set.images)
    again = Consensus(Recipe(method="consensus", epochs=8))
    assert again.raters(Criterion()) is None
    again.load(again.state())
    again.load({name: np.array(column) for name, column in teacher.state().items()})
    one, other = teacher.raters(Criterion()), again.raters(Criterion())
    assert one is not None
    assert other is not None
    assert (one.matrix == other.matrix).all()
    assert one.skill == pytest.approx(other.skill)


@pytest.mark.parametrize("method", ["consensus", "mbem"])
def test_it_is_trained_without_truth_and_resumes_exactly(blind, tmp_path, method) -> None:
    words = ["--method", method, "--epochs", 1, "--batch", 8, "--no-refine"]
    said = start(blind.path, tmp_path / "one", *words)
    start(blind.path, tmp_path / "two", *words)
    # As if it had been stopped between the parts: the last training is gone.
    (tmp_path / "two" / "checkpoint.pt").unlink()
    start(blind.path, tmp_path / "two", *words, "--resume")
    one, two = (load_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("one", "two"))
    for what in ("weights", "lessons", "teacher"):
        here, there = getattr(one, what), getattr(two, what)
        assert here.keys() == there.keys()
        assert here
        assert all(torch.equal(here[name], there[name]) for name in here), what
    found = learned(blind, tmp_path / "one")
    assert found is not None
    assert found.raters is not None
    assert "mAP" in said
