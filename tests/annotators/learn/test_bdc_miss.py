from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from annotators.infer.parts.evidence import collect
from annotators.infer.parts.grouping import IOU, group_boxes
from annotators.learn.bdc import Bdc
from annotators.learn.bdc_miss import BdcMiss, Believed, posterior, updated
from annotators.learn.parts.matched_places import assigned_to, places_of, sorted_crowd
from annotators.learn.parts.relabelling import LEAST, first_lessons
from annotators.simulate.options import AnnotatorOptions
from evaluation.quality import quality_of
from medmnist_det.reference.criterion import Criterion
from tests.annotators.crowds import crowd, shuffled, simulated, truth
from tests.annotators.learn.sights import Data, digamma, nothing_seen, seer, sightings, taught


def simulated_with(**more):
    true = truth(120)
    options = [AnnotatorOptions(proficiency=p, **more) for p in (0.8, 0.6, 0.7)]
    label_set, known = simulated(true, options)
    return true, label_set, known, sightings(true, more=60)


@pytest.fixture(scope="module")
def some():
    return simulated_with(spurious=0.3, coverage=0.8)


def literal(label_set, places, believed, coincidence):
    """Steps 3 and 4 of the docstring, number by number."""
    labels, raters, classes = label_set.labels, len(label_set.raters), len(label_set.classes)
    looked = {(i, k) for i, k in labels.assigned.tolist()}

    def log(row, k):
        return digamma(row[k]) - digamma(sum(row))

    sure, unseen = 0, 0
    for s, image in enumerate(places.image.tolist()):
        drew = (places.owner == s).sum()
        if drew and 2 * drew >= sum((image, k) in looked for k in range(raters)):
            sure, unseen = sure + 1, unseen + (not places.seen[s])
    images = len({image for image, _ in looked})
    hidden = coincidence * (1 + unseen) / (2 + sure) * sure / images
    q = np.zeros((len(places), classes + 1))
    reports = []
    for s, image in enumerate(places.image.tolist()):
        drew = {
            int(labels.rater[row]): int(labels.label[row])
            for row in np.flatnonzero(places.owner == s)
        }
        reports.append(drew)
        o = min(places.objectness[s], 0.99) if places.seen[s] else hidden
        logs = []
        for j in range(classes):
            value = math.log(o * max(places.classes[s, j], 1e-12))
            for k in range(raters):
                if (image, k) in looked:
                    value += log(believed.alpha[k, j].tolist(), drew.get(k, classes))
            logs.append(value)
        value = math.log(1 - o)
        for k, name in drew.items():
            value += digamma(believed.spurious[k]) - math.log(believed.looked[k])
            value += log(believed.fancy[k].tolist(), name) + math.log(coincidence)
        logs.append(value)
        each = np.exp(np.array(logs) - max(logs))
        q[s] = each / each.sum()
    alpha = np.ones((raters, classes, classes + 1))
    fancy, spurious, images = np.ones((raters, classes)), np.ones(raters), np.full(raters, 10.0)
    for _, k in looked:
        images[k] += 1
    for s, image in enumerate(places.image.tolist()):
        for k in range(raters):
            if (image, k) not in looked:
                continue
            for j in range(classes):
                alpha[k, j, reports[s].get(k, classes)] += q[s, j]
            if k in reports[s]:
                fancy[k, reports[s][k]] += q[s, -1]
                spurious[k] += q[s, -1]
    for j in range(classes):
        alpha[:, j, j] += 9
    return q, alpha, fancy, spurious, images


def shift(label_set, places, q):
    """The mean shift to the right of each rater's boxes, in widths, where there are objects."""
    labels, total, count = label_set.labels, np.zeros(3), np.zeros(3)
    for row, s in enumerate(places.owner.tolist()):
        if places.seen[s]:
            (x0, _, x1, _), (u0, _, u1, _) = labels.box[row], places.box[s]
            error = ((x0 + x1) / 2 - (u0 + u1) / 2) / (u1 - u0)
            total[labels.rater[row]] += (1 - q[s, -1]) * error
            count[labels.rater[row]] += 1 - q[s, -1]
    return total / (10 + count)


