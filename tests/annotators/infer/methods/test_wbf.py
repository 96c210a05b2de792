from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from annotators.infer.methods.wbf import WbfOptions, wbf
from annotators.infer.parts.result import Inference
from annotators.simulate.options import AnnotatorOptions
from medmnist_det.boxes import pairwise_iou
from medmnist_det.errors import InputError
from medmnist_det.labels import LabelSet
from tests.annotators.crowds import SIDE, crowd, shuffled, simulated, small_crowds, truth

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ensemble_boxes import weighted_boxes_fusion


def by_library(label_set: LabelSet, image: int, options: WbfOptions) -> list[tuple[float, ...]]:
    """What ensemble_boxes makes of an image: class, score and box, sorted."""
    labels = label_set.labels
    looked = labels.assigned[labels.assigned[:, 0] == image, 1].tolist()  # type: ignore[index]
    parts = [
        labels.select((labels.image == image) & (labels.rater == rater))  # type: ignore[arg-type]
        for rater in looked
    ]
    weights = [1.0 if options.weights is None else options.weights[rater] for rater in looked]
    boxes, scores, classes = weighted_boxes_fusion(
        [part.box / SIDE for part in parts],
        [part.confidence for part in parts],
        [part.label if options.by_class else part.label * 0 for part in parts],
        weights=weights,
        iou_thr=options.iou,
    )
    return sorted(
        (float(c), float(s), *(SIDE * b)) for c, s, b in zip(classes, scores, boxes, strict=True)
    )


def by_us(found: Inference, image: int, options: WbfOptions) -> list[tuple[float, ...]]:
    labels = found.labels.select(found.labels.image == image)
    label = labels.label if options.by_class else labels.label * 0
    return sorted(
        (float(c), float(s), *b)
        for c, s, b in zip(label, labels.confidence, labels.box, strict=True)
    )


@st.composite
def well_defined(draw: st.DrawFn) -> LabelSet:
    """One box per rater and class at most, and no two scores alike."""
    table = draw(small_crowds(scored=True))
    labels = table.labels
    keys = [
        (int(i), int(r), int(c))
        for i, r, c in zip(labels.image, labels.rater, labels.label, strict=True)
    ]  # type: ignore[arg-type]
    first = [keys.index(key) == k for k, key in enumerate(keys)]
    from dataclasses import replace

    return replace(table, labels=labels.select(np.array(first, dtype=bool)))


@given(well_defined(), st.booleans())
def test_class_aware_equals_ensemble_boxes(label_set: LabelSet, weighted: bool) -> None:
    weights = (1.0, 0.5, 2.0, 0.7)[: len(label_set.raters or ())] if weighted else None
    options = WbfOptions(iou=0.4, weights=weights)
    # The library compares scores times weights; equal products would make it depend on the order.
    products = label_set.labels.confidence * np.array(weights or (1.0,) * 4)[label_set.labels.rater]
    assume(len(set(products.tolist())) == len(products))
    found = wbf(label_set, options)
    for image in range(len(label_set.images)):
        rows = label_set.labels.image == image
        box = label_set.labels.box[rows]
        # The library rounds fused boxes to float32: keep away from its threshold.
        assume((abs(pairwise_iou(box, box) - 0.4) > 1e-4).all())
        ours, theirs = by_us(found, image, options), by_library(label_set, image, options)
        assert len(ours) == len(theirs)
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-4)


@pytest.mark.parametrize("by_class", [True, False])
def test_whole_data_sets_equal_ensemble_boxes(by_class: bool) -> None:
    """Simulated crowds without overlaps of one rater's own boxes, every image looked at."""
    table, _ = simulated(truth(300), (AnnotatorOptions(),) * 3)
    options = WbfOptions(by_class=by_class)
    found = wbf(table, options)
    for image in range(300):
        np.testing.assert_allclose(
            by_us(found, image, options), by_library(table, image, options), rtol=2e-5, atol=2e-4
        )


@given(small_crowds())
def test_the_result_does_not_depend_on_the_order_of_the_boxes(label_set: LabelSet) -> None:
    for by_class in (True, False):
        a = wbf(label_set, WbfOptions(by_class=by_class))
        b = wbf(shuffled(label_set, 3), WbfOptions(by_class=by_class))
        assert a.labels == b.labels
        assert np.array_equal(a.posterior, b.posterior)


@given(small_crowds())
def test_a_rater_is_in_a_fused_box_once_at_most(label_set: LabelSet) -> None:
    found = wbf(label_set, WbfOptions(by_class=False, iou=0.05))
    for first, last in zip(found.starts, found.starts[1:], strict=False):
        raters = label_set.labels.rater[found.support[first:last]]  # type: ignore[index]
        assert len(set(raters.tolist())) == last - first
    assert sorted(found.support.tolist()) == list(range(len(label_set.labels)))


def test_confidence_is_members_over_assigned_raters_not_over_those_who_drew() -> None:
    box = (10, 10, 50, 50)
    rows = [(0, 0, 1, box), (0, 1, 1, box), (1, 0, 1, box)]
    pairs = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2)]
    found = wbf(crowd(rows, images=2, assigned=pairs))  # type: ignore[arg-type]
    assert found.labels.confidence.tolist() == pytest.approx([2 / 3, 1 / 2])
    assert found.existence.tolist() == pytest.approx([2 / 3, 1 / 2])


def test_class_agnostic_fuses_disagreeing_raters_and_votes() -> None:
    rows = [(0, 0, 1, (10, 10, 50, 50)), (0, 1, 2, (12, 10, 52, 50)), (0, 2, 2, (11, 10, 51, 50))]
    aware, agnostic = wbf(crowd(rows)), wbf(crowd(rows), WbfOptions(by_class=False))  # type: ignore[arg-type]
    assert aware.labels.label.tolist() == [1, 2]
    assert agnostic.labels.label.tolist() == [2]
    assert agnostic.posterior.tolist() == pytest.approx(np.array([[0, 1 / 3, 2 / 3]]))
    assert agnostic.labels.box.tolist() == [[11, 10, 51, 50]]


def test_of_two_fused_boxes_as_close_the_surer_one_gets_the_box() -> None:
    # The third box overlaps the first and the second by 70/130 each.
    rows = [(0, k, 0, (x, 0.0, x + 100, 100.0)) for k, x in enumerate((0.0, 60.0, 30.0))]
    found = wbf(crowd(rows, score=[0.9, 0.8, 0.7]))

    joined = 30 * 0.7 / 1.6
    boxes = sorted(found.labels.box.tolist())
    np.testing.assert_allclose(boxes, [[joined, 0, joined + 100, 100], [60, 0, 160, 100]])


def test_weights_pull_the_box_to_the_better_rater() -> None:
    rows = [(0, 0, 0, (0, 0, 100, 100)), (0, 1, 0, (20, 0, 120, 100))]
    found = wbf(crowd(rows, raters=2), WbfOptions(weights=(3.0, 1.0)))  # type: ignore[arg-type]
    assert found.labels.box.tolist() == [[5, 0, 105, 100]]


def test_no_box_gives_no_label() -> None:
    assert len(wbf(crowd([])).labels) == 0


def test_too_few_weights_are_refused() -> None:
    with pytest.raises(InputError, match="2 values for 3 raters: give one each"):
        wbf(crowd([]), WbfOptions(weights=(1.0, 2.0)))


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_weights_that_are_none_are_refused(weight: float) -> None:
    with pytest.raises(InputError, match="--weights .* is not from 1e-06 to 1e"):
        WbfOptions(weights=(weight,))
