"""Simulated annotators on anybody's truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medmnist_det import labelling
from medmnist_det.arguments import called_from_python
from medmnist_det.errors import InputError
from medmnist_det.formats.coco import read_coco
from medmnist_det.formats.data_frame import to_frame
from medmnist_det.front.generating import Numbers, Words, simulated
from medmnist_det.front.intake import About, Classes, Data, Images, in_memory, tell
from medmnist_det.labels import LabelSet


@dataclass(frozen=True, kw_only=True, eq=False)
class Annotated:
    """What simulated annotators drew, and all that there is to know about them."""

    #: With raters, who looked at what, and the true object and error behind every box.
    labels: LabelSet
    #: Options, matrix and what came out, of every annotator: the content of ``annotators.json``.
    annotators: list[dict[str, Any]]
    #: iscrowd regions of the truth, which are no single objects and were left out.
    left_out: int
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        boxes, images = len(self.labels.labels), len(self.labels.images)
        return f"Annotated: {boxes:,} boxes of {len(self.annotators)} raters on {images:,} images"

    def to_frame(self, *, empty: bool = True) -> Any:
        """Return a pandas table: image, rater, label, x_min, y_min, x_max, y_max.

        ``empty`` adds a row without a box for every rater who looked and drew nothing: what
        ``aggregate`` needs to know.
        """
        return to_frame(self.labels, empty=empty)


@called_from_python()
def annotate(
    truth: Data,
    out: str | Path | None = None,
    *,
    preset: str = "paper",
    annotators: int | None = None,
    proficiency: Numbers | None = None,
    family: Words | None = None,
    box_noise: Words | None = None,
    spurious: Numbers | None = None,
    coverage: Numbers | None = None,
    difficulty: Numbers | None = None,
    copies: Numbers | None = None,
    copies_from: int | str | Sequence[int] | None = None,
    corrects: Numbers | None = None,
    drift: Numbers | None = None,
    splits: Numbers | None = None,
    merges: Numbers | None = None,
    hand: Numbers | None = None,
    habit: Words | None = None,
    annotators_from: str | Path | None = None,
    seed: int = 0,
    images: Images = None,
    classes: Classes = None,
    size: tuple[int, int] | None = None,
) -> Annotated:
    """Let simulated annotators label a truth, and return what they drew.

    ``truth`` is a COCO file, a LabelSet, or boxes in memory: a table (pandas, Polars, a dictionary
    of columns) with image, label, x_min, y_min, x_max and y_max, or a list with a dictionary of
    ``boxes`` and ``labels`` for every image. Of a table, images without a box have to be listed in
    ``images``; labels in memory need ``size``, the width and height of all images, or ``images``
    as {image: (width, height)}. ``classes`` are all class names, or {label: name}; without it the
    classes are those that occur. With ``out``, the files of ``medmnist-det annotate`` are written
    there. Other arguments are its options. Raises ValueError or TypeError.

    >>> truth = [{"boxes": [[10, 10, 60, 50]], "labels": ["cat"]}, {"boxes": [], "labels": []}]
    >>> crowd = annotate(truth, annotators=2, size=(100, 80), classes=["cat", "dog"])
    >>> crowd.labels.raters
    (1, 2)
    """
    about = About(images=images, classes=classes, size=size)
    if isinstance(truth, str | Path):
        about.refuse("truth", "a file")
        label_set = read_coco(Path(truth))
    else:
        held = in_memory(truth, "truth", about)
        if not held.sized:
            raise InputError(
                "size: how large the images are decides where boxes can lie; give (width, height), "
                "or images={image: (width, height)}"
            )
        label_set = held.label_set
    crowd = simulated(
        label_set.classes.names, seed, preset=preset, annotators=annotators,
        annotators_from=annotators_from, proficiency=proficiency, family=family,
        box_noise=box_noise, spurious=spurious, coverage=coverage, difficulty=difficulty,
        copies=copies, copies_from=copies_from, corrects=corrects, drift=drift, splits=splits,
        merges=merges, hand=hand, habit=habit,
    )  # fmt: skip
    if out is None:
        found = labelling.draw(label_set, crowd)
    else:
        found = labelling.annotate(Path(out), label_set, crowd)
    if found.left_out:
        tell([f"left out: {found.left_out} iscrowd regions, which are no single objects"])
    return Annotated(
        labels=found.crowd,
        annotators=found.annotators["annotators"],
        left_out=found.left_out,
        notes=crowd.notes,
    )
