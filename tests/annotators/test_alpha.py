from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from annotators.alpha import agreement, nominal_alpha
from annotators.ceiling import ceiling, write_agreement
from annotators.infer.parts.grouping import group_boxes
from annotators.simulate.options import AnnotatorOptions
from medmnist_det.errors import InputError
from medmnist_det.labels import LabelSet
from tests.annotators.crowds import Row, crowd, shuffled, simulated, small_crowds, truth

PLACES = [(10.0, 10, 40, 40), (60.0, 10, 90, 40), (110.0, 10, 140, 40), (160.0, 10, 190, 40)]


def counts(*units: tuple[int, ...]) -> np.ndarray:
    """Counts of units given as their values."""
    values = max(value for unit in units for value in unit) + 1
    return np.array([np.bincount(unit, minlength=values) for unit in units], dtype=np.float64)


@pytest.mark.parametrize(
    ("units", "alpha"),
    [
        # The published examples of kalphacv (0 stands for "absent"), to its four digits.
        ([(1, 1)], 1),
        ([(1, 0)], 0),
        ([(1, 2)], 0),
        ([(1, 1), (2, 2)], 1),
        ([(1, 2), (2, 0)], -0.2),
        ([(1, 1), (2, 2), (3, 3)], 1),
        ([(1, 1), (2, 0), (3, 1)], 0.1667),
        ([(1, 1), (0, 3), (3, 0), (1, 2), (2, 2)], 0.2703),
        # Nobody sees anything: full agreement, not 0 / 0.
        ([(0, 0, 0)], 1),
    ],
)
def test_worked_examples(units: list[tuple[int, ...]], alpha: float) -> None:
    assert nominal_alpha(counts(*units)) == pytest.approx(alpha, abs=5e-5)


@given(
    arrays(np.int64, st.tuples(st.integers(2, 5), st.integers(1, 8)), elements=st.integers(-1, 3))
)
def test_alpha_equals_the_krippendorff_package(data: np.ndarray) -> None:
    """Raters in rows, units in columns, -1 where a rater gave no value."""
    paired = data[:, (data >= 0).sum(axis=0) >= 2]
    assume(paired.size and len(set(paired[paired >= 0].tolist())) > 1)
    reliability = np.where(data >= 0, data, np.nan).astype(np.float64)
    expected = krippendorff.alpha(reliability, level_of_measurement="nominal")
    units = np.stack([np.bincount(unit[unit >= 0], minlength=4) for unit in data.T])
    assert nominal_alpha(units.astype(np.float64)) == pytest.approx(expected, abs=1e-12)


def reliability(label_set: LabelSet, iou: float, chosen: Sequence[int] | None = None) -> np.ndarray:
    """Raters x units by plain loops: class, L for absent, NaN where the rater did not look."""
    labels, classes = label_set.labels, len(label_set.classes)
    raters = range(len(label_set.raters or ())) if chosen is None else chosen
    groups = group_boxes(labels, iou=iou)
    looked = {(int(i), int(r)) for i, r in labels.assigned}  # type: ignore[union-attr]
    units, filled = [], set()
    for k, image in enumerate(groups.image.tolist()):
        rows = groups.row[groups.starts[k] : groups.starts[k + 1]]
        said = {int(labels.rater[row]): int(labels.label[row]) for row in rows}  # type: ignore[index]
        if set(said) & set(raters):
            filled.add(image)
            units.append([said.get(r, classes) if (image, r) in looked else np.nan for r in raters])
    units += [
        [classes if (image, r) in looked else np.nan for r in raters]
        for image in set(range(labels.images)) - filled
    ]
    return np.array(units, dtype=np.float64).reshape(-1, len(raters)).T


def package(data: np.ndarray) -> float:
    values = data[:, np.isfinite(data).sum(axis=0) >= 2]
    if not values.size:
        return math.nan
    if len(set(values[np.isfinite(values)].tolist())) == 1:
        return 1.0
    return krippendorff.alpha(data, level_of_measurement="nominal")


