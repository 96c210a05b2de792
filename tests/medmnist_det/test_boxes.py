import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from medmnist_det.boxes import (
    GRID,
    areas,
    paired_iou,
    pairwise_iou,
    snap,
    xywh_to_xyxy,
    xyxy_to_xywh,
)


@st.composite
def whole_boxes(draw, side=12):
    n = draw(st.integers(0, 5))
    corners = [
        (x, y, draw(st.integers(x, side)), draw(st.integers(y, side)))
        for x, y in draw(
            st.lists(st.tuples(st.integers(0, side), st.integers(0, side)), min_size=n, max_size=n)
        )
    ]
    return np.array(corners, dtype=np.float64).reshape(-1, 4)


def pixels_of(box, side=12):
    mask = np.zeros((side, side), dtype=bool)
    x_min, y_min, x_max, y_max = box.astype(int)
    mask[y_min:y_max, x_min:x_max] = True
    return mask


@given(whole_boxes(), whole_boxes())
def test_iou_counts_pixels(a, b):
    iou = pairwise_iou(a, b)
    assert iou.shape == (len(a), len(b))
    for i, one in enumerate(a):
        for j, other in enumerate(b):
            both, either = pixels_of(one) & pixels_of(other), pixels_of(one) | pixels_of(other)
            expected = both.sum() / either.sum() if either.any() else 0.0
            assert iou[i, j] == expected


@given(whole_boxes(), whole_boxes())
def test_iou_is_symmetric_and_at_most_one(a, b):
    assert np.array_equal(pairwise_iou(a, b), pairwise_iou(b, a).T)
    assert (pairwise_iou(a, b) <= 1).all()


@given(whole_boxes())
def test_paired_iou_is_the_diagonal_of_pairwise_iou(boxes):
    other = np.roll(boxes, 1, axis=0)
    assert np.array_equal(paired_iou(boxes, other), pairwise_iou(boxes, other).diagonal())


@given(st.lists(st.tuples(*[st.floats(0, 4096)] * 4), max_size=5))
def test_on_the_grid_the_way_to_coco_and_back_changes_no_bit(rows):
    corners = np.sort(np.array(rows).reshape(-1, 2, 2), axis=1).reshape(-1, 4)
    boxes = snap(corners)
    assert np.array_equal(xywh_to_xyxy(xyxy_to_xywh(boxes)), boxes)
    assert (np.abs(boxes - corners) <= 0.5 / GRID).all()


def test_an_area_is_width_times_height():
    assert areas(np.array([[1.0, 2.0, 4.0, 6.5]])).tolist() == [13.5]
