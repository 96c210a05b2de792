import io

import pytest
from rich.console import Console

from medmnist_det.terminal.tables import Table, Whole, plain


def shown(table, width):
    console = Console(width=width, file=io.StringIO())
    console.print(table, crop=False)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [34, 40, 80, 500])
def test_a_table_that_fits_is_one_table(width):
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


WIDE = ("rater", "drawn", "missed", "wrong class", "spurious", "IoU")


@pytest.mark.parametrize("width", [10, 20, 30, 40, 60, 120])
def test_what_does_not_fit_follows_below_beside_the_names(width):
    table = Table("Annotators", *WIDE)
    for k in range(3):
        table.row(f"rater {k}", *(f"{k}{place}.123" for place in range(5)))

    lines = shown(table, width)

    assert max(map(len, lines)) <= max(width, 27)  # the widest column beside a name
    headers = [lines[k - 1] for k, line in enumerate(lines) if line.startswith(" \u2500")]
    rows = [line.split() for line in lines if line.startswith(" rater 1")]
    assert " ".join(headers).replace("rater", "").split() == " ".join(WIDE[1:]).split()
    assert [cell for row in rows for cell in row[2:]] == [f"1{place}.123" for place in range(5)]
    assert len(headers) == len(rows) == {10: 5, 20: 5, 30: 3, 40: 2, 60: 1, 120: 1}[width]
    assert sum("Annotators" in line for line in lines) == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_lines_are_broken_between_words_on_a_terminal_alone(terminal):
    path = "a/very/long/path/to/some/labels/of/a/crowd.json"
    console = Console(width=30, file=io.StringIO(), force_terminal=terminal, color_system=None)
    console.print(Whole(f"{path}: 454 boxes of 3 raters on 60 images\n  second line"), crop=False)

    printed = console.file.getvalue().splitlines()

    if terminal:
        assert printed == [f"{path}:", "454 boxes of 3 raters on 60", "images", "  second line"]
    else:
        assert printed == [f"{path}: 454 boxes of 3 raters on 60 images", "  second line"]


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
