import io

import pytest
from rich.console import Console

from medmnist_det.terminal.tables import Table, plain


def shown(table, width):
    console = Console(width=width, file=io.StringIO())
    console.print(table, crop=False)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [10, 20, 40, 80, 500])
def test_a_narrow_terminal_cuts_neither_numbers_nor_short_names(width):
    table = Table("A title of more words than fit", "name", "kind", "points\nalone", names=2)
    table.row("background", "random", "12,345.6789", style="bold")
    table.row("\N{CJK UNIFIED IDEOGRAPH-6F22}" * 4, "", "-1")
    table.row("...")

    assert shown(table, width) == [
        "A title of more words than fit",
        "",
        "                          points",
        " name        kind          alone",
        " ───────────────────────────────",
        " background  random  12,345.6789",
        " 漢漢漢漢                     -1",
        " ...",
        "",
    ]


def test_long_names_are_folded_where_room_is_short():
    table = Table("", "name", "value")
    table.row("a name of a few words", "0.1234")

    folded = [line for line in shown(table, 24) if "name of" in line or "words" in line]

    assert folded == [" a name of a     0.1234", " few words"]
    assert " a name of a few words  0.1234" in shown(table, 80)


def test_names_of_files_cannot_steer_the_terminal():
    assert plain("a\x1b[31mb\n") == "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}"
    assert plain(7) == "7"


def test_cells_titles_and_headers_are_plain_and_cells_have_one_line():
    table = Table("\nA [red]title\x1b[31m", "na\x07me", "[b]", "number", names=2)
    table.row("[/x]\x1b[31m", "a\nb", "1\r2")

    assert shown(table, 80)[1:6] == [
        "A [red]title\ufffd[31m",
        "",
        " na\ufffdme      [b]  number",
        " ──────────────────────",
        " [/x]\ufffd[31m  a\ufffdb     1\ufffd2",
    ]
