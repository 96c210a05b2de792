"""Would the tests notice? The faults of ``mutants.toml``, put in one at a time: tests must fail.

    python benchmarks/mutants.py                    all of them
    python benchmarks/mutants.py figures matching   those whose file or fault has one of these words

Every fault is put into a copy of the tree, of which the named test files are run; before, they have
to pass without it. Ends with 1 where a fault survives, and where its text is not in the file once
any more (stale): then it has to be put elsewhere, or dropped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

_ROOT = Path(__file__).resolve().parents[1]
_LIST = Path(__file__).with_suffix(".toml")

# A fault that makes the tests run on and on is noticed, too.
_PATIENCE = 600
_PASSED, _FAILED = 0, 1


@dataclass(frozen=True)
class Mutant:
    """One fault: what it is, where it goes, and the tests that have to fail."""

    fault: str
    file: str
    old: str
    new: str
    tests: list[str]


def mutants(words: list[str]) -> list[Mutant]:
    """Return the listed faults whose file or description holds one of the words; no word: all."""
    listed = [Mutant(**row) for row in tomllib.loads(_LIST.read_text("utf-8"))["mutant"]]
    return [
        one
        for one in listed
        if not words or any(word in f"{one.file} {one.fault}" for word in words)
    ]


def copied(folder: Path) -> None:
    """Copy what git knows of the tree, or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=_ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (_ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(_ROOT / name, folder / name)


def tested(folder: Path, tests: list[str]) -> int | None:
    """Return pytest's exit code for these test files; None where it ran on."""
    # No byte code: two faults of one length within a second would look alike to Python.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        return None


def verdict(folder: Path, one: Mutant) -> str:
    """Return what becomes of a fault: killed, survived, stale, or pytest's other exit code."""
    path = folder / one.file
    before = path.read_text("utf-8") if path.is_file() else ""
    if before.count(one.old) != 1:
        return "stale"
    path.write_text(before.replace(one.old, one.new), "utf-8")
    try:
        code = tested(folder, one.tests)
    finally:
        path.write_text(before, "utf-8")
    if code is None or code == _FAILED:
        return "killed"
    return "survived" if code == _PASSED else f"pytest ended with {code}"


def verdicts(folder: Path, chosen: list[Mutant], console: Console) -> Iterator[tuple[Mutant, str]]:
    """Yield every fault with what became of it."""
    for number, one in enumerate(chosen, 1):
        began = time.perf_counter()
        found = verdict(folder, one)
        spent = f"{time.perf_counter() - began:.0f} s"
        console.print(f"{number}/{len(chosen)} {found}: {one.fault} ({spent})", soft_wrap=True)
        yield one, found


def main() -> int:
    """Run the chosen faults and return the exit code."""
    console, chosen = Console(highlight=False, markup=False), mutants(sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        folder = Path(name)
        copied(folder)
        tests = sorted({test for one in chosen for test in one.tests})
        if not chosen or tested(folder, tests) != _PASSED:
            console.print("no fault is chosen, or the tests fail without one: mend that first")
            return 1
        found = list(verdicts(folder, chosen, console))
    table = Table("fault", "file", "verdict")
    for one, said in found:
        colour = "green" if said == "killed" else "red"
        table.add_row(Text(one.fault), Text(one.file), Text(said, style=colour))
    console.print(table)
    alive = [one for one, said in found if said != "killed"]
    for one, said in found:
        if said == "stale":
            console.print(
                f"{one.file}: the text of {one.fault!r} is not in it once; name it anew in "
                f"{_LIST.name}, or drop it",
                soft_wrap=True,
            )
    console.print(f"{len(found) - len(alive)} of {len(found)} faults were noticed")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
