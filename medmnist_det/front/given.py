"""Predictions of somebody else's detector as cells beside ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from annotators.learn.registry import methods
from evaluation.assessment import Options, assess
from evaluation.benchmark.cells import Cell, Spec, write_cell
from evaluation.read.source import open_truth
from medmnist_det.errors import InputError, listed, shown
from medmnist_det.files import read_json
from medmnist_det.folder import Folder
from medmnist_det.front.benchmark import data_jobs
from medmnist_det.front.cell import Place, data_of, made_here, prepare, scores_of
from medmnist_det.front.plan import Asked
from medmnist_det.guards import locked
from medmnist_det.hashes import file_hash


@dataclass(frozen=True, kw_only=True)
class Given:
    """A file of predictions, what its method is called, and which data set they are for."""

    name: str
    file: Path
    #: The beginning of the data set's fingerprint.
    fingerprint: str


#: Fewer signs of a fingerprint could be another's by chance.
_LEAST = 8

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}")


def given_of(text: str) -> Given:
    """Return what ``name=file@fingerprint`` says.

    The fingerprint may be left out where ``scores.json``, as ``evaluate --json`` and
    ``train-reference`` write it, lies beside the file and names it. Raises InputError.
    """
    name, is_given, rest = text.partition("=")
    if not is_given or not rest or not _NAME.fullmatch(name):
        raise InputError(
            f"--predictions {shown(text)}: write name=preds.json@fingerprint, with a name of "
            "letters, digits, spaces, dots and dashes, 40 at most"
        )
    if name in methods() or name.startswith("rater:"):
        raise InputError(f"--predictions {shown(name)}: is one of our methods; take another name")
    path, at, fingerprint = rest.rpartition("@")
    if not at:
        return Given(name=name, file=Path(rest), fingerprint=_beside(Path(rest)))
    if not re.fullmatch(rf"[0-9a-f]{{{_LEAST},64}}", fingerprint):
        raise InputError(
            f"--predictions {shown(text)}: {shown(fingerprint)} is no fingerprint: give the first "
            f"{_LEAST} signs or more of the one that 'medmnist-det verify' prints for the data set"
        )
    return Given(name=name, file=Path(path), fingerprint=fingerprint)


def _beside(file: Path) -> str:
    """Return the fingerprint in the scores of a file of predictions."""
    scores = file.with_name("scores.json")
    content = read_json(scores) if scores.is_file() else {}
    found = content.get("fingerprint") if isinstance(content, dict) else None
    if not isinstance(found, str) or Path(content.get("predictions", "")).name != file.name:
        raise InputError(
            f"--predictions {file}: image ids do not say which data set they are of: add @ and the "
            f"first {_LEAST} signs of its fingerprint, which 'medmnist-det verify' prints"
        )
    return found


def score_given(
    given: Sequence[Given], asked: Asked, out: Path, cells: Sequence[Cell]
) -> tuple[list[Cell], list[str]]:
    """Return a cell for every file of predictions, which is written, too; and warnings.

    ``cells`` are those of ``asked``, whose data sets the predictions may be of. Raises InputError
    for predictions of any other, and for files that cannot be read.
    """
    place = Place(path=out)
    known = {cell.data.fingerprint: cell.spec for cell in cells if cell.data is not None}
    found, warnings = [], []
    with locked(out) if given else nullcontext():
        for one in given:
            spec = _spec_of(one, known)
            data = place.data(spec)
            for job in data_jobs(asked, place, [spec]):
                prepare(job)
            score = assess(open_truth(data, spec.split, None), one.file, Options())
            cell = Cell(
                spec=Spec(
                    method=one.name,
                    setting=spec.setting,
                    seed=spec.seed,
                    budget=None,
                    split=spec.split,
                ),
                made=made_here(asked.command),
                data=data_of(Folder.open(data)),
                predictions=file_hash(one.file) if one.file.is_file() else None,
                **scores_of(score),
            )
            write_cell(place.cells, cell)
            found.append(cell)
            warnings += score.warnings
    return found, warnings


def _spec_of(one: Given, known: dict[str, Spec]) -> Spec:
    """Return a cell whose data set the predictions are of."""
    fitting = [spec for key, spec in known.items() if key.startswith(one.fingerprint)]
    if len(fitting) != 1:
        sets = [
            f"{key[:12]} ({spec.setting.name}, seed {spec.seed})" for key, spec in known.items()
        ]
        raise InputError(
            f"{one.file}: is of a data set with fingerprint {one.fingerprint[:12]}, which is none "
            f"of this benchmark's: {listed(sets)}; predict the images in its data folders"
        )
    return fitting[0]
