"""The benchmark: cells run beside each other, what is done is kept, what is missing is made."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotators.learn.registry import fused_by
from evaluation.benchmark.cells import Cell, Spec
from medmnist_det.errors import RefusedError
from medmnist_det.files import clear_leftovers, make_folder
from medmnist_det.front.cell import DataJob, Place, Task, prepare, work
from medmnist_det.front.kept import kept, refuse_other_data
from medmnist_det.front.plan import Asked, method_of
from medmnist_det.guards import locked
from medmnist_det.runs import run_in


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
            place=self.place,
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
                epochs=_epochs_done(self.place.run(what)),
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
            fused=tuple(sorted({fused for spec in mine if (fused := _fused_for(spec))})),
            digits=asked.digits,
            digits_root=asked.digits_root,
        )
        for path, mine in found.items()
    ]


def _fused_for(spec: Spec) -> str | None:
    return fused_by(method_of(spec.method)[0])


def _epochs_done(run: Path) -> int:
    """Return how many epochs the trainings in a folder are through with."""
    found = run_in(run)
    return 0 if found is None else found.epochs
