"""Reading and writing files: nothing half-written, every failure named."""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import json
import os
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
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
    errno.EMFILE: "let programs open more files at a time ('ulimit -n 1024'), or lower --workers",
    errno.ENFILE: "the machine has too many files open: close other programs",
    errno.ELOOP: "a link leads back to itself: choose another path",
}

# Our temporary files, whoever else writes beside them: short, as a name of 255 bytes is allowed.
_TEMPORARY = ".medmnist-det-{}.part"


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses inside the block into a RefusedError on ``path``."""
    try:
        yield
    except OSError as error:
        raise refusal(path, error) from error
    except ValueError as error:
        if "embedded null" not in str(error):  # Python's only way to say that a name holds a NUL
            raise
        raise InputError(f"{shown(str(path))}: no file name holds a NUL; rename it") from error


def is_refusal(error: OSError) -> bool:
    """Say whether an error is about a file, or about too many of them, and has a remedy."""
    about_files = error.filename is not None or error.errno in (errno.EMFILE, errno.ENFILE)
    return about_files and error.errno in _REMEDIES


def refusal(path: Path | str, error: OSError) -> RefusedError:
    """Return what to tell the user about something that the operating system refused."""
    remedy = _REMEDIES.get(error.errno or 0, "check the path and the disk")
    name = str(path) if len(str(path)) <= 300 else shown(str(path))
    return RefusedError(f"{name}: {error.strerror or error}; {remedy}")


def write_atomically(path: Path, chunks: Iterable[bytes]) -> None:
    """Write the chunks to ``path`` so that a reader sees the old file or the whole new one.

    What is written lies on the disk when this returns: a power cut takes neither it nor the old
    file. Two writers do not disturb each other; the last one wins. A link keeps pointing to the
    file, which is replaced; a device or a pipe is written into, and so is whatever standard output
    goes to. Raises InputError when the disk or the folder refuses, leaving nothing behind; only a
    killed process leaves a temporary file (:func:`clear_leftovers`).
    """
    with naming(path):
        if _is_output(path):
            sys.stdout.flush()
            with os.fdopen(os.dup(1), "wb") as file:
                file.writelines(chunks)
        elif path.exists() and not path.is_file() and not path.is_dir():
            with path.open("wb") as file:
                file.writelines(chunks)
        else:
            _replace(Path(os.path.realpath(path)), chunks)


def _replace(path: Path, chunks: Iterable[bytes]) -> None:
    temporary = path.with_name(_TEMPORARY.format(secrets.token_hex(6)))
    try:
        with temporary.open("xb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    """Put the names of a folder's files on the disk, where the system can do that."""
    if os.name == "nt":
        return
    target = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(target)
    except OSError as error:
        if error.errno not in CANNOT:
            raise
    finally:
        os.close(target)


# What disks answer that know no such call: network disks, mostly.
CANNOT = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK, errno.EBADF)


def clear_leftovers(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder and those below it.

    For who holds the folder's lock: another writer's temporary file would go, too.
    """
    with naming(folder):
        for file in folder.rglob(_TEMPORARY.format("*")):
            file.unlink(missing_ok=True)


def _is_output(path: Path) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(1))
    except OSError:
        return False


def make_folder(path: Path) -> None:
    """Create a folder and its parents; one that exists is fine. Raises InputError."""
    with naming(path):
        path.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a plain or gzipped file for reading its content. Raises InputError."""
    with naming(path), path.open("rb") as found:
        file = found if found.seekable() else io.BytesIO(found.read())
        gzipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not gzipped:
            yield file
            return
        try:
            yield igzip.IGzipFile(fileobj=file)  # type: ignore[misc]  # all that a reader needs
        except (igzip.BadGzipFile, EOFError, _BAD_DATA) as error:
            raise InputError(
                f"{path}: the gzip stream is corrupt or cut short ({error}); fetch or make it again"
            ) from error


def refuse_pipe(path: Path) -> None:
    """Raise InputError about what can be read only once where a second reading may be needed."""
    with naming(path):
        if path.is_fifo():
            raise InputError(
                f"{path}: is a pipe, which can be read only once, and messages may need a second "
                "look; save it as a file and name that"
            )


def read_bytes(path: Path) -> bytes:
    """Return the content of a plain or gzipped file. Raises InputError."""
    with opened(path) as file:
        return file.read()


def read_text(path: Path) -> str:
    """Return the content of a plain or gzipped text file in UTF-8. Raises InputError."""
    return _decoded(path, read_bytes(path))


# UTF-32's mark begins with UTF-16's, so it is looked for first.
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def _decoded(path: Path, content: bytes) -> str:
    for mark, name in _MARKS.items():
        if content.startswith(mark):
            raise InputError(f"{path}: is a text in {name}; save it in UTF-8")
    nul = content.find(b"\0")
    if nul >= 0:
        raise InputError(
            f"{path}, line {content.count(10, 0, nul) + 1}: holds the character NUL, so it is no "
            "text in UTF-8 (UTF-16, maybe); save it in UTF-8 or name the right file"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(10, 0, error.start) + 1
        raise InputError(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} is no UTF-8 (Latin-1, maybe); "
            "save the file in UTF-8"
        ) from error


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
    text = _decoded(path, content)
    try:
        value = json.loads(text)
        # Python also reads halves of characters, which no file and no page can hold.
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{path}: a text holds the half of a character, {shown(error.object[error.start])}; "
            "remove it"
        ) from error
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}: not a whole JSON file ({error}); make it again or name the right file"
        ) from error
    except RecursionError as error:
        raise InputError(f"{path}: is nested too deeply; name the right file") from error
    except ValueError as error:
        raise InputError(f"{path}: holds a number of thousands of digits; shorten it") from error
    return value


def regular(path: Path) -> Path:
    """Return the path of a file that was found in a folder.

    Raises InputError for what is there and is no regular file: reading a pipe waits for ever, a
    device may never end.
    """
    with naming(path):
        mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        kind = kinds.get(stat.S_IFMT(mode), "a device")
        raise InputError(f"{path}: is {kind}, not a file; move it away or put a file there")
    return path


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file below a folder that another file names.

    Raises InputError for a name that no file can have, and for one that leads out of the folder:
    absolute, by ``..``, or by a link below the folder. The folder itself may be a link.
    """
    parts = PurePath(name).parts
    if not parts or "\0" in name:
        raise InputError(f"{folder}: {shown(name)} is no name of a file; correct it in the labels")
    path = folder / name
    steps = (folder.joinpath(*parts[:k]) for k in range(1, len(parts) + 1))
    if (
        PurePath(name).is_absolute()
        or ".." in parts
        or (
            any(map(os.path.islink, steps))
            and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
        )
    ):
        raise InputError(
            f"{folder}: {shown(name)} leads out of this folder; put the file there and correct its "
            "name in the labels"
        )
    return path
