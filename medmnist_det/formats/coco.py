"""COCO files: truth, crowd labels with a rater per annotation, and fused labels with scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from medmnist_det.boxes import areas, xyxy_to_xywh
from medmnist_det.errors import InputError, shown
from medmnist_det.files import read_json, write_atomically
from medmnist_det.formats.entries import Entries
from medmnist_det.labels import Classes, Images, Labels, LabelSet

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    _Raters = tuple[
        tuple[int | str, ...] | None, Int[np.ndarray, " n"] | None, Int[np.ndarray, "m 2"] | None
    ]

#: Names under which files say who drew an annotation, in the order in which they are looked for.
RATER_KEYS = ("rater_id", "rater", "rad_id", "annotator")

# Entries that are Python objects at the same time while a file is written: keeps memory flat.
_CHUNK = 4096


def write_coco(path: Path, labels: LabelSet) -> None:
    """Write a label set as one COCO file, atomically.

    Ids of annotations are row numbers + 1. Every box carries its rectangle as ``segmentation`` for
    tools that insist on one. Crowd labels get ``rater_id`` per annotation and ``rater_list`` per
    image. The file depends on nothing but the labels. Raises InputError when the disk refuses.
    """
    write_atomically(path, coco_chunks(labels))


def coco_chunks(label_set: LabelSet) -> Iterator[bytes]:
    """Yield the bytes of the COCO file that :func:`write_coco` writes."""
    categories = [
        {"id": key, "name": name}
        for key, name in zip(label_set.classes.ids, label_set.classes.names, strict=True)
    ]
    yield b'{"categories":' + orjson.dumps(categories)
    if label_set.raters is not None:
        yield b',\n"raters":' + orjson.dumps(label_set.raters)
    yield b',\n"images":[\n'
    yield from _rows(len(label_set.images), _image_writer(label_set))
    yield b'],\n"annotations":[\n'
    yield from _rows(len(label_set.labels), _annotation_writer(label_set))
    yield b"]}\n"


def _rows(count: int, lines: Callable[[slice], Iterator[bytes]]) -> Iterator[bytes]:
    """Yield JSON objects, one a line, without ever holding more than a chunk of them."""
    for start in range(0, count, _CHUNK):
        last = min(start + _CHUNK, count)
        yield b",\n".join(lines(slice(start, last))) + (b",\n" if last < count else b"\n")


# Lines are put together from encoded columns: a dictionary a line takes four times as long.
def _image_writer(label_set: LabelSet) -> Callable[[slice], Iterator[bytes]]:
    images, assigned = label_set.images, label_set.labels.assigned
    template = b'{"id":%b,"file_name":%b,"width":%d,"height":%d}'
    raters = _encoded(label_set.raters or ())
    starts, looked = [0], []
    if assigned is not None:
        template = template[:-1] + b',"rater_list":[%b]}'
        starts = np.searchsorted(assigned[:, 0], np.arange(len(images) + 1)).tolist()
        looked = [raters[k] for k in assigned[:, 1].tolist()]

    def lines(part: slice) -> Iterator[bytes]:
        columns: list[Iterable[Any]] = [
            _encoded(images.ids[part]),
            _encoded(images.names[part]),
            images.width[part].tolist(),
            images.height[part].tolist(),
        ]
        if assigned is not None:
            ranges = zip(starts[part], starts[part.start + 1 : part.stop + 1], strict=True)
            columns.append(b",".join(looked[first:last]) for first, last in ranges)
        return (template % row for row in zip(*columns, strict=True))

    return lines


def _annotation_writer(label_set: LabelSet) -> Callable[[slice], Iterator[bytes]]:
    labels = label_set.labels
    image_ids, class_ids = _encoded(label_set.images.ids), _encoded(label_set.classes.ids)
    raters = _encoded(label_set.raters or ())
    template = b'{"id":%d,"image_id":%b,"category_id":%b,"bbox":[%b],"area":%b,"iscrowd":%d'
    template += b',"segmentation":[[%b]]'
    template += b',"rater_id":%b' if labels.rater is not None else b""
    template += b',"score":%b}' if labels.score is not None else b"}"

    def lines(part: slice) -> Iterator[bytes]:
        box = labels.box[part]
        area = areas(box) if labels.area is None else labels.area[part]
        columns: list[Iterable[Any]] = [
            range(part.start + 1, part.stop + 1),
            map(image_ids.__getitem__, labels.image[part].tolist()),
            map(class_ids.__getitem__, labels.label[part].tolist()),
            _encoded_floats(xyxy_to_xywh(box)),
            _encoded_floats(area[:, None]),
            repeat(0) if labels.iscrowd is None else labels.iscrowd[part].tolist(),
            _encoded_floats(box[:, [0, 1, 2, 1, 2, 3, 0, 3]]),
        ]
        if labels.rater is not None:
            columns.append(map(raters.__getitem__, labels.rater[part].tolist()))
        if labels.score is not None:
            columns.append(_encoded_floats(labels.score[part, None]))
        return (template % row for row in zip(*columns, strict=False))

    return lines


def write_results(path: Path, predictions: LabelSet) -> None:
    """Write predictions as a COCO results list, atomically, an entry a line.

    A row of the labels gives ``image_id``, ``category_id``, ``bbox`` and ``score``; no row gives an
    empty list. Raises InputError when the disk refuses.
    """
    labels = predictions.labels
    image_ids = _encoded(predictions.images.ids)
    class_ids = _encoded(predictions.classes.ids)

    def lines(part: slice) -> Iterator[bytes]:
        columns = (
            map(image_ids.__getitem__, labels.image[part].tolist()),
            map(class_ids.__getitem__, labels.label[part].tolist()),
            _encoded_floats(xyxy_to_xywh(labels.box[part])),
            _encoded_floats(labels.confidence[part, None]),
        )
        template = b'{"image_id":%b,"category_id":%b,"bbox":[%b],"score":%b}'
        return (template % row for row in zip(*columns, strict=True))

    write_atomically(path, chain((b"[\n",), _rows(len(labels), lines), (b"]\n",)))


def _encoded(values: Iterable[int | str]) -> list[bytes]:
    return [b"%d" % value if type(value) is int else orjson.dumps(value) for value in values]


def _encoded_floats(rows: Float[np.ndarray, "n k"]) -> list[bytes]:
    """Return every row as JSON numbers with commas between them."""
    whole = orjson.dumps(np.ascontiguousarray(rows), option=orjson.OPT_SERIALIZE_NUMPY)
    return whole[2:-2].split(b"],[")


def read_coco(path: Path, *, zero_area: bool = False) -> LabelSet:
    """Return the label set of a COCO file (plain or gzipped): truth, crowd or fused labels.

    Boxes of one image keep the order of the file. Raters are read where every annotation names one
    under a key of :data:`RATER_KEYS`, and who looked at which image where every image has a
    ``rater_list``. ``zero_area`` accepts boxes without an area. Raises InputError that names the
    file, the entry and the remedy for anything that a COCO file cannot be.
    """
    return read_coco_with_ids(path, zero_area=zero_area)[0]


def read_coco_with_ids(
    path: Path, *, zero_area: bool = False
) -> tuple[LabelSet, tuple[int | str, ...]]:
    """Return what :func:`read_coco` does, and the id that the file gives to each of its boxes.

    Where no annotation has an id they are counted from 1 in the order of the file.
    """
    return parse_coco(path, coco_lists(path), zero_area=zero_area)


def parse_coco(
    path: Path, content: dict[str, Any], *, zero_area: bool = False
) -> tuple[LabelSet, tuple[int | str, ...]]:
    """Return what :func:`read_coco_with_ids` does of content that is read; ``path`` names it."""
    images = _read_images(path, content["images"])
    classes = _read_classes(path, content["categories"])
    entries = Entries(path, "annotation", content["annotations"])
    box = entries.boxes("bbox", zero_area=zero_area)
    image = entries.lookup("image_id", images.ids, "images")
    label = entries.lookup("category_id", classes.ids, "categories")
    keys = entries.unique("id") if entries.have("id") else tuple(range(1, len(image) + 1))
    raters, rater, assigned = _read_raters(path, entries, content)
    columns = {
        "image": image,
        "box": box,
        "label": label,
        "rater": rater,
        "score": entries.numbers("score") if entries.have("score") else None,
        "area": entries.numbers("area") if entries.have("area") else None,
        "iscrowd": entries.flags("iscrowd") if entries.have("iscrowd") else None,
    }
    order = np.argsort(image, kind="stable")
    rows: dict[str, Any] = {
        name: None if column is None else column[order] for name, column in columns.items()
    }
    labels = Labels(images=len(images), assigned=assigned, **rows)
    label_set = LabelSet(
        images=images, classes=classes, labels=_forget_defaults(labels), raters=raters
    )
    return label_set, tuple(keys[k] for k in order.tolist())


def coco_lists(path: Path) -> dict[str, Any]:
    """Return a COCO file's content, which has the three lists. Raises InputError."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(
            f"{path}: holds a JSON {type(content).__name__}, not a COCO file; {_SHAPE}"
        )
    for key in ("images", "annotations", "categories"):
        if not isinstance(content.get(key), list):
            raise InputError(f"{path}: has no list '{key}'; {_SHAPE}")
    return content


