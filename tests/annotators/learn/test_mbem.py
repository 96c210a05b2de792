from __future__ import annotations

from math import log

import numpy as np
import pytest

from annotators.learn.mbem import Mbem, matrices, posteriors, predictions
from annotators.learn.parts.objects import objects_of
from annotators.simulate.options import AnnotatorOptions
from evaluation.quality import quality_of
from medmnist_det.boxes import paired_iou
from medmnist_det.reference.criterion import Criterion
from medmnist_det.reference.lessons import NOT_ASSIGNED
from medmnist_det.reference.recipe import Recipe
from medmnist_det.reference.teacher import Sightings
from tests.annotators.crowds import simulated, truth
from tests.annotators.learn.seen import Pretended, sightings_of

RNG = np.random.default_rng(0)
NAMED = RNG.dirichlet(np.ones(3), 200)
NAMED[::9] = np.nan
REPORTS = RNG.integers(NOT_ASSIGNED, 4, (200, 5))
EXISTENCE = RNG.random(200)


def test_matrices_are_counts_against_the_detectors_names() -> None:
    found = matrices(REPORTS, EXISTENCE, NAMED)
    for rater in range(5):
        count = [[0.1] * 4 for _ in range(3)]
        for row in range(200):
            report = REPORTS[row, rater]
            if not np.isnan(NAMED[row, 0]) and report != NOT_ASSIGNED:
                count[max(range(3), key=NAMED[row].__getitem__)][report] += EXISTENCE[row]
        for k in range(3):
            assert found[rater, k] == pytest.approx(np.array(count[k]) / sum(count[k]))


def test_posteriors_are_bayes_rule_with_the_prediction_as_prior() -> None:
    matrix = matrices(REPORTS, EXISTENCE, NAMED)
    found = posteriors(REPORTS, matrix, NAMED)
    usual = np.nanmean(NAMED, axis=0)
    for row in range(200):
        prior = usual if np.isnan(NAMED[row, 0]) else NAMED[row]
        total = [log(p) for p in prior]
        for rater, report in enumerate(REPORTS[row]):
            if report != NOT_ASSIGNED:
                total = [t + log(matrix[rater, k, report]) for k, t in enumerate(total)]
        share = np.exp(total) / np.exp(total).sum()
        assert found[row] == pytest.approx(share)


def test_an_object_is_named_by_the_surest_sighting_that_overlaps_it() -> None:
    true = truth(60)
    objects, seen = objects_of(simulated(true, (AnnotatorOptions(),) * 3)[0]), sightings_of(true)
    twice = Sightings(*(np.concatenate([column, column]) for column in seen))
    twice = twice._replace(objectness=np.append(seen.objectness, seen.objectness * 0.5))
    found = predictions(objects, twice)
    for row in range(len(objects)):
        here = np.flatnonzero(seen.image == objects.groups.image[row])
        iou = paired_iou(np.repeat(objects.box[row][None], len(here), axis=0), seen.box[here])
        worth = np.where(iou > 0.4, iou * seen.objectness[here], 0)
        if worth.any():
            assert (found[row] == seen.classes[here[worth.argmax()]]).all()
        else:
            assert np.isnan(found[row]).all()


def test_nothing_seen_leaves_the_reports() -> None:
    objects = objects_of(simulated(truth(30), (AnnotatorOptions(),) * 3)[0])
    none = predictions(objects, sightings_of(truth(30), seen=0.0, false=0.0))
    assert np.isnan(none).all()
    found = posteriors(objects.reports, matrices(objects.reports, objects.existence, none), none)
    assert found == pytest.approx(1 / 10)


def test_two_rounds_name_better_than_the_votes(blind) -> None:
    teacher = Mbem(Recipe(method="mbem", epochs=8))
    lessons = teacher.lessons(blind, "train")
    true = truth(len(lessons.looked), seed=2)
    school = Pretended(sightings_of(true))
    teacher._objects = objects_of(simulated(true, (AnnotatorOptions(),) * 3)[0])
    taught = teacher.prepare(lessons, school)
    assert list(school.taught) == [
        f"round-{turn}-part-{part}" for turn in (1, 2) for part in (1, 2)
    ]
    assert {epochs for _, epochs in school.taught.values()} == {7}
    votes = teacher._objects.lessons().label_set.labels
    better, before = (quality_of(true, one) for one in (taught.label_set.labels, votes))
    assert (better.class_accuracy or 0) > (before.class_accuracy or 1) + 0.02
    again = Mbem(Recipe(method="mbem"))
    again.load({name: np.array(column) for name, column in teacher.state().items()})
    one, other = teacher.raters(Criterion()), again.raters(Criterion())
    assert one is not None
    assert other is not None
    assert (one.matrix == other.matrix).all()
