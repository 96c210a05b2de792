"""Pascal VOC: one XML file an image, boxes in pixels counted from 1.

DIR/SPLIT/Annotations/000001.xml
DIR/SPLIT/JPEGImages/000001.png
DIR/SPLIT/ImageSets/Main/SPLIT.txt    the images of the split, in order, one a line
DIR/SPLIT/labels.txt                  names of the classes, in order, one a line
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import numpy as np

from medmnist_det.errors import InputError, listed, shown
from medmnist_det.files import (
    inside,
    make_folder,
    naming,
    read_bytes,
    read_text,
    regular,
    write_atomically,
)
from medmnist_det.formats.entries import LARGEST
from medmnist_det.formats.names import by_stem, copy_images, refuse_names, refuse_outside
from medmnist_det.labels import Classes, Images, Labels, LabelSet

# The devkit counts pixels from 1 and includes the last: a whole image is 1, 1, width, height.
_FIRST = 1
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def write_voc(folder: Path, split: str, label_set: LabelSet, images: Path) -> None:
    """Write the labels of a split and its images (copied from the folder ``images``).

    Fractions of a pixel are kept. Who drew a box and scores have no place in the format and are
    left out. Raises InputError, also for class names that would not come back: the format knows
    classes by their names alone, one a line.
    """
    root = folder / split
    _refuse_class_names(folder, label_set.classes.names)
    names = copy_images(images, root / "JPEGImages", label_set.images)
    labels = label_set.labels
    corners = labels.box + np.array([_FIRST, _FIRST, 0, 0])
    out = root / "Annotations"
    make_folder(out)
    make_folder(root / "ImageSets" / "Main")
    for k, (name, first) in enumerate(zip(names, labels.starts.tolist(), strict=False)):
        tree = Xml.Element("annotation")
        Xml.SubElement(tree, "folder").text = "JPEGImages"
        Xml.SubElement(tree, "filename").text = name
        size = Xml.SubElement(tree, "size")
        Xml.SubElement(size, "width").text = str(label_set.images.width[k])
        Xml.SubElement(size, "height").text = str(label_set.images.height[k])
        Xml.SubElement(size, "depth").text = "1"
        for row in range(first, labels.starts[k + 1]):
            thing = Xml.SubElement(tree, "object")
            Xml.SubElement(thing, "name").text = label_set.classes.names[labels.label[row]]
            Xml.SubElement(thing, "difficult").text = "0"
            box = Xml.SubElement(thing, "bndbox")
            for tag, value in zip(_CORNERS, corners[row].tolist(), strict=True):
                Xml.SubElement(box, tag).text = repr(value)
        Xml.indent(tree)
        file = out / f"{Path(name).stem}.xml"
        with naming(file):
            file.write_bytes(Xml.tostring(tree))
    stems = "".join(f"{Path(name).stem}\n" for name in names)
    write_atomically(root / "ImageSets" / "Main" / f"{split}.txt", [stems.encode()])
    write_atomically(root / "labels.txt", [f"{n}\n".encode() for n in label_set.classes.names])


def _refuse_class_names(target: Path, names: tuple[str, ...]) -> None:
    refuse_names(target, "a class", names)
    blank = [name for name in names if name != name.strip()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if blank or twice:
        wrong = "begins or ends with a blank" if blank else "belongs to several classes"
        raise InputError(
            f"{target}: the class name {shown((blank or twice)[0])} {wrong}, and VOC knows classes "
            "by their names alone; rename it, or export YOLO or CSV"
        )


def read_voc(folder: Path, split: str, like: LabelSet | None = None) -> LabelSet:
    """Return the labels of a split of VOC folders.

    ``like`` gives the tables of images and classes; without it images are those of ImageSets, and
    classes are those of labels.txt. What the format says of an object beside its class and box
    (``difficult``, ``pose`` ...) is left out. Raises InputError that names the file and the object,
    also for boxes that reach out of their image by more than a pixel: tools that count from 0 are
    one pixel off.
    """
    root = folder / split
    list_file = root / "ImageSets" / "Main" / f"{split}.txt"
    stems = _lines(list_file)
    files = [inside(root / "Annotations", f"{stem}.xml") for stem in stems]
    trees = [_read_tree(file) for file in files]
    if like is None:
        sides = [_sides(file, tree) for file, tree in zip(files, trees, strict=True)]
        width, height = np.array(sides, dtype=np.int64).reshape(-1, 2).T
        images = Images(
            ids=tuple(range(1, len(stems) + 1)),
            names=tuple(
                _text(file, tree, "filename") for file, tree in zip(files, trees, strict=True)
            ),
            width=width,
            height=height,
        )
        names = _lines(root / "labels.txt")
        classes = Classes(ids=tuple(range(1, len(names) + 1)), names=tuple(names))
    else:
        images, classes = like.images, like.classes
        _refuse_class_names(folder, classes.names)
    index = by_stem(folder, images.names)
    number = {name: k for k, name in enumerate(classes.names)}
    image, box, label, source = [], [], [], []
    for stem, file, tree in zip(stems, files, trees, strict=True):
        if stem not in index:
            raise InputError(f"{file}: is no image of the table that these labels belong to")
        if like is not None and tree.find("size") is not None:
            _refuse_other_size(file, _sides(file, tree), images, index[stem])
        for k, thing in enumerate(tree.iter("object")):
            where = f"{file}, object {k}"
            label.append(_label(where, thing, number))
            box.append(_corners(where, thing))
            image.append(index[stem])
            source.append(where)
    columns: dict[str, Any] = {
        "image": np.array(image, dtype=np.int64),
        "box": np.array(box, dtype=np.float64).reshape(-1, 4),
    }
    refuse_outside(images, columns["image"], columns["box"], 1, lambda k: source[k])
    labels = Labels.unsorted(images=len(images), label=np.array(label, dtype=np.int64), **columns)
    return LabelSet(images=images, classes=classes, labels=labels)


def _lines(path: Path) -> list[str]:
    """Return the lines of a list of names. Names hold blanks, and stand once."""
    lines = [line.removesuffix("\r") for line in read_text(regular(path)).split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    seen: dict[str, int] = {}
    for k, line in enumerate(lines, start=1):
        if not line.strip():
            raise InputError(f"{path}, line {k}: is empty; remove it or put a name there")
        if seen.setdefault(line, k) != k:
            raise InputError(
                f"{path}, line {k}: {shown(line)} is in line {seen[line]} already; remove one"
            )
    return lines


class _Builder(Xml.TreeBuilder):
    """Refuses what defines words of its own: a few lines of them can stand for billions."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002
        raise _DoctypeError


