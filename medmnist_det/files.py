"""Reading and writing files: nothing is ever half-written, every failure names its file."""

from __future__ import annotations

import contextlib
import errno
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from isal import igzip, isal_zlib

from medmnist_det.errors import InputError, RefusedError, shown

_BAD_DATA: type[Exception] = isal_zlib.error  # type: ignore[assignment]  # typed as a value

_REMEDIES = {
    errno.ENOSPC: "free some space there or choose another folder, then run the same command again",
    errno.EDQUOT: "free some space there or choose another folder, then run the same command again",
    errno.EACCES: "choose a place that you may use, or change its permissions",
    errno.EPERM: "choose a place that you may use, or change its permissions",
    errno.EROFS: "choose a place that can be written",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "a part of the path is a file, not a folder: choose another path",
    errno.EEXIST: "a file is in the way: choose another path",
    errno.EISDIR: "that is a folder: name a file",
    errno.ENAMETOOLONG: "choose a shorter name",
}


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses inside the block into a RefusedError on ``path``."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "check the path and the disk")
        reason = error.strerror or error
        raise RefusedError(f"{path}: {reason}; {remedy}") from error


def write_atomically(path: Path, chunks: Iterable[bytes]) -> None:
    """Write the chunks to ``path`` so that a reader sees the old file or the whole new one.

    A link keeps pointing to the file, which is replaced; what is no file (``/dev/stdout``) is
    written into. Raises InputError when the disk or the folder refuses, leaving nothing behind.
    """
    with naming(path):
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("wb") as file:
                file.writelines(chunks)
            return
        target = path.resolve()
        temporary = target.with_name(f".{target.name}.part")
        try:
            with temporary.open("wb") as file:
                file.writelines(chunks)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def make_folder(path: Path) -> None:
    """Create a folder and its parents; one that exists is fine. Raises InputError."""
    with naming(path):
        path.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a plain or gzipped file for reading its content. Raises InputError."""
    if path.is_fifo():
        raise InputError(
            f"{path}: is a pipe, which can be read only once, and messages may need a second look; "
            "save it as a file and name that"
        )
    with naming(path), path.open("rb") as file:
        if file.peek(2)[:2] != b"\x1f\x8b":
            yield file
            return
        try:
            yield igzip.IGzipFile(fileobj=file)  # type: ignore[misc]  # all that a reader needs
        except (igzip.BadGzipFile, EOFError, _BAD_DATA) as error:
            raise InputError(
                f"{path}: the gzip stream is corrupt or cut short ({error}); fetch or make it again"
            ) from error


def read_bytes(path: Path) -> bytes:
    """Return the content of a plain or gzipped file. Raises InputError."""
    with opened(path) as file:
        return file.read()


def read_json(path: Path) -> Any:
    """Return the content of a plain or gzipped JSON file, bare NaN and Infinity included.

    Python's own writer puts those into files although JSON has no such words; letting them
    through here lets the reader of the file say which entry holds one. Raises InputError.
    """
    content = read_bytes(path)
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        pass
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: not a whole JSON file ({error}); make it again or name the right file"
        ) from error
    try:
        # Python also reads halves of characters, which no file and no page can hold.
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{path}: a text holds the half of a character, {shown(error.object[error.start])}; "
            "remove it"
        ) from error
    return value
