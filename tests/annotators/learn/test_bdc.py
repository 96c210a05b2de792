from __future__ import annotations

import math

import numpy as np
import pytest

from annotators.learn.bdc import Bdc, counts, posterior, prior
from annotators.learn.parts.matched_places import located, places_of, sorted_crowd
from annotators.learn.parts.posteriors import NormalGamma, expected_log
from annotators.learn.parts.relabelling import LEAST, first_lessons
from annotators.simulate.options import AnnotatorOptions
from evaluation.quality import quality_of
from medmnist_det.reference.criterion import Criterion
from medmnist_det.reference.recipe import Recipe
from tests.annotators.crowds import crowd, shuffled, simulated, truth
from tests.annotators.learn.sights import (
    Data,
    digamma,
    nothing_seen,
    seen_at,
    seer,
    sightings,
    taught,
)


@pytest.fixture(scope="module")
def some():
    true = truth(120)
    options = [AnnotatorOptions(proficiency=p, spurious=0.1) for p in (0.8, 0.6, 0.7)]
    label_set, known = simulated(true, options)
    return true, label_set, known, sightings(true, more=60)


def literal(label_set, places, alpha):
    """Steps 3 to 5 of the docstring, number by number; alpha is that of the last look."""
    labels, raters, classes = label_set.labels, len(label_set.raters), len(label_set.classes)

    def believed(alpha):
        found = []
        for s in range(len(places)):
            logs = [math.log(max(places.classes[s, j], 1e-12)) for j in range(classes)]
            for row in np.flatnonzero(places.owner == s):
                k, name = labels.rater[row], labels.label[row]
                for j in range(classes):
                    logs[j] += digamma(alpha[k][j][name]) - digamma(sum(alpha[k][j]))
            top = max(logs)
            each = [math.exp(value - top) for value in logs]
            found.append([value / sum(each) for value in each])
        return np.array(found)

    q = believed(alpha)
    new = [
        [[10.0 if j == name else 1.0 for name in range(classes)] for j in range(classes)]
        for _ in range(raters)
    ]
    wrong = [[] for _ in range(raters)]
    for row, s in enumerate(places.owner):
        if not places.seen[s]:
            continue
        k = labels.rater[row]
        for j in range(classes):
            new[k][j][labels.label[row]] += q[s, j]
        x0, y0, x1, y1 = labels.box[row]
        u0, v0, u1, v1 = places.box[s]
        w, h = u1 - u0, v1 - v0
        wrong[k].append(
            (
                ((x0 + x1) / 2 - (u0 + u1) / 2) / w,
                ((y0 + y1) / 2 - (v0 + v1) / 2) / h,
                (x1 - x0) / w - 1,
                (y1 - y0) / h - 1,
            )
        )
    bias, precision = np.zeros((raters, 4)), np.zeros((raters, 4))
    for k in range(raters):
        for c in range(4):
            values = [error[c] for error in wrong[k]]
            n, m = len(values), sum(values) / max(len(values), 1)
            squares = sum((value - m) ** 2 for value in values)
            bias[k, c] = (10 * 0 + n * m) / (10 + n)
            b = 0.5 + squares / 2 + 10 * n * (m - 0) ** 2 / (2 * (10 + n))
            precision[k, c] = (10 + n / 2) / b
    boxes = np.zeros((len(places), 4))
    for s in range(len(places)):
        total, weight = [0.0] * 4, [0.0] * 4
        for row in np.flatnonzero(places.owner == s):
            k = labels.rater[row]
            x0, y0, x1, y1 = labels.box[row]
            w, h = (x1 - x0) / (1 + bias[k, 2]), (y1 - y0) / (1 + bias[k, 3])
            place = ((x0 + x1) / 2 - bias[k, 0] * w, (y0 + y1) / 2 - bias[k, 1] * h, w, h)
            for c in range(4):
                total[c] += precision[k, c] * place[c]
                weight[c] += precision[k, c]
        x, y, w, h = (a / b for a, b in zip(total, weight, strict=True))
        boxes[s] = x - w / 2, y - h / 2, x + w / 2, y + h / 2
    return np.array(new), believed(new), bias, precision, boxes


def test_a_look_is_what_the_equations_say_number_by_number(some):
    _, label_set, _, seen = some
    label_set = sorted_crowd(label_set)
    teacher, _ = taught(Bdc, label_set, seen, looks=1)
    before = teacher.believed.alpha
    lessons = teacher.after_epoch(9, seer(seen), Criterion())
    places = places_of(label_set, seen, least=LEAST)
    alpha, q, bias, precision, boxes = literal(label_set, places, before)
    np.testing.assert_allclose(teacher.believed.alpha, alpha, rtol=1e-9)
    np.testing.assert_allclose(teacher.believed.mean, bias, atol=1e-12)
    np.testing.assert_allclose(teacher.believed.boxes.precision, precision, rtol=1e-9)
    share = places.support / 3
    kept = np.flatnonzero(share > 0.3)
    kept = kept[np.argsort(places.image[kept], kind="stable")]
    np.testing.assert_allclose(lessons.classes, q[kept], atol=1e-9)
    np.testing.assert_allclose(lessons.label_set.labels.box, boxes[kept].clip(0, 320), atol=1e-9)
    np.testing.assert_allclose(lessons.weight, share[kept])
    assert (lessons.label_set.labels.label == q[kept].argmax(axis=1)).all()


