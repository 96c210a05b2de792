"""The benchmark: cells run beside each other, what is done is kept, what is missing is made."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evaluation.benchmark.cells import Cell, Data, Spec, read_cells, refuse_mixed
from medmnist_det import __version__
from medmnist_det.errors import InputError, RefusedError
from medmnist_det.files import clear_leftovers, make_folder, read_json
from medmnist_det.front.cell import DataJob, Task, prepare, work
from medmnist_det.front.plan import method_of, recipe_options
from medmnist_det.guards import locked
from medmnist_det.reference.lessons import fused_by
from medmnist_det.runs import HISTORY
from medmnist_det.scenes.digits import Source
from medmnist_det.scenes.workers import end_with_parent


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What to run, and with what."""

    specs: tuple[Spec, ...]
    digits: Source = "auto"
    digits_root: Path | None = None
    device: str = "auto"
    #: The command, as cells record it.
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A cell at work."""

    name: str
    seconds: float
    epochs: int
    of: int


@dataclass(kw_only=True)
class State:
    """How far a benchmark is, for whoever watches."""

    total: int
    done: int = 0
    failed: int = 0
    running: list[Running] = field(default_factory=list)
    #: None as long as nothing is known.
    seconds_left: float | None = None
    #: The cell that has just ended; None between two.
    ended: Cell | None = None


#: Seconds between two looks at what runs.
_LOOK = 1.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where everything of a benchmark lies."""

    path: Path

    @property
    def cells(self) -> Path:
        """The cells' files."""
        return self.path / "cells"

    def data(self, spec: Spec) -> Path:
        """Return the folder of a cell's data set."""
        return self.path / "data" / spec.data_name

    def run(self, spec: Spec) -> Path:
        """Return the folder of a cell's training."""
        return self.path / "runs" / spec.run_name


def benchmark(
    asked: Asked,
    out: Path,
    executor: Executor,
    *,
    workers: int,
    watch: Callable[[State], None] = lambda _: None,
) -> list[Cell]:
    """Return the cells that are asked for, in that order, making those that are not there.

    ``executor`` takes the work of at most ``workers`` cells at a time. Everything lies in ``out``:
    ``cells/``, ``runs/`` with trainings and predictions, and ``data/``, of which cells share data
    sets and fused labels. Whatever stops this, the same call goes on where it was. Cells that
    failed are tried again. Raises InputError where another benchmark is at work in ``out``, for
    cells there of another version, data set or recipe, and when the system refuses something.
    """
    place = Place(path=out)
    make_folder(place.cells)
    with locked(out):
        for folder in (place.cells, out / "runs"):
            clear_leftovers(folder)
        done = kept(asked, place)
        _Run(asked, place, executor, workers, watch, done).run()
        return [done[spec] for spec in asked.specs if spec in done]


def kept(asked: Asked, place: Place) -> dict[Spec, Cell]:
    """Return the cells that are done. Raises InputError for what may not stand beside new ones."""
    cells = [cell for cell in read_cells(place.cells) if cell.error is None]
    refuse_mixed(cells, place.cells)
    for cell in cells:
        version = cell.made.versions.get("medmnist-det")
        if version != __version__:
            raise InputError(
                f"{place.cells / cell.spec.name}.json: was made by medmnist-det {version}, this is "
                f"{__version__}; move the cells away, or choose another --out"
            )
    found = {cell.spec: cell for cell in cells}
    by_name = {cell.spec.name: cell for cell in cells}
    for spec in asked.specs:
        cell = by_name.get(spec.name)
        if cell is not None:
            file = place.cells / f"{spec.name}.json"
            _refuse_other(cell, spec, file)
            _refuse_other_digits(cell, asked, file)
    return found


def _refuse_other_digits(cell: Cell, asked: Asked, file: Path) -> None:
    wanted = "mnist" if asked.digits_root is not None else asked.digits
    if wanted != "auto" and cell.data is not None and not cell.data.digits.startswith(wanted):
        raise InputError(
            f"{file}: is of {cell.data.digits}, not of {wanted}; move it away, or choose another "
            "--out"
        )


def _refuse_other(cell: Cell, spec: Spec, file: Path) -> None:
    """Raise InputError for a cell of a budget or a recipe that meant something else."""
    from medmnist_det.reference.device import CPU
    from medmnist_det.reference.recipe import recipe_of

    remedy = "move it away, or choose another --out"
    if cell.spec != spec:
        raise InputError(f"{file}: was made with another budget of that name; {remedy}")
    wanted = asdict(recipe_of(recipe_options(spec), CPU))
    there = cell.recipe or {}
    free = ("precision", "method") if method_of(spec.method)[0] == "ensemble" else ("precision",)
    other = [key for key in wanted if key not in free and there.get(key) != wanted[key]]
    if other:
        raise InputError(
            f"{file}: was trained with other options than this version has ({other[0]}); {remedy}"
        )


