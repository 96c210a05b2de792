"""From crowd labels to fused labels on disk: on request, or what a training still lacks."""

from __future__ import annotations

from pathlib import Path

from annotators.crowd_files import read_crowd
from annotators.infer.parts.result import Inference
from annotators.infer.registry import InferenceOptions, folder_name, infer
from annotators.infer.save import write_fused
from annotators.sources import Source, crowd_splits
from medmnist_det.files import make_folder
from medmnist_det.folder import Folder
from medmnist_det.fused import details_file
from medmnist_det.guards import locked, refuse_overwrite


def aggregate(
    source: Source, method: str, options: InferenceOptions, folder: Path
) -> tuple[Inference, Path]:
    """Fuse the labels of a source; return what came out and the file in ``folder`` that holds it.

    Whoever writes there at the same time is waited for. Raises InputError.
    """
    path = folder / f"{source.name}.json"
    for file in (path, details_file(path)):
        refuse_overwrite(file, [source.path])
    crowd = source.crowd
    found = infer(method, crowd.labels, options, source.raters)
    make_folder(folder)
    with locked(folder, wait=True):
        write_fused(folder, source.name, method, crowd.labels, crowd.ids, found, options)
    return found, path


def fuse_missing(folder: Folder, method: str) -> list[tuple[str, str]]:
    """Aggregate the splits of a data set for which ``fused/METHOD`` has no labels yet.

    Labels that are there are left as they are, with whatever options they were made. Opens nothing
    but crowd files. Two trainings that lack the same labels make them once: the second waits.
    Returns sentences for the user, each with its kind: note or warning. Raises InputError.
    """
    told = []
    name = folder_name(method)
    for split in crowd_splits(folder):
        file = folder.fused_file(name, split)
        make_folder(file.parent)
        with locked(file.parent, wait=True):
            if file.is_file() and details_file(file).is_file():
                continue
            crowd = read_crowd(folder.crowd_file(split))
            found = infer(method, crowd.labels)
            write_fused(file.parent, split, method, crowd.labels, crowd.ids, found)
        told += [("note", note) for note in crowd.notes]
        told.append(("note", f"aggregated: {file}, {len(found.labels):,} labels"))
        told += [("warning", warning) for warning in found.warnings]
    return told
