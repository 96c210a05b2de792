"""The tables of all commands: they cut nothing, and stay aligned as plain text when piped."""

from __future__ import annotations

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Column
from rich.table import Table as RichTable
from rich.text import Text

# Before every column but the first, beside rich's own space: with padding, rich renders every cell
# twice, which takes half as long again.
_GAP = " "

# The least that is left of a row's name before it is folded.
_NAME = 12


class Table(RichTable):
    """A column of names, which fold, then columns that do not, of numbers unless they are names.

    Where a terminal is too narrow for all numbers and twelve characters of a name its lines wrap;
    rich alone would leave out the names, then digits.
    """

    def __init__(self, title: str, first: str, *others: str, names: int = 1) -> None:
        """Begin a table without rows; the first ``names`` columns are names, to the left."""
        super().__init__(
            title=Text(title, style="bold", no_wrap=True, overflow="ignore"),
            title_justify="left",
            box=box.SIMPLE_HEAD,
            padding=0,
            header_style="",
        )
        self.add_column(Text(first), overflow="fold")
        for k, name in enumerate(others, start=1):
            side = "left" if k < names else "right"
            self.add_column(Text(_GAP + name), justify=side, no_wrap=True)

    def row(self, first: str, *others: str, style: str = "") -> None:
        """Add a row of cells, shown as they are; those left out at the end stay empty."""
        self.add_row(Text(first), *(Text(_GAP + cell) for cell in others), style=style)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        names, *numbers = self.columns
        rest = sum(map(_widest, numbers)) + len(self.columns) + 1
        names.width = min(_widest(names), max(options.max_width - rest, _NAME))
        width = max(options.max_width, names.width + rest)
        return super().__rich_console__(console, options.update(max_width=width))


def _widest(column: Column) -> int:
    cells = (column.header, *column.cells)
    return max(cell_len(line) for cell in cells for line in str(cell).split("\n"))


def plain(name: object) -> str:
    """Return a name or path in one line, without characters that could steer a terminal."""
    return "".join(
        sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in str(name)
    )
