"""How far a benchmark is: one display that is drawn again on a terminal, plain lines in a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from medmnist_det.terminal.console import err, line


@contextmanager
def cells() -> Iterator[Callable[[Any], None]]:
    """Yield what takes every :class:`~medmnist_det.front.benchmark.State` of a benchmark.

    A terminal shows what runs, what is left and when that ends; what has ended stays as a line, and
    a pipe gets nothing else.
    """
    if not err.is_terminal:
        yield _ended
        return
    from rich.live import Live
    from rich.text import Text

    with Live(Text(""), console=err, transient=True) as live:

        def show(state: Any) -> None:
            _ended(state)
            running = [
                f"  {one.name}: {one.epochs} of {one.of} epochs, {_clock(one.seconds)}"
                for one in state.running
            ]
            live.update(Text("\n".join(map(line, [_how_far(state), *running]))))

        yield show


def _ended(state: Any) -> None:
    cell = state.ended
    if cell is None:
        return
    spec = cell.spec
    name = f"{spec.setting.name}, {spec.method}, seed {spec.seed}"
    if cell.error is None:
        scores = [
            f"{metric} {one.value:.4f}" if one.value is not None else f"{metric} undefined"
            for metric, one in list(cell.scores.items())[:2]
        ]
        what = ", ".join([*scores, f"{cell.minutes:.1f} minutes"])
    else:
        what = f"failed: {cell.why}"
    err.print(f"{name}: {what} ({_how_far(state)})")


def _how_far(state: Any) -> str:
    failed = f", {state.failed} failed" if state.failed else ""
    left = state.seconds_left
    about = "" if left is None else f", about {_clock(left)} left"
    return f"{state.done} of {state.total} cells done{failed}{about}"


def _clock(seconds: float) -> str:
    """Return hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