class _Run:
    """One run of a benchmark: what waits, what is at work, what is done."""

    def __init__(
        self,
        asked: Asked,
        place: Place,
        executor: Executor,
        workers: int,
        watch: Callable[[State], None],
        done: dict[Spec, Cell],
    ) -> None:
        self.asked, self.place, self.executor = asked, place, executor
        self.workers, self.watch, self.done = workers, watch, done
        missing = [spec for spec in asked.specs if spec not in done]
        self.jobs = deque(data_jobs(asked, place, missing))
        #: Cells whose data set is still to be made, by its folder.
        self.waiting: dict[Path, list[Spec]] = {}
        for spec in missing:
            self.waiting.setdefault(place.data(spec), []).append(spec)
        self.ready: deque[Spec] = deque()
        #: What is at work, and since when.
        self.started: dict[Future[Any], tuple[DataJob | Spec, float]] = {}
        self.took: list[float] = []
        self.state = State(total=len(asked.specs), done=len(asked.specs) - len(missing))

    def run(self) -> None:
        """Work until nothing is missing."""
        while self.jobs or self.ready or self.started:
            self._start()
            self._tell()
            ended, _ = wait(self.started, timeout=_LOOK, return_when=FIRST_COMPLETED)
            for future in ended:
                what, since = self.started.pop(future)
                self._end(what, _result(future), time.monotonic() - since)
        self._tell()

    def _start(self) -> None:
        while len(self.started) < self.workers and (self.ready or self.jobs):
            if self.ready:
                spec = self.ready.popleft()
                future: Future[Any] = self.executor.submit(work, self._task(spec))
                self.started[future] = spec, time.monotonic()
            else:
                job = self.jobs.popleft()
                self.started[self.executor.submit(prepare, job)] = job, time.monotonic()

    def _task(self, spec: Spec) -> Task:
        return Task(
            spec=spec,
            data=self.place.data(spec),
            run=self.place.run(spec),
            cells=self.place.cells,
            device=self.asked.device,
            command=self.asked.command,
        )

    def _end(self, what: DataJob | Spec, result: Any, seconds: float) -> None:
        if isinstance(what, DataJob):
            specs = self.waiting.pop(what.path)
            refuse_other_data(self.done, specs[0], result, self.place)
            self.ready.extend(specs)
            return
        self.done[what] = result
        self.state.done += result.error is None
        self.state.failed += result.error is not None
        self.took.append(seconds)
        self._tell(result)

    def _tell(self, ended: Cell | None = None) -> None:
        now, state = time.monotonic(), self.state
        state.ended = ended
        state.running = [
            Running(
                name=f"{what.setting.name}, {what.method}, seed {what.seed}",
                seconds=now - since,
                epochs=epochs_done(self.place.run(what)),
                of=what.budget.epochs if what.budget else 0,
            )
            for what, since in self.started.values()
            if isinstance(what, Spec)
        ]
        state.seconds_left = self._seconds_left()
        self.watch(state)

    def _seconds_left(self) -> float | None:
        """Return what is left, by what cells took so far, or by the epochs of those at work."""
        running = self.state.running
        each = self.took or [one.seconds * one.of / one.epochs for one in running if one.epochs]
        if not each:
            return None
        usual = sum(each) / len(each)
        waiting = len(self.ready) + sum(map(len, self.waiting.values()))
        left = usual * waiting + sum(max(usual - one.seconds, 0.0) for one in running)
        return left / self.workers


def _result(future: Future[Any]) -> Any:
    try:
        return future.result()
    except BrokenExecutor as error:
        raise RefusedError(
            "a worker process was killed, perhaps for want of memory; run the same command again, "
            "with fewer --workers"
        ) from error


def data_jobs(asked: Asked, place: Place, specs: Sequence[Spec]) -> list[DataJob]:
    """Return the data sets that cells need, each once, with the fused labels of all of them."""
    found: dict[Path, list[Spec]] = {}
    for spec in specs:
        found.setdefault(place.data(spec), []).append(spec)
    return [
        DataJob(
            path=path,
            setting=mine[0].setting,
            seed=mine[0].seed,
            budget=mine[0].budget,  # type: ignore[arg-type]  # a cell to be trained has one
            fused=tuple(
                sorted({fused_by(method_of(spec.method)[0]) or "" for spec in mine} - {""})
            ),
            digits=asked.digits,
            digits_root=asked.digits_root,
        )
        for path, mine in found.items()
    ]


def refuse_other_data(cells: dict[Spec, Cell], spec: Spec, data: Data, place: Place) -> None:
    """Raise InputError where a data set is not the one that cells which are done are of."""
    for other, cell in cells.items():
        if cell.data is None or other.budget is None or other.data_name != spec.data_name:
            continue
        if cell.data != data:
            raise InputError(
                f"{place.cells / other.name}.json: is of another data set ({cell.data.digits}, "
                f"{cell.data.fingerprint[:12]}) than {place.data(spec)} ({data.digits}, "
                f"{data.fingerprint[:12]}); give the same --digits and --digits-root, or choose "
                "another --out"
            )


def epochs_done(run: Path) -> int:
    """Return how many epochs the trainings in a folder are through with."""
    files = run.rglob(HISTORY) if run.is_dir() else ()
    return sum(len(read_json(file)) for file in files)


def default_workers(device: str) -> int:
    """Return as many cells as run well at a time, one thread each.

    One on a GPU; else a core each where memory allows (docs/decisions.md).
    """
    from medmnist_det.reference.device import pick_device

    if pick_device(device).type != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return cores or 1
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(cores or 1, memory // _MEMORY))


# Bytes that a cell takes at its peak, and some more.
_MEMORY = 2 << 30


@contextlib.contextmanager
def processes(workers: int) -> Iterator[Executor]:
    """Yield an executor of worker processes, which end with the block, however that ends."""
    # Not forked: a fork copies locks that threads may hold. Torch starts in each by itself.
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, context, start_worker)
    try:
        yield pool
    except BaseException:
        # What is at work would go on for minutes; all of it can be gone on with.
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def start_worker() -> None:
    """Set up a worker: Ctrl-C is the first process's business, with which this one ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
