from __future__ import annotations

import numpy as np
import pytest

from annotators.infer.parts.overlap_law import _SCALES, Drawn, _log_volumes, fit_overlap_law, locate
from annotators.simulate.box_noise import gaussian_noise, iou_noise
from medmnist_det.boxes import paired_iou
from tests.annotators.crowds import SIDE

TRUE = np.tile([[100.0, 100, 140, 150]], (600, 1))
CENTRE = np.array([120.0, 125, 40, 50])


def drawn(noise: object, p: float) -> Drawn:
    rng = np.random.default_rng(0)
    sizes = np.full((600, 2), SIDE)
    boxes = np.stack([noise(TRUE, sizes, p, rng) for _ in range(3)], axis=1).reshape(-1, 4)  # type: ignore[operator]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return Drawn(
        box=np.concatenate([centre, boxes[:, 2:] - boxes[:, :2]], axis=1),
        rater=np.tile([0, 1, 2], 600),
        starts=np.arange(0, 1801, 3),
    )


def by_mean(some: Drawn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    place = some.box.reshape(600, 3, 4).mean(axis=1)
    error = (some.box - np.repeat(place, 3, axis=0)) / CENTRE[[2, 3, 2, 3]]
    variance = (error**2).mean(axis=0) * 1.5
    return place, np.tile(variance / 3, (600, 1)), np.tile(variance, (3, 1))


def corners(place: np.ndarray) -> np.ndarray:
    return np.concatenate(
        [place[:, :2] - place[:, 2:] / 2, place[:, :2] + place[:, 2:] / 2], axis=1
    )


@pytest.mark.parametrize("p", [0.6, 0.8, 0.9])
def test_bounded_noise_is_recognised_and_boxes_get_better_than_the_mean(p: float) -> None:
    some = drawn(iou_noise, p)
    place, doubt, variance = by_mean(some)
    law = fit_overlap_law(some, place, doubt, variance)
    assert law is not None
    assert law.scale == pytest.approx(1 / p - 1, rel=0.2)
    better = paired_iou(corners(locate(some, law, place, doubt)), TRUE).mean()
    # The standard error of the difference is below .001 in 600 boxes.
    assert better > paired_iou(corners(place), TRUE).mean() + 0.002


def test_normal_noise_is_left_to_the_normal_law() -> None:
    some = drawn(gaussian_noise, 0.9)
    assert fit_overlap_law(some, *by_mean(some)) is None


def test_too_few_boxes_are_left_to_the_normal_law() -> None:
    some = drawn(iou_noise, 0.8)
    place, doubt, variance = by_mean(some)
    few = some.select(np.arange(20))
    assert fit_overlap_law(few, place[:20], doubt[:20], variance) is None


def test_an_object_with_one_box_stays_where_it_is() -> None:
    some = Drawn(box=np.array([[50.0, 50, 20, 20]]), rater=np.array([0]), starts=np.array([0, 1]))
    whole = drawn(iou_noise, 0.8)
    law = fit_overlap_law(whole, *by_mean(whole))
    assert law is not None
    assert np.array_equal(locate(some, law, some.box, np.full((1, 4), 0.01)), some.box)


@pytest.mark.parametrize("x", [0.05, 0.25, 0.7])
def test_the_volume_of_boxes_within_a_distance_is_what_counting_gives(x: float) -> None:
    """For a sharp edge the integral is the volume: 2% off, plus 1% for 200,000 draws."""
    rng = np.random.default_rng(0)
    unit = np.array([[0.0, 0, 1, 1]])
    move = rng.uniform(-x, x, (200_000, 4))  # every such box lies in this cube
    box = unit + move
    good = (box[:, 2] > box[:, 0]) & (box[:, 3] > box[:, 1])
    iou = np.zeros(len(box))
    iou[good] = paired_iou(np.repeat(unit, good.sum(), axis=0), box[good])
    volume = (iou > 1 / (1 + x)).mean() * (2 * x) ** 4
    integral = np.exp(np.interp(np.log(x), np.log(_SCALES), _log_volumes()[16.0]))
    # exp(-d^16) is no step: its integral exceeds the volume within x by the factor of the mean.
    assert integral == pytest.approx(volume, rel=0.12)
