"""How long work shows how far it is: stages, handed in by whoever shows them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

#: Shows a stage: its name and its number of steps go in; what advances it comes out.
Stage = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


@contextlib.contextmanager
def silent(_what: str, _steps: int) -> Iterator[Callable[[object], None]]:
    """Show nothing."""
    yield lambda _: None