def test_labels_are_nearer_to_the_truth_than_without_a_detector(some):
    true, label_set, known, seen = some
    before = quality_of(true, first_lessons(sorted_crowd(label_set)).label_set.labels)
    teacher, lessons = taught(Bdc, label_set, seen)
    after = quality_of(true, lessons.label_set.labels)
    assert after.class_accuracy > before.class_accuracy + 0.02
    assert after.mean_iou > before.mean_iou
    # What is estimated of the raters is nearer to them than what is thought of anybody.
    found, start = teacher.raters(Criterion()).matrix, prior(3, 10)
    wrong = [((m[:, :10, :10] - known.matrix[:, :10, :10]) ** 2).sum() for m in (found,)]
    start = start / start.sum(axis=2, keepdims=True)
    assert wrong[0] < ((start - known.matrix[:, :10, :10]) ** 2).sum() / 2


def test_biases_are_found_and_taken_away():
    true = truth(300)
    label_set, known = simulated(true, [AnnotatorOptions(proficiency=0.4, box_noise="biased")] * 2)
    assert np.abs(known.box_bias).max() > 0.05
    teacher, lessons = taught(Bdc, label_set, sightings(true, scatter=0.02))
    np.testing.assert_allclose(teacher.raters(Criterion()).box_bias, known.box_bias, atol=0.02)
    with_bias = first_lessons(sorted_crowd(label_set))
    iou = [quality_of(true, one.label_set.labels).mean_iou for one in (with_bias, lessons)]
    assert iou[1] > iou[0] + 0.02


def test_the_order_of_the_input_changes_nothing(some):
    _, label_set, _, seen = some
    one, two = (taught(Bdc, each, seen)[1] for each in (label_set, shuffled(label_set, 1)))
    assert one.digest() == two.digest()


def test_what_is_remembered_is_all_that_later_lessons_depend_on(some):
    _, label_set, _, seen = some
    first, _ = taught(Bdc, label_set, seen, looks=2)
    again = Bdc(first.recipe)
    again.lessons(Data(label_set), "train")
    again.load({name: value.copy() for name, value in first.state().items()})
    one, two = (t.after_epoch(9, seer(seen), Criterion()) for t in (first, again))
    assert one.digest() == two.digest()
    fresh = Bdc(first.recipe)
    fresh.lessons(Data(label_set), "train")
    assert fresh.after_epoch(9, seer(seen), Criterion()).digest() != one.digest()


def test_nothing_happens_before_the_warm_up_is_over(some):
    _, label_set, _, seen = some
    teacher = Bdc(Recipe(method="bdc", epochs=10))
    teacher.lessons(Data(label_set), "train")
    assert [teacher.after_epoch(k, seer(seen), Criterion()) is None for k in (1, 2, 3)] == [
        True,
        True,
        False,
    ]
    assert Bdc(Recipe()).raters(Criterion()) is None
    assert Bdc(Recipe()).state() == {}


def test_rare_boxes_are_dropped_and_weights_are_shares():
    """Ten raters: what three or fewer drew is not taught."""
    rows = [(0, k, 0, (10, 10, 50, 50)) for k in range(10)]
    rows += [(0, k, 1, (100, 100, 150, 150)) for k in range(4)]
    rows += [(0, k, 2, (200, 200, 250, 250)) for k in range(3)]
    lessons = first_lessons(sorted_crowd(crowd(rows, raters=10)))
    assert lessons.weight.tolist() == [1.0, 0.4]
    _, later = taught(Bdc, crowd(rows, raters=10), nothing_seen())
    assert sorted(later.weight) == [0.4, 1.0]


def test_where_every_object_would_be_dropped_lessons_stay_as_they_are():
    """Four of ten raters drew one object, which the detector sees twice."""
    first, second = (10, 10, 50, 50), (30, 10, 70, 50)
    rows = [(0, k, 0, first if k < 2 else second) for k in range(4)]
    seen = seen_at((first, 0.9, (0.8, 0.1, 0.1)), (second, 0.9, (0.8, 0.1, 0.1)))
    teacher, lessons = taught(Bdc, crowd(rows, raters=10), seen)
    assert lessons.weight.tolist() == [0.4]
    assert teacher.after_epoch(9, seer(seen), Criterion()) is None


def test_a_crowd_without_a_box_teaches_nothing_and_one_rater_is_enough():
    _, lessons = taught(Bdc, crowd([]), nothing_seen())
    assert len(lessons.label_set.labels) == 0
    true = truth(200)
    label_set, _ = simulated(true, [AnnotatorOptions(proficiency=0.7)])
    teacher, lessons = taught(Bdc, label_set, sightings(true))
    assert (lessons.weight == 1).all()
    assert teacher.raters(Criterion()).matrix.shape == (1, 11, 11)


def test_posterior_and_counts_of_one_box_by_hand():
    one = sorted_crowd(crowd([(0, 0, 1, (10, 10, 50, 50))], raters=1, classes=2))
    seen = seen_at(((10, 10, 50, 50), 1, (0.8, 0.2)))
    places = places_of(one, seen, least=0.0)
    start = prior(1, 2)
    # 10 pseudo-reports right, 1 wrong: E[ln] differs by psi(10) - psi(1) = 1/1 + ... + 1/9.
    odds = math.log(0.2 / 0.8) + sum(1 / k for k in range(1, 10))
    q = posterior(one, places, start)
    assert q[0, 1] == pytest.approx(1 / (1 + math.exp(-odds)))
    assert counts(one, places, q)[0, :, 1].tolist() == q[0].tolist()
    assert expected_log(start)[0, 1, 1] == pytest.approx(digamma(10) - digamma(11))
    assert located(one, places, NormalGamma.prior(1)).tolist() == [[10, 10, 50, 50]]
