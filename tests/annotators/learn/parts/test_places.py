from __future__ import annotations

import numpy as np
import pytest

from annotators.infer.parts.overlap_law import OverlapLaw, mean_error
from annotators.learn.parts.edges import (
    EdgeLaw,
    Place,
    boxes_of,
    fit_edges,
    fit_pairs,
    locate_edges,
)
from annotators.learn.parts.heard import Heard, hear
from annotators.learn.parts.places import settle_places
from annotators.simulate.options import AnnotatorOptions
from medmnist_det.boxes import paired_iou
from medmnist_det.labels import LabelSet
from tests.annotators.crowds import simulated, truth
from tests.annotators.learn.seen import sightings_of

TRUE = truth(500)


def heard(crowd: tuple[AnnotatorOptions, ...], **options: float) -> Heard:
    return hear(simulated(TRUE, crowd)[0], sightings_of(TRUE, seed=0, false=0.0, **options))


PAPER = heard((AnnotatorOptions(),) * 3)


def objects(said: Heard, true: LabelSet = TRUE) -> np.ndarray:
    """Return the row of the true object of every group: the one its boxes overlap most."""
    every = np.concatenate([said.crowd.labels.box, said.sightings.box])
    first = every[said.groups.row[said.groups.starts[:-1]]]
    found = []
    for image, box in zip(said.groups.image, first, strict=True):
        rows = np.flatnonzero(true.labels.image == image)
        iou = paired_iou(np.repeat(box[None], len(rows), axis=0), true.labels.box[rows])
        found.append(rows[iou.argmax()])
    return np.array(found)


def mean_iou(said: Heard, box: np.ndarray) -> float:
    return float(paired_iou(box, TRUE.labels.box[objects(said)]).mean())


def outwards(said: Heard, box: np.ndarray) -> float:
    """Return how far edges lie outside the true ones, in sides, in the mean."""
    true = TRUE.labels.box[objects(said)]
    return float(((box - true) / np.tile(true[:, 2:] - true[:, :2], 2) * [-1, -1, 1, 1]).mean())


def sure(said: Heard) -> np.ndarray:
    return np.ones(len(said))


def test_boxes_of_raters_and_detector_together_are_better_than_of_either() -> None:
    box, law = settle_places(PAPER, sure(PAPER))
    alone = mean_iou(PAPER, fit_edges(boxes_of(PAPER), sure(PAPER), 3)[0].box)
    drawn, _ = settle_places(none := heard((AnnotatorOptions(),) * 3, seen=0.0), sure(none))
    seen = PAPER.sighted
    own = np.where(seen[:, None], PAPER.sightings.box[np.where(seen, PAPER.sighting, 0)], np.nan)
    detector = paired_iou(own[seen], TRUE.labels.box[objects(PAPER)][seen]).mean()
    both = mean_iou(PAPER, box)
    assert both > max(mean_iou(none, drawn), float(detector)) + 0.02
    assert law.overlap is not None  # the paper's noise is bounded
    assert both > alone + 0.003


def test_edges_lie_neither_outside_nor_inside() -> None:
    """Raters err outwards (larger boxes have more room): .007; a standard error is .0004."""
    box, _ = settle_places(PAPER, sure(PAPER))
    assert abs(outwards(PAPER, box)) < 0.003


def test_edges_count_by_how_sure_the_detector_is_of_them() -> None:
    """Made-up edges err by .02 where their scatter is .03, and by .09 where it is .1."""
    _, law = fit_edges(boxes_of(PAPER), sure(PAPER), 3)
    kinds = boxes_of(PAPER).scatter[PAPER.sighted]
    scatter = PAPER.sightings.scatter[PAPER.sighting[PAPER.sighted]]
    spread = np.sqrt(law.own_scale)
    assert spread[kinds[scatter < 0.05]].max() == pytest.approx(0.02, abs=0.01)
    assert spread[kinds[scatter > 0.05]].min() == pytest.approx(0.09, abs=0.03)


def test_where_nothing_was_refined_all_edges_count_alike() -> None:
    flat = PAPER.sightings._replace(scatter=np.zeros_like(PAPER.sightings.scatter))
    said = hear(PAPER.crowd, flat)
    assert len(np.unique(boxes_of(said).scatter[said.sighted])) == 1
    box, _ = settle_places(said, sure(said))
    assert 0.9 < mean_iou(said, box) < mean_iou(PAPER, settle_places(PAPER, sure(PAPER))[0])


