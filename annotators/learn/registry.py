"""All methods of ``train-reference`` by name, those of other packages and of users among them."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from medmnist_det.errors import InputError, shown
from medmnist_det.reference.lessons import ENSEMBLE
from medmnist_det.reference.teacher import Teacher

#: Other packages name their teachers here: ``my-method = "my_package.my_module:MyTeacher"``.
GROUP = "medmnist_det.teachers"

_PLAIN = "annotators.learn.plain"

_OURS = {
    "oracle": f"{_PLAIN}:Oracle",
    "baseline": f"{_PLAIN}:Baseline",
    "wbf": f"{_PLAIN}:Wbf",
    "earl": f"{_PLAIN}:Earl",
    "majority-vote": f"{_PLAIN}:MajorityVote",
    "dawid-skene": f"{_PLAIN}:DawidSkene",
    "bdc": "annotators.learn.bdc:Bdc",
    "bdc-miss": "annotators.learn.bdc_miss:BdcMiss",
    "ema-teacher": "annotators.learn.ema_teacher:EmaTeacher",
}


def methods() -> tuple[str, ...]:
    """Return the names of all methods; ``rater:K`` stands for one rater of the data set."""
    others = sorted(entry.name for entry in entry_points(group=GROUP))
    return (*_OURS, "rater:K", ENSEMBLE, *(name for name in others if name not in _OURS))


def teacher_of(method: str) -> type[Teacher]:
    """Return the class of a method: ours, that of an entry point, or ``module:Class``.

    A module is also looked for in the current folder. Raises InputError for what does not exist or
    is no teacher; ``ensemble`` has none of its own.
    """
    kind, colon, name = method.partition(":")
    if method in _OURS:
        return _loaded(method, EntryPoint(method, _OURS[method], GROUP))
    if kind == "rater" and name:
        return _loaded(method, EntryPoint(method, f"{_PLAIN}:OneRater", GROUP))
    for entry in entry_points(group=GROUP):
        if entry.name == method:
            return _loaded(method, entry)
    if colon and name and all(part.isidentifier() for part in (*kind.split("."), name)):
        return _loaded(method, EntryPoint(method, method, GROUP))
    raise InputError(
        f"--method {shown(method)} is not known: choose {', '.join(methods())}, or name a class "
        "of your own as in my_module:MyTeacher"
    )


def refuse_unknown(method: str) -> None:
    """Raise InputError for a method that does not exist."""
    if method != ENSEMBLE:
        teacher_of(method)


def fused_by(method: str) -> str | None:
    """Return the fused labels that a method needs, by their folder's name; None for none.

    Raises InputError for a method that does not exist.
    """
    return None if method == ENSEMBLE else teacher_of(method).fused


def _loaded(method: str, entry: EntryPoint) -> type[Teacher]:
    here = str(Path.cwd())
    # Behind everything that is installed: a file of the user's shadows nothing.
    sys.path.append(here)
    try:
        module = importlib.import_module(entry.module)
        found = getattr(module, entry.attr)
    except (ImportError, AttributeError) as error:
        # What the module itself lacks is the module's fault, and keeps its traceback.
        if isinstance(error, ImportError) and error.name not in _parts(entry.module):
            raise
        raise InputError(
            f"--method {shown(method)}: {error}; name a module that can be imported from here and "
            "a class in it"
        ) from error
    finally:
        sys.path.remove(here)
    if not (isinstance(found, type) and issubclass(found, Teacher)):
        raise InputError(
            f"--method {shown(method)}: {entry.attr} is no class that derives from "
            "medmnist_det.reference.Teacher"
        )
    return found


def _parts(module: str) -> set[str]:
    """Return the names of a module and of the packages that hold it."""
    parts = module.split(".")
    return {".".join(parts[: k + 1]) for k in range(len(parts))}
