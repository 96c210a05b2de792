from __future__ import annotations

import itertools

import numpy as np
import pytest

from annotators.infer.parts.grouping import IOU
from annotators.learn.parts.matching import match
from annotators.simulate.options import AnnotatorOptions
from medmnist_det.boxes import pairwise_iou
from tests.annotators.crowds import SIDE, crowd, simulated, tables, truth
from tests.annotators.learn.sights import nothing_seen, seen_at, sightings


def cost(box, label, seen, k):
    """The cost of a pair, written out number by number."""
    probability = seen.objectness[k] * seen.classes[k][label]
    overlap = pairwise_iou(box[None], seen.box[k][None])[0, 0]
    corners = sum(abs(a - b) / SIDE for a, b in zip(box, seen.box[k], strict=True))
    return -probability - 2 * overlap + 5 * corners


def dearest_avoided(labels, rows, seen, there):
    """Try every assignment of some boxes to sightings; return the pairs of the cheapest."""
    if len(rows) <= len(there):
        ways = (
            list(zip(rows, way, strict=True)) for way in itertools.permutations(there, len(rows))
        )
    else:
        ways = (
            list(zip(way, there, strict=True)) for way in itertools.permutations(rows, len(there))
        )
    return min(
        ways, key=lambda way: sum(cost(labels.box[r], labels.label[r], seen, s) for r, s in way)
    )


def test_pairs_are_the_cheapest_of_all_assignments():
    true = truth(60, most=5)
    drawn, _ = simulated(true, [AnnotatorOptions(proficiency=0.6, spurious=0.5)] * 3)
    seen, labels = sightings(true, scatter=0.15, more=40), drawn.labels
    found = set(zip(*match(labels, seen, drawn.images), strict=True))
    expected = set()
    for image, rater in {(i, r) for i, r in zip(labels.image, labels.rater, strict=True)}:
        rows = np.flatnonzero((labels.image == image) & (labels.rater == rater))
        there = np.flatnonzero(seen.image == image)
        for r, s in dearest_avoided(labels, rows, seen, there):
            if pairwise_iou(labels.box[r][None], seen.box[s][None])[0, 0] > IOU:
                expected.add((r, s))
    assert found == expected
    assert 50 < len(found) < len(labels)


def test_a_sighting_has_one_box_of_a_rater_and_a_box_one_sighting():
    seen = seen_at(((10, 10, 50, 50), 0.9, (0.3, 0.3, 0.4)))
    rows = [(0, 0, 0, (10, 10, 50, 50)), (0, 0, 0, (12, 12, 50, 50)), (0, 1, 1, (15, 15, 55, 55))]
    found = match(crowd(rows, raters=2).labels, seen, tables(1))
    assert found.box.tolist() == [0, 2]
    assert found.sighting.tolist() == [0, 0]


def test_the_class_decides_between_boxes_that_fit_alike():
    seen = seen_at(
        ((10, 10, 50, 50), 0.9, (0.9, 0.1, 0.0)), ((20, 10, 60, 50), 0.9, (0.1, 0.9, 0.0))
    )
    for label, meant in ((0, 0), (1, 1)):
        found = match(crowd([(0, 0, label, (15, 10, 55, 50))], raters=1).labels, seen, tables(1))
        assert found.sighting.tolist() == [meant]


def test_what_is_far_from_all_sightings_means_none():
    seen = seen_at(((10, 10, 50, 50), 1, (1, 0, 0)))
    assert len(match(crowd([(0, 0, 0, (200, 200, 240, 240))]).labels, seen, tables(1)).box) == 0


def test_nothing_gives_no_pair():
    for rows in ([], [(0, 0, 0, (10, 10, 50, 50))]):
        assert len(match(crowd(rows).labels, nothing_seen(), tables(1)).box) == 0
    with pytest.raises(ValueError, match="do not say who drew them"):
        match(truth(5).labels, nothing_seen(), tables(5))
