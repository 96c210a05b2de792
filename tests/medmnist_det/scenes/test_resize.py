from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medmnist_det.scenes.resize import nonzero_range, resize

IMAGE = np.random.default_rng(0).integers(0, 256, (28, 28)).astype(np.uint8)


def bilinear(image, side):
    """Bilinear interpolation in exact fractions, but for weights in whole 256ths."""

    def taps(k, source):
        position = Fraction((2 * k + 1) * source, 2 * side) - Fraction(1, 2)
        low = position.numerator // position.denominator
        upper = int((position - low) * 256 + Fraction(1, 2))
        last = source - 1
        return [(min(max(low, 0), last), 256 - upper), (min(max(low + 1, 0), last), upper)]

    return np.array(
        [
            [
                int(
                    Fraction(
                        sum(
                            int(image[r, c]) * wr * wc
                            for r, wr in taps(i, 28)
                            for c, wc in taps(j, 28)
                        ),
                        65536,
                    )
                    + Fraction(1, 2)
                )
                for j in range(side)
            ]
            for i in range(side)
        ]
    )


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 60))
def test_every_pixel_is_what_exact_fractions_give(side):
    assert np.array_equal(resize(IMAGE[None], side)[0], bilinear(IMAGE, side))


def test_it_equals_opencv_s_exact_resizer():
    cv2 = pytest.importorskip("cv2", reason="opencv is a benchmark's dependency only")
    for side in range(5, 130):
        theirs = cv2.resize(IMAGE, (side, side), interpolation=cv2.INTER_LINEAR_EXACT)
        assert np.array_equal(resize(IMAGE[None], side)[0], theirs)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 99), st.integers(0, 27), st.integers(0, 27))
def test_strokes_reach_the_pixels_that_resizing_lights_up(side, a, b):
    first, last = min(a, b), max(a, b)
    image = np.zeros((1, 28, 28), dtype=np.uint8)
    image[:, :, first : last + 1] = 255
    lit = np.flatnonzero(resize(image, side)[0].any(axis=0))
    low, high = (
        int(x[0]) for x in nonzero_range(28, *(np.array([k]) for k in (side, first, last)))
    )
    # Weights below 1/510 light nothing up but do count as reached.
    if lit.size:
        assert low <= lit[0] <= low + 1
        assert high - 1 <= lit[-1] + 1 <= high


def test_no_image_gives_no_image():
    assert resize(np.zeros((0, 28, 28), dtype=np.uint8), 9).shape == (0, 9, 9)
