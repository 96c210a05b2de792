"""One rule for all that is printed: a text is one line, as it is, and steers nothing."""

import io
import os
import re
import subprocess
import sys
from types import SimpleNamespace

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
    monkeypatch.setattr(console, "err", LineConsole(file=text, force_terminal=True, width=80))
    with console.progress("Reading [/a]", 2) as advance:
        advance(1)
    with console.training("rater:[/b]", 2):
        pass

    assert "Reading [/a]" in text.getvalue()
    assert "rater:[/b]" in text.getvalue()


def test_a_long_text_goes_on_below_between_words_on_a_terminal():
    file = io.StringIO()
    out = LineConsole(file=file, force_terminal=True, width=40, color_system=None)
    out.print("error: some/folder: is not empty and holds no data set; choose another folder")
    out.print("x" * 50, "and more")

    assert file.getvalue().splitlines() == [
        "error: some/folder: is not empty and",
        "holds no data set; choose another folder",
        "x" * 50,
        "and more",
    ]


def moments():
    """Watch two epochs, each with a look at its beginning, as a training shows them."""
    for epochs in (0.1, 0.6, 1, 1.1, 1.6, 2):
        yield SimpleNamespace(
            epochs=epochs,
            losses={"total": 3 - epochs},
            images_per_second=100.0,
            seconds_left=60 * (2 - epochs),
            validation={"mAP@0.4": 0.5} if epochs >= 1 else {},
        )


LINES = [
    "epoch 1  100 images/s  1:00 left  loss: total 2.000  val: mAP@0.4 0.500",
    "epoch 2  100 images/s  0:00 left  loss: total 1.000  val: mAP@0.4 0.500",
]


def trained(monkeypatch, terminal):
    file = io.StringIO()
    out = LineConsole(file=file, force_terminal=terminal, width=100, color_system=None)
    monkeypatch.setattr(console, "err", out)
    with console.training("earl, n", 2) as watch:
        for moment in moments():
            watch(moment)
    return file.getvalue()


def test_a_pipe_gets_a_line_for_the_beginning_and_one_an_epoch(monkeypatch):
    assert trained(monkeypatch, terminal=False).splitlines() == [
        "training earl, n: 2 epochs",
        "begun: 100 images/s  1:54 left",
        *LINES,
    ]


def test_epochs_stay_on_a_terminal_and_the_bar_goes(monkeypatch):
    text = trained(monkeypatch, terminal=True)
    assert "0.10/2 epochs" in text  # while the first epoch runs
    seen = on_screen(text)
    assert seen == ["training earl, n: 2 epochs", *LINES]


def on_screen(text):
    """Return the lines that are left when a terminal has obeyed what moves and erases."""
    lines, row = [""], 0
    for part in re.findall(r"\x1b\[[0-9?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
        if part == "\n":
            row += 1
        elif part == "\x1b[1A":
            row -= 1
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part != "\r" and part[0] != "\x1b":
            lines[row] += part
        lines += [""] * (row + 1 - len(lines))
    return [line.rstrip() for line in lines if line.strip()]


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
