"""Reading what is scored: COCO results, COCO files with annotations, YOLO text folders.

As for truth there is a quick reader for results lists that keep to the format and a thorough one
that defines what is accepted and says which entry is at fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
import numpy as np

from evaluation.problem import Boxes, Truth
from evaluation.read.copies import copies_of_boxes, copies_of_entries
from evaluation.read.truth import no_collection, row_of, sound, stacked
from evaluation.read.yolo import read_yolo
from medmnist_det.errors import InputError, shown
from medmnist_det.files import opened, read_json, refuse_pipe
from medmnist_det.formats.coco import RATER_KEYS, read_coco
from medmnist_det.formats.entries import Entries

if TYPE_CHECKING:
    from jaxtyping import Bool, Int

#: Given the image ids of a file, says in half a sentence which truth they fit ("" if none known).
Hint = Callable[[set[Any]], str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """The boxes of one file, ready to be scored against the truth that they were read for."""

    source: str
    boxes: Boxes
    #: Boxes that somebody drew (or that were fused from such), rather than a detector's guesses.
    drawn: bool = False
    #: Images that the rater looked at; None: all of them.
    looked: Bool[np.ndarray, " images"] | None = None
    warnings: tuple[str, ...] = field(default=())


def read_predictions(
    path: Path, truth: Truth, *, rater: str | None = None, hint: Hint = lambda _: ""
) -> Predictions:
    """Return the boxes of a file or folder for the images and classes of ``truth``.

    A results list needs a score per entry. A COCO file with ``annotations`` is a label set: its
    boxes keep their scores, or score 1; of a crowd file ``rater`` chooses whose boxes. A folder
    holds YOLO text files with scores. An empty list is valid. Scored entries that repeat another
    are read with a warning. Raises InputError that names the file, the entry and the remedy;
    nothing is skipped or repaired.
    """
    refuse_pipe(path)
    if path.is_dir():
        _no_raters(path, rater)
        boxes = read_yolo(path, truth)
        return checked(path, boxes, warnings=copies_of_boxes(path, boxes, truth))
    columns = _at_once(path, truth)
    if columns is None:
        rows = read_json(path)
        if isinstance(rows, dict) and "annotations" in rows:
            return _label_set(path, rows, truth, rater, hint)
        if not isinstance(rows, list):
            raise InputError(
                f"{path}: holds {_kind(rows)}, not predictions; give a list of "
                '{"image_id", "category_id", "bbox", "score"} or a COCO file with annotations'
            )
        columns = _entry_by_entry(Entries(path, "entry", rows), truth, hint, scored=True)
    _no_raters(path, rater)
    return checked(path, Boxes.of(**columns), warnings=copies_of_entries(path, "entry", columns))


class _Entry(msgspec.Struct, gc=False):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    score: float


# Columns of Boxes in the order of the file.
_Columns = dict[str, np.ndarray]

_decoder = msgspec.json.Decoder(list[_Entry])


# Bytes that are read and parsed at a time. What becomes of them fits a core's cache and is gone
# before the next: 500,000 entries take two thirds of the time and half of the memory that they
# take at once.
_PIECE = 1 << 17


def _at_once(path: Path, truth: Truth) -> _Columns | None:
    if not all(isinstance(key, int) for key in truth.ids):
        return None
    with opened(path) as file, no_collection():
        try:
            parts = [_columns(_decoder.decode(piece)) for piece in _pieces(file)]
        except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError, RecursionError):
            return None
    # Only an empty list is one piece without an entry; else a comma stands before the end.
    if len(parts) > 1 and len(parts[-1]["score"]) == 0:
        return None
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    found["image"] = row_of(found["image"], truth.ids)  # type: ignore[arg-type]
    found["label"] = row_of(found["label"], truth.classes.ids)
    known = (found["image"] < len(truth.ids)).all() and (found["label"] < len(truth.classes)).all()
    fine = known and sound(found["bbox"]) and np.isfinite(found["score"]).all()
    return found if fine else None


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield a JSON list of flat objects as shorter lists.

    Cuts where an object ends and a comma follows. A cut that falls elsewhere, into a text or a
    nested object, leaves pieces that are no JSON, as does a file that is no list.
    """
    kept = []
    while chunk := file.read(_PIECE):
        cut = chunk.rfind(b"},") + 1
        if cut:
            yield b"".join((*kept, chunk[:cut], b"]"))
            kept, chunk = [b"["], chunk[cut + 1 :]
        kept.append(chunk)
    yield b"".join(kept)