@settings(deadline=None)
@given(small_crowds())
def test_the_report_equals_the_package_on_the_same_units(label_set: LabelSet) -> None:
    assume(len(label_set.raters or ()) > 1)
    found = agreement(label_set, iou=0.3)
    data = reliability(label_set, 0.3)
    assert found.alpha == pytest.approx(package(data), abs=1e-12)
    for k in range(len(label_set.classes)):
        mine = np.where(np.isfinite(data), data == k, np.nan)
        expected = package(mine) if (data == k).any() else math.nan
        assert found.of_class[k] == pytest.approx(expected, abs=1e-12, nan_ok=True)
    everybody = range(len(label_set.raters or ()))
    for k in everybody:
        rest = package(reliability(label_set, 0.3, [r for r in everybody if r != k]))
        assert found.without[k] == pytest.approx(rest, abs=1e-9, nan_ok=True)
    for a, b in combinations(everybody, 2):
        two = reliability(label_set, 0.3, [a, b])
        drawn = (two[:, np.isfinite(two).all(axis=0)] < len(label_set.classes)).any()
        expected = package(two) if drawn else math.nan
        assert found.pairwise[a, b] == pytest.approx(expected, abs=1e-9, nan_ok=True)
        assert found.pairwise[b, a] == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_a_thousand_raters_cost_no_more_than_their_boxes() -> None:
    """Nine raters an image of a thousand. Pair by pair this took minutes."""
    options = (AnnotatorOptions(coverage=0.009, spurious=0.1),) * 1000
    table, _ = simulated(truth(2000), options)
    start = time.process_time()
    found = agreement(table)
    assert time.process_time() - start < 10
    assert np.isfinite(found.without).all()
    assert np.isfinite(found.pairwise).mean() > 0.01


@settings(deadline=None)
@given(small_crowds())
def test_the_report_does_not_depend_on_the_order_of_the_boxes(label_set: LabelSet) -> None:
    assume(len(label_set.raters or ()) > 1)
    a, b = agreement(label_set), agreement(shuffled(label_set, 4))
    for name in ("alpha", "mean_of_images", "of_image", "of_class", "without", "pairwise"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def rows(image: int, rater: int, labels: list[int | None]) -> list[Row]:
    return [(image, rater, c, PLACES[k]) for k, c in enumerate(labels) if c is not None]


def test_each_image_has_the_alpha_of_its_own_units() -> None:
    """Image 0 is the worked example with alpha -.2, image 1 is empty, image 2 has one rater."""
    table = crowd(
        [*rows(0, 0, [0, 1]), *rows(0, 1, [1, None]), *rows(2, 0, [0])],
        images=3,
        raters=2,
        assigned=[(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)],
    )
    found = agreement(table)
    np.testing.assert_allclose(found.of_image, [-0.2, 1.0, np.nan])
    assert found.mean_of_images == pytest.approx(0.4)
    assert (found.objects, found.empty_images) == (2, 1)


def test_leaving_out_the_rater_that_disagrees_leaves_full_agreement() -> None:
    table = crowd([*rows(0, 0, [0, 1, 2]), *rows(0, 1, [0, 1, 2]), *rows(0, 2, [2, 0, None])])
    found = agreement(table)
    assert found.without[2] == 1
    assert found.without[0] < found.alpha < 1
    assert found.pairwise[0, 1] == 1
    assert np.isnan(found.pairwise.diagonal()).all()


def test_units_that_only_the_rater_left_out_saw_go_too() -> None:
    table = crowd([*rows(0, 0, [0]), *rows(0, 1, [0]), *rows(0, 2, [None, 1, 1, 1])])
    assert agreement(table).without[2] == 1


def test_one_rater_an_image_is_refused() -> None:
    with pytest.raises(InputError, match="needs images that two raters or more looked at"):
        agreement(crowd(rows(0, 0, [0]), raters=1))


def same_boxes(true: LabelSet, predictions: object) -> float:
    """A stand-in for mAP: the share of boxes that are the truth's."""
    ours = {tuple(box) for box in predictions.box.tolist()}  # type: ignore[attr-defined]
    theirs = {tuple(box) for box in true.labels.box.tolist()}
    return len(ours & theirs) / max(len(theirs), 1)


def test_raters_are_scored_against_each_other_on_common_images(tmp_path: object) -> None:
    table = crowd(
        [*rows(0, 0, [0, 1]), *rows(0, 1, [0]), *rows(1, 0, [2, 2])],
        images=2,
        raters=3,
        assigned=[(0, 0), (0, 1), (1, 0), (1, 2)],
    )
    true = replace(table, labels=replace(table.labels.of_rater(0), rater=None, assigned=None))
    found = ceiling(table, same_boxes, true)
    np.testing.assert_allclose(
        found.against, [[np.nan, 1, 0], [0.5, np.nan, np.nan], [0, np.nan, np.nan]]
    )
    np.testing.assert_allclose(found.truth, [1, 0.5, 0])
    path = tmp_path / "agreement.json"  # type: ignore[operator]
    write_agreement(path, table, agreement(table), found)
    assert "NaN" not in path.read_text()


def test_better_raters_agree_more() -> None:
    true = truth(400)
    good, bad = (simulated(true, (AnnotatorOptions(proficiency=p),) * 3)[0] for p in (0.95, 0.6))
    assert agreement(good).alpha > agreement(bad).alpha + 0.1
