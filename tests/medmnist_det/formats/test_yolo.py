import os
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from medmnist_det.errors import InputError
from medmnist_det.formats.export import repeats
from medmnist_det.formats.names import by_stem
from medmnist_det.formats.yolo import read_lines, read_yolo, write_yolo
from medmnist_det.formats.yolo_yaml import class_names
from tests.medmnist_det.formats.files import NAMES, pictures, table


@pytest.fixture
def folder(tmp_path):
    write_yolo(tmp_path / "yolo", "train", table(), pictures(tmp_path / "pictures"))
    return tmp_path / "yolo"


def test_a_label_set_comes_back(folder):
    found = read_yolo(folder, "train")
    assert found.labels == table().labels
    assert found.images == table().images
    assert found.classes.names == ("cat", "big dog")


@pytest.mark.parametrize(
    "names",
    [
        ("", "a: b", "- c", "#d", "'"),
        ("no", "null", "1", "1e3", "~"),
        ("a\nb", "\t", " x ", "*a", "&b"),
    ],
)
def test_class_names_of_any_kind_come_back(tmp_path, names):
    write_yolo(tmp_path / "yolo", "train", table(names=names), pictures(tmp_path / "pictures"))
    assert read_yolo(tmp_path / "yolo", "train").classes.names == names


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 16 12 8 8", "line 2: the box 16 12 8 8 seems to be in pixels; lines are: class x_c"),
        ("0 1 1 2 2", "line 2: the box .* leaves its image of 32x24 pixels .1 such boxes."),
        ("0 .5 .5 .1", "line 2: has 4 numbers, not five or six"),
        ("0 .5 .5 .1 .1 .5", "line 2: has a score, and earlier lines have no score; give all one"),
        ("0 .5 .5 .1 -.1", "line 2: the box 0.5 0.5 0.1 -0.1 has a negative size"),
        ("0 .5 .5 .1 nan", "line 2: the box 0.5 0.5 0.1 nan or its score is not finite"),
        ("2 .5 .5 .1 .1", "line 2: class 2 is not among 0 to 1"),
        ("1e300 .5 .5 .1 .1", r"line 2: class 1e\+300 is not among 0 to 1"),
        ("\x1b[31m", r"line 2: '\\x1b\[31m' is no row of numbers"),
        ("0 .5 .5 .1 .1 \xe4", "line 2: byte 0xe4 is no UTF-8"),
    ],
)
def test_import_refuses_what_evaluate_refuses_and_boxes_outside(folder, line, message):
    file = folder / "labels/train/a.txt"
    file.write_bytes(b"0 .5 .5 .25 .25\n" + line.encode("latin-1"))
    with pytest.raises(InputError, match=rf"a\.txt, {message}"):
        read_yolo(folder, "train")


def test_a_line_that_repeats_another_is_kept_and_told(folder):
    file = folder / "labels/train/a.txt"
    file.write_text(file.read_text() * 2)
    found = read_yolo(folder, "train")
    assert len(found.labels) == 6
    assert repeats(found).startswith(
        "2 of 6 boxes repeat another of the same image and class (first on 'a.png')"
    )
    assert repeats(table()) == ""
    assert repeats(replace(table(), labels=table().labels.select(np.zeros(4, dtype=bool)))) == ""


def test_a_suffix_in_capitals_is_one(folder):
    (folder / "labels/train/a.txt").rename(folder / "labels/train/a.TXT")
    assert len(read_yolo(folder, "train").labels) == 4


def test_images_of_one_stem_are_refused(folder):
    (folder / "images/train/a.jpg").write_bytes((folder / "images/train/a.png").read_bytes())
    with pytest.raises(InputError, match="several images are called 'a'"):
        read_yolo(folder, "train")


@pytest.mark.parametrize("name", ["labels/train/c.txt", "images/train/c.png", "data.yaml"])
@pytest.mark.parametrize("kind", ["a pipe", "a device", "a folder"])
def test_only_regular_files_are_read(folder, name, kind):
    file = folder / name
    file.unlink()
    if kind == "a pipe":
        os.mkfifo(file)
    elif kind == "a device":
        file.symlink_to("/dev/zero")
    else:
        file.mkdir()
    with pytest.raises(InputError, match=rf"{file.name}: is {kind}, not a file; move it away"):
        read_yolo(folder, "train")


LAUGHS = "a: &a [x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{LAUGHS}names: *i\n", "data.yaml: holds an alias .*write out what it stands for"),
        ("names: 3", "has no 'names'; a data.yaml has 'names', a list of class names or one"),
        ("names: []", "has no 'names'"),
        ("- names", "holds no keys"),
        ("", "holds no keys"),
        ("names: [a]\nnames: [b]", "has two 'names'"),
        ("names: [a, [b]]", "name 1 is no text"),
        ("names: {0: a, 2: b}", "'names' has no key 1, instead there is '2'"),
        ("names: {0: a, 0: b}", "'names' has no key 1, one key is there twice"),
        ("names: {[0]: a}", "'names' has no key 0"),
        ("names:\n- a\n-\n", "class 1 has no name"),
        ('names: ["\\ud800"]', "name 0 holds the half of a character"),
        ("names: [a\n", "line 2: is not YAML"),
        ("[" * 5_000, "is nested too deeply"),
        ("names: ['a\0']", "line 1: holds the character NUL"),
        ("names: ['a\x07']", "is not YAML"),
        ("!!python/object/apply:os.system [x]", "holds no keys"),
    ],
)
def test_a_data_yaml_of_another_shape_is_refused(tmp_path, text, message):
    path = tmp_path / "data.yaml"
    path.write_text(text)
    tracemalloc.start()
    with pytest.raises(InputError, match=message) as caught:
        class_names(path)
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()
    assert len(str(caught.value)) < 500


def test_an_empty_folder_of_lines_has_no_box(tmp_path):
    found = read_lines(tmp_path, by_stem(tmp_path, NAMES), 2)
    assert found.middle_and_side.shape == (0, 4)
    assert found.score is None