_SHAPE = "a COCO file is an object with the lists images, annotations and categories"


def _forget_defaults(labels: Labels) -> Labels:
    """Drop columns that say nothing: areas that are the boxes' own, and no crowd region at all."""
    columns = {name: getattr(labels, name) for name in ("rater", "score", "area", "iscrowd")}
    if labels.area is not None and np.array_equal(labels.area, areas(labels.box)):
        columns["area"] = None
    if labels.iscrowd is not None and not labels.iscrowd.any():
        columns["iscrowd"] = None
    return Labels(
        images=labels.images,
        image=labels.image,
        box=labels.box,
        label=labels.label,
        assigned=labels.assigned,
        **columns,
    )


def _read_images(path: Path, rows: list[Any]) -> Images:
    entries = Entries(path, "image", rows)
    ids = entries.unique("id")
    return Images(
        ids=ids,
        names=entries.texts("file_name", ids),
        width=entries.pixels("width"),
        height=entries.pixels("height"),
    )


def _read_classes(path: Path, rows: list[Any]) -> Classes:
    entries = Entries(path, "category", rows)
    ids = entries.unique("id")
    for k, key in enumerate(ids):
        if not isinstance(key, int):
            raise InputError(
                f"{path}, category {k}: id is {shown(key)}; category ids are whole numbers"
            )
    return Classes(ids=ids, names=entries.texts("name", ids))  # type: ignore[arg-type]


