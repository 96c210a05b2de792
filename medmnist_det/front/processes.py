"""Worker processes of the benchmark: how many, and that none outlives it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor

from medmnist_det.scenes.workers import end_with_parent


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
