"""What a run begins with: new recipes for its detectors, or those of the run that is resumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from medmnist_det.errors import InputError, shown
from medmnist_det.folder import Folder
from medmnist_det.reference.checkpoint import Checkpoint, load_checkpoint
from medmnist_det.reference.learner import one_cycle
from medmnist_det.reference.lessons import ENSEMBLE
from medmnist_det.reference.recipe import Recipe, is_given
from medmnist_det.runs import CHECKPOINT, trainings_before


def folder_name(name: str) -> str:
    """Return a name that is one of a folder, whatever a rater is called."""
    return quote(name.replace(":", "-"), safe=" ")


def recipes_of(
    folder: Folder, recipe: Recipe, options: Mapping[str, Any], out: Path, *, resume: bool
) -> dict[Path, Recipe]:
    """Return the recipe of every detector of a run by the folder that is its own.

    What is resumed has the recipe it was begun with, with more epochs where ``epochs`` asks for
    more; detectors of an ensemble that are still to come are trained like those that are there.
    A run that was stopped in what comes before it has the recipe of the options. Raises
    InputError for a run that is there already, or for one that is not, and for other options that
    it was not begun with.
    """
    wanted = {out: recipe}
    if recipe.method == ENSEMBLE:
        methods = [f"rater:{rater}" for rater in folder.crowd("train").raters or ()]
        wanted = {out / folder_name(method): replace(recipe, method=method) for method in methods}
    files = [place / CHECKPOINT for place in wanted if (place / CHECKPOINT).is_file()]
    before = [place / CHECKPOINT for one in wanted for place in trainings_before(one)]
    if (files or before) and not resume:
        raise InputError(
            f"{(files or before)[0]}: there is a training already; add --resume to go on with it, "
            "or choose another --out"
        )
    if not resume:
        return wanted
    if not files and before:
        # What comes before refuses to go on with other options, but knows its own method only.
        known = load_checkpoint(before[0]).recipe
        if is_given(options.get("method")) and known.method != recipe.method:
            raise InputError(
                f"{before[0]}: was begun with --method {shown(known.method)}, not "
                f"{shown(recipe.method)}; give that method, or choose another --out"
            )
        return {place: replace(one, method=known.method) for place, one in wanted.items()}
    if not files:
        raise InputError(
            f"{out}: there is no training to go on with; leave --resume out, or name its folder "
            "with --out"
        )
    begun = {file.parent: load_checkpoint(file).recipe for file in files}
    for place, known in begun.items():
        _refuse_other_options(place / CHECKPOINT, known, wanted[place], options)
        if is_given(options.get("epochs")):
            begun[place] = replace(known, epochs=wanted[place].epochs)
    first = next(iter(begun.values()))
    # Where more epochs were asked for and the run was stopped, some detectors have them already.
    epochs = max(one.epochs for one in begun.values())
    return {
        place: replace(begun.get(place, replace(first, method=one.method)), epochs=epochs)
        for place, one in wanted.items()
    }


def begun_in(place: Path, recipe: Recipe, note: Callable[[str], None]) -> Checkpoint | None:
    """Return the checkpoint of a training in its folder; None where none was begun.

    It goes on for the epochs of ``recipe``. Where these are more than it was begun with, ``note``
    is told what that does to the learning rate: it is a function of the share of all epochs that
    is done, which is smaller then, so that the rate goes up at once and falls to 0 by the new end.
    """
    file = place / CHECKPOINT
    if not file.is_file():
        return None
    found = load_checkpoint(file)
    known, more, done = found.recipe.epochs, recipe.epochs, len(found.history)
    if more > known:
        before, now = (recipe.lr * one_cycle(done / epochs) for epochs in (known, more))
        note(
            f"{file}: trains on after epoch {done} to {more} instead of {known}: the learning rate "
            f"goes from {before:.2g} to {now:.2g} and falls to 0 by the new end; that is not what "
            f"a training of {more} epochs from the start gives"
        )
    return replace(found, recipe=replace(found.recipe, epochs=more))


def _refuse_other_options(
    file: Path, begun: Recipe, wanted: Recipe, options: Mapping[str, Any]
) -> None:
    for name, value in options.items():
        known = begun.option(name)
        if name == "epochs" and is_given(value):
            if value < known:
                raise InputError(
                    f"{file}: was begun with --epochs {known}, and --epochs {value} is fewer: give "
                    "more to train on, leave it out to go on, or choose another --out"
                )
        elif is_given(value) and known != wanted.option(name):
            raise InputError(
                f"{file}: was begun with --{name.replace('_', '-')} {shown(known)}, "
                f"not {shown(wanted.option(name))}; leave the option out to go on, or choose "
                "another --out"
            )
