"""Where crowd labels come from: the splits of a data folder, or any file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from annotators.crowd_files import CrowdFile, read_crowd
from annotators.infer.parts.result import Raters
from annotators.known import read_known_raters
from medmnist_det.errors import InputError
from medmnist_det.folder import Folder, Layout
from medmnist_det.labels import CROWD_SPLITS, LabelSet, Split
from medmnist_det.runs import refuse_absent


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """Crowd labels, and the truth about them where it is known."""

    #: What output files are called: the split, or the file's name.
    name: str
    path: Path
    crowd: CrowdFile
    #: Where the images lie, if anywhere.
    images: Path | None = None
    #: True labels of the same images.
    truth: LabelSet | None = None
    #: The raters as they are.
    raters: Raters | None = None


def open_crowds(
    data: Path, file: Path | None, splits: tuple[str, ...], only: tuple[str, ...]
) -> Iterator[Source]:
    """Yield the crowd labels of ``file``, or else of the splits of the folder ``data`` (none: all).

    ``only`` keeps the images that all of these raters looked at. The raters of a file are known
    where 'annotate' wrote it, from the ``annotators.json`` beside it; one that is not about this
    crowd is left alone, with a note. Raises InputError for what is not there or cannot be read.
    """
    if file is not None:
        if splits:
            raise InputError("--split belongs to a data folder: leave it out, or leave out --crowd")
        refuse_absent(file, ("*/crowd.json", "*/crowd/*.json"))
        name = file.name.removesuffix(".gz").rsplit(".", 1)[0]
        yield _with_raters(
            Source(name=name, path=file, crowd=read_crowd(file, only), images=file.parent)
        )
        return
    folder = Folder.open(data)
    chosen = splits or crowd_splits(folder)
    for split in dict.fromkeys(chosen):
        if split not in CROWD_SPLITS:
            raise InputError(f"--split {split}: annotators label {' and '.join(CROWD_SPLITS)} only")
        path = folder.crowd_file(split)
        truth, crowd = folder.truth(split), read_crowd(path, only)
        table = crowd.labels
        raters = read_known_raters(folder.annotators_file, table)
        if only:
            there = set(table.images.ids)
            truth = truth.keep_images(np.array([key in there for key in truth.images.ids]))
        yield Source(
            name=split, path=path, crowd=crowd, images=folder.images(split), truth=truth,
            raters=raters,
        )  # fmt: skip


def _with_raters(source: Source) -> Source:
    file = Layout(path=source.path.parent).annotators_file
    if not file.is_file():
        return source
    try:
        return replace(source, raters=read_known_raters(file, source.crowd.labels))
    except InputError as error:
        # Nobody named this file: it may be anything.
        notes = (*source.crowd.notes, f"no recovery of the raters is shown: {error}")
        return replace(source, crowd=replace(source.crowd, notes=notes))


def crowd_splits(folder: Folder) -> tuple[Split, ...]:
    """Return the splits of a data set that annotators labelled. Raises InputError for none."""
    found: tuple[Split, ...] = tuple(one for one in CROWD_SPLITS if one in folder.splits)
    if not found:
        raise InputError(
            f"{folder.path}: has no crowd labels: annotators label {' and '.join(CROWD_SPLITS)}, "
            f"and its only split is {', '.join(folder.splits)}; generate one of the two"
        )
    return found
