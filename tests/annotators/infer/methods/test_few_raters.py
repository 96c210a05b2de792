"""Two, three and four raters: what dawid-skene may never do worse than majority vote."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.infer.methods.dawid_skene import dawid_skene, worth_keeping
from annotators.infer.methods.majority_vote import majority_vote
from annotators.infer.parts.grouping import group_boxes
from annotators.infer.parts.result import Inference
from annotators.infer.parts.spurious import spurious_rates
from annotators.simulate.annotator import draw_annotators
from annotators.simulate.crowd import simulate
from annotators.simulate.options import AnnotatorOptions
from evaluation.quality import quality_of
from medmnist_det.labels import Labels, LabelSet
from tests.annotators.crowds import names, simulated, tables, truth

TRUE = truth(2000)


def poisson(images: int) -> LabelSet:
    """Return true boxes whose number in an image says nothing of the next: Poisson."""
    rng = np.random.default_rng(0)
    count = np.minimum(rng.poisson(1.5, images), 9)
    image = np.repeat(np.arange(images), count)
    place = np.concatenate([rng.permutation(9)[:k] for k in count])
    side = rng.uniform(20, 60, (len(image), 2))
    corner = np.stack([place % 3, place // 3], axis=1) * 105 + rng.uniform(5, 40, side.shape)
    box = np.concatenate([corner, corner + side], axis=1)
    label = rng.integers(0, 10, len(image))
    labels = Labels(images=images, image=image, box=box, label=label)
    return LabelSet(images=tables(images), classes=names(10), labels=labels)


def crowd_that(
    true: LabelSet, raters: int, miss: float, spurious: tuple[float, ...], coverage: float = 1.0
) -> LabelSet:
    """Return what raters draw who miss every class equally often."""
    options = [AnnotatorOptions(spurious=s, coverage=coverage) for s in spurious]
    drawn = []
    for one in draw_annotators(options, 10, 0):
        matrix = one.matrix.copy()
        matrix[:-1, :-1] *= (1 - miss) / matrix[:-1, :-1].sum(axis=1, keepdims=True)
        matrix[:-1, -1] = miss
        drawn.append(replace(one, matrix=matrix))
    assert len(drawn) == raters
    labels = simulate(true.labels, true.images, drawn, 0, "train")
    return replace(true, labels=labels, raters=tuple(range(1, raters + 1)))


def f1(found: Inference, true: LabelSet) -> float:
    one = quality_of(true, found.labels)
    precision, recall = one.precision or 0.0, one.recall or 0.0
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize(("miss", "spurious"), [(0.0, 0.3), (0.25, 0.0), (0.45, 0.0), (0.45, 1.0)])
@pytest.mark.parametrize("raters", [2, 3, 4])
def test_it_finds_no_fewer_objects_than_majority_vote(
    raters: int, miss: float, spurious: float
) -> None:
    """The tolerance is what ten seeds of benchmarks/inference.py leave, and half as much again."""
    table = crowd_that(TRUE, raters, miss, (spurious,) * raters)
    found, votes = dawid_skene(table), majority_vote(table)
    assert f1(found, TRUE) > f1(votes, TRUE) - 0.005
    named = [quality_of(TRUE, one.labels).class_accuracy or 0.0 for one in (found, votes)]
    assert named[0] > named[1] - 0.01


def test_of_two_raters_it_keeps_what_one_missed() -> None:
    """With 1,466 of 2,815 objects kept this was the worst of the first version."""
    table = crowd_that(TRUE, 2, 0.25, (0.0, 0.0))
    drawn = len(np.unique(table.labels.true_object))  # type: ignore[arg-type]
    assert len(dawid_skene(table).labels) > 0.99 * drawn


def test_of_two_raters_the_counts_tell_who_invents() -> None:
    """Invented boxes do not come with objects. Of each rater's single boxes all are of one kind."""
    table = crowd_that(TRUE, 2, 0.0, (0.5, 0.0))
    rates = spurious_rates(table, group_boxes(table.labels), iou=0.1)
    assert rates.rate == pytest.approx([0.5, 0.0], abs=0.05)
    measured = quality_of(TRUE, dawid_skene(table).labels)
    assert (measured.precision or 0) > 0.97
    assert (measured.recall or 0) > 0.99


def test_pairs_of_many_raters_tell_as_well() -> None:
    """Each pair has habits of its own: means over all pairs would make one look like the other."""
    options = (AnnotatorOptions(spurious=0.4, coverage=0.5),) * 4
    table, _ = simulated(truth(3000), options)
    rates = spurious_rates(table, group_boxes(table.labels), iou=0.1)
    assert not rates.compared
    assert rates.rate == pytest.approx([0.4] * 4, abs=0.08)


@pytest.mark.parametrize("spurious", [0.0, 0.3])
def test_where_the_counts_say_nothing_all_is_kept_and_said(spurious: float) -> None:
    true = poisson(2000)
    table = crowd_that(true, 2, 0.2, (spurious, spurious))
    found = dawid_skene(table)
    assert len(found.labels) == len(majority_vote(table).labels)
    assert any("the counts do not tell for rater 1, 2" in line for line in found.warnings)


def test_names_of_two_raters_are_majority_vote_s_and_a_warning_says_why() -> None:
    table = crowd_that(TRUE, 2, 0.0, (0.0, 0.0))
    found, votes = dawid_skene(table), majority_vote(table)
    assert found.labels.label.tolist() == votes.labels.label.tolist()
    assert (found.posterior.argmax(axis=1) == found.labels.label).all()
    assert any("cannot be learned from two" in line for line in found.warnings)
    torn = np.sort(found.posterior, axis=1)[:, -2] > 0.1
    assert found.posterior[torn].max() < 0.51


def test_three_raters_are_not_warned_of() -> None:
    assert dawid_skene(crowd_that(TRUE, 3, 0.2, (0.1, 0.1, 0.1))).warnings == ()


def test_it_is_as_sure_as_it_is_right_where_raters_have_little_data() -> None:
    """17 raters, 3 an image: 0.04 is three standard errors of 1,000 labels."""
    options = tuple(
        AnnotatorOptions(proficiency=0.6 + 0.02 * k, coverage=3 / 17) for k in range(17)
    )
    said, right = [], []
    for seed in range(3):
        true = truth(3000, seed=seed)
        table, _ = simulated(true, options, seed)
        found = dawid_skene(table)
        source = table.labels.true_object[found.support[found.starts[:-1]]]  # type: ignore[index]
        sure = found.posterior.max(axis=1)
        torn = (sure > 0.6) & (sure < 0.95)
        said.append(sure[torn])
        right.append((true.labels.label[source] == found.labels.label)[torn])
    assert np.concatenate(said).mean() == pytest.approx(np.concatenate(right).mean(), abs=0.04)


@given(
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8),
    st.floats(0.0, 5.0),
)
def test_what_is_kept_has_the_greatest_expected_f1(existence: list[float], unseen: float) -> None:
    """By trying every number of groups."""
    sure = np.array(existence)
    kept = worth_keeping(sure, unseen)
    total = sure.sum() + unseen

    def score(rows: np.ndarray) -> float:
        return 2 * sure[rows].sum() / max(rows.sum() + total, 1e-12)

    best = max(score(sure >= limit) for limit in sure)
    assert score(kept) == pytest.approx(best)
    assert sure[kept].min() >= sure[~kept].max(initial=0.0)