def _columns(rows: list[_Entry]) -> _Columns:
    count = len(rows)
    return {
        "image": np.fromiter([row.image_id for row in rows], dtype=np.int64, count=count),
        "bbox": stacked([row.bbox for row in rows]),
        "label": np.fromiter([row.category_id for row in rows], dtype=np.int64, count=count),
        "score": np.fromiter([row.score for row in rows], dtype=np.float64, count=count),
    }


def _entry_by_entry(entries: Entries, truth: Truth, hint: Hint, *, scored: bool) -> _Columns:
    columns = {
        "image": _known(entries, "image_id", truth.ids, truth, hint),
        "bbox": entries.bboxes("bbox", zero_area=True),
        "label": _known(
            entries, "category_id", truth.classes.ids, truth, _counting_from_zero(truth)
        ),
    }
    return columns | ({"score": entries.numbers("score")} if scored else {})


def _known(
    entries: Entries, key: str, ids: tuple[Any, ...], truth: Truth, hint: Hint
) -> Int[np.ndarray, " n"]:
    known = f"{shown(ids[0])} to {shown(ids[-1])}" if ids else "none"
    return entries.lookup(
        key,
        ids,
        f"{truth.source}, whose ids are {known}",
        lambda values: hint(values) or "name the truth that the file was made for",
    )


def _counting_from_zero(truth: Truth) -> Hint:
    def hint(ids: set[Any]) -> str:
        if {key + 1 for key in ids if isinstance(key, int)} <= set(truth.classes.ids):
            return "it seems to count classes from 0: add 1 to each category_id"
        return ""

    return hint


def _label_set(
    path: Path, content: dict[str, Any], truth: Truth, rater: str | None, hint: Hint
) -> Predictions:
    rows = content["annotations"]
    if not isinstance(rows, list):
        raise InputError(f"{path}: 'annotations' is {_kind(rows)}; it must be a list of boxes")
    entries = Entries(path, "annotation", rows)
    crowd = any(key in row for row in rows for key in RATER_KEYS)
    if rater is not None or crowd:
        return _one_rater(path, truth, rater, hint)
    scored = bool(rows) and entries.have("score")
    columns = _entry_by_entry(entries, truth, hint, scored=scored)
    copies = copies_of_entries(path, "annotation", columns) if scored else ()
    looked, left_out = _labelled(path, content.get("images"), truth, hint, columns["image"])
    return checked(path, Boxes.of(**columns), warnings=copies + left_out, drawn=True, looked=looked)


def _labelled(
    path: Path, rows: Any, truth: Truth, hint: Hint, image: Int[np.ndarray, " n"]
) -> tuple[Bool[np.ndarray, " images"] | None, tuple[str, ...]]:
    """Return which images a label set is about, and a sentence about the others.

    An image that the file does not list, or whose ``rater_list`` is empty, was not labelled: that
    is no empty image. None where the file lists no images at all.
    """
    if not isinstance(rows, list):
        return None, ()
    images = Entries(path, "image", rows)
    place = _places(path, images.unique("id"), truth, hint)
    looked = np.zeros(len(truth.ids), dtype=bool)
    looked[place] = _seen(images)
    stray = np.flatnonzero(~looked[image])
    if len(stray):
        on = shown(truth.ids[image[stray[0]]])
        raise InputError(
            f"{path}, annotation {stray[0]}: is on image {on}, which the file does not list, or "
            f"nobody looked at ({len(stray):,} such annotations); list the image"
        )
    if looked.all():
        return looked, ()
    return looked, (
        f"{path}: does not list {np.count_nonzero(~looked):,} of the {len(looked):,} images in "
        f"{truth.source}, or lists them with an empty rater_list: nobody labelled them, so they "
        "are left out (an image that was looked at and holds nothing has to be listed)",
    )