def test_the_precise_rater_and_biases_are_found() -> None:
    """Biases are those relative to the precision-weighted mean of the raters'."""
    options = tuple(AnnotatorOptions(proficiency=p, box_noise="biased") for p in (0.95, 0.6, 0.6))
    table, known = simulated(TRUE, options)
    said = hear(table, sightings_of(TRUE, false=0.0))
    _, law = fit_edges(boxes_of(said), sure(said), 3)
    assert known.box_spread is not None
    low = (known.box_spread[:, 0] ** 2 + known.box_spread[:, 2] ** 2 / 4) ** 0.5
    assert np.sqrt(law.variance[:, 0]) == pytest.approx(low, abs=0.02)
    assert known.box_bias is not None
    width = law.bias[:, 2] - law.bias[:, 0]
    assert width - width[0] == pytest.approx(known.box_bias[:, 2] - known.box_bias[0, 2], abs=0.02)


def test_the_e_step_of_edges_is_a_weighted_mean() -> None:
    """Edge by edge with plain loops; the detector counts less the more it disagrees."""
    boxes = boxes_of(PAPER)
    rng = np.random.default_rng(0)
    law = EdgeLaw(
        bias=rng.normal(0, 0.02, (3, 4)),
        variance=rng.uniform(0.001, 0.01, (3, 4)),
        own_bias=rng.normal(0, 0.02, (6, 4)),
        own_scale=rng.uniform(0.0005, 0.01, 8),
    )
    true = TRUE.labels.box[objects(PAPER)]
    before = Place(true + rng.normal(0, 1, true.shape), rng.uniform(0, 2, true.shape))
    found = locate_edges(boxes, law, before)
    for group in range(0, len(PAPER), 7):
        side = np.tile(before.box[group, 2:] - before.box[group, :2], 2)
        for edge in range(4):
            total = weighted = 0.0
            for row in np.flatnonzero(boxes.owner == group):
                rater = boxes.rater[row]
                weight = 1 / (law.variance[rater, edge] * side[edge] ** 2)
                place = boxes.box[row, edge] - law.bias[rater, edge] * side[edge]
                total, weighted = total + weight, weighted + weight * place
            if PAPER.sighted[group]:
                own = boxes.seen[group]
                width = (own[2:] - own[:2])[edge % 2]
                place = own[edge] - law.own_bias[boxes.size[group], edge] * width
                scale = law.own_scale[boxes.scatter[group, edge]] * width**2
                away = (place - before.box[group, edge]) ** 2 + before.variance[group, edge]
                weight = 6 / (5 + away / scale) / scale
                total, weighted = total + weight, weighted + weight * place
            assert found.box[group, edge] == pytest.approx(weighted / total)
            assert found.variance[group, edge] == pytest.approx(1 / total)


def test_of_two_boxes_the_detectors_surest_edges_are_believed() -> None:
    """One rater an image: nothing tells whose fault a difference is, but which edges are sure."""
    said = heard((AnnotatorOptions(coverage=0.25),) * 4)
    assert not said.compared
    box, law = settle_places(said, sure(said))
    none = heard((AnnotatorOptions(coverage=0.25),) * 4, seen=0.0)
    assert mean_iou(said, box) > mean_iou(none, settle_places(none, sure(none))[0]) + 0.05
    spread = np.sqrt(law.variance)
    assert spread == pytest.approx(np.full((4, 4), 0.057), abs=0.01)
    assert abs(outwards(said, box)) < 0.005
    assert np.isfinite(fit_pairs(boxes_of(none), sure(none), 4)[0].box).all()


def test_boxes_that_are_larger_have_more_room() -> None:
    """Boxes of IoU > .8, uniformly: counted, as the simulator draws them."""
    table, _ = simulated(TRUE, (AnnotatorOptions(),))
    labels = table.labels
    side = np.tile(TRUE.labels.box[:, 2:] - TRUE.labels.box[:, :2], 2)
    row = labels.true_object
    assert row is not None
    drawn = ((labels.box - TRUE.labels.box[row]) / side[row] * [-1, -1, 1, 1]).mean()
    law = mean_error(OverlapLaw(shape=16.0, scale=np.array([0.25, 0.25])))
    assert law == pytest.approx(np.array([-1, -1, 1, 1]) * law[2])
    assert law[2] == pytest.approx(drawn, abs=0.002)


def test_few_objects_are_enough() -> None:
    for images in (1, 3, 12):
        true = truth(images, seed=4, most=3)
        table, _ = simulated(true, (AnnotatorOptions(),) * 2)
        for seen in (0.97, 0.5, 0.0):
            said = hear(table, sightings_of(true, seen=seen))
            box, _ = settle_places(said, sure(said))
            assert np.isfinite(box).all()
