import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from medmnist_det.errors import InputError
from medmnist_det.formats.image_folder import image_table
from medmnist_det.formats.png import encode_png, picture_size, read_grey

GREY = np.arange(0, 256, dtype=np.uint8).reshape(16, 16)


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
    with pytest.raises(InputError, match=r"x\.png: is no readable image"):
        read_grey(tmp_path / "x.png")


def test_a_truncated_jpeg_is_refused_by_name(tmp_path):
    Image.fromarray(np.tile(GREY, (9, 9))).save(tmp_path / "x.jpg")
    (tmp_path / "x.jpg").write_bytes((tmp_path / "x.jpg").read_bytes()[:-400])
    with pytest.raises(InputError, match=r"x\.jpg: is no readable image .*; make it again or rem"):
        read_grey(tmp_path / "x.jpg")


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.pgm"])
def test_16_bits_are_scaled_to_8(tmp_path, name):
    levels = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(levels).save(tmp_path / name)
    expected = np.rint(levels / 257)
    assert np.abs(read_grey(tmp_path / name) - expected).max() == 0


def _tiff(path, levels, **tags):
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    info = ImageFileDirectory_v2()
    for tag, value in tags.values():
        info[tag] = value
    Image.fromarray(levels).save(path, tiffinfo=info)


def test_white_that_is_zero_stays_white(tmp_path):
    levels = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    _tiff(tmp_path / "x.tif", levels, photometric=(262, 0))
    with Image.open(tmp_path / "x.tif") as image:
        assert image.tag_v2[262] == 0  # else the library has written something else
    assert np.array_equal(read_grey(tmp_path / "x.tif"), np.rint((65535 - levels) / 257))


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_grey_levels_without_a_white_are_refused(tmp_path, dtype):
    Image.fromarray(np.full((4, 4), 70_000, dtype=dtype)).save(tmp_path / "x.tif")
    with pytest.raises(InputError, match=r"x\.tif: has grey levels of 32 bits .*save it with 8 or"):
        read_grey(tmp_path / "x.tif")


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_opaque_colours_of_any_kind_become_their_grey(tmp_path, mode):
    name = {"CMYK": "x.tif", "YCbCr": "x.tif"}.get(mode, "x.png")
    picture = Image.fromarray(np.where(GREY > 127, 255, 0).astype(np.uint8)).convert(mode)
    picture.save(tmp_path / name)
    assert np.array_equal(read_grey(tmp_path / name), np.where(GREY > 127, 255, 0))


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_transparent_pixels_are_refused(tmp_path, mode):
    if mode == "I;16":
        picture = Image.fromarray(GREY.astype(np.uint16))
    else:
        picture = Image.fromarray(GREY).convert(mode)
    more = {}
    if mode.endswith("A"):
        picture.putalpha(Image.fromarray(np.where(GREY == 7, 0, 255).astype(np.uint8)))
    else:
        more["transparency"] = (7, 7, 7) if mode == "RGB" else 7
    picture.save(tmp_path / "x.png", **more)
    with pytest.raises(InputError, match=r"x\.png: has transparent pixels, .*put it on a backgr"):
        read_grey(tmp_path / "x.png")


@pytest.mark.parametrize("limit", [100, 200])
def test_pictures_over_the_library_s_limit_are_refused_without_a_warning(
    tmp_path, monkeypatch, limit
):
    (tmp_path / "x.png").write_bytes(encode_png(GREY))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    for read in (read_grey, picture_size):
        with pytest.raises(InputError, match=rf"x\.png: has more than {limit} pixels; cut it or"):
            read(tmp_path / "x.png")
    with pytest.raises(InputError, match="has more than"):
        image_table(tmp_path)


def test_a_program_for_another_language_is_no_picture(tmp_path):
    (tmp_path / "x.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
    )
    with pytest.raises(InputError, match="is no readable image"):
        read_grey(tmp_path / "x.png")


def test_a_name_that_is_no_text_is_refused(tmp_path):
    import os

    path = os.fsencode(tmp_path) + b"/\xe4.png"
    with open(path, "wb") as file:  # noqa: PTH123  # a path cannot hold the name
        file.write(encode_png(GREY))
    with pytest.raises(InputError, match=r"the name '\\udce4\.png' is no text in UTF-8; rename"):
        image_table(tmp_path)
