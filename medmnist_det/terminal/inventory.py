"""What is in a data folder, what was made of it, and what to run next, for the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from medmnist_det.folder import Folder, usual_folder
from medmnist_det.formats.coco import read_coco
from medmnist_det.labels import CROWD_SPLITS
from medmnist_det.runs import PREDICTIONS, Run
from medmnist_det.terminal.summary import facts, splits_table
from medmnist_det.terminal.tables import Table, Whole, plain


def inventory(folder: Folder, runs: Sequence[Run]) -> RenderableType:
    """Return tables of a data set, of its fused labels and of the runs that belong to it.

    ``runs`` are those that lie beside it: scored ones belong to the data set with the fingerprint
    that stands in their scores, of others nobody knows. Raises InputError.
    """
    fused = list(_fused(folder))
    ours = [run for run in runs if run.fingerprint in (None, folder.manifest["fingerprint"])]
    parts: list[RenderableType] = [splits_table(folder.manifest), facts(folder)]
    if fused:
        table = Table("\nFused labels", "method", "split", "labels")
        for row in fused:
            table.row(*row)
        parts.append(table)
    if ours:
        parts.append(_runs_table(ours))
    if len(ours) < len(runs):
        parts.append(Text(f"{len(runs) - len(ours)} more runs, of other data sets"))
    parts.append(Text("\nNext", style="bold"))
    parts += [Whole(f"  {plain(line)}") for line in _next(folder, bool(fused), ours)]
    return Group(*parts)


def _fused(folder: Folder) -> Iterator[tuple[str, str, str]]:
    if not folder.fused_folder.is_dir():
        return
    for place in sorted(one for one in folder.fused_folder.iterdir() if one.is_dir()):
        for split in CROWD_SPLITS:
            file = folder.fused_file(place.name, split)
            if file.is_file():
                yield place.name, split, f"{len(read_coco(file).labels):,}"


def _runs_table(runs: Sequence[Run]) -> Table:
    metrics = list(dict.fromkeys(name for run in runs for name in run.headline()))
    table = Table("\nRuns", "run", "epochs", *metrics, *["state"] * any(map(_state, runs)))
    for run in runs:
        scores = run.headline()
        cells = ["-" if (value := scores.get(name)) is None else f"{value:.4f}" for name in metrics]
        table.row(str(run.path), f"{run.epochs}", *cells, _state(run))
    return table


def _state(run: Run) -> str:
    """Return what is left to do for a run; nothing for one that is done."""
    if run.scores is None:
        return "not scored yet"
    return "trained on since it was scored" if run.stale else ""


def _next(folder: Folder, fused: bool, runs: Sequence[Run]) -> Iterator[str]:
    """Yield commands that go on from what is there, the first that one would want first."""
    data = () if folder.path == usual_folder() else ("--data", folder.path)
    # Of a run without scores nobody knows the data set; those of a stale one are of before.
    done = [run for run in runs if run.scores is not None and not _state(run)]
    scored = [run.path / PREDICTIONS for run in done if (run.path / PREDICTIONS).is_file()]
    if not fused and any(split in folder.splits for split in CROWD_SPLITS):
        yield command("aggregate", "--method", "dawid-skene", *data)
    for run in filter(_state, runs):
        method = ("--method", "ensemble") if run.ensemble else ()
        yield command("train-reference", "--resume", "--out", run.path, *method, *data)
    if not runs and {"train", "test"} <= set(folder.splits):
        yield command("train-reference", "--method", "dawid-skene", *data)
    if scored:
        yield command("evaluate", scored[-1], "--report", "report.html", *data)
    if len(scored) > 1:
        yield command("evaluate", *scored[-2:], *data)
    yield command("show", *data)


def command(*words: str | Path) -> str:
    """Return a command of ours as one types it."""
    return shlex.join(["medmnist-det", *map(str, words)])
