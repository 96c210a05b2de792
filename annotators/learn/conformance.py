"""Whether a method keeps the rules of the protocol: for whoever writes one, and for our own tests.

    from annotators.learn.conformance import check_teacher

    check_teacher("my_module:MyTeacher", "small-set", "scratch")

The rules (:mod:`medmnist_det.reference.teacher`): lessons are well-formed; nothing depends on the
order of the boxes in the crowd's files; the same seed gives the same; a training that was stopped
goes on as if it had not been; the truth is not read.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from annotators.aggregation import fuse_missing
from annotators.learn.parts.reading import opened_files
from annotators.learn.parts.rehearsal import ConformanceError, make_believe, rehearse
from annotators.learn.registry import teacher_of
from medmnist_det.errors import InputError, shown
from medmnist_det.files import make_folder, read_json, write_atomically
from medmnist_det.folder import Folder, Layout
from medmnist_det.labels import CROWD_SPLITS
from medmnist_det.reference.lessons import Lessons
from medmnist_det.reference.recipe import Recipe
from medmnist_det.reference.teacher import Teacher

if TYPE_CHECKING:
    from medmnist_det.reference.checkpoint import Checkpoint

__all__ = ["ConformanceError", "check_teacher"]

# Lessons of boxes in another order may differ by as much: sums round differently.
_ROUNDING = 1e-6


def check_teacher(
    method: str, folder: Folder | Path | str, work: Path | str, *, epochs: int = 4
) -> None:
    """Put a method through every rule of the protocol; return where it keeps them all.

    ``method`` is a name or ``module:Class``, as for ``train-reference --method``; ``folder`` a data
    set, for which a few dozen images are enough; ``work`` a folder that is not there yet, for two
    copies of it and two short trainings (4 epochs or more, with the model ``n`` on the CPU).
    First the teacher is led through a training in which a make-believe detector sees about what
    half of the raters drew, then it teaches a real one. A file counts as read where Python opens
    it; and the order of the boxes is changed in a copy without any truth.
    Raises :class:`ConformanceError` with a sentence at the first rule that is broken, and
    InputError for a method (``ensemble`` is no teacher) or a data set that does not exist.
    """
    from medmnist_det.reference.device import one_thread

    if epochs < 4:
        raise InputError(f"epochs={epochs}: give 4 or more, to stop a training in its middle")
    kind, work = teacher_of(method), Path(work)
    given = folder if isinstance(folder, Folder) else Folder.open(Path(folder))
    if work.exists() and (not work.is_dir() or any(work.iterdir())):
        raise InputError(f"{work}: is there already; name a folder that is not")
    known, other = _copied(given, work / "set"), _copied(given, work / "shuffled")
    _turned_around(other)
    _without_truth(other)
    for one in (known, other):
        if kind.fused is not None:
            fuse_missing(one, kind.fused)
    recipe = Recipe(method=method, epochs=epochs, batch=8)
    with one_thread():
        _check_rehearsals(kind, recipe, known, other)
        _check_trainings(kind, recipe, known, work)


def _copied(folder: Folder, place: Path) -> Folder:
    """Return a copy of a data set without what methods made of it."""
    make_folder(place.parent)
    shutil.copytree(folder.path, place, ignore=shutil.ignore_patterns("fused"))
    return Folder.open(place)


def _turned_around(folder: Folder) -> None:
    """Bring the boxes of the crowd into another order."""
    for split in CROWD_SPLITS:
        file = folder.crowd_file(split)
        if file.is_file():
            content = read_json(file)
            np.random.default_rng(0).shuffle(content["annotations"])
            write_atomically(file, [orjson.dumps(content)])


def _without_truth(folder: Folder) -> None:
    for place in _privileged(folder):
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)


def _privileged(folder: Layout) -> tuple[Path, ...]:
    """Return what only the oracle, and who scores, may read."""
    provenance = folder.provenance_file("train").parent
    return folder.truth_folder, provenance, folder.annotators_file


def _check_rehearsals(kind: type[Teacher], recipe: Recipe, known: Folder, other: Folder) -> None:
    method, middle, seen = recipe.method, recipe.epochs // 2, make_believe(known)
    with _truth_unread(method, known):
        first = rehearse(kind, recipe, known, seen)
    _refuse_differing(
        first,
        rehearse(kind, recipe, known, seen),
        f"{method}: %s differ when it is asked again: take random numbers from a generator of its "
        "own that recipe.seed starts",
    )
    _refuse_differing(
        first,
        rehearse(kind, recipe, known, seen, stopped=middle),
        f"{method}: %s differ where training was stopped after epoch {middle} and resumed: all "
        "that after_epoch needs must come from lessons(), or go through state() and load()",
    )
    try:
        blind = rehearse(kind, recipe, other, seen)
    except Exception as error:
        raise ConformanceError(
            f"{method}: fails where there is no truth to read ({shown(error)}): learn from "
            "folder.crowd(split) alone"
        ) from error
    _refuse_differing(
        first,
        blind,
        f"{method}: %s depend on the order of the boxes in the crowd's file: sort them first, or "
        "choose among equals by what they are",
        in_any_order=True,
    )


def _refuse_differing(
    one: dict[str, Lessons], two: dict[str, Lessons], sentence: str, *, in_any_order: bool = False
) -> None:
    """Raise ConformanceError, %s in its sentence replaced, for the first lessons that differ."""
    for name in dict.fromkeys((*one, *two)):
        a, b = one.get(name), two.get(name)
        if a is None or b is None or not _alike(a, b, in_any_order=in_any_order):
            raise ConformanceError(sentence % name)


def _alike(one: Lessons, two: Lessons, *, in_any_order: bool) -> bool:
    if not in_any_order:
        return one.digest() == two.digest()
    first, second = _in_order(one), _in_order(two)
    return first.keys() == second.keys() and all(
        first[name].shape == second[name].shape
        and np.allclose(first[name], second[name], rtol=0, atol=_ROUNDING)
        for name in first
    )


def _in_order(lessons: Lessons) -> dict[str, np.ndarray]:
    """Return the columns with their rows in an order that they alone decide."""
    found = lessons.columns()
    rows = [name for name in _ROWS if name in found]
    keys = [key for name in rows for key in found[name].reshape(len(found[name]), -1).T]
    order = np.lexsort(np.round(keys[::-1], 3))
    return {name: value[order] if name in rows else value for name, value in found.items()}


_ROWS = ("image", "label", "box", "weight", "classes", "reports")


def _check_trainings(kind: type[Teacher], recipe: Recipe, folder: Folder, work: Path) -> None:
    method, middle = recipe.method, recipe.epochs // 2
    with _truth_unread(method, folder):
        whole = _trained(kind, recipe, folder, work / "whole")
        _trained(kind, recipe, folder, work / "stopped", stop=middle)
        resumed = _trained(kind, recipe, folder, work / "stopped")
    odd = _other(whole, resumed)
    if odd is None:
        return
    again = _other(whole, _trained(kind, recipe, folder, work / "again"))
    if again is not None:
        raise ConformanceError(f"{method}: two trainings with one seed end differently: {again}")
    raise ConformanceError(
        f"{method}: a training that is stopped after epoch {middle} and resumed ends differently: "
        f"{odd}"
    )


class _StopError(Exception):
    """Stops a training, as somebody would who is tired of waiting."""


def _trained(
    kind: type[Teacher], recipe: Recipe, folder: Folder, out: Path, stop: int | None = None
) -> Checkpoint | None:
    """Return the last checkpoint of a training, which goes on where it was begun in ``out``.

    None for one that is stopped after an epoch.
    """
    from medmnist_det.reference.resume import begun_in
    from medmnist_det.reference.run import train_folder

    @contextmanager
    def training(_title: str, epochs: int) -> Iterator[Callable[[Any], None]]:
        def watch(moment: Any) -> None:
            # Trainings before its own may have as many epochs, and are stopped as well.
            if stop is not None and epochs == recipe.epochs and moment.epochs > stop:
                raise _StopError

        yield watch

    begun = begun_in(out, recipe, lambda _sentence: None)
    try:
        return train_folder(
            folder, recipe, out, teacher=kind(recipe), begun=begun, training=training
        )
    except _StopError:
        return None


def _other(one: Checkpoint | None, two: Checkpoint | None) -> str | None:
    """Return, in a sentence's words, what differs between two trainings; None for nothing."""
    for part, told in _PARTS.items():
        first, second = getattr(one, part), getattr(two, part)
        odd = sorted(first.keys() ^ second.keys())
        odd += [name for name in first if name in second and not first[name].equal(second[name])]
        if odd:
            return f"{told} differ, {shown(odd[0])} first"
    return None


# What differs first in a training comes first.
_PARTS = {
    "teacher": "what state() returns",
    "lessons": "the lessons",
    "criterion": "the criterion's parameters",
    "weights": "the weights",
    "average": "their moving average",
}


@contextmanager
def _truth_unread(method: str, folder: Folder) -> Iterator[None]:
    """Raise ConformanceError where a file that knows the truth is opened in the block."""
    with opened_files() as opened:
        yield
    for place in _privileged(folder):
        for file in opened:
            if file.is_relative_to(place.resolve()):
                raise ConformanceError(
                    f"{method}: opens {file.relative_to(folder.path.resolve())} of the data set, "
                    "which only oracle may: learn from folder.crowd(split) alone"
                )
