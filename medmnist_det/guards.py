"""What keeps commands from destroying things: locks on folders, and no output over an input."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from medmnist_det.errors import InputError, RefusedError
from medmnist_det.files import CANNOT, naming

#: Lies in a locked folder where the system cannot lock folders (Windows).
LOCK = ".medmnist-det-lock"


@contextlib.contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a folder that exists while the block runs: nobody else gets it meanwhile.

    ``wait`` waits for whoever holds it; without, that raises RefusedError. The lock ends with the
    process, however that ends, and leaves no file. It is not shared within a process: taking it
    twice is waiting for oneself. Some network disks know no locks: there this does nothing.
    """
    with naming(folder):
        held = _lock(folder, wait)
    try:
        yield
    finally:
        if held is not None:
            os.close(held)


def _lock(folder: Path, wait: bool) -> int | None:
    busy = RefusedError(
        f"{folder}: another medmnist-det command is at work in this folder; run this one again "
        "when that has ended"
    )
    if os.name == "nt":
        import time

        # Only one process can create the file, and the system removes it with its last handle.
        flags = os.O_CREAT | os.O_EXCL | os.O_TEMPORARY  # type: ignore[attr-defined]
        while True:
            try:
                return os.open(folder / LOCK, flags)
            except (FileExistsError, PermissionError) as error:
                if not wait:
                    raise busy from error
                time.sleep(0.1)
    import fcntl

    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError as error:
        os.close(held)
        raise busy from error
    except OSError as error:
        os.close(held)
        if error.errno not in CANNOT:
            raise
        return None
    except BaseException:
        os.close(held)
        raise
    return held


def refuse_overwrite(out: Path, inputs: Iterable[Path | None], option: str = "--out") -> None:
    """Raise InputError where writing ``out`` would destroy an input of the same command.

    An input is a file, or a folder with all that is in it; None stands for none. Links are
    followed: what counts is where the bytes lie. ``option`` is what named ``out``.
    """
    target = Path(os.path.realpath(out))
    for one in inputs:
        if one is None:
            continue
        there = Path(os.path.realpath(one))
        if target == there or _same(target, there):
            raise InputError(
                f"{option} {out}: is {one}, which this command reads or has just written; name "
                "another file"
            )
        if there in target.parents and there.is_dir():
            raise InputError(
                f"{option} {out}: lies in {one}, which this command reads; name a place outside"
            )


def _same(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except (OSError, ValueError):
        return False
