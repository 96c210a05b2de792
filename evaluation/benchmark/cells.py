"""A cell of the benchmark: one method on one data set with one budget, as one small JSON file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from evaluation.benchmark.budgets import Budget
from medmnist_det.errors import InputError, shown
from medmnist_det.files import naming, read_json
from medmnist_det.folder import write_json
from medmnist_det.labels import Split

#: Version of the files. Readers refuse others.
FORMAT = 1

#: What a budget is called that nobody knows: of predictions that were given.
GIVEN = "given"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Who annotates: a preset, of which a sweep may have changed one option."""

    preset: str
    #: Name and value of the option that a sweep changes; None for the preset as it is.
    option: str | None = None
    value: str | None = None

    @property
    def name(self) -> str:
        """What the setting is called, in tables and in the names of files."""
        return self.preset if self.option is None else f"{self.preset},{self.option}={self.value}"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """Which cell: all that decides what comes out, but for program and machine."""

    method: str
    setting: Setting
    seed: int
    #: None for predictions that were given.
    budget: Budget | None
    split: Split = "test"

    @property
    def data_name(self) -> str:
        """What the cell's data set is called; cells with the same one share it."""
        if self.budget is None:
            raise ValueError("predictions that were given have no data set of their own")
        return f"{self.setting.name}-{self.budget.data_key}-{self.seed}"

    @property
    def run_name(self) -> str:
        """What the cell's training is called, whatever split is scored."""
        budget = GIVEN if self.budget is None else self.budget.key
        return f"{self.setting.name}-{budget}-{self.method.replace(':', '-')}-{self.seed}"

    @property
    def name(self) -> str:
        """What the cell's file is called, without its suffix."""
        return self.run_name if self.split == "test" else f"{self.run_name}-{self.split}"


@dataclass(frozen=True, kw_only=True)
class Made:
    """What made a cell."""

    command: str
    #: Of our package, of Python, and of what computes.
    versions: dict[str, str]
    machine: str
    #: Of the training; None for predictions that were given.
    device: str | None = None
    precision: str | None = None


@dataclass(frozen=True, kw_only=True)
class Data:
    """The data set of a cell."""

    #: Where the digits come from: ``mnist`` or ``optdigits``.
    digits: str
    #: Of all its pixels and labels.
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class Score:
    """A score with its 95% interval over images; None where it is not defined."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What came out. Of a cell that failed only ``error`` and what made it are known."""

    spec: Spec
    made: Made
    #: Why the cell failed, in one sentence or a traceback; None for one that is done.
    error: str | None = None
    data: Data | None = None
    #: Hash of what the detector was taught.
    lessons: str | None = None
    #: Hash of the predictions file.
    predictions: str | None = None
    #: Every option of the training by name.
    recipe: dict[str, Any] | None = None
    #: Of training, by the clock, and of the processor for the whole cell (None where it was
    #: stopped and resumed, as nobody knows what the stopped part took).
    minutes: float | None = None
    cpu_minutes: float | None = None
    #: By metric, those of the headline first.
    scores: dict[str, Score] = field(default_factory=dict)
    #: COCO's numbers, classes and sizes, as in the JSON file of ``evaluate``.
    details: dict[str, Any] = field(default_factory=dict)
    #: Quality of what was taught: precision, recall, class_accuracy, mean_iou.
    labels: dict[str, float | None] | None = None
    #: Errors of the estimated raters: matrix, miss, spurious, box_bias, skill.
    recovery: dict[str, float | None] | None = None

    @property
    def why(self) -> str:
        """Why the cell failed, in its last line; "" for one that is done."""
        return (self.error or "").strip().rpartition("\n")[2]


def write_cell(folder: Path, cell: Cell) -> Path:
    """Write a cell's file, atomically, and return its path. Raises InputError."""
    path = folder / f"{cell.spec.name}.json"
    write_json(path, {"format": FORMAT, **asdict(cell)})
    return path


def read_cells(folder: Path) -> list[Cell]:
    """Return the cells of a folder in the order of their names; none where there is no folder.

    Raises InputError that names the file for what is no cell, for a cell of another format, and for
    one whose file is called after another.
    """
    with naming(folder):
        return [read_cell(path) for path in sorted(folder.glob("*.json"))]


def read_cell(path: Path) -> Cell:
    """Return the cell of a file. Raises InputError as :func:`read_cells` does."""
    content = read_json(path)
    version = content.get("format") if isinstance(content, dict) else None
    if version != FORMAT:
        raise InputError(
            f"{path}: is a cell of format {shown(version)}, this version reads {FORMAT}; remove "
            "it, or choose another folder"
        )
    try:
        found = msgspec.convert(content, Cell)
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: is no cell of the benchmark ({error}); remove it") from error
    if found.error is None and (found.data is None or not found.scores):
        raise InputError(f"{path}: says that it is done and has no scores; remove it")
    if path.stem != found.spec.name:
        raise InputError(
            f"{path}: holds the cell {shown(found.spec.name)}; give the file that name, or remove "
            "it"
        )
    return found


def refuse_mixed(cells: Iterable[Cell], where: Path) -> None:
    """Raise InputError where cells cannot stand in one table.

    Of two versions of the program; of one seed on two data sets; of one budget's name with two
    meanings; of one method with two recipes.
    """
    seen: dict[tuple[Any, ...], tuple[Any, Cell]] = {}
    for cell in cells:
        spec = cell.spec
        for what, group, value in _must_agree(cell):
            first, other = seen.setdefault((what, *group), (value, cell))
            if first != value:
                raise InputError(
                    f"{where / other.spec.name}.json and {spec.name}.json: cells of two {what} "
                    f"({_differing(first, value)}); remove those of one, or choose another folder"
                )


def _must_agree(cell: Cell) -> Iterable[tuple[str, tuple[Any, ...], Any]]:
    """Yield what is compared, between which cells, and its value here."""
    spec, budget = cell.spec, cell.spec.budget
    yield "versions of medmnist-det", (), cell.made.versions.get("medmnist-det")
    if budget is not None:
        yield "meanings of a budget", (budget.key,), asdict(budget)
    if cell.data is not None and budget is not None:
        yield "data sets", (spec.data_name,), cell.data.fingerprint
        yield "sources of digits", (budget.key,), cell.data.digits
    if cell.recipe is not None and budget is not None:
        # The arithmetic may differ between machines; it stands beside the table.
        same = {key: value for key, value in cell.recipe.items() if key not in _FREE}
        yield "recipes", (spec.method, budget.key), same


_FREE = ("seed", "precision")


def _differing(first: Any, second: Any) -> str:
    """Return two values, or the first entry in which two dictionaries differ."""
    if isinstance(first, dict) and isinstance(second, dict):
        for key in {**first, **second}:
            if first.get(key) != second.get(key):
                return f"{key}: {_differing(first.get(key), second.get(key))}"
    return f"{shown(first)} and {shown(second)}"