def _read_raters(path: Path, entries: Entries, content: dict[str, Any]) -> _Raters:
    images = Entries(path, "image", content["images"])
    key = next((key for key in RATER_KEYS if entries.rows and entries.have(key)), None)
    drawn = entries.column(key) if key is not None else []
    looked = bool(images.rows) and images.have("rater_list")
    lists = images.column("rater_list") if looked else []
    listed = content.get("raters", [])  # ours: also names raters who never looked at an image
    for k, name in enumerate(drawn):
        _refuse_no_name(f"{path}, annotation {k}: {key}", name)
    for k, names in enumerate(lists):
        _refuse_no_names(f"{path}, image {k}: rater_list", names)
    _refuse_no_names(f"{path}: 'raters'", listed)
    names = set(listed).union(drawn, *lists)
    if not names or (entries.rows and key is None):
        return None, None, None
    raters = tuple(sorted(names, key=lambda name: (isinstance(name, str), name)))
    twice = {str(name) for name in raters if type(name) is int}.intersection(names)
    if twice:
        name = min(twice)
        raise InputError(
            f"{path}: has a rater {shown(name)} and a rater {name}, who would look alike "
            "everywhere; write both as texts or both as numbers, or rename one"
        )
    number = {name: k for k, name in enumerate(raters)}
    rater = np.array([number[name] for name in drawn], dtype=np.int64)
    if not looked:
        return raters, rater, None
    pairs = sorted({(i, number[name]) for i, seen_by in enumerate(lists) for name in seen_by})
    seen = set(pairs)
    row_of = {row["id"]: i for i, row in enumerate(images.rows)}
    for k, entry in enumerate(entries.rows):
        if (row_of[entry["image_id"]], rater[k]) not in seen:
            raise InputError(
                f"{path}, annotation {k}: rater {shown(drawn[k])} is not in the rater_list of "
                f"image {shown(entry['image_id'])}; add the rater there"
            )
    return raters, rater, np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _refuse_no_names(where: str, names: Any) -> None:
    if not isinstance(names, list):
        raise InputError(f"{where} is {shown(names)}; give a list of raters, maybe an empty one")
    for name in names:
        _refuse_no_name(f"{where}: a rater", name)
    if len(set(names)) < len(names):
        name = next(name for k, name in enumerate(names) if name in names[:k])
        raise InputError(f"{where}: rater {shown(name)} is there twice; remove one")


def _refuse_no_name(where: str, name: Any) -> None:
    if not (isinstance(name, str) or (type(name) is int and abs(name) < 1 << 63)):
        raise InputError(f"{where} is {shown(name)}; give a number or a name")
