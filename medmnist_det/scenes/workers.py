"""Composed scenes as PNG files, by one process or several."""

from __future__ import annotations

import ctypes
import errno
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from medmnist_det.errors import RefusedError
from medmnist_det.files import naming
from medmnist_det.formats.png import encode_png, pack_scanlines, scanlines
from medmnist_det.hashes import image_digest
from medmnist_det.labels import SPLITS, Labels, Split
from medmnist_det.scenes.composer import BLOCK, SceneOptions, compose_block
from medmnist_det.scenes.digits import SIDE, Digits


@dataclass(frozen=True, kw_only=True)
class Job:
    """What every process needs to know."""

    #: Folder that holds a folder for every split.
    folder: Path
    scenes: SceneOptions
    digits: Digits
    seed: int


# Split, number of the block, number of its scenes.
_Task = tuple[Split, int, int]
# A block's labels, the digit behind each, and the digests of its images one after the other.
_Block = tuple[Labels, np.ndarray, bytes]


def write_images(job: Job, images: Mapping[Split, int], workers: int) -> Generator[_Block]:
    """Write all images; yield every block's labels, digits and digests, in order, split by split.

    Each split yields ``ceil(images / BLOCK)`` blocks. Processes go on between two blocks, until the
    generator is closed. Raises InputError when the disk refuses or a process is killed.
    """
    tasks: list[_Task] = [
        (split, block, min(BLOCK, images[split] - block * BLOCK))
        for split in SPLITS
        for block in range(block_count(images[split]))
    ]
    helpers = min(workers, len(tasks)) - 1
    with _one_thread_for_products():
        if helpers < 1:
            yield from (_write_block(job, task) for task in tasks)
        else:
            yield from _with_helpers(helpers, job, tasks)


def _one_thread_for_products() -> threadpool_limits:
    """Keep BLAS from threads that spin for the next tiny matrix: they take other processes' cores.

    Holds from the call on, until the end of the block if it is used as a context.
    """
    return threadpool_limits(limits=1, user_api="blas")


def _with_helpers(helpers: int, job: Job, tasks: list[_Task]) -> Iterator[_Block]:
    # Not forked: a fork copies locks that threads (a progress bar's, BLAS's) may hold.
    context = multiprocessing.get_context("spawn")
    # 50 MB of digits lie in memory that all processes share; everything else is sent.
    images = job.digits.images
    shared: Any = context.RawArray(ctypes.c_uint8, sum(part.size for part in images.values()))
    np.concatenate([part.ravel() for part in images.values()], out=np.frombuffer(shared, np.uint8))
    bare = replace(job, digits=replace(job.digits, images={}))
    counts: dict[Split, int] = {split: len(part) for split, part in images.items()}
    with ProcessPoolExecutor(helpers, context, _start_helper, (bare, counts, shared)) as pool:
        try:
            yield from _share_out(pool, helpers, job, tasks)
        except BrokenProcessPool as error:
            raise RefusedError(
                "a worker process was killed, perhaps for want of memory; run the same command "
                "again with fewer --workers"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def block_count(images: int) -> int:
    """Return the number of blocks that hold so many images."""
    return -(-images // BLOCK)


def default_workers(images: int) -> int:
    """Return as many processes as pay: one takes a quarter of a second to start."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return 1 if images < 4 * BLOCK else min(cores or 1, 8)


def file_name(index: int) -> str:
    """Return the name of the image with that index in its split, counted from 0."""
    return f"{index + 1:06d}.png"


def _share_out(
    pool: ProcessPoolExecutor, helpers: int, job: Job, tasks: list[_Task]
) -> Iterator[_Block]:
    """Yield all blocks in order. This process composes, too, until nothing is left to begin.

    Every helper has a thread here that hands it one block after the other. So it is the threads
    that wait while processes start (a quarter of a second each), and helpers go on while this
    process does something else between two blocks.
    """
    blocks: deque[Future[_Block]] = deque(Future() for _ in tasks)
    left = deque(zip(tasks, blocks, strict=True))

    def feed() -> None:
        while (next_one := _popped(left)) is not None:
            task, block = next_one
            try:
                block.set_result(pool.submit(_help, task).result())
            except BaseException as error:
                left.clear()
                block.set_exception(error)

    with ThreadPoolExecutor(helpers) as threads:
        try:
            for _ in range(helpers):
                threads.submit(feed)
            while blocks:
                while not blocks[0].done() and (next_one := _popped(left)) is not None:
                    task, block = next_one
                    block.set_result(_write_block(job, task))
                yield blocks.popleft().result()
        finally:
            left.clear()


def _popped(left: deque[tuple[_Task, Future[_Block]]]) -> tuple[_Task, Future[_Block]] | None:
    """Take the first of what is left, whatever other threads take; None: nothing is."""
    try:
        return left.popleft()
    except IndexError:
        return None


_helpers_job: list[Job] = []


def _start_helper(bare: Job, counts: dict[Split, int], shared: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first process ends them
    threading.Thread(target=end_with_parent, daemon=True).start()
    _one_thread_for_products()
    every = np.frombuffer(shared, dtype=np.uint8).reshape(-1, SIDE, SIDE)
    parts = np.split(every, np.cumsum(list(counts.values()))[:-1])
    images = dict(zip(counts, parts, strict=True))
    _helpers_job.append(replace(bare, digits=replace(bare.digits, images=images)))


def end_with_parent() -> None:
    """Leave when the first process is gone, killed perhaps: the pool would wait for it forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _help(task: _Task) -> _Block:
    return _write_block(_helpers_job[0], task)


def _write_block(job: Job, task: _Task) -> _Block:
    split, block, count = task
    scenes = compose_block(job.scenes, job.digits, job.seed, split, block, count)
    black = (np.diff(scenes.labels.starts) == 0) & (scenes.behind is None)
    digests = []
    folder = job.folder / split
    lines = scanlines(job.scenes.canvas, job.scenes.canvas)
    with naming(folder):
        for row in range(count):
            file, digest = _black(job.scenes.canvas)
            if not black[row]:
                lines.fill(0)
                scenes.draw(row, lines[:, 1:])
                file, digest = pack_scanlines(lines), image_digest(lines[:, 1:])
            _write(f"{folder}{os.sep}{file_name(block * BLOCK + row)}", file)
            digests.append(digest)
    return scenes.labels, scenes.digit, b"".join(digests)


def _write(path: str, content: bytes) -> None:
    """Write a small file without the cost of Python's file objects, which is that of composing."""
    target = os.open(path, _FRESH, 0o666)
    try:
        if os.write(target, content) < len(content):
            raise OSError(
                errno.ENOSPC, os.strerror(errno.ENOSPC)
            )  # all that a short write can mean
    finally:
        os.close(target)


_FRESH = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)


@cache
def _black(canvas: int) -> tuple[bytes, bytes]:
    """Return the file and the digest of a scene without digits: more than half of all scenes."""
    pixels = np.zeros((canvas, canvas), dtype=np.uint8)
    return encode_png(pixels), image_digest(pixels)
