"""The handwritten digits of which scenes are composed: MNIST, or optdigits where there is none."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from medmnist_det.errors import InputError
from medmnist_det.files import read_bytes
from medmnist_det.labels import SPLITS, Split

if TYPE_CHECKING:
    from jaxtyping import Int, UInt8

Source = Literal["auto", "mnist", "optdigits"]

#: Pixels of a digit's side before it is resized.
SIDE = 28

#: :attr:`Digits.sha256` of the original MNIST.
MNIST_SHA256 = "c97a2c607853b499a01d274c02fa5de533f80f6f09404e77aa0e02ec99b4c1f5"

# The four files and their md5 sums (torchvision's list).
_MNIST_FILES = {
    "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
}
_MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_TIMEOUT = 5  # seconds to wait for an answer of the network


@dataclass(frozen=True, kw_only=True, eq=False)
class Digits:
    """Images and classes of digits, in disjoint sets for the three splits."""

    source: Literal["mnist", "optdigits"]
    #: Where they come from, in words for people.
    origin: str
    images: dict[Split, UInt8[np.ndarray, "n 28 28"]]
    labels: dict[Split, Int[np.ndarray, " n"]]

    @property
    def original(self) -> bool:
        """Whether these are the very digits that their source is known for."""
        return self.source == "optdigits" or self.sha256 == MNIST_SHA256

    @cached_property
    def sha256(self) -> str:
        """Hash of all images and classes, split by split."""
        digest = hashlib.sha256()
        for split in SPLITS:
            digest.update(np.ascontiguousarray(self.images[split]).data)
            digest.update(self.labels[split].astype(np.uint8).tobytes())
        return digest.hexdigest()


def load_digits(source: Source = "auto", root: Path | None = None) -> Digits:
    """Return the digits of a source.

    ``mnist`` reads idx files below ``root`` (plain or gzipped, in torchvision's layout or flat), or
    without a root from this platform's cache folder, into which they are fetched once.
    ``optdigits`` are the 1,797 digits that scikit-learn ships. ``auto`` is MNIST where a root is
    given, or where MNIST is cached or can be fetched at once, else optdigits.

    Raises InputError for files that are missing, truncated or corrupt, and where MNIST is asked for
    and cannot be fetched.
    """
    if root is not None:
        if source == "optdigits":
            raise InputError("--digits-root is a folder of MNIST: drop it, or --digits optdigits")
        return _read_mnist(_find_files(root), str(root))
    if source == "optdigits":
        return _read_optdigits("scikit-learn's optdigits")
    try:
        return _read_mnist(_fetch_mnist(), "the cache folder")
    except _UnreachableError as error:
        if source == "mnist":
            raise InputError(
                f"MNIST could not be fetched ({error}): give its folder with --digits-root, or "
                "take --digits optdigits"
            ) from error
        return _read_optdigits(
            f"scikit-learn's optdigits, as MNIST is not cached and could not be fetched ({error})"
        )


class _UnreachableError(Exception):
    """MNIST is neither cached nor to be had from the network."""


def _fetch_mnist() -> dict[str, Path]:
    """Return the four files in the cache folder, fetched and checked where they are not there."""
    import pooch

    pooch.get_logger().setLevel("ERROR")
    shelf = pooch.create(
        path=pooch.os_cache("medmnist-det"),
        base_url=_MIRROR,
        registry=_MNIST_FILES,
        env="MEDMNIST_DET_CACHE",
    )
    fetch: Any = pooch.HTTPDownloader(timeout=_TIMEOUT)  # pooch's own annotation is too narrow
    try:
        return {name: Path(shelf.fetch(name, downloader=fetch)) for name in _MNIST_FILES}
    except (OSError, ValueError) as error:
        # The network library's own messages fill a screen; the kind of failure says enough.
        kind = type(error).__name__
        short = {"ConnectionError": "no connection", "ConnectTimeout": "no answer in time"}
        raise _UnreachableError(short.get(kind, f"{kind}: {str(error)[:120]}")) from error


def _find_files(root: Path) -> dict[str, Path]:
    """Return the four files below a folder, in torchvision's layout or flat, gzipped or not."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; --digits-root names the folder that holds MNIST")
    found = {}
    for gzipped in _MNIST_FILES:
        plain = gzipped.removesuffix(".gz")
        names = (gzipped, plain, plain.replace("-idx", ".idx"))
        folders = (root, root / "MNIST" / "raw", root / "raw")
        path = next((f / n for f in folders for n in names if (f / n).is_file()), None)
        if path is None:
            raise InputError(
                f"{root}: holds no {gzipped} and no {plain}, nor does MNIST/raw in it; "
                "--digits-root names the folder with the four files of MNIST"
            )
        found[gzipped] = path
    return found


def _read_mnist(files: dict[str, Path], where: str) -> Digits:
    train, test = (
        _read_pair(files[f"{name}-images-idx3-ubyte.gz"], files[f"{name}-labels-idx1-ubyte.gz"])
        for name in ("train", "t10k")
    )
    # MNIST has no validation digits of its own: the last sixth (10,000) of the training file.
    cut = len(train[0]) * 5 // 6
    return Digits(
        source="mnist",
        origin=f"MNIST files in {where}",
        images={"train": train[0][:cut], "val": train[0][cut:], "test": test[0]},
        labels={"train": train[1][:cut], "val": train[1][cut:], "test": test[1]},
    )


def _read_pair(images_file: Path, labels_file: Path) -> tuple[np.ndarray, np.ndarray]:
    images, labels = _read_idx(images_file, 3), _read_idx(labels_file, 1)
    if images.shape[1:] != (SIDE, SIDE):
        raise InputError(f"{images_file}: images are {images.shape[1:]}, not {SIDE}x{SIDE} pixels")
    if len(images) != len(labels):
        raise InputError(
            f"{labels_file}: has {len(labels)} labels for the {len(images)} images of "
            f"{images_file.name}; the two files do not belong together"
        )
    if len(labels) < 6 or labels.max() > 9:
        raise InputError(f"{labels_file}: needs at least 6 labels, all from 0 to 9")
    blank = ~images.any(axis=(1, 2))
    if blank.any():
        raise InputError(f"{images_file}: image {np.argmax(blank)} is all black; remove it")
    return images, labels.astype(np.int64)


def _read_idx(path: Path, dimensions: int) -> UInt8[np.ndarray, ...]:
    """Return the array of an idx file of bytes (the format is described on MNIST's page)."""
    content = read_bytes(path)
    header = 4 + 4 * dimensions
    if content[:4] != bytes((0, 0, 8, dimensions)) or len(content) < header:
        raise InputError(
            f"{path}: is not an idx file of bytes in {dimensions} dimensions (it starts with "
            f"{content[:4].hex() or 'nothing'}); fetch it again"
        )
    shape = tuple(np.frombuffer(content, dtype=">u4", offset=4, count=dimensions).tolist())
    expected = header + math.prod(shape)  # whole numbers of any size: a corrupt header wraps none
    if len(content) != expected:
        raise InputError(
            f"{path}: has {len(content):,} bytes where its header promises {expected:,}; it is "
            "truncated or corrupt: fetch it again"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def _read_optdigits(origin: str) -> Digits:
    """Return scikit-learn's 8x8 digits, enlarged so that they look and measure like MNIST's."""
    from PIL import Image
    from sklearn.datasets import load_digits as load_optdigits

    found: Any = load_optdigits(return_X_y=True)  # its annotations allow for tables, too
    small, classes = found
    levels = (small.reshape(-1, 8, 8) * 15).astype(np.uint8)
    # 20x20 pixels amid 28x28, as MNIST's digits lie. Pillow's 8-bit resize is integer arithmetic.
    bicubic = Image.Resampling.BICUBIC
    enlarged = [np.asarray(Image.fromarray(digit).resize((20, 20), bicubic)) for digit in levels]
    # A steep sigmoid over the grey levels turns the blur of the enlargement into crisp strokes.
    crisp = np.round(255 / (1 + np.exp((140 - np.arange(256)) / 12))).astype(np.uint8)
    images = np.pad(crisp[np.stack(enlarged)], ((0, 0), (4, 4), (4, 4)))
    # Neighbours in the file come from one writer: consecutive parts share few of them.
    parts = {"train": slice(0, 1197), "val": slice(1197, 1497), "test": slice(1497, 1797)}
    return Digits(
        source="optdigits",
        origin=origin,
        images={split: images[part] for split, part in parts.items()},  # type: ignore[misc]
        labels={split: classes[part].astype(np.int64) for split, part in parts.items()},  # type: ignore[misc]
    )
