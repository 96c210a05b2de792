"""Pictures on a page: the worst images first, equal ones once, no more than there is room for."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from evaluation.show.page import pictures
from evaluation.show.page.pictures import SMALL


def collect(*arguments, most=10**6):
    return pictures.collect(*arguments, most=most)


def opened(uri):
    kind, _, content = uri.partition(";base64,")
    assert kind == "data:image/webp"
    return Image.open(io.BytesIO(base64.b64decode(content)))


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for k in range(60):
        pixels = rng.integers(0, 256, (240, 480, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{k}.png")
    return tmp_path


def names(count):
    return tuple(f"{k}.png" for k in range(count))


def test_proportions_and_colours_stay(folder):
    Image.new("RGB", (900, 300), (200, 30, 30)).save(folder / "0.png")

    album = collect(folder, names(2), np.arange(2))

    picture = opened(album.uri(0))
    assert picture.size == (640, 213)
    assert picture.getpixel((5, 5)) == pytest.approx((200, 30, 30), abs=8)
    # Nothing is enlarged.
    assert opened(album.uri(1)).size == (480, 240)
    assert (album.side, album.small) == (640, 0)


def test_equal_pictures_are_there_once(folder):
    for k in (1, 2):
        (folder / f"{k}.png").write_bytes((folder / "0.png").read_bytes())

    album = collect(folder, names(4), np.arange(4))

    assert len(album.uris) == 2
    assert album.place.tolist() == [0, 0, 0, 1]


def test_the_first_are_large_then_small_then_there_is_no_room(folder, monkeypatch):
    monkeypatch.setattr(pictures, "_FIRST", 3)
    order = np.arange(60)[::-1]

    album = collect(folder, names(60), order, most=100_000)

    sides = [max(opened(album.uri(int(k))).size) for k in order if album.uri(int(k))]
    assert sides == sorted(sides, reverse=True)
    assert set(sides) == {320, SMALL}
    assert album.small == sides.count(SMALL)
    assert album.left_out == tuple(range(60 - len(sides)))
    assert album.left_out
    assert sum(map(len, album.uris)) <= 100_000


@pytest.mark.parametrize(
    "name", ["", "a" * 300, "a\0b", "../secret.png", "/etc/hostname", "folder", "text.png", "no"]
)
def test_what_is_no_picture_of_the_folder_is_missing(folder, name):
    Image.new("L", (9, 9)).save(folder.parent / "secret.png")
    (folder / "folder").mkdir()
    (folder / "text.png").write_text("no picture")

    album = collect(folder, (name, "0.png"), np.arange(2))

    assert album.missing == (0,)
    assert album.place.tolist() == [-1, 0]


def test_all_are_large_where_all_have_room(folder):
    (folder / "3.png").write_bytes(b"no picture")

    album = collect(folder, names(60), np.arange(60), most=10**7)

    assert (album.small, album.missing, album.left_out) == (0, (3,), ())
    assert {max(opened(uri).size) for uri in album.uris} == {320}


def test_a_truth_without_a_folder_has_no_pictures():
    album = collect(None, names(2), np.arange(2))

    assert (album.uris, album.missing, album.left_out) == ((), (0, 1), ())


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_pictures_of_every_mode_are_shown(tmp_path, mode):
    kind = "tif" if mode == "CMYK" else "png"
    made = Image.new(mode, (20, 10))
    made.save(tmp_path / f"x.{kind}")

    assert opened(collect(tmp_path, (f"x.{kind}",), np.arange(1)).uri(0)).size == (20, 10)
