"""What a crowd drew, and what is behind it: the truth about simulated labels, and its file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from medmnist_det.files import write_atomically
from medmnist_det.labels import Error, Labels

#: What the file says of every box: the id of the true object, and the kind of error.
OF_BOXES = ("true_annotation_id", "error")


@dataclass(frozen=True, kw_only=True, eq=False)
class Marks:
    """What a crowd drew on a split."""

    #: With provenance: the true object and the kind of error behind every box.
    labels: Labels
    #: What else is behind the labels, as plain JSON values by name; what a crowd does not have is
    #: not there. ``difficulty``: of every true object; ``order``: the ids of the images in the
    #: order in which each rater looked; ``copied``: whether a box is somebody else's;
    #: ``merged_annotation_id``: the smaller of two objects that a box is drawn around, or null.
    behind: dict[str, Any] = field(default_factory=dict)


def write_provenance(path: Path, marks: Marks) -> None:
    """Write the truth behind every crowd box, apart from what a method may see.

    Row k belongs to annotation id k + 1 of the crowd file. Truth ids are null for spurious boxes.
    """
    crowd = marks.labels
    if crowd.true_object is None or crowd.error is None:
        raise ValueError("the crowd's labels come without provenance")
    names = [kind.name.lower() for kind in Error]
    real = (crowd.error != Error.SPURIOUS).tolist()
    keys = (crowd.true_object + 1).tolist()
    ids = [key if is_real else None for key, is_real in zip(keys, real, strict=True)]
    kinds = [names[kind] for kind in crowd.error.tolist()]
    rows = dict(zip(OF_BOXES, (ids, kinds), strict=True))
    write_atomically(path, [orjson.dumps(rows | marks.behind), b"\n"])
