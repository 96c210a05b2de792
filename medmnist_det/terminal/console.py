"""Where people read: results on standard output, notes and bars beside it, plain in a pipe."""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.text import Text

from medmnist_det.errors import InputError
from medmnist_det.terminal.tables import plain, wrapped


class LineConsole(Console):
    """Prints a text as one line, as it is, however long, but for what could steer a terminal.

    So nothing that a file holds, or is called, is taken for markup or for a line of our own. On a
    terminal a text that is too long goes on below, between words: no word and no path is broken.
    """

    def print(self, *objects: Any, **how: Any) -> None:
        """Print texts, one line together, or renderables such as tables; results are never cut."""
        if objects and all(isinstance(one, str) for one in objects):
            text = line(" ".join(objects))
            objects = (Text(wrapped(text, self.width) if self.is_terminal else text),)
            how = {"soft_wrap": True, **how}
        how.setdefault("crop", self.stderr)  # bars are cut: they are drawn again where they lie
        super().print(*objects, **how)


def line(text: str) -> str:
    """Return a text as one line of plain characters; line breaks become spaces."""
    return plain(" ".join(part.strip() for part in text.splitlines()))


#: For notes, warnings and bars; results go to :func:`out`.
err = LineConsole(stderr=True, highlight=False, markup=False, emoji=False)


def out() -> LineConsole:
    """Return standard output: a terminal as wide as it is, a pipe without limit to its lines."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Not every terminal has every letter; a name is no reason to stop.
        sys.stdout.reconfigure(errors="backslashreplace")
    return LineConsole(width=None if terminal else 500, highlight=False, markup=False, emoji=False)


@contextmanager
def naming_output() -> Iterator[None]:
    """Turn a full disk behind standard output into an InputError; flush what the block printed.

    However the block ends: help is printed on the way to SystemExit. A reader who has gone (a pipe
    into ``head``) ends the program without a word.
    """
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EPIPE) or error.filename is not None:
            raise
        # Python would try again when it ends.
        sys.stdout = None
        if error.errno == errno.EPIPE:
            raise SystemExit(1) from error
        raise InputError(
            "standard output: no space left on the device; free some or write it elsewhere"
        ) from error


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal while the block runs; yield what advances it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Left

    name = TextColumn("{task.description}", markup=False)
    columns = (name, BarColumn(), MofNCompleteColumn(), Left())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(line(what), total=total)
        yield lambda count: bar.advance(task, count)


@contextmanager
def stages() -> Iterator[Callable[[str, int, int], None]]:
    """Yield what to tell (task, steps, steps done); a terminal shows it as a bar meanwhile."""
    if not err.is_terminal:
        yield lambda *_: None
        return
    from rich.progress import Progress, TextColumn

    name = TextColumn("{task.description}", markup=False)
    columns = (name, *Progress.get_default_columns()[1:])
    with Progress(*columns, console=err, transient=True) as bar:
        row = bar.add_task("")
        yield lambda task, steps, done: bar.update(
            row, description=line(task), total=steps or None, completed=done
        )


@contextmanager
def training(title: str, epochs: int) -> Iterator[Callable[[Any], None]]:
    """Yield what takes every :class:`~medmnist_det.reference.training.Moment` of a training.

    Every epoch leaves a line. On a terminal a bar moves below them, with the terms of the loss and
    the latest validation; a pipe gets a line for the beginning of the first epoch, too.
    """
    err.print(f"training {title}: {epochs} epochs")
    if not err.is_terminal:
        begun = False

        def told(moment: Any) -> None:
            nonlocal begun
            if moment.epochs == int(moment.epochs):
                err.print(_line(moment))
            elif not begun:
                err.print(f"begun: {_rate(moment)}")
            begun = True

        yield told
        return
    from rich.console import Group
    from rich.live import Live
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.text import Text

    pace = TextColumn("{task.fields[pace]}")
    bar = Progress(BarColumn(bar_width=20), pace, console=err)
    task = bar.add_task("", total=epochs, pace="the first step ...")
    with Live(bar, console=err, transient=True) as live:

        def show(moment: Any) -> None:
            if moment.epochs == int(moment.epochs):
                live.console.print(_line(moment))
            pace = f"{moment.epochs:.2f}/{epochs} epochs  {_rate(moment)}"
            bar.update(task, completed=moment.epochs, pace=pace)
            below = Text(f"loss: {_terms(moment)}\n{_scores(moment)}")
            live.update(Group(bar, below), refresh=True)

        yield show


def _line(moment: Any) -> str:
    parts = (f"epoch {moment.epochs:.0f}", _rate(moment), f"loss: {_terms(moment)}")
    return "  ".join(filter(None, (*parts, _scores(moment))))


def _rate(moment: Any) -> str:
    minutes, seconds = divmod(round(moment.seconds_left), 60)
    return f"{moment.images_per_second:.0f} images/s  {minutes}:{seconds:02d} left"


def _terms(moment: Any) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in moment.losses.items())


def _scores(moment: Any) -> str:
    """Return the latest validation; nothing before the first."""
    scores = "  ".join(
        f"{name} {'-' if value is None else f'{value:.3f}'}"
        for name, value in moment.validation.items()
    )
    return f"val: {scores}" if scores else ""


def say(text: str) -> None:
    """Print a line of the result."""
    out().print(text)


def tell(kind: str, sentences: Iterable[str]) -> None:
    """Print sentences beside the result, each led by its kind: note, warning or error."""
    for sentence in sentences:
        err.print(f"{kind}: {sentence}")
