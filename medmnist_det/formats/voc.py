"""Pascal VOC: one XML file an image, boxes in pixels counted from 1.

DIR/SPLIT/Annotations/000001.xml
DIR/SPLIT/JPEGImages/000001.png
DIR/SPLIT/ImageSets/Main/SPLIT.txt    the images of the split, in order
DIR/SPLIT/labels.txt                  names of the classes, in order
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np

from medmnist_det.errors import InputError
from medmnist_det.files import make_folder, naming, read_bytes, write_atomically
from medmnist_det.formats.names import copy_images
from medmnist_det.labels import Classes, Images, Labels, LabelSet

# The devkit counts pixels from 1 and includes the last: a whole image is 1, 1, width, height.
_FIRST = 1
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def write_voc(folder: Path, split: str, table: LabelSet, images: Path) -> None:
    """Write the labels of a split and its images (copied from the folder ``images``).

    Fractions of a pixel are kept. Who drew a box and scores have no place in the format and are
    left out. Raises InputError.
    """
    root = folder / split
    names = copy_images(images, root / "JPEGImages", table.images)
    labels = table.labels
    corners = labels.box + np.array([_FIRST, _FIRST, 0, 0])
    out = root / "Annotations"
    make_folder(out)
    make_folder(root / "ImageSets" / "Main")
    with naming(out):
        for k, (name, first) in enumerate(zip(names, labels.starts.tolist(), strict=False)):
            tree = Xml.Element("annotation")
            Xml.SubElement(tree, "folder").text = "JPEGImages"
            Xml.SubElement(tree, "filename").text = name
            size = Xml.SubElement(tree, "size")
            Xml.SubElement(size, "width").text = str(table.images.width[k])
            Xml.SubElement(size, "height").text = str(table.images.height[k])
            Xml.SubElement(size, "depth").text = "1"
            for row in range(first, labels.starts[k + 1]):
                thing = Xml.SubElement(tree, "object")
                Xml.SubElement(thing, "name").text = table.classes.names[labels.label[row]]
                Xml.SubElement(thing, "difficult").text = "0"
                box = Xml.SubElement(thing, "bndbox")
                for tag, value in zip(_CORNERS, corners[row].tolist(), strict=True):
                    Xml.SubElement(box, tag).text = repr(value)
            Xml.indent(tree)
            (out / f"{Path(name).stem}.xml").write_bytes(Xml.tostring(tree))
    stems = "".join(f"{Path(name).stem}\n" for name in names)
    write_atomically(root / "ImageSets" / "Main" / f"{split}.txt", [stems.encode()])
    write_atomically(root / "labels.txt", [f"{n}\n".encode() for n in table.classes.names])


def read_voc(folder: Path, split: str, like: LabelSet | None = None) -> LabelSet:
    """Return the labels of a split of VOC folders.

    ``like`` gives the tables of images and classes; without it images are those of ImageSets, and
    classes are those of labels.txt. Raises InputError that names the file and the object.
    """
    root = folder / split
    listed = read_bytes(root / "ImageSets" / "Main" / f"{split}.txt").decode().split()
    trees = [_read_tree(root / "Annotations" / f"{stem}.xml") for stem in listed]
    if like is None:
        images = Images(
            ids=tuple(range(1, len(listed) + 1)),
            names=tuple(_text(root, tree, "filename") for tree in trees),
            width=np.array([_number(root, tree, "size/width") for tree in trees], dtype=np.int64),
            height=np.array([_number(root, tree, "size/height") for tree in trees], dtype=np.int64),
        )
        names = tuple(read_bytes(root / "labels.txt").decode().splitlines())
        classes = Classes(ids=tuple(range(1, len(names) + 1)), names=names)
    else:
        images, classes = like.images, like.classes
    index = {Path(name).stem: k for k, name in enumerate(images.names)}
    number = {name: k for k, name in enumerate(classes.names)}
    image, box, label = [], [], []
    for stem, tree in zip(listed, trees, strict=True):
        file = root / "Annotations" / f"{stem}.xml"
        if stem not in index:
            raise InputError(f"{file}: is no image of the table that these labels belong to")
        for k, thing in enumerate(tree.iter("object")):
            where = Path(f"{file}, object {k}")
            name = _text(where, thing, "name")
            if name not in number:
                raise InputError(f"{where}: class {name!r} is not among {', '.join(number)}")
            corners = [_number(where, thing, f"bndbox/{tag}") for tag in _CORNERS]
            corners = [corners[0] - _FIRST, corners[1] - _FIRST, *corners[2:]]
            if not (corners[0] < corners[2] and corners[1] < corners[3]):
                raise InputError(f"{where}: the box has no area; xmin <= xmax and ymin <= ymax")
            image.append(index[stem])
            box.append(corners)
            label.append(number[name])
    labels = Labels.unsorted(
        images=len(images),
        image=np.array(image, dtype=np.int64),
        box=np.array(box, dtype=np.float64).reshape(-1, 4),
        label=np.array(label, dtype=np.int64),
    )
    return LabelSet(images=images, classes=classes, labels=labels)


def _read_tree(path: Path) -> Xml.Element:
    try:
        return Xml.fromstring(read_bytes(path))
    except Xml.ParseError as error:
        raise InputError(f"{path}: is not whole XML ({error}); make it again") from error


def _text(where: Path, tree: Xml.Element, tag: str) -> str:
    text = tree.findtext(tag)
    if not text:
        raise InputError(f"{where}: has no <{tag}>; add it")
    return text


def _number(where: Path, tree: Xml.Element, tag: str) -> float:
    text = _text(where, tree, tag)
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InputError(f"{where}: <{tag}> is {text!r}; give a number of pixels")
    return value
