"""The tables of all commands: they cut nothing, and stay aligned as plain text when piped."""

from __future__ import annotations

import copy
import unicodedata
from collections.abc import Iterator

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

    Where a terminal is too narrow for all numbers and twelve characters of a name, the columns that
    do not fit follow below, beside the names again; rich alone would leave out the names, then
    digits.
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
        name = min(_widest(names), _NAME)
        parts = list(_fitting(numbers, options.max_width - name))
        for k, part in enumerate(parts):
            rest = sum(map(_widest, part)) + len(part) + _FRAME
            shown = copy.copy(self)
            first = copy.copy(names)
            first.width = min(_widest(names), max(options.max_width - rest, _NAME))
            shown.columns = [first, *part]
            shown.title = self.title if k == 0 else None
            width = max(options.max_width, first.width + rest)
            yield from RichTable.__rich_console__(shown, console, options.update(max_width=width))


# What rich puts around a table and after the column of names.
_FRAME = 2


def _fitting(columns: list[Column], width: int) -> Iterator[list[Column]]:
    """Yield the columns in parts that fit a width, in their order; one at least in a part."""
    part: list[Column] = []
    used = _FRAME
    for column in columns:
        more = _widest(column) + 1
        if part and used + more > width:
            yield part
            part, used = [], _FRAME
        part.append(column)
        used += more
    yield part


def _widest(column: Column) -> int:
    cells = (column.header, *column.cells)
    return max(cell_len(line) for cell in cells for line in str(cell).split("\n"))


class Whole:
    """Lines that are not cut: a pipe gets them as they are, a terminal broken between words."""

    def __init__(self, lines: str) -> None:
        """Take lines of plain characters."""
        self.lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = self.lines.split("\n")
        if console.is_terminal:
            lines = [wrapped(line, options.max_width) for line in lines]
        yield Text("\n".join(lines), no_wrap=True, overflow="ignore")


def wrapped(text: str, width: int) -> str:
    """Return a line as lines of a width at most; a word that is wider stays whole."""
    rows = [""]
    for k, word in enumerate(text.split(" ")):
        longer = f"{rows[-1]} {word}" if k else word
        if rows[-1].strip() and cell_len(longer) > width:
            rows.append(word)
        else:
            rows[-1] = longer
    return "\n".join(rows)


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
