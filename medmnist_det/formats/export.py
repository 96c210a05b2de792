"""A data set for other tools, and their labels back."""

from __future__ import annotations

import shutil
from pathlib import Path

from medmnist_det.errors import InputError
from medmnist_det.files import make_folder, naming
from medmnist_det.folder import Folder
from medmnist_det.formats.vindr_csv import read_csv, write_csv
from medmnist_det.formats.voc import read_voc, write_voc
from medmnist_det.formats.yolo import read_yolo, write_yolo
from medmnist_det.labels import CROWD_SPLITS, LabelSet, Split


def export_folder(folder: Folder, out: Path, to: str, labels: str) -> dict[Split, int]:
    """Write all splits that have the labels into the new folder ``out``; return boxes by split.

    Nothing is left behind where something fails. Raises InputError for a folder that exists, for
    labels that are not there, and when the disk refuses.
    """
    if out.exists():
        raise InputError(f"{out}: is there already; name a new folder")
    splits: tuple[Split, ...] = folder.splits
    if labels != "truth":
        splits = tuple(split for split in splits if split in CROWD_SPLITS)
    tables: dict[Split, LabelSet] = {split: folder.labels(split, labels) for split in splits}
    if not tables:
        raise InputError(f"{folder.path}: no split has {labels} labels")
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    make_folder(part)
    try:
        for split, table in tables.items():
            if to == "csv":
                write_csv(part / f"{split}.csv", table)
            else:
                write = write_yolo if to == "yolo" else write_voc
                write(part, split, table, folder.images(split))
        with naming(out):
            part.replace(out)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return {split: len(table.labels) for split, table in tables.items()}


def read_labels(source: Path, of: str, split: str, like: LabelSet | None) -> LabelSet:
    """Return a split's labels from a folder that :func:`export_folder` made, or from a CSV file.

    ``like`` gives the tables of images and classes that the labels refer to. Raises InputError.
    """
    if of == "csv":
        return read_csv(source / f"{split}.csv" if source.is_dir() else source, like)
    return (read_yolo if of == "yolo" else read_voc)(source, split, like)
