"""What is read as text and JSON, and which files are read at all."""

import os

import pytest

from medmnist_det.errors import InputError
from medmnist_det.files import inside, read_json, read_text, regular


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '{"a": "\xe4"}\n'.encode("latin-1"),
            "line 1: byte 0xe4 is no UTF-8 .Latin-1, maybe.; sav",
        ),
        ('{"a": 1}'.encode("utf-16"), "is a text in UTF-16; save it in UTF-8"),
        ('{"a": 1}'.encode("utf-32"), "is a text in UTF-32; save it in UTF-8"),
        ('{\n"a": 1}'.encode("utf-16-le"), "line 1: holds the character NUL, so it is no text in"),
    ],
)
def test_encodings_are_named(tmp_path, content, message):
    (tmp_path / "x").write_bytes(content)
    for read in (read_text, read_json):
        with pytest.raises(InputError, match=message):
            read(tmp_path / "x")


def test_a_mark_of_utf_8_is_no_text(tmp_path):
    (tmp_path / "x").write_bytes(b'\xef\xbb\xbf{"a": "\xc3\xa4"}')
    assert read_json(tmp_path / "x") == {"a": "\xe4"}
    assert read_text(tmp_path / "x") == '{"a": "\xe4"}'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[" * 100_000, "is nested too deeply; name the right file"),
        ("[" * 5000 + "]" * 5000, "is nested too deeply"),
        (f"[NaN, {'9' * 5000}]", "holds a number of thousands of digits; shorten it"),
        ("[1", "not a whole JSON file"),
        ('["\\ud800"]', "a text holds the half of a character"),
    ],
)
def test_json_that_cannot_be_held_is_refused(tmp_path, content, message):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InputError, match=message):
        read_json(tmp_path / "x.json")


def test_only_regular_files_pass(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("file")
    assert regular(tmp_path / "link") == tmp_path / "link"
    for name, message in (
        ("pipe", "pipe: is a pipe, not a file; move it away"),
        (".", "is a folder, not a file"),
        ("/dev/null", "/dev/null: is a device, not a file"),
        ("nowhere", "nowhere: No such file or directory; check the path"),
        ("x" * 300, "File name too long; choose a shorter name"),
    ):
        with pytest.raises(InputError, match=message):
            regular(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["..", "a/../../b", "/etc/passwd", "", ".", "a\0b", "out/b", "out"]
)
def test_names_that_lead_out_of_a_folder_are_refused(tmp_path, name):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "out").symlink_to(tmp_path)
    with pytest.raises(InputError, match="leads out of this folder|is no name of a file"):
        inside(folder, name)


@pytest.mark.parametrize("name", ["a.png", "sub/a.png", "a b.png", "in/a.png", "..a"])
def test_names_below_a_folder_pass(tmp_path, name):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/in").symlink_to("sub")
    (tmp_path / "folder").symlink_to("real")
    assert inside(tmp_path / "folder", name) == tmp_path / "folder" / name
