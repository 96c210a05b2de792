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
    #: Those among them that say what was taken for granted.
    assumed: tuple[str, ...] = ()


def read_crowd(path: Path, only: tuple[str, ...] = ()) -> CrowdFile:
    """Return the crowd labels of a COCO file or, by its name ending in ``.csv``, of a CSV.

    ``only`` keeps the images that all of these raters looked at, and their labels. Where a file
    does not say who looked at what, everybody who drew a box anywhere is taken to have looked at
    every image, and a note says so. Raises InputError that names the file, the entry and the remedy
    for labels without raters and for whatever the two formats' readers refuse.
    """
    if path.name.removesuffix(".gz").endswith(".csv"):
        label_set = read_csv(path)
        ids: tuple[Any, ...] = tuple(range(1, len(label_set.labels) + 1))
        if label_set.raters is None:
            raise InputError(f"{path}: has no column rad_id; add one that says who drew each box")
    else:
        label_set, ids = read_coco_with_ids(path)
        if label_set.raters is None:
            names = ", ".join(f"'{key}'" for key in RATER_KEYS)
            raise InputError(
                f"{path}: no annotation says who drew it; looked for {names} in every annotation, "
                "and for 'rater_list' in every image"
            )
    return as_crowd(str(path), label_set, ids, only)


def as_crowd(
    where: str,
    label_set: LabelSet,
    ids: tuple[Any, ...],
    only: tuple[str, ...] = (),
    unsaid: str = "no image has a rater_list",
) -> CrowdFile:
    """Return labels with raters as what :func:`read_crowd` returns; ``where`` names them.

    ``unsaid`` says why it is not known who looked, where it is not. Raises InputError for raters in
    ``only`` who are not there, or looked at no image together.
    """
    assumed: tuple[str, ...] = ()
    if label_set.labels.assigned is None:
        label_set = _all_looked(label_set)
        raters = len(label_set.raters or ())
        assumed = (
            f"{where}: {unsaid}: all {raters} raters are taken to have looked at every image",
        )
    if only:
        label_set, ids = _of_raters(where, label_set, ids, only)
    notes = (*assumed, *remarks(label_set))
    return CrowdFile(labels=label_set, ids=ids, notes=notes, assumed=assumed)


def remarks(label_set: LabelSet) -> list[str]:
    """Return what is unusual about crowd labels, a sentence each."""
    labels, raters = label_set.labels, label_set.raters or ()
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


def _all_looked(label_set: LabelSet) -> LabelSet:
    raters = len(label_set.raters or ())
    pairs = np.stack(np.divmod(np.arange(len(label_set.images) * raters), max(raters, 1)), axis=1)
    return replace(label_set, labels=replace(label_set.labels, assigned=pairs))


def _of_raters(
    where: str, label_set: LabelSet, ids: tuple[Any, ...], only: tuple[str, ...]
) -> tuple[LabelSet, tuple[Any, ...]]:
    """Return the images that all the raters looked at, with what these drew."""
    labels, raters = label_set.labels, label_set.raters or ()
    if labels.rater is None or labels.assigned is None:
        raise ValueError("these labels do not say who drew them or who looked")
    names = [str(rater) for rater in raters]
    unknown = [rater for rater in only if rater not in names]
    if unknown:
        raise InputError(
            f"{where}: --raters names {', '.join(unknown)}, who are not among the raters "
            f"{listed(names)}"
        )
    chosen = sorted({names.index(rater) for rater in only})
    theirs, image = labels.assigned[np.isin(labels.assigned[:, 1], chosen)], labels.image
    kept = np.bincount(theirs[:, 0], minlength=labels.images) == len(chosen)
    if not kept.any():
        raise InputError(f"{where}: no image was read by all of {', '.join(only)}")
    label_set = label_set.keep_images(kept)
    labels = label_set.labels
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
    return replace(label_set, labels=few, raters=tuple(raters[k] for k in chosen)), ids