def _seen(images: Entries) -> Bool[np.ndarray, " n"]:
    if not images.have("rater_list"):
        return np.ones(len(images.rows), dtype=bool)
    lists = images.column("rater_list")
    images.refuse(
        np.array([not isinstance(one, list) for one in lists], dtype=bool),
        lambda k: f"rater_list is {shown(lists[k])}; give a list, maybe an empty one",
    )
    return np.array([bool(one) for one in lists], dtype=bool)


def _places(
    path: Path, ids: tuple[Any, ...], truth: Truth, hint: Hint
) -> Int[np.ndarray, " images"]:
    """Return the rows in the truth of the images that a file lists."""
    place = {key: k for k, key in enumerate(truth.ids)}
    unknown = [key for key in ids if key not in place]
    if unknown:
        raise InputError(
            f"{path}: {len(unknown):,} of its {len(ids):,} images are not in {truth.source} "
            f"(first: {shown(unknown[0])}); "
            f"{hint(set(ids)) or 'name the truth that the file was made for'}"
        )
    return np.array([place[key] for key in ids], dtype=np.int64)


def _one_rater(path: Path, truth: Truth, rater: str | None, hint: Hint) -> Predictions:
    crowd = read_coco(path, zero_area=True)
    labels, raters = crowd.labels, crowd.raters
    if raters is None or labels.rater is None:
        raise InputError(f"{path}: does not say who drew its boxes; leave --rater out")
    names = [str(name) for name in raters]
    if rater is None or rater not in names:
        found = "the boxes of" if rater is None else f"no rater {shown(rater)} among"
        known = ", ".join(map(shown, names[:10])) + (", ..." if names[10:] else "")
        raise InputError(
            f"{path}: holds {found} {len(names)} raters; choose one with --rater, of {known}"
        )
    image = _places(path, crowd.images.ids, truth, hint)
    mine = labels.of_rater(names.index(rater))
    # Images that the file does not list were not looked at, whoever looked at the others.
    seen = np.arange(len(image)) if mine.assigned is None else mine.assigned[:, 0]
    looked = np.zeros(len(truth.ids), dtype=bool)
    looked[image[seen]] = True
    class_row = row_of(np.array(crowd.classes.ids, dtype=np.int64), truth.classes.ids)
    if class_row.max(initial=-1) >= len(truth.classes):
        stray = crowd.classes.ids[int(np.argmax(class_row))]
        raise InputError(
            f"{path}: has category {stray}, which {truth.source} does not have; map it to one of "
            "the truth's"
        )
    boxes = Boxes.of_labels(
        mine, image=image[mine.image], label=class_row[mine.label], area=None, iscrowd=None
    )
    return checked(path, boxes, drawn=True, looked=looked, name=f"{path}, rater {rater}")


def _no_raters(path: Path, rater: str | None) -> None:
    if rater is not None:
        raise InputError(f"{path}: holds a detector's boxes, not raters'; leave --rater out")


def checked(
    path: Path | str,
    boxes: Boxes,
    *,
    warnings: tuple[str, ...] = (),
    name: str | None = None,
    **facts: Any,
) -> Predictions:
    """Return boxes as predictions, with a warning where scores are no probabilities."""
    outside = (boxes.score < 0) | (boxes.score > 1)
    if outside.any():
        k = int(np.argmax(outside))
        warnings += (
            f"{path}: {int(outside.sum()):,} of {len(boxes):,} scores lie outside [0, 1] (such as "
            f"{boxes.score[k]}); only their order counts here, but they are no probabilities",
        )
    return Predictions(source=name or str(path), boxes=boxes, warnings=warnings, **facts)


def _kind(value: Any) -> str:
    names = {dict: "a JSON object", list: "a list", str: "a text", type(None): "null"}
    return names.get(type(value), "a number")
