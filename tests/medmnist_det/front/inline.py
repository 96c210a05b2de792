"""An executor without processes, and the smallest benchmark there is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from evaluation.benchmark.budgets import budget_of
from evaluation.benchmark.cells import Cell
from medmnist_det.front.benchmark import benchmark
from medmnist_det.front.plan import Asked, settings_of, specs_of

TINY = budget_of("quick", images=(60, 20, 20), epochs=2, canvas=96)


class Inline(Executor):
    """Does what is submitted at once, here, and keeps the names of what it did."""

    def __init__(self) -> None:
        self.did: list[str] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.did.append(fn.__name__)
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


def asked(
    *methods: str, seeds: tuple[int, ...] = (0,), sweeps: tuple[str, ...] = (), **how: Any
) -> Asked:
    split, budget = how.pop("split", "test"), how.pop("budget", TINY)
    specs = specs_of(methods, settings_of(["paper"], sweeps), seeds, budget, split)
    return Asked(specs=specs, **{"digits": "optdigits", "device": "cpu"} | how)


def run(
    out: Path, *methods: str, watch: Any = lambda _: None, **how: Any
) -> tuple[list[Cell], list[str]]:
    """Run the smallest benchmark; return its cells, and what work it did."""
    executor = Inline()
    cells = benchmark(asked(*methods, **how), out, executor, workers=1, watch=watch)
    return cells, executor.did
