"""Every command that README and docs show works as it is written, in order, from one folder.

The folder holds a small data set instead of the full one, so that training takes seconds; CI runs
README's two commands of setting up as they stand.
"""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "docs/inference.md",
    "docs/evaluation.md",
    "docs/reference.md",
    "docs/python.md",
    "docs/benchmark.md",
)

# Two or more blanks set what a line says about its command apart from it.
_LINE = re.compile(r"^(?: {4})?medmnist-det (.*?)(?: {2,}.*)?$")
_FENCE = re.compile(r"^```(\w*)$")


def blocks(page):
    """Yield commands, as lists of words, and Python scripts, as texts, in the order of the page."""
    language, script = None, []
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        fence = _FENCE.match(line)
        if fence and language is None:
            language = fence[1]
        elif fence:
            if language == "python":
                yield "\n".join(script)
            language, script = None, []
        elif language == "python":
            script.append(line)
        elif found := _LINE.match(line):
            yield shlex.split(found[1])


def test_the_pages_show_every_command():
    shown = {one[0] for page in PAGES for one in blocks(page) if isinstance(one, list)}
    everything = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert shown == {name.replace("_", "-") for name in everything}


def test_the_python_page_does_everything_in_fifteen_lines_each():
    scripts = [one for one in blocks("docs/python.md") if isinstance(one, str)]
    assert len(scripts) == 5
    assert all(len(one.splitlines()) <= 15 for one in scripts)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_shown_command_and_script_works_in_order(here):
    tiny = "--seeds 20 --images 60,20,20 --epochs 1 --canvas 96 --digits optdigits --workers 1"
    small = {
        "generate": "--train 60 --val 20 --test 20 --canvas 96 --digits optdigits",
        "benchmark": tiny,
    }
    for page in PAGES:
        if page == "docs/reference.md":
            shutil.rmtree("runs")  # it shows how runs begin
        for one in blocks(page):
            if isinstance(one, str):
                exec(compile(one, page, "exec"), {"__name__": "shown"})
                continue
            words = one if "--from" in one else [*one, *shlex.split(small.get(one[0], ""))]
            result = CliRunner().invoke(app, words)
            assert result.exit_code == 0, f"{page}: {' '.join(one)}\n{result.output}"
