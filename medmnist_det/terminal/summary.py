"""What a data set holds, as tables for the terminal."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Column
from rich.table import Table as RichTable
from rich.text import Text

from medmnist_det.files import read_json
from medmnist_det.folder import Folder
from medmnist_det.terminal.tables import Table, plain

# More annotators than fit a screen are summed up by what they have in common.
_MOST_ROWS = 20


def summary(folder: Folder) -> RenderableType:
    """Return tables of the splits and of the annotators, and how to know the data set again."""
    described = read_json(folder.annotators_file)
    return Group(splits_table(folder.manifest), annotator_table(described), facts(folder))


def facts(folder: Folder) -> RichTable:
    """Return where the digits come from, the fingerprint and the folder, a line each."""
    manifest, digits = folder.manifest, folder.manifest["digits"]
    source = {"mnist": "MNIST", "optdigits": "optdigits (scikit-learn's 1,797 digits)"}
    name = source[digits["source"]] if digits["original"] else "idx files, not the original MNIST"
    edition = f"  (frozen edition: {folder.edition})" if folder.edition else ""
    grid = RichTable.grid(Column(), Column(overflow="fold"), padding=(0, 2))
    grid.add_row("digits", name)
    grid.add_row("fingerprint", f"{manifest['fingerprint']}{edition}")
    grid.add_row("folder", Text(plain(str(folder.path))))
    return grid


def splits_table(manifest: dict[str, Any]) -> Table:
    """Return the table of a manifest's splits; those without images are left out."""
    columns = ("images", "empty", "objects", "objects/image", "crowd boxes")
    table = Table("Images", "split", *columns)
    for split, count in manifest["counts"].items():
        if images := count["images"]:
            table.row(
                split,
                f"{images:,}",
                f"{count['empty'] / images:.1%}",
                f"{count['objects']:,}",
                f"{count['objects'] / images:.2f}",
                f"{count['crowd']:,}" if "crowd" in count else "-",
            )
    return table


def annotator_table(described: dict[str, Any]) -> Table:
    """Return the table of simulated annotators: what was asked for, and what came out.

    ``described`` is the content of an ``annotators.json``. ``diagonal`` is the matrix's mean one,
    ``drawn`` counts boxes, ``missed`` is a share of the objects seen, ``wrong`` (the class) and
    ``IoU`` (mean) are of the true objects found, ``spurious`` counts boxes; over all splits. Many
    annotators are shown as one row for each kind of them.
    """
    raters = described["annotators"]
    groups: dict[Any, list[dict[str, Any]]] = {}
    for one in raters:
        same = ("proficiency", "family", "box_noise", "spurious", "coverage")
        kind = (*(one[k] for k in same), one.get("habit"), _also(one))
        groups.setdefault(kind if len(raters) > _MOST_ROWS else one["rater_id"], []).append(one)
    columns = ("p", "diagonal", "drawn", "missed", "wrong", "spurious", "IoU")
    also = any(map(_also, raters))
    names = ("rater", "matrix", "boxes", *["also"] * also)
    table = Table("Annotators", *names, *columns, names=len(names))
    for group in groups.values():
        first = group[0]
        out = [rates for one in group for rates in one["realised"].values()]
        total = {key: sum(rates[key] for rates in out) for key in out[0] if key != "mean_iou"}
        found = total["boxes"] - total["spurious"]
        overlap = sum(
            r["mean_iou"] * (r["boxes"] - r["spurious"]) for r in out if r["mean_iou"] is not None
        )
        table.row(
            f"{first['rater_id']}" + (f"-{group[-1]['rater_id']}" if len(group) > 1 else ""),
            first["family"],
            first["box_noise"] + (f", {first['habit']}" if "habit" in first else ""),
            *[_also(first)] * also,
            f"{first['proficiency']:g}",
            f"{np.mean([np.diagonal(one['matrix'])[:-1].mean() for one in group]):.3f}",
            f"{total['boxes']:,}",
            _share(total["missed"], total["objects"]),
            _share(total["wrong_class"], found),
            f"{total['spurious']:,}",
            f"{overlap / found:.3f}" if found else "-",
        )
    return table


def _also(one: dict[str, Any]) -> str:
    """Return what an annotator's errors depend on beside its matrix, in words; "" for nothing."""
    found = [f"{name} {one[name]:g}" for name in _BESIDE if name in one]
    if "copies" in one:
        found.append(f"copies {one['copies_from']} on {one['copies']:.0%}")
    return ", ".join(found)


# Options that are numbers, in the order in which they are told.
_BESIDE = ("difficulty", "drift", "splits", "merges")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"
