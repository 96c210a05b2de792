"""Crowd labels from any file that says who drew what: COCO or VinDr-CXR's CSV."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from medmnist_det.errors import InputError, listed
from medmnist_det.formats.coco import RATER_KEYS, read_coco_with_ids
from medmnist_det.formats.vindr_csv import read_csv
from medmnist_det.labels import LabelSet


@dataclass(frozen=True, kw_only=True, eq=False)
class CrowdFile:
    """Crowd labels with raters and assignment, and what was assumed to get there."""

    labels: LabelSet
    #: Id of every annotation in the file; for a CSV the one that export to COCO would give.
    ids: tuple[Any, ...]
    #: Sentences for the user.
    notes: tuple[str, ...]


def read_crowd(path: Path, readers: tuple[str, ...] = ()) -> CrowdFile:
    """Return the crowd labels of a COCO file or, by its name ending in ``.csv``, of a CSV.

    ``readers`` keeps the images that all of these raters looked at, and their labels. Where a file
    does not say who looked at what, everybody who drew a box anywhere is taken to have looked at
    every image, and a note says so. Raises InputError that names the file, the entry and the remedy
    for labels without raters and for whatever the two readers refuse.
    """
    if path.name.removesuffix(".gz").endswith(".csv"):
        table = read_csv(path)
        ids: tuple[Any, ...] = tuple(range(1, len(table.labels) + 1))
        if table.raters is None:
            raise InputError(f"{path}: has no column rad_id; add one that says who drew each box")
    else:
        table, ids = read_coco_with_ids(path)
        if table.raters is None:
            names = ", ".join(f"'{key}'" for key in RATER_KEYS)
            raise InputError(
                f"{path}: no annotation says who drew it; looked for {names} in every annotation, "
                "and for 'rater_list' in every image"
            )
    notes = []
    if table.labels.assigned is None:
        table = _all_looked(table)
        notes.append(
            f"{path}: no image has a rater_list: all {len(table.raters or ())} raters are "
            "taken to have looked at every image"
        )
    if readers:
        table, ids = _only(path, table, ids, readers)
    return CrowdFile(labels=table, ids=ids, notes=(*notes, *remarks(table)))


def remarks(table: LabelSet) -> list[str]:
    """Return what is unusual about crowd labels, a sentence each."""
    labels, raters = table.labels, table.raters or ()
    if labels.rater is None or labels.assigned is None:
        raise ValueError("these labels do not say who drew them or who looked")
    found = []
    if len(raters) == 1:
        found.append(f"only one rater ({raters[0]}): there is nobody to compare with")
    silent = sorted(set(range(len(raters))) - set(labels.rater.tolist()))
    if len(labels) == 0:
        found.append("no rater drew a box: the labels will be empty")
    elif silent:
        names = ", ".join(str(raters[k]) for k in silent[:10]) + (", ..." if silent[10:] else "")
        found.append(f"{len(silent)} of {len(raters)} raters never drew a box: {names}")
    nobody = labels.images - len(np.unique(labels.assigned[:, 0]))
    if nobody:
        found.append(f"{nobody:,} of {labels.images:,} images were looked at by nobody")
    return found


def _all_looked(table: LabelSet) -> LabelSet:
    raters = len(table.raters or ())
    pairs = np.stack(np.divmod(np.arange(len(table.images) * raters), max(raters, 1)), axis=1)
    return replace(table, labels=replace(table.labels, assigned=pairs))


def _only(
    path: Path, table: LabelSet, ids: tuple[Any, ...], readers: tuple[str, ...]
) -> tuple[LabelSet, tuple[Any, ...]]:
    """Return the images that all the readers looked at, with what these readers drew."""
    labels, raters = table.labels, table.raters or ()
    if labels.rater is None or labels.assigned is None:
        raise ValueError("these labels do not say who drew them or who looked")
    names = [str(rater) for rater in raters]
    unknown = [reader for reader in readers if reader not in names]
    if unknown:
        raise InputError(
            f"{path}: --readers names {', '.join(unknown)}, who are not among the raters "
            f"{listed(names)}"
        )
    chosen = sorted({names.index(reader) for reader in readers})
    theirs, image = labels.assigned[np.isin(labels.assigned[:, 1], chosen)], labels.image
    kept = np.bincount(theirs[:, 0], minlength=labels.images) == len(chosen)
    if not kept.any():
        raise InputError(f"{path}: no image was read by all of {', '.join(readers)}")
    table = table.keep_images(kept)
    labels = table.labels
    rater = np.full(len(raters), -1)
    rater[chosen] = np.arange(len(chosen))
    mine = np.isin(labels.rater, chosen)  # type: ignore[arg-type]
    theirs = labels.assigned[np.isin(labels.assigned[:, 1], chosen)]  # type: ignore[index]
    few = replace(
        labels.select(mine),
        rater=rater[labels.rater[mine]],  # type: ignore[index]
        assigned=np.stack([theirs[:, 0], rater[theirs[:, 1]]], axis=1),
    )
    ids = tuple(ids[k] for k in np.flatnonzero(kept[image])[mine])
    return replace(table, labels=few, raters=tuple(raters[k] for k in chosen)), ids
