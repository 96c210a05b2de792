"""What a data set is known by: hashes of pixels, labels and options."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import xxhash

from medmnist_det.files import read_bytes
from medmnist_det.labels import SPLITS, Labels, LabelSet

if TYPE_CHECKING:
    from jaxtyping import UInt8

#: Bytes of :func:`image_digest`.
DIGEST_BYTES = 16


def image_digest(pixels: UInt8[np.ndarray, "h w"]) -> bytes:
    """Return the 128-bit XXH3 of an image's grey levels, row by row: fifty times sha256's rate."""
    return xxhash.xxh3_128_digest(np.ascontiguousarray(pixels).data)


def pixel_hash(digests: Iterator[bytes]) -> str:
    """Return the hash of a split's pixels from the digests of its images, in order."""
    whole = hashlib.sha256()
    for digest in digests:
        whole.update(digest)
    return whole.hexdigest()


def content_hash(label_set: LabelSet) -> str:
    """Return the hash of labels and of what they refer to, from values, not from a file's bytes.

    Of the columns that a generated data set has: the fingerprints of the frozen editions are made
    of it. :func:`label_hash` sees all columns.
    """
    return _content(label_set).hexdigest()


def label_hash(label_set: LabelSet) -> str:
    """Return the hash of any labels: their scores, areas and flags count, too."""
    digest = _content(label_set)
    for column in (label_set.labels.score, label_set.labels.area, label_set.labels.iscrowd):
        digest.update(_bytes(column))
    return digest.hexdigest()


def _content(label_set: LabelSet) -> Any:
    labels: Labels = label_set.labels
    digest = hashlib.sha256()
    digest.update(repr((label_set.classes.ids, label_set.classes.names, label_set.raters)).encode())
    digest.update(repr((label_set.images.ids, label_set.images.names)).encode())
    for column in (
        label_set.images.width,
        label_set.images.height,
        labels.image,
        labels.box,
        labels.label,
        labels.rater,
        labels.true_object,
        labels.error,
        labels.assigned,
    ):
        digest.update(_bytes(column))
    return digest


def _bytes(column: np.ndarray | None) -> bytes:
    if column is None:
        return b"|"
    return b"|" + column.astype(column.dtype.newbyteorder("<")).tobytes()


def values_hash(values: dict[str, Any]) -> str:
    """Return the hash of plain JSON values, whatever the order of their keys."""
    return hashlib.sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).hexdigest()


def fingerprint(hashes: dict[str, Any]) -> str:
    """Return the one hash by which a data set is known: of all pixels and labels.

    The simulator's matrices are left out: their last bits depend on the platform's logarithm, those
    of the labels do not.
    """
    return values_hash({split: hashes[split] for split in SPLITS if split in hashes})


def options_hash(described: dict[str, Any]) -> str:
    """Return the hash of what was asked for: the options and the digits of a manifest."""
    return values_hash({"options": described["options"], "digits": described["digits"]["sha256"]})


def file_hash(path: Path) -> str:
    """Return the sha256 of a file's bytes. Raises InputError."""
    return hashlib.sha256(read_bytes(path)).hexdigest()


def seal(manifest: dict[str, Any]) -> str:
    """Return the hash of all that a manifest says, but for the seal itself."""
    return values_hash({key: value for key, value in manifest.items() if key != "seal"})
