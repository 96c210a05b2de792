"""Which files are opened, for the rule that only the oracle reads the truth."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Files that were opened since somebody watches; None where nobody does.
_SEEN: list[str] | None = None
_HOOKED = False


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _SEEN is not None and event == "open" and isinstance(arguments[0], str | bytes):
        _SEEN.append(os.fsdecode(arguments[0]))


@contextmanager
def opened_files() -> Iterator[list[Path]]:
    """Yield a list that holds, after the block, every file that was opened in it by Python."""
    global _SEEN, _HOOKED
    if not _HOOKED:
        sys.addaudithook(_hear)  # for good: there is no way to take one away
        _HOOKED = True
    found: list[Path] = []
    _SEEN = []
    try:
        yield found
    finally:
        found += [Path(name).resolve() for name in _SEEN]
        _SEEN = None
