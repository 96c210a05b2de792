"""Methods from outside this package: entry points of other packages, and files of the user's."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from medmnist_det.errors import InputError, shown


def plugin_names(group: str) -> tuple[str, ...]:
    """Return the names that installed packages have in a group of entry points, in order."""
    return tuple(sorted({entry.name for entry in entry_points(group=group)}))


def plugin(group: str, method: str) -> Any:
    """Return what an entry point of that name, or ``module:name``, stands for; None for neither.

    A module is also looked for in the current folder. Raises InputError for what cannot be
    imported.
    """
    for entry in entry_points(group=group):
        if entry.name == method:
            return loaded(method, entry)
    module, colon, name = method.partition(":")
    if colon and all(part.isidentifier() for part in (*module.split("."), name)):
        return loaded(method, EntryPoint(method, method, group))
    return None


def loaded(method: str, entry: EntryPoint) -> Any:
    """Return what an entry point stands for. Raises InputError where it is not there."""
    here = str(Path.cwd())
    # Behind everything that is installed: a file of the user's shadows nothing.
    sys.path.append(here)
    try:
        return getattr(importlib.import_module(entry.module), entry.attr)
    except (ImportError, AttributeError) as error:
        # What the module itself lacks is the module's fault, and keeps its traceback.
        absent = isinstance(error, ImportError) and error.name in _parts(entry.module)
        if not absent and hasattr(sys.modules.get(entry.module), entry.attr):
            raise
        if not absent and entry.module not in sys.modules:
            raise
        raise InputError(
            f"--method {shown(method)}: {error}; name a module that can be imported from here and "
            "what is in it"
        ) from error
    finally:
        sys.path.remove(here)


def _parts(module: str) -> set[str]:
    """Return the names of a module and of the packages that hold it."""
    parts = module.split(".")
    return {".".join(parts[: k + 1]) for k in range(len(parts))}
