import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from medmnist_det.errors import InputError
from medmnist_det.formats.png import encode_png, read_grey


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
def test_pillow_reads_back_every_pixel(height, width, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    with Image.open(io.BytesIO(encode_png(pixels))) as image:
        image.load()
        assert image.mode == "L"
        assert np.array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize(
    "content", [b"", b"not a picture", encode_png(np.ones((9, 9), np.uint8))[:50]]
)
def test_what_is_no_whole_image_is_refused_by_name(content, tmp_path):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.png: "):
        read_grey(tmp_path / "x.png")
