"""The tables of all commands: they cut nothing, and stay aligned as plain text when piped."""

from __future__ import annotations

import unicodedata

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
            title=Text(_lines(title), style="bold", no_wrap=True, overflow="ignore"),
            title_justify="left",
            box=box.SIMPLE_HEAD,
            padding=0,
            header_style="",
        )
        self.add_column(Text(_lines(first)), overflow="fold")
        for k, name in enumerate(others, start=1):
            side = "left" if k < names else "right"
            self.add_column(Text(_GAP + _lines(name)), justify=side, no_wrap=True)

    def row(self, first: str, *others: str, style: str = "") -> None:
        """Add a row of cells of one line each; those left out at the end stay empty.

        What a file holds is shown as it is, but for what could steer a terminal (:func:`plain`).
        """
        self.add_row(
            Text(plain(first)), *(Text(_GAP + plain(cell)) for cell in others), style=style
        )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        names, *numbers = self.columns
        rest = sum(map(_widest, numbers)) + len(self.columns) + 1
        names.width = min(_widest(names), max(options.max_width - rest, _NAME))
        width = max(options.max_width, names.width + rest)
        return super().__rich_console__(console, options.update(max_width=width))


def _widest(column: Column) -> int:
    cells = (column.header, *column.cells)
    return max(cell_len(line) for cell in cells for line in str(cell).split("\n"))


def whole(lines: str) -> Text:
    """Return lines that are neither cut nor broken: paths stay in one piece when piped."""
    return Text(lines, no_wrap=True, overflow="ignore")


def _lines(text: str) -> str:
    """Return lines of our own, plain each."""
    return "\n".join(map(plain, text.split("\n")))


def plain(name: object) -> str:
    """Return a name from a file without characters that could steer a terminal or begin a line.

    Spaces of other kinds become plain ones.
    """
    text = str(name)
    return text if text.isprintable() else "".join(map(_plain, text))


def _plain(sign: str) -> str:
    if sign.isprintable():
        return sign
    return " " if unicodedata.category(sign) == "Zs" else "\N{REPLACEMENT CHARACTER}"
