from dataclasses import replace

import pytest

from medmnist_det.errors import InputError
from medmnist_det.formats.voc import read_voc, write_voc
from tests.medmnist_det.formats.files import pictures, table


@pytest.fixture
def folder(tmp_path):
    write_voc(tmp_path / "voc", "train", table(), pictures(tmp_path / "pictures"))
    return tmp_path / "voc"


def test_names_with_blanks_come_back(folder):
    found = read_voc(folder, "train")
    assert found.labels == table().labels
    assert found.images == table().images
    assert found.classes.names == ("cat", "big dog")
    assert read_voc(folder, "train", table()) == table()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("cat", "cat"), "the class name 'cat' belongs to several classes"),
        (("cat", ""), "the name '' of a class is empty"),
        (("cat", " dog"), "the class name ' dog' begins or ends with a blank"),
        (("cat", "dog\N{NO-BREAK SPACE}"), r"the class name 'dog\\xa0' begins or ends"),
        (("cat", "a\nb"), "holds a control character"),
        (("cat", "a\x1b[31m"), "holds a control character"),
        (("cat", "a\N{LINE SEPARATOR}b"), "holds a control character"),
        (("cat", "a\0"), "holds a control character"),
    ],
)
def test_class_names_that_would_not_come_back_are_not_written(tmp_path, names, message):
    with pytest.raises(InputError, match=message):
        write_voc(tmp_path / "voc", "train", table(names=names), pictures(tmp_path / "pictures"))
    assert not (tmp_path / "voc").exists()


def test_class_names_that_the_format_cannot_tell_apart_are_refused_when_given(folder):
    with pytest.raises(InputError, match="'cat' belongs to several classes"):
        read_voc(folder, "train", table(names=("cat", "cat")))


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_an_encoding_that_the_file_declares_is_read(folder, encoding):
    file = folder / "train/Annotations/a.xml"
    text = f"<?xml version='1.0' encoding='{encoding}'?>{file.read_text()}".replace("cat", "k\xe4t")
    file.write_bytes(text.encode(encoding))
    (folder / "train/labels.txt").write_text("k\xe4t\r\nbig dog\r\ncat\r\n", encoding="utf-8")
    found = read_voc(folder, "train")
    assert found.classes.names[found.labels.label[0]] == "k\xe4t"


LAUGHS = (
    b'<!DOCTYPE annotation [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b"<annotation>&b;</annotation>"
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (LAUGHS, "a.xml: has a <!DOCTYPE ...>; remove it"),
        (b'<?xml version="1.0" encoding="bogus"?><annotation/>', "a.xml: is not whole XML .unkn"),
        (b'<?xml version="1.0" encoding="utf-7"?><annotation/>', "a.xml: is not whole XML"),
        (b"<annotation>\xe4</annotation>", "a.xml: is not whole XML"),
        (b"<annotation>\0</annotation>", "a.xml: is not whole XML"),
        (b"", "a.xml: is not whole XML"),
        (b"<a>" * 100_000, "a.xml: is not whole XML"),
        (b"<html><object/></html>", "a.xml: holds <html>, not the <annotation> of VOC"),
    ],
)
def test_what_is_no_annotation_is_refused_by_name(folder, content, message):
    (folder / "train/Annotations/a.xml").write_bytes(content)
    with pytest.raises(InputError, match=message.replace(".xml", r"\.xml")):
        read_voc(folder, "train")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<width>32", "<width>32.5", "<size/width> is 32.5; sizes are whole pixels from 1"),
        ("<width>32", "<width>0", "<size/width> is 0; sizes are whole"),
        ("<xmax>10.0", "<xmax>1e300", "object 0: <bndbox/xmax> is '1e300'; give a number of pix"),
        ("<xmax>10.0", "<xmax>99", "object 0: the box .* leaves its image of 32x24 pixels"),
        ("<name>cat", "<name>zebra", "object 0: class 'zebra' is not among cat, big dog; add it"),
    ],
)
def test_impossible_values_are_refused_by_object(folder, old, new, message):
    file = folder / "train/Annotations/a.xml"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(InputError, match=message):
        read_voc(folder, "train")


def test_a_size_that_is_not_the_given_tables_is_refused(folder):
    file = folder / "train/Annotations/a.xml"
    file.write_text(file.read_text().replace("<width>32", "<width>64"))
    with pytest.raises(InputError, match="says 64x24 pixels, but the table of images says 32x24"):
        read_voc(folder, "train", table())


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("ImageSets/Main/train.txt", "a\na\n", "line 2: 'a' is in line 1 already; remove one"),
        ("ImageSets/Main/train.txt", "a\n\nc\n", "line 2: is empty; remove it"),
        ("ImageSets/Main/train.txt", "../../a\n", r"'\.\./\.\./a\.xml' leads out of this folder"),
        ("labels.txt", "cat\nbig dog\ncat\n", "line 3: 'cat' is in line 1 already"),
        ("labels.txt", "\n".join("x" * 99 + str(k) for k in range(500)), "object 0: class 'cat' "),
    ],
)
def test_bad_lists_are_refused_by_line(folder, name, text, message):
    (folder / "train" / name).write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_voc(folder, "train")
    assert len(str(caught.value)) < 500


def test_images_of_one_stem_are_refused(folder):
    images = replace(table().images, names=("a.png", "other/a.jpg", "c.png"))
    with pytest.raises(InputError, match="several images are called 'a', so that files of this"):
        read_voc(folder, "train", replace(table(), images=images))
