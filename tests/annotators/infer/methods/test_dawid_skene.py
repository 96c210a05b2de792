from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings

from annotators.infer.methods.bayes_truth import bayes_truth
from annotators.infer.methods.dawid_skene import EmOptions, dawid_skene
from annotators.infer.methods.majority_vote import majority_vote
from annotators.infer.methods.wbf import WbfOptions, wbf
from annotators.infer.parts.class_model import ClassModel, posterior
from annotators.infer.parts.evidence import collect
from annotators.infer.parts.grouping import group_boxes
from annotators.infer.parts.result import Inference
from annotators.recovery import recovery
from annotators.simulate.options import AnnotatorOptions
from evaluation.quality import Quality, quality_of
from medmnist_det.errors import InputError
from medmnist_det.labels import LabelSet
from tests.annotators.crowds import crowd, shuffled, simulated, small_crowds, truth

TRUE = truth(3000)
PAPER = (AnnotatorOptions(),) * 3


def quality(found: Inference, true: LabelSet = TRUE) -> Quality:
    return quality_of(true, found.labels)


def accuracy(found: Inference, true: LabelSet = TRUE) -> float:
    return quality(found, true).class_accuracy or 0.0


@pytest.fixture(scope="module")
def paper() -> tuple[LabelSet, Inference]:
    table, _ = simulated(TRUE, PAPER)
    return table, dawid_skene(table)


def test_it_names_classes_nearly_as_well_as_who_knows_the_raters(
    paper: tuple[LabelSet, Inference],
) -> None:
    """The issue's numbers, with twice the room on half the data."""
    table, found = paper
    _, known = simulated(TRUE, PAPER)
    assert accuracy(found) > accuracy(bayes_truth(table, known)) - 0.01
    assert accuracy(found) > accuracy(majority_vote(table)) + 0.05


def test_it_finds_all_objects_and_nothing_else(paper: tuple[LabelSet, Inference]) -> None:
    measured = quality(paper[1])
    assert (measured.precision or 0) > 0.99
    assert (measured.recall or 0) > 0.99


def test_it_recovers_the_matrices(paper: tuple[LabelSet, Inference]) -> None:
    _, known = simulated(TRUE, PAPER)
    estimate = paper[1].raters
    assert estimate is not None
    errors = recovery(estimate.columns(), known.columns())
    assert errors.matrix < 2e-3
    assert errors.miss < 0.01
    assert errors.skill == 1.0


def test_its_boxes_are_better_than_any_raters_and_than_the_mean(
    paper: tuple[LabelSet, Inference],
) -> None:
    table, found = paper
    ours = quality(found).mean_iou or 0
    assert found.facts["box_law"].startswith("overlap")  # the paper's noise is bounded
    assert ours > (quality(wbf(table, WbfOptions(by_class=False))).mean_iou or 0) + 0.003
    for rater in range(3):
        alone = quality_of(TRUE, table.labels.of_rater(rater))
        assert ours > (alone.mean_iou or 0) + 0.03


def test_precise_and_unbiased_boxes_weigh_more() -> None:
    """Of the habits only a common part cannot be seen; the precise rater settles it."""
    options = tuple(
        AnnotatorOptions(proficiency=p, box_noise="biased") for p in (0.95, 0.6, 0.5, 0.5)
    )
    table, known = simulated(TRUE, options)
    found = dawid_skene(table)
    assert found.facts["box_law"] == "normal"
    assert (quality(found).mean_iou or 0) > (quality(majority_vote(table)).mean_iou or 0) + 0.05
    assert found.raters is not None
    assert known.box_spread is not None
    assert found.raters.box_spread == pytest.approx(known.box_spread, abs=0.015)


def test_a_miss_is_evidence_and_its_weight_is_learned() -> None:
    """Rater 2 invents boxes: alone with one it is not believed, rater 0 or 1 alone are."""
    options = (AnnotatorOptions(), AnnotatorOptions(), AnnotatorOptions(spurious=1.0))
    table, _ = simulated(TRUE, options)
    found = dawid_skene(table)
    measured = quality(found)
    assert (measured.precision or 0) > 0.99
    assert (measured.recall or 0) > 0.99
    assert found.raters is not None
    assert found.raters.spurious == pytest.approx([0, 0, 1], abs=0.05)


def test_mixed_up_names_of_one_rater_are_understood() -> None:
    options = (*PAPER, AnnotatorOptions(), AnnotatorOptions(family="adversarial"))
    table, known = simulated(TRUE, options)
    found = dawid_skene(table)
    assert accuracy(found) > accuracy(majority_vote(table)) + 0.02
    assert found.raters is not None
    assert found.raters.skill[4] < 0.1
    assert found.raters.matrix[4, :-1].max(axis=1) == pytest.approx(
        known.matrix[4, :-1].max(axis=1), abs=0.1
    )


