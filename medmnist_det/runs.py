"""Runs of the reference detector as they lie on disk, known without starting torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medmnist_det.errors import InputError, listed
from medmnist_det.files import naming, read_json
from medmnist_det.folder import beside

#: What the files of a run are called.
CHECKPOINT, HISTORY, PREDICTIONS, SCORES = (
    "checkpoint.pt",
    "history.json",
    "preds.json",
    "scores.json",
)

#: The folder, in that of a run, with one of every training that came before its own.
BEFORE = "before"

#: The folder with one of every run, unless another is named.
RUNS = Path("runs")

# More names than these in one message help nobody.
_MOST_NAMES = 3


@dataclass(frozen=True, kw_only=True)
class Run:
    """A folder in which the reference was trained."""

    path: Path
    #: Folders of its detectors: its own, or one for each of an ensemble; none where it has only
    #: begun with what comes before.
    detectors: tuple[Path, ...]
    #: Folders of the trainings that came before: of folds, say.
    before: tuple[Path, ...]
    #: Epochs done, of all trainings together.
    epochs: int
    #: What ``scores.json`` holds; None where there is none, which is written last.
    scores: dict[str, Any] | None
    #: Whether it was trained on since it was scored.
    stale: bool

    @property
    def ensemble(self) -> bool:
        """Whether the run has a detector for every rater."""
        return bool(self.detectors) and self.detectors != (self.path,)

    @property
    def fingerprint(self) -> str | None:
        """Fingerprint of the data set on which it was scored; None where that is not known."""
        return None if self.scores is None else self.scores.get("fingerprint")

    def headline(self) -> dict[str, float | None]:
        """Return the scores by the names of their metrics. Raises InputError for none such."""
        if self.scores is None:
            return {}
        try:
            return {name: one["value"] for name, one in self.scores["scores"].items()}
        except (LookupError, TypeError, AttributeError) as error:
            raise InputError(
                f"{self.path / SCORES}: is not what 'train-reference' writes; run it again with "
                f"--resume --out {self.path}"
            ) from error


def runs_in(place: Path) -> list[Run]:
    """Return the runs in a folder by their names; none where there is no such folder.

    Raises InputError for files of a run that cannot be read.
    """
    if not place.is_dir():
        return []
    with naming(place):
        folders = sorted(one for one in place.iterdir() if one.is_dir())
    return [found for found in map(run_in, folders) if found is not None]


def run_in(path: Path) -> Run | None:
    """Return the run in a folder; None where no training was begun. Raises InputError."""
    with naming(path):
        # An ensemble has its checkpoints one folder below, and the rest of a run beside them.
        below = path.glob(f"rater-*/{CHECKPOINT}")
        parts = [file for file in below if not (file.parent / PREDICTIONS).exists()]
        files = sorted([*path.glob(CHECKPOINT), *parts])
        before = trainings_before(path)
    if not files and not before:
        return None
    places = tuple(file.parent for file in files)
    histories = [place / HISTORY for place in (*places, *before)]
    scores = read_json(path / SCORES) if (path / SCORES).is_file() else None
    if scores is not None and not isinstance(scores, dict):
        raise InputError(f"{path / SCORES}: holds no scores; remove it")
    return Run(
        path=path,
        detectors=places,
        before=before,
        epochs=sum(len(read_json(file)) for file in histories if file.is_file()),
        scores=scores,
        stale=scores is not None and any(_age(file) < _age(path / SCORES) for file in files),
    )


def trainings_before(path: Path) -> tuple[Path, ...]:
    """Return the folders of the trainings that came before that of a run, by their names."""
    return tuple(file.parent for file in sorted(path.glob(f"{BEFORE}/*/{CHECKPOINT}")))


def _age(file: Path) -> int:
    """Return a number that is larger for files that were written earlier."""
    return -file.stat().st_mtime_ns


def refuse_absent_predictions(path: Path) -> None:
    """Raise InputError for predictions that are not there, which names the newest that are."""
    refuse_absent(path, (f"{beside(RUNS)}/*/{PREDICTIONS}", "*preds*.json"))


def refuse_absent(path: Path, patterns: Iterable[str]) -> None:
    """Raise InputError for a file that is not there, which names the newest that are like it.

    ``patterns`` are globs from the current folder.
    """
    with naming(path):
        if path.exists() or path.is_symlink():
            return
    there = sorted(
        {file for pattern in patterns for file in Path().glob(pattern)},
        key=_age,
    )
    remedy = f"the newest there are: {listed(there, _MOST_NAMES)}" if there else "check the path"
    raise InputError(f"{path}: No such file or directory; {remedy}")
