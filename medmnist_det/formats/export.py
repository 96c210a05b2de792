"""A data set for other tools, and their labels back."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medmnist_det.errors import InputError, shown
from medmnist_det.files import make_folder, naming
from medmnist_det.folder import Folder
from medmnist_det.formats.vindr_csv import read_csv, write_csv
from medmnist_det.formats.voc import read_voc, write_voc
from medmnist_det.formats.yolo import read_yolo, write_yolo
from medmnist_det.labels import CROWD_SPLITS, Labels, LabelSet, Split


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written of a split, in numbers."""

    images: int
    boxes: int
    #: Images that nobody of those who drew the labels looked at: they are no empty images.
    left_out: int


def export_folder(folder: Folder, out: Path, to: str, labels: str) -> dict[Split, Exported]:
    """Write all splits that have the labels into the new folder ``out``; return what by split.

    Images that nobody looked at are left out, as the formats would call them empty; only a crowd's
    CSV file says who looked and keeps them. Nothing is left behind where something fails. Raises
    InputError for a folder that exists, for labels that are not there, and when the disk refuses.
    """
    with naming(out):
        if out.is_symlink() or out.exists():
            raise InputError(f"{out}: is there already; name a new folder")
    splits: tuple[Split, ...] = folder.splits
    if labels != "truth":
        splits = tuple(split for split in splits if split in CROWD_SPLITS)
    if not splits:
        raise InputError(f"{folder.path}: no split has {labels} labels")
    keeps_all = to == "csv" and labels == "crowd"
    tables: dict[Split, LabelSet] = {split: folder.labels(split, labels) for split in splits}
    if not keeps_all:
        tables = {split: _looked_at(folder, split, labels, tables[split]) for split in splits}
    with _new_folder(out) as part:
        for split, table in tables.items():
            if to == "csv":
                write_csv(part / f"{split}.csv", table)
            else:
                write = write_yolo if to == "yolo" else write_voc
                write(part, split, table, folder.images(split))
    return {
        split: Exported(
            images=len(table.images),
            boxes=len(table.labels),
            left_out=folder.manifest["counts"][split]["images"] - len(table.images),
        )
        for split, table in tables.items()
    }


def _looked_at(folder: Folder, split: Split, which: str, label_set: LabelSet) -> LabelSet:
    """Return the label set of the images that somebody looked at."""
    labels: Labels = folder.crowd(split).labels if which.startswith("fused:") else label_set.labels
    if labels.assigned is None:
        return label_set
    looked = np.zeros(labels.images, dtype=bool)
    looked[labels.assigned[:, 0]] = True
    return label_set if looked.all() else label_set.keep_images(looked)


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """Yield a folder that becomes ``out`` when the block ends well, and else is gone.

    It has a name that nobody else has. Complaints about files in it name those in ``out``.
    """
    make_folder(out.parent)
    with naming(out):
        above = Path(tempfile.mkdtemp(prefix=".medmnist-det-", suffix=".part", dir=out.parent))
    part = above / "new"
    try:
        make_folder(part)  # as open to others as the umask says, which mkdtemp's is not
        yield part
        with naming(out):
            part.replace(out)
    except InputError as error:
        raise type(error)(
            *(str(text).replace(str(part), str(out)) for text in error.args)
        ) from error
    finally:
        shutil.rmtree(above, ignore_errors=True)


def read_labels(source: Path, of: str, split: str, like: LabelSet | None) -> LabelSet:
    """Return a split's labels from a folder that :func:`export_folder` made, or from a CSV file.

    ``like`` gives the tables of images and classes that the labels refer to. Raises InputError.
    """
    if of == "csv":
        return read_csv(source / f"{split}.csv" if source.is_dir() else source, like)
    return (read_yolo if of == "yolo" else read_voc)(source, split, like)


def repeats(label_set: LabelSet) -> str:
    """Return a sentence about boxes that are there more than once, "" where none is.

    The same image, class, box, rater and score: two raters of a crowd may agree so, but in most
    labels one object was written down twice.
    """
    labels = label_set.labels
    columns = [labels.image, labels.label, *labels.box.T]
    columns += [column for column in (labels.rater, labels.score) if column is not None]
    rows = np.stack(columns, axis=1).astype(np.float64)
    order = np.lexsort(rows.T)
    again = order[1:][(rows[order][1:] == rows[order][:-1]).all(axis=1)]
    if not len(again):
        return ""
    name = label_set.images.names[labels.image[again.min()]]
    return (
        f"{len(again):,} of {len(labels):,} boxes repeat another of the same image and class "
        f"(first on {shown(name)}): each was kept; where one object was written down twice, remove "
        "the copy in the source"
    )
