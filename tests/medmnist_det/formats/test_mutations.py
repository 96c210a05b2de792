"""Readers of files that were damaged at random: an answer, or one short line."""

import json
import shutil
import tempfile
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.crowd_files import read_crowd
from medmnist_det.errors import InputError
from medmnist_det.formats.coco import read_coco, write_coco
from medmnist_det.formats.png import picture_size, read_grey
from medmnist_det.formats.vindr_csv import read_csv, write_csv
from medmnist_det.formats.voc import read_voc, write_voc
from medmnist_det.formats.yolo import read_yolo, write_yolo
from tests.medmnist_det.formats.files import pictures, table

WORDS = (
    b"\0", b"\n", b"\r", b"\x1b[31m", b'"', b",", b"nan", b"1e999", b"-1", b"9" * 5000, b"100000000",
    b"\xff\xfe", b"\xe4", b"\xef\xbb\xbf", b"null", b"true", b"[", b"[" * 2000, b"{", b"*a", b"&a ",
    b"../../x", b"/etc/passwd", b"No finding", b"14", b"x" * 300, b"y" * 200_000, b"\\ud800", b"&lol;",
    b'<!DOCTYPE a [<!ENTITY b "c">]>', b"<", b"<a>" * 3000, b":", b"- ", b"\xe2\x80\xa8", b" ", b"0.5",
)  # fmt: skip
VALUES = (
    None, True, -1, 0, 1, 1.5, 1e308, 10**30, "", "1", "R1", "a\nb", "\x1b[31m", "x" * 10_000,
    float("nan"), [], [1], [[1]], {}, ["R1", "R1"], ["R1", None], [1, "1"], [True],
)  # fmt: skip


@st.composite
def damage(draw, content):
    """Words put into bytes, in place of others or between them, or what is behind cut off."""
    for _ in range(draw(st.integers(1, 3))):
        first = draw(st.integers(0, len(content)))
        last = draw(st.sampled_from([first, first + 1, first + 7, len(content)]))
        word = draw(st.sampled_from(WORDS) | st.binary(max_size=3))
        content = content[:first] + word + content[last:]
    return content


@st.composite
def rewritten(draw, text):
    """Values of a JSON file replaced, removed or doubled."""
    content = json.loads(text)
    for _ in range(draw(st.integers(1, 3))):
        where = content
        for _ in range(draw(st.integers(1, 4))):
            keys = list(where) if isinstance(where, dict) else list(range(len(where)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(where[key], dict | list) and draw(st.booleans()):
                where = where[key]
                continue
            what = draw(st.sampled_from(["remove", "double", "replace", "replace"]))
            if what == "remove":
                del where[key]
            elif what == "double" and isinstance(where, list):
                where.append(deepcopy(where[key]))
            else:
                where[key] = deepcopy(draw(st.sampled_from(VALUES)))
    return json.dumps(content).encode()


@contextmanager
def one_short_line_at_most():
    said = ""
    try:
        yield
    except InputError as error:
        said = str(error)
    assert said.isprintable()
    assert len(said) < 500


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    source = pictures(root / "pictures")
    write_coco(root / "x.json", table(crowd=True))
    write_csv(root / "x.csv", table(crowd=True))
    write_yolo(root / "yolo", "train", table(), source)
    write_voc(root / "voc", "train", table(), source)
    return root


@settings(deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("read", [read_coco, read_crowd])
def test_coco(read, made, data):
    content = (made / "x.json").read_bytes()
    changed = data.draw(rewritten(content) | damage(content))
    with tempfile.TemporaryDirectory() as folder, one_short_line_at_most():
        file = Path(folder) / "x.json"
        file.write_bytes(changed)
        read(file)


@settings(deadline=None)
@given(data=st.data(), given=st.booleans())
def test_csv(made, data, given):
    changed = data.draw(damage((made / "x.csv").read_bytes()))
    with tempfile.TemporaryDirectory() as folder, one_short_line_at_most():
        file = Path(folder) / "x.csv"
        file.write_bytes(changed)
        found = read_csv(file, table(crowd=True) if given else None)
        write_csv(file, found)
        assert read_csv(file, found) == found


FILES = {
    "yolo": ("data.yaml", "labels/train/a.txt", "labels/train/c.txt"),
    "voc": ("train/Annotations/a.xml", "train/ImageSets/Main/train.txt", "train/labels.txt"),
}


@settings(deadline=None)
@given(data=st.data(), given=st.booleans())
@pytest.mark.parametrize("form", ["yolo", "voc"])
def test_folders(form, made, data, given):
    name = data.draw(st.sampled_from(FILES[form]))
    changed = data.draw(damage((made / form / name).read_bytes()))
    with tempfile.TemporaryDirectory() as folder, one_short_line_at_most():
        root = Path(folder) / form
        shutil.copytree(made / form, root)
        (root / name).write_bytes(changed)
        (read_yolo if form == "yolo" else read_voc)(root, "train", table() if given else None)


@settings(deadline=None)
@given(data=st.data(), kind=st.sampled_from(["png", "jpg", "bmp", "gif", "webp"]))
def test_pictures(made, data, kind):
    from PIL import Image

    file = made / f"x.{kind}"
    Image.open(made / "pictures/a.png").save(file)
    file.write_bytes(data.draw(damage(file.read_bytes())))
    with one_short_line_at_most():
        read_grey(file)
    with one_short_line_at_most():
        picture_size(file)
