"""The front door: the functions of ``import medmnist_det``, one concern a file.

Only this package and the command line know both ``annotators`` and ``evaluation``, two names that
a user's own files may bear, too: where they do, importing it raises ImportError that says which.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from medmnist_det.errors import InputError


class InTheWayError(InputError, ImportError):
    """Raised where somebody else's module is found under a name of this project's packages."""


def _refuse_strangers() -> None:
    home = Path(__file__).parents[2].resolve()
    for name in ("annotators", "evaluation"):
        try:
            spec = find_spec(name)
        except ValueError:  # a module that was put together by hand
            spec = None
        places = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or ())]
        found = next((Path(place) for place in places if place), None)
        if found == home / name / "__init__.py" or (
            found is not None and found.resolve() == home / name / "__init__.py"
        ):
            continue
        where = "another module" if found is None else str(found)
        raise InTheWayError(
            f"{where} stands in the way of the package {name!r} of medmnist-det, which lies in "
            f"{home}: rename it, or start Python from another folder"
        )


_refuse_strangers()
