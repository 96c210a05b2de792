"""A package's face: its public names, each imported from its module when it is first asked for.

Imported at once, a face would start what a command has no use for, and modules that stand on each
other could not be imported at all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def face(package: str, names: dict[str, str]) -> tuple[Callable[[str], Any], Callable[[], list]]:
    """Return ``__getattr__`` and ``__dir__`` (PEP 562) of a package.

    ``names`` says for each public name which module holds it. No name may be a module's, too: the
    import of that module would put it in the name's place.
    """

    def get(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(names[name]), name)
        setattr(sys.modules[package], name, found)
        return found

    return get, lambda: sorted(names)
