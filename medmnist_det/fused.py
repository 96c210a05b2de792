"""Fused labels on disk: a COCO file, and beside it where every label comes from.

``X.json`` is COCO with ``score``, for any tool. ``X.details.json`` holds what made it: the method,
its options, the hashes of the crowd and of the labels, the estimated raters; and for every label
the annotations behind it, the raters who looked, and how sure it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from medmnist_det.boxes import xywh_to_xyxy, xyxy_to_xywh
from medmnist_det.errors import InputError, shown
from medmnist_det.files import make_folder, read_bytes, read_json, write_atomically
from medmnist_det.formats.coco import read_coco, write_coco
from medmnist_det.hashes import label_hash
from medmnist_det.labels import LabelSet

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@dataclass(frozen=True, kw_only=True, eq=False)
class Fused:
    """Labels that a method made of a crowd, and where they come from; columns by row of them."""

    #: With ``score``; without raters.
    labels: LabelSet
    #: Ids of the crowd's annotations behind every label.
    annotation_ids: Sequence[Sequence[Any]]
    #: Raters assigned to the label's image.
    assigned: Int[np.ndarray, " n"]
    #: Probability that there is an object at all.
    existence: Float[np.ndarray, " n"]
    #: Probability of every class, given that the object is there.
    posterior: Float[np.ndarray, "n L"]
    method: str
    #: The method's options as plain JSON values.
    options: dict[str, Any] = field(default_factory=dict)
    #: :func:`~medmnist_det.hashes.label_hash` of the crowd as it was read.
    crowd: str
    #: What the method thinks of every rater; None where it estimates none.
    raters: list[dict[str, Any]] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @cached_property
    def support(self) -> Int[np.ndarray, " n"]:
        """How many boxes of the crowd are behind every label."""
        return np.array([len(ids) for ids in self.annotation_ids], dtype=np.int64)


def details_file(path: Path) -> Path:
    """Return where the details of the fused labels in ``X.json`` lie: ``X.details.json``."""
    return path.with_name(f"{path.name.removesuffix('.json')}.details.json")


def write_fused(path: Path, fused: Fused) -> None:
    """Write fused labels to ``path``, which ends in ``.json``, and their details beside it.

    Row k of the details belongs to annotation id k + 1. Raises InputError when the disk refuses.
    """
    make_folder(path.parent)
    write_coco(path, fused.labels)
    write_atomically(details_file(path), _sealed(_details(fused)))


def _as_read(label_set: LabelSet) -> LabelSet:
    """Return the labels as a file gives them back: a mean's corner is not always x + width."""
    box = xywh_to_xyxy(xyxy_to_xywh(label_set.labels.box))
    return replace(label_set, labels=replace(label_set.labels, box=box))


def _sealed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks, then the hash of them all as the file's last entry."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    yield _SEAL % digest.hexdigest().encode()


_SEAL = b'  "seal": "%b"}\n'


def _is_sealed(content: bytes) -> bool:
    body = content[: -len(_SEAL % (b"0" * 64))]
    return content == body + _SEAL % hashlib.sha256(body).hexdigest().encode()


def _details(fused: Fused) -> Iterator[bytes]:
    head = {
        "method": fused.method,
        "options": fused.options,
        "crowd": fused.crowd,
        "labels": label_hash(_as_read(fused.labels)),
        "facts": fused.facts,
        "warnings": fused.warnings,
        "classes": fused.labels.classes.names,
        "raters": fused.raters,
    }
    # What closes the object comes after the annotations.
    yield orjson.dumps(head, option=orjson.OPT_INDENT_2)[:-2] + b',\n  "annotations": [\n'
    existence = np.round(fused.existence, 9).tolist()
    posterior = np.round(fused.posterior, 9)
    last = len(fused.labels.labels) - 1
    for k, n in enumerate(fused.assigned.tolist()):
        row = {
            "annotation_ids": fused.annotation_ids[k],
            "assigned": n,
            "existence": existence[k],
            "posterior": posterior[k],
        }
        yield orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) + (b",\n" if k < last else b"\n")
    yield b"  ],\n"


def read_fused(path: Path, crowd: str | None = None) -> Fused:
    """Return the fused labels of ``path`` with their details, as :func:`write_fused` wrote them.

    ``crowd`` is the hash that their crowd must have. Raises InputError for half of a pair, for two
    files that two runs wrote, for details that were changed since, for labels of another crowd, and
    for whatever is no such file.
    """
    file, labels = details_file(path), read_coco(path)
    content, written = read_json(file), read_bytes(file)
    remedy = f"run 'medmnist-det aggregate' again, or remove {path} and {file.name}"
    try:
        rows = content["annotations"]
        found = Fused(
            labels=labels,
            annotation_ids=[list(row["annotation_ids"]) for row in rows],
            assigned=np.array([row["assigned"] for row in rows], dtype=np.int64),
            existence=np.array([row["existence"] for row in rows], dtype=np.float64),
            posterior=np.array([row["posterior"] for row in rows], dtype=np.float64).reshape(
                -1, len(labels.classes)
            ),
            **{key: content[key] for key in ("method", "options", "crowd", "raters", "facts")},
            warnings=tuple(content["warnings"]),
        )
        hashed = content["labels"]
        if not _is_sealed(written):
            raise ValueError("changed after it was written")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{file}: is not what 'aggregate' writes ({shown(error)}); {remedy}"
        ) from error
    if hashed != label_hash(labels) or len(rows) != len(labels.labels):
        raise InputError(f"{file}: belongs to other labels than those in {path.name}; {remedy}")
    if crowd is not None and found.crowd != crowd:
        raise InputError(f"{path}: was made from another crowd than the one beside it; {remedy}")
    return found
