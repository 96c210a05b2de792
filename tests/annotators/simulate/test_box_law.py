"""Boxes by size: pixels and shares, an axis at a time, and habits."""

import numpy as np
import pytest

from annotators.simulate.annotator import draw_annotators
from annotators.simulate.box_law import BoxLaw
from annotators.simulate.box_noise import sized_noise
from annotators.simulate.options import AnnotatorOptions
from annotators.simulate.presets import crowd_options
from medmnist_det.errors import InputError

N = 20_000


def errors(law, width, height):
    """Return the errors of a box in the middle of a large image, in pixels."""
    box = np.array([2000.0, 2000, 2000 + width, 2000 + height])
    boxes, sizes = np.tile(box, (N, 1)), np.full((N, 2), 4000.0)
    drawn = sized_noise(boxes, sizes, law, np.random.default_rng(1))
    centre = (drawn[:, :2] + drawn[:, 2:]) / 2 - (box[:2] + box[2:]) / 2
    return np.concatenate([centre, drawn[:, 2:] - drawn[:, :2] - [width, height]], axis=1)


LAW = BoxLaw(
    mean=np.array([0.02, -0.03, 0.1, -0.05]),
    std=np.array([0.02, 0.01, 0.03, 0.02]),
    mean_px=np.array([1.0, 0.5, -2.0, 3.0]),
    std_px=np.array([0.5, 1.0, 0.4, 2.0]),
)


@pytest.mark.parametrize(("width", "height"), [(40, 40), (40, 300), (300, 40)])
def test_every_error_follows_the_side_along_its_axis(width, height):
    side = np.array([width, height, width, height])
    mean = LAW.mean_px + LAW.mean * side
    spread = np.sqrt(LAW.std_px**2 + (LAW.std * side) ** 2)
    found = errors(LAW, width, height)
    assert (np.abs(found.mean(axis=0) - mean) < 4 * spread / np.sqrt(N)).all()
    assert (np.abs(found.std(axis=0) - spread) < 4 * spread / np.sqrt(2 * N)).all()
    assert np.allclose(np.corrcoef(found.T), np.eye(4), atol=4 / np.sqrt(N))


def test_edges_of_a_hand_err_independently_by_its_pixels():
    (one,) = draw_annotators(
        (AnnotatorOptions(box_noise="sized", proficiency=1.0, hand=2.0, habit="none"),), 10, 0
    )
    found = errors(one.box_law, 80, 50)
    low, high = found[:, :2] - found[:, 2:] / 2, found[:, :2] + found[:, 2:] / 2
    edges = np.concatenate([low, high], axis=1)
    assert edges.std(axis=0) == pytest.approx(2.0, abs=4 * 2 / np.sqrt(2 * N))
    assert np.allclose(np.corrcoef(edges.T), np.eye(4), atol=4 / np.sqrt(N))


def test_habits_are_what_they_are_called():
    options = [AnnotatorOptions(box_noise="sized", habit=h) for h in ("loose", "tight", "shifted")]
    loose, tight, shifted = (one.box_law for one in draw_annotators(options, 10, 0))
    assert (loose.mean_px[2:] > 0.4).all()
    assert (loose.mean[2:] > 0).all()
    assert (tight.mean_px[2:] < -0.4).all()
    assert not loose.mean_px[:2].any()
    assert not shifted.mean_px[2:].any()
    assert np.hypot(*shifted.mean_px[:2]) > 0.4
    relative = [loose.relative(np.array([[side, side]]))[0][0, 2] for side in (10.0, 80.0)]
    assert relative[0] > 2 * relative[1]  # two pixels are much of a small box


def test_own_habits_differ_and_depend_on_nobody():
    both = crowd_options(annotators=2, box_noise=["sized"])
    one, two = (annotator.box_law for annotator in draw_annotators(both, 10, 0))
    assert not np.allclose(one.mean_px, two.mean_px)
    (alone,) = draw_annotators(both[:1], 10, 0)
    assert np.array_equal(alone.box_law.mean_px, one.mean_px)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hand": [2.0]}, "--hand 2.0 means nothing to --box-noise iou: take --box-noise sized"),
        ({"habit": ["loose"]}, "--habit loose means nothing to --box-noise iou"),
        ({"habit": ["wild"], "box_noise": ["sized"]}, "--habit 'wild' is not known: choose own"),
        ({"hand": [-1.0], "box_noise": ["sized"]}, "--hand -1.0 is not from 0 to 100 pixels"),
        ({"difficulty": [1.1]}, "--difficulty 1.1 is not from 0 to 1"),
        ({"copies": [-0.1]}, "--copies -0.1 is not from 0 to 1"),
        ({"drift": [2.0]}, r"--drift 2.0 is not from -1 \(learning\) to 1 \(fatigue\)"),
        ({"splits": [float("nan")]}, "--splits nan is not from 0 to 1"),
        ({"merges": [7.0]}, "--merges 7.0 is not from 0 to 1"),
    ],
)
def test_options_out_of_bounds_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        crowd_options(**options)