def test_the_e_step_is_bayes_rule() -> None:
    """Worked out by summing over all truths with plain loops."""
    rng = np.random.default_rng(0)
    box = (10, 10, 50, 50)
    table = crowd([(0, 0, 1, box), (0, 1, 2, box)], raters=3)  # type: ignore[arg-type]
    seen = replace(collect(table, group_boxes(table.labels), iou=0.1), coincidence=0.02)
    report = rng.dirichlet(np.ones(4), (3, 3))
    fancy = rng.dirichlet(np.ones(3), 3)
    model = ClassModel(
        report=report,
        spurious=rng.random(3),
        fancy=fancy,
        alone=rng.random(3),
        objects=rng.random(3),
    )
    weight = [
        model.objects[k] * report[0, k, 1] * report[1, k, 2] * report[2, k, 3] for k in range(3)
    ]
    weight.append(
        model.spurious[0] * fancy[0, 1] * model.spurious[1] * fancy[1, 2] * seen.coincidence
    )
    expected = np.array(weight) / sum(weight)
    np.testing.assert_allclose(posterior(model, seen), expected[None], rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(small_crowds())
def test_any_crowd_gives_finite_labels_that_do_not_depend_on_its_order(label_set: LabelSet) -> None:
    found = dawid_skene(label_set, EmOptions(iterations=5))
    np.testing.assert_allclose(found.posterior.sum(axis=1), 1.0, atol=1e-9)
    assert np.isfinite(found.posterior).all()
    assert ((found.existence >= 0.5) & (found.existence <= 1 + 1e-12)).all()
    assert ((found.labels.confidence >= 0) & (found.labels.confidence <= 1)).all()
    if found.raters is not None:
        for column in (found.raters.matrix, found.raters.spurious, found.raters.box_spread):
            assert column is not None
            assert np.isfinite(column).all()
        np.testing.assert_allclose(found.raters.matrix.sum(axis=2), 1.0, atol=1e-9)
    again = dawid_skene(shuffled(label_set, 2), EmOptions(iterations=5))
    assert len(again.labels) == len(found.labels)
    np.testing.assert_allclose(again.labels.box, found.labels.box, atol=1e-9)
    np.testing.assert_allclose(again.posterior, found.posterior, atol=1e-9)


def test_renaming_the_classes_renames_the_result() -> None:
    few = truth(400, classes=3)
    table, _ = simulated(few, PAPER)
    found = dawid_skene(table)
    for order in permutations(range(3)):
        new = np.array(order)
        renamed = replace(table, labels=replace(table.labels, label=new[table.labels.label]))
        again = dawid_skene(renamed)
        np.testing.assert_allclose(again.posterior[:, new], found.posterior, atol=1e-6)


def test_one_rater_an_image_says_that_nothing_can_be_learned() -> None:
    table, _ = simulated(TRUE, (AnnotatorOptions(coverage=0.2),) * 5)
    found = dawid_skene(table)
    assert any("no image was looked at by two raters" in line for line in found.warnings)
    assert found.raters is None
    assert len(found.labels) == len(table.labels)


def test_all_raters_empty_gives_no_label() -> None:
    found = dawid_skene(crowd([], images=4))
    assert len(found.labels) == 0
    assert found.raters is not None
    assert np.isfinite(found.raters.matrix).all()


def test_one_rater_gives_that_raters_boxes() -> None:
    table = crowd([(0, 0, 1, (10, 10, 50, 50))], raters=1)
    found = dawid_skene(table)
    assert found.labels.box.tolist() == [[10, 10, 50, 50]]
    assert found.labels.label.tolist() == [1]


def test_stopping_early_is_reported_with_the_last_change() -> None:
    table, _ = simulated(TRUE, PAPER)
    found = dawid_skene(table, EmOptions(iterations=2))
    assert any(
        "not converged after 2 iterations; the last one changed" in w for w in found.warnings
    )
    assert found.facts["iterations"] == 2
    assert found.facts["last_change"] > 1e-5


def test_a_crowd_that_mixes_names_up_alike_is_called_not_identifiable() -> None:
    """Every object is called class 1 by nearly everybody: the mean matrix cannot dominate."""
    few = truth(500, classes=3)
    table, _ = simulated(few, (AnnotatorOptions(family="hammer-spammer", proficiency=0.0),) * 3)
    labels = np.where(table.labels.label == 0, 1, table.labels.label)
    found = dawid_skene(replace(table, labels=replace(table.labels, label=labels)))
    assert any("not diagonally dominant" in line for line in found.warnings)


def test_the_limit_needs_the_crowds_own_raters() -> None:
    table, _ = simulated(TRUE, PAPER)
    _, others = simulated(TRUE, PAPER[:2])
    with pytest.raises(ValueError, match="not those of the crowd"):
        bayes_truth(table, others)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"iou": 0.0}, "--iou 0.0 is not above 0 and below 1"),
        ({"iterations": 0}, "--iterations 0 is not 1 or more"),
        ({"tolerance": 0.0}, "--tolerance 0.0 is not above 0"),
    ],
)
def test_options_out_of_bounds_are_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        EmOptions(**values)  # type: ignore[arg-type]


def test_objects_that_all_missed_count_as_missed() -> None:
    """Each of four raters misses half; of the 94% that somebody drew each missed only .47."""
    true, rng = truth(1500, classes=3).labels, np.random.default_rng(0)
    rows = [
        (int(true.image[k]), rater, int(true.label[k]), tuple(true.box[k].tolist()))
        for k in range(len(true))
        for rater in range(4)
        if rng.random() < 0.5
    ]

    found = dawid_skene(crowd(rows, images=1500, raters=4))

    assert found.raters is not None
    # A rater's rate has a standard error of .01; the mean of four half of that. Without the
    # objects that nobody drew it is .44.
    assert found.raters.miss.mean() == pytest.approx(0.5, abs=0.025)
