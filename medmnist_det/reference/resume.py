"""What a run begins with: new recipes for its detectors, or those of the run that is resumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from medmnist_det.errors import InputError, shown
from medmnist_det.folder import Folder
from medmnist_det.reference.checkpoint import CHECKPOINT, Checkpoint, load_checkpoint
from medmnist_det.reference.lessons import fused_by
from medmnist_det.reference.recipe import Recipe, is_given


def folder_name(name: str) -> str:
    """Return a name that is one of a folder, whatever a rater is called."""
    return quote(name.replace(":", "-"), safe=" ")


def recipes_of(
    folder: Folder, recipe: Recipe, options: Mapping[str, Any], out: Path, *, resume: bool
) -> dict[Path, Recipe]:
    """Return the recipe of every detector of a run by the folder that is its own.

    What is resumed has the recipe it was begun with; detectors of an ensemble that are still to
    come are trained like those that are there. Raises InputError for a run that is there already,
    or for one that is not, and for options that it was not begun with.
    """
    fused_by(recipe.method)  # refuses a method that does not exist
    wanted = {out: recipe}
    if recipe.method == "ensemble":
        methods = [f"rater:{rater}" for rater in folder.crowd("train").raters or ()]
        wanted = {out / folder_name(method): replace(recipe, method=method) for method in methods}
    files = [place / CHECKPOINT for place in wanted if (place / CHECKPOINT).is_file()]
    if files and not resume:
        raise InputError(
            f"{files[0]}: there is a training already; add --resume to go on with it, or choose "
            "another --out"
        )
    if not resume:
        return wanted
    if not files:
        raise InputError(
            f"{out}: there is no training to go on with; leave --resume out, or name its folder "
            "with --out"
        )
    begun = {file.parent: load_checkpoint(file).recipe for file in files}
    for place, known in begun.items():
        _refuse_other_options(place / CHECKPOINT, known, wanted[place], options)
    first = next(iter(begun.values()))
    return {
        place: begun.get(place, replace(first, method=one.method)) for place, one in wanted.items()
    }


def begun_in(place: Path) -> Checkpoint | None:
    """Return the checkpoint of a training in its folder; None where none was begun."""
    file = place / CHECKPOINT
    return load_checkpoint(file) if file.is_file() else None


def _refuse_other_options(
    file: Path, begun: Recipe, wanted: Recipe, options: Mapping[str, Any]
) -> None:
    for name, value in options.items():
        if is_given(value) and begun.option(name) != wanted.option(name):
            raise InputError(
                f"{file}: was begun with --{name.replace('_', '-')} {shown(begun.option(name))}, "
                f"not {shown(wanted.option(name))}; leave the option out to go on, or choose "
                "another --out"
            )
