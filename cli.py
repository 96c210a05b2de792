"""The command line: parses, calls, prints. Only this file knows Typer.

Commands import what they need inside their bodies, so that ``--help`` answers at once.
"""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from medmnist_det.errors import InputError


class _Group(TyperGroup):
    """Shows what the user can mend as one sentence and exits with code 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            _err.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(2) from error


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Object detection from annotators who disagree: synthetic digit scenes with known truth.",
)

_out = Console()
_err = Console(stderr=True)