def test_a_look_is_what_the_equations_say_number_by_number(some):
    _, label_set, _, seen = some
    label_set = sorted_crowd(label_set)
    coincidence = collect(label_set, group_boxes(label_set.labels), iou=IOU).coincidence
    places = places_of(label_set, seen, least=LEAST, alone=LEAST)
    assert (places.support == 0).any()
    assert (~places.seen).any()
    assigned, believed = assigned_to(label_set), Believed.prior(3, 10)
    for _ in range(2):
        q = posterior(label_set, places, assigned, believed, coincidence)
        expected, alpha, fancy, spurious, images = literal(label_set, places, believed, coincidence)
        np.testing.assert_allclose(q, expected, atol=1e-9)
        believed = updated(label_set, places, assigned, q)
        np.testing.assert_allclose(believed.alpha, alpha, rtol=1e-9)
        np.testing.assert_allclose(believed.fancy, fancy, rtol=1e-9)
        np.testing.assert_allclose(believed.spurious, spurious, rtol=1e-9)
        np.testing.assert_allclose(believed.looked, images)
        np.testing.assert_allclose(believed.mean[:, 0], shift(label_set, places, q), atol=1e-12)


def test_inventions_go_that_bdc_keeps(some):
    true, label_set, _, seen = some
    plain, apart = (
        quality_of(true, taught(kind, label_set, seen)[1].label_set.labels)
        for kind in (Bdc, BdcMiss)
    )
    assert apart.precision > plain.precision + 0.05
    assert apart.precision > 0.97
    assert apart.recall > plain.recall - 0.01


def test_misses_and_spurious_rates_are_found():
    _, label_set, known, seen = simulated_with(spurious=0.3)
    teacher, _ = taught(BdcMiss, label_set, seen)
    found = teacher.raters(Criterion())
    np.testing.assert_allclose(found.miss, known.miss, atol=0.05)
    np.testing.assert_allclose(found.spurious, known.spurious, atol=0.1)
    np.testing.assert_allclose(found.matrix.sum(axis=2), 1)


def test_what_all_raters_missed_is_taught_where_the_detector_is_sure_and_raters_miss_much():
    """One rater who misses half of all; the detector's surest objects are taught nevertheless."""
    true = truth(200)
    label_set, _ = simulated(true, [AnnotatorOptions(proficiency=0.8)])
    half = np.random.default_rng(0).random(len(label_set.labels)) < 0.5
    label_set = replace(label_set, labels=label_set.labels.select(half))
    seen = sightings(true, overlooked=0.0, confused=0.0)
    before = quality_of(true, taught(Bdc, label_set, seen)[1].label_set.labels)
    after = quality_of(true, taught(BdcMiss, label_set, seen)[1].label_set.labels)
    assert after.recall > before.recall + 0.1
    assert after.precision > 0.99


def test_the_order_of_the_input_changes_nothing_and_resuming_is_exact(some):
    _, label_set, _, seen = some
    first, one = taught(BdcMiss, label_set, seen)
    _, two = taught(BdcMiss, shuffled(label_set, 1), seen)
    assert one.digest() == two.digest()
    again = BdcMiss(first.recipe)
    again.lessons(Data(label_set), "train")
    again.load(first.state())
    one, two = (t.after_epoch(9, seer(seen), Criterion()) for t in (first, again))
    assert one.digest() == two.digest()


def test_nothing_is_said_before_the_first_look_and_an_empty_crowd_teaches_nothing():
    teacher = BdcMiss(taught(BdcMiss, crowd([]), nothing_seen(), looks=0)[0].recipe)
    assert teacher.raters(Criterion()) is None
    assert teacher.state() == {}
    _, lessons = taught(BdcMiss, crowd([]), nothing_seen())
    assert len(lessons.label_set.labels) == 0


@pytest.mark.parametrize("raters", [1, 3])
def test_a_detector_that_sees_nothing_yet_takes_little_away(raters):
    """Else it would never learn what it was denied."""
    true = truth(150)
    label_set, _ = simulated(true, [AnnotatorOptions(proficiency=0.8, spurious=0.02)] * raters)
    before = quality_of(true, first_lessons(sorted_crowd(label_set)).label_set.labels)
    _, lessons = taught(BdcMiss, label_set, nothing_seen(10))
    assert quality_of(true, lessons.label_set.labels).recall > before.recall - 0.03
