"""One rule for all that is printed: a text is one line, as it is, and steers nothing."""

import io
import os
import subprocess
import sys

import pytest
from rich.console import Console
from rich.text import Text

from medmnist_det.terminal import console
from medmnist_det.terminal.console import LineConsole, line
from medmnist_det.terminal.tables import Table

HARD = {
    "[bold]a[/bold] [/nothing] :smile:": "[bold]a[/bold] [/nothing] :smile:",
    "a\nb\r\n  c\x85d\u2028e": "a b c d e",
    "a\x1b[31mred\x1b]0;title\x07": "a\ufffd[31mred\ufffd]0;title\ufffd",
    "\u202eright to left": "\ufffdright to left",
    "\u05e9\u05dc\u05d5\u05dd": "\u05e9\u05dc\u05d5\u05dd",
    "nul\x00 del\x7f": "nul\ufffd del\ufffd",
    "no\u00a0break": "no break",
    "x" * 3000: "x" * 3000,
}


@pytest.mark.parametrize(("text", "shown"), HARD.items())
@pytest.mark.parametrize("terminal", [True, False])
def test_a_text_is_printed_as_one_plain_line(text, shown, terminal):
    file = io.StringIO()
    LineConsole(file=file, force_terminal=terminal, width=40, markup=False, highlight=False).print(
        text
    )

    assert file.getvalue() == f"{shown}\n"
    assert line(text) == shown


@pytest.mark.parametrize("say", [console.say, lambda text: console.tell("note", (text,))])
@pytest.mark.parametrize("text", HARD)
def test_what_is_said_and_told_follows_the_rule(say, text, capsys):
    say(text)
    out, err = capsys.readouterr()

    assert (out + err).removeprefix("note: ") == f"{HARD[text]}\n"


def test_notes_go_beside_the_result(capsys):
    console.tell("warning", ["one", "two"])
    console.say("three")

    assert capsys.readouterr() == ("three\n", "warning: one\nwarning: two\n")


def test_results_are_not_cut_in_a_narrow_terminal():
    file = io.StringIO()
    table = Table("A title", "name", "number")
    table.row("n" * 40, "1" * 60)
    LineConsole(file=file, width=30).print(table)

    assert "1" * 60 in file.getvalue()


def shown(monkeypatch, terminal):
    text = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=text, force_terminal=terminal, width=80))
    with console.stages() as tell:
        tell("reading [a]\x1b[31m.json", 0, 0)
        tell("resampling images", 1000, 200)
    return text.getvalue()


def test_a_terminal_shows_what_is_being_done_and_a_pipe_shows_nothing(monkeypatch):
    assert "resampling images" in shown(monkeypatch, terminal=True)
    assert "\x1b[31m.json" not in shown(monkeypatch, terminal=True)
    assert shown(monkeypatch, terminal=False) == ""


def test_bars_show_names_as_they_are(monkeypatch):
    text = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=text, force_terminal=True, width=80))
    with console.progress("Reading [/a]", 2) as advance:
        advance(1)
    with console.training("rater:[/b]", 2):
        pass

    assert "Reading [/a]" in text.getvalue()
    assert "rater:[/b]" in text.getvalue()


def test_letters_that_a_terminal_lacks_stop_nothing():
    program = "from medmnist_det.terminal.console import say; say('caf\\u00e9 \\u6f22')"

    found = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )

    assert found.stdout == b"caf\\xe9 \\u6f22\n"


def test_renderables_of_ours_keep_their_lines():
    file = io.StringIO()
    LineConsole(file=file, width=80).print(Text("a\nb"))

    assert file.getvalue() == "a\nb\n"
