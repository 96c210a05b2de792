from __future__ import annotations

import numpy as np
import pytest

from annotators.learn.parts.heard import KINDS, hear
from annotators.simulate.options import AnnotatorOptions
from medmnist_det.reference.lessons import NOT_ASSIGNED
from medmnist_det.reference.teacher import Sightings
from tests.annotators.crowds import crowd, shuffled, simulated, truth
from tests.annotators.learn.seen import sightings_of

A, B, C = (10, 10, 50, 50), (100, 100, 140, 150), (200, 20, 230, 70)


def seen(*rows: tuple[int, tuple[float, float, float, float], float]) -> Sightings:
    image, box, sure = zip(*rows, strict=True) if rows else ((), (), ())
    return Sightings(
        np.array(image, dtype=int),
        np.array(box, dtype=float).reshape(-1, 4),
        np.array(sure, dtype=float),
        np.full((len(rows), 3), 1 / 3),
        np.full((len(rows), 4), 0.05),
    )


CROWD = crowd(
    [(0, 0, 1, A), (0, 2, 2, A), (0, 2, 0, B), (2, 1, 1, C)],
    images=4,
    assigned=[(0, 0), (0, 1), (0, 2), (2, 1)],
)


def test_who_said_what_of_every_object() -> None:
    said = hear(CROWD, seen((0, A, 0.9), (0, C, 0.2), (2, B, 0.5)))
    table = [
        (int(image), reports.tolist(), bool(sighted))
        for image, reports, sighted in zip(
            said.groups.image, said.reports, said.sighted, strict=True
        )
    ]
    miss, away = 3, NOT_ASSIGNED
    assert sorted(table) == [
        (0, [1, miss, 2], True),  # A
        (0, [miss, miss, 0], False),  # B
        (0, [miss, miss, miss], True),  # C: nobody drew it
        (2, [away, 1, away], False),
        (2, [away, miss, away], True),
    ]
    assert said.images == 2
    assert said.looked.tolist() == [1, 2, 1]


def test_where_nobody_looked_nothing_is_heard() -> None:
    said = hear(CROWD, seen((1, A, 0.9), (3, C, 0.9)))
    assert not said.sighted.any()
    assert set(said.groups.image) == {0, 2}


def test_a_sighting_in_the_shadow_of_a_surer_one_is_of_another_kind() -> None:
    beside = (30, 10, 70, 50)
    said = hear(CROWD, seen((0, A, 0.5), (0, beside, 0.9), (2, A, 0.5)))
    kind = said.kind[:-1]
    assert len(kind) == 3
    by_box = {tuple(box): k for box, k in zip(said.sightings.box.tolist(), kind, strict=True)}
    assert by_box[beside] < KINDS / 2 <= kind[said.sightings.objectness == 0.5].max()
    assert sorted(kind[said.sightings.objectness == 0.5] >= KINDS / 2) == [False, True]


def test_the_surer_a_sighting_the_higher_its_kind() -> None:
    sure = np.linspace(0.05, 0.99, 40)
    said = hear(CROWD, seen(*((0, (5 * k, 200, 5 * k + 4, 204), s) for k, s in enumerate(sure))))
    order = np.argsort(said.sightings.objectness)
    kind = said.kind[:-1][order]
    assert (np.diff(kind) >= 0).all()
    assert np.bincount(kind).tolist() == [5] * 8


def test_nothing_seen_and_nothing_drawn() -> None:
    assert len(hear(crowd([], images=3), seen())) == 0
    assert not hear(CROWD, seen()).sighted.any()


def test_the_order_of_boxes_and_sightings_changes_nothing() -> None:
    true = truth(80)
    table, _ = simulated(true, (AnnotatorOptions(),) * 3)
    found = sightings_of(true)
    order = np.random.default_rng(1).permutation(len(found.image))
    other = Sightings(*(column[order] for column in found))
    one, two = hear(table, found), hear(shuffled(table, 1), other)
    assert (one.reports == two.reports).all()
    assert (one.kind == two.kind).all()
    assert (one.sighting == two.sighting).all()
    assert (one.sightings.box == two.sightings.box).all()


def test_labels_without_raters_are_refused() -> None:
    with pytest.raises(ValueError, match="do not say who drew them"):
        hear(truth(4), seen())