class _DoctypeError(Exception):
    pass


def _read_tree(path: Path) -> Xml.Element:
    content = read_bytes(regular(path))
    try:
        tree = Xml.fromstring(content, Xml.XMLParser(target=_Builder()))
    except _DoctypeError as error:
        raise InputError(f"{path}: has a <!DOCTYPE ...>; remove it, VOC needs none") from error
    # Python also raises LookupError and ValueError for encodings that it does not know.
    except (Xml.ParseError, LookupError, ValueError) as error:
        raise InputError(f"{path}: is not whole XML ({error}); make it again") from error
    if tree.tag != "annotation":
        raise InputError(f"{path}: holds <{tree.tag[:40]}>, not the <annotation> of VOC")
    return tree


def _text(where: Path | str, tree: Xml.Element, tag: str) -> str:
    text = tree.findtext(tag)
    if not text:
        raise InputError(f"{where}: has no <{tag}>; add it")
    return text


def _number(where: Path | str, tree: Xml.Element, tag: str) -> float:
    text = _text(where, tree, tag)
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not abs(value) <= LARGEST:
        raise InputError(f"{where}: <{tag}> is {shown(text)}; give a number of pixels")
    return value


def _sides(where: Path | str, tree: Xml.Element) -> list[int]:
    sides = []
    for tag in ("size/width", "size/height"):
        value = _number(where, tree, tag)
        if value < 1 or value != int(value):
            raise InputError(f"{where}: <{tag}> is {value:g}; sizes are whole pixels from 1")
        sides.append(int(value))
    return sides


def _refuse_other_size(where: Path, sides: list[int], images: Images, k: int) -> None:
    if sides != [images.width[k], images.height[k]]:
        raise InputError(
            f"{where}: says {sides[0]}x{sides[1]} pixels, but the table of images says "
            f"{images.width[k]}x{images.height[k]}; name the table that these labels belong to"
        )


def _label(where: str, thing: Xml.Element, number: dict[str, int]) -> int:
    name = _text(where, thing, "name")
    found = number.get(name, number.get(name.strip()))
    if found is None:
        raise InputError(
            f"{where}: class {shown(name)} is not among {listed(number) or 'none'}; add it to "
            "labels.txt"
        )
    return found


def _corners(where: str, thing: Xml.Element) -> list[float]:
    corners = [_number(where, thing, f"bndbox/{tag}") for tag in _CORNERS]
    corners = [corners[0] - _FIRST, corners[1] - _FIRST, *corners[2:]]
    if not (corners[0] < corners[2] and corners[1] < corners[3]):
        raise InputError(f"{where}: the box has no area; xmin <= xmax and ymin <= ymax")
    return corners
