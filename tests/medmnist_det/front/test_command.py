"""The command: what it prints and writes, and what it refuses."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from typer.testing import CliRunner

import cli
from evaluation.benchmark.cells import Cell, write_cell
from evaluation.benchmark.table import METRICS
from medmnist_det.front.benchmark import Running, State
from medmnist_det.terminal import cells as display
from tests.evaluation.benchmark.made import cell, cells
from tests.printed import tables

SMALL = ["--images", "60,20,20", "--epochs", "1", "--canvas", "96", "--digits", "optdigits"]
TITLE = (
    "paper, budget custom, test split, seed 20, optdigits (scikit-learn's 1,797 digits, not MNIST)"
)


def command(*words, code=0):
    result = CliRunner().invoke(cli.app, ["benchmark", *map(str, words)])
    assert result.exit_code == code, result.output
    return result


def test_one_command_makes_data_cells_tables_and_figures(tmp_path):
    words = ["--methods", "oracle,baseline", "--seeds", "20", *SMALL, "--device", "cpu"]
    words += ["--workers", "1", "--out", tmp_path / "b"]
    result = command(*words)
    table = tables(result.stdout)[TITLE]
    assert sorted(table.column("method")) == ["baseline", "oracle"]
    assert (
        "budget custom: 60 train, 20 val, 20 test images of 96 px, model n, 1 epoch."
        in result.stdout
    )
    assert "2 of 2 cells done" in result.stderr
    there = {path.name for path in (tmp_path / "b").iterdir()}
    assert there == {
        "cells", "data", "runs", "figures", "table.md", "table.tex", "table.csv", "table.json",
    }  # fmt: skip

    # The second run trains nothing.
    again = command(*words)
    assert again.stdout == result.stdout
    assert again.stderr == ""
    assert command("--from", tmp_path / "b").stdout == result.stdout


def test_tables_are_made_of_cells_alone(tmp_path):
    write(tmp_path, *cells())
    table = tables(command("--from", tmp_path).stdout)
    assert table["paper, budget quick, test split, seeds 20, 21, 22, MNIST"].row("earl")[0] == "3"
    assert (tmp_path / "figures" / "gap-paper-quick.png").is_file()


def write(folder, *found):
    (folder / "cells").mkdir()
    for one in found:
        write_cell(folder / "cells", one)


def test_failed_cells_are_told_and_end_the_command_with_1(tmp_path):
    one = cell("earl", 20, 0.9, 0.7)
    write(tmp_path, Cell(spec=one.spec, made=one.made, error="Traceback ...\nValueError: no"))
    result = command("--from", tmp_path, code=1)
    assert "failed: paper-quick-earl-20: ValueError: no" in result.stderr
    assert "1 failed" in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--methods", "best"], "'best' is not known: choose oracle"),
        (["--presets", "best"], "--preset 'best' is not known"),
        (["--sweep", "proficiency=2"], "--proficiency 2.0 is not from 0 to 1"),
        (["--seeds", "x"], "--seeds 'x' is no number"),
        (["--images", "1.5"], "--images '1.5' is no whole number"),
        (["--canvas", "8"], "--canvas 8 is not from 32"),
        (["--predictions", "x"], "write name=preds.json@fingerprint"),
        (["--from", "nowhere"], "nowhere: has no cells"),
        (["--digits", "optdigits", "--digits-root", "."], "drop it, or --digits optdigits"),
    ],
)
def test_bad_input_is_one_sentence(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = command(*words, "--workers", "1", code=2)
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert not list(tmp_path.rglob("*.json"))


def shown(state, monkeypatch, terminal):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    monkeypatch.setattr(display, "err", console)
    with display.cells() as watch:
        for one in state:
            watch(one)
    return console.file.getvalue()


def test_the_display_says_what_runs_what_is_left_and_when_it_ends(monkeypatch):
    running = [Running(name="paper, earl, seed 20", seconds=65, epochs=3, of=10)]
    state = State(total=8, done=2, failed=1, running=running, seconds_left=3700)
    text = shown([state], monkeypatch, terminal=True)
    assert "2 of 8 cells done, 1 failed, about 1:01:40 left" in text
    assert "paper, earl, seed 20: 3 of 10 epochs, 1:05" in text


def test_a_pipe_gets_a_line_a_cell(monkeypatch):
    one = cell("earl", 20, 0.9, 0.7)
    bad = Cell(spec=one.spec, made=one.made, error="Traceback\nValueError: no")
    states = [
        State(total=2),
        State(total=2, done=1, ended=one),
        State(total=2, done=1, failed=1, ended=bad),
    ]
    assert shown(states, monkeypatch, terminal=False).splitlines() == [
        f"paper, earl, seed 20: {METRICS[0]} 0.9000, {METRICS[1]} 0.7000, 1.7 minutes "
        "(1 of 2 cells done)",
        "paper, earl, seed 20: failed: ValueError: no (1 of 2 cells done, 1 failed)",
    ]
