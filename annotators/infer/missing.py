"""Fused labels that are wanted and not there yet."""

from __future__ import annotations

from annotators.crowd_files import read_crowd
from annotators.infer.registry import folder_name, infer
from annotators.infer.save import write_fused
from annotators.sources import crowd_splits
from medmnist_det.folder import Folder
from medmnist_det.fused import details_file


def fuse_missing(folder: Folder, method: str) -> list[tuple[str, str]]:
    """Aggregate the splits of a data set for which ``fused/METHOD`` has no labels yet.

    Labels that are there are left as they are, with whatever options they were made. Opens nothing
    but crowd files. Returns sentences for the user, each with its kind: note or warning. Raises
    InputError.
    """
    told = []
    name = folder_name(method)
    for split in crowd_splits(folder):
        file = folder.fused_file(name, split)
        if file.is_file() and details_file(file).is_file():
            continue
        crowd = read_crowd(folder.crowd_file(split))
        found = infer(method, crowd.labels)
        write_fused(file.parent, split, method, crowd.labels, crowd.ids, found)
        told += [("note", note) for note in crowd.notes]
        told.append(("note", f"aggregated: {file}, {len(found.labels):,} labels"))
        told += [("warning", warning) for warning in found.warnings]
    return told
