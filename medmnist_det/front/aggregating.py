"""Crowd labels to fused labels, from anywhere to anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from annotators import aggregation
from annotators.infer.parts.result import Inference
from annotators.infer.registry import InferenceOptions, folder_name, infer
from annotators.infer.save import about as about_images
from annotators.infer.save import rater_rows
from medmnist_det.arguments import called_from_python
from medmnist_det.formats.arrays import needed
from medmnist_det.formats.data_frame import to_frame
from medmnist_det.front.intake import About, Classes, Data, Images, crowd_source, tell
from medmnist_det.labels import LabelSet
from medmnist_det.terminal.option_text import numbers


@dataclass(frozen=True, kw_only=True, eq=False)
class Aggregated:
    """Fused labels, how sure a method is of them, and what it thinks of the raters."""

    method: str
    #: The fused boxes, with scores.
    labels: LabelSet
    #: Of every rater: skill, miss rate, spurious boxes an image, box errors, matrix (row: true
    #: class; last row and column: no_obj). None where the method estimates none.
    raters: list[dict[str, Any]] | None
    #: What the method is less sure of than it looks, and what else is worth knowing.
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    #: The file that was written; None where none was.
    path: Path | None
    #: Everything behind it, in columns.
    inference: Inference = field(repr=False)

    def __len__(self) -> int:
        return len(self.labels.labels)

    def __repr__(self) -> str:
        known = "" if self.raters is None else f", {len(self.raters)} raters estimated"
        where = "" if self.path is None else f", in {str(self.path)!r}"
        what = f"{len(self):,} labels on {len(self.labels.images):,} images by {self.method}"
        return f"Aggregated: {what}{known}{where}"

    def to_frame(self) -> Any:
        """Return a pandas table of the labels: image, label, box, score, existence, boxes.

        ``existence`` is the probability that there is an object at all, ``boxes`` how many of the
        crowd's are behind it.
        """
        frame = to_frame(self.labels)
        frame["existence"] = self.inference.existence
        frame["boxes"] = np.diff(self.inference.starts)
        return frame

    def raters_to_frame(self) -> Any:
        """Return a pandas table of the raters: skill, miss rate, spurious boxes an image.

        Raises ValueError where the method estimates none.
        """
        pandas = needed("pandas", "raters_to_frame()")
        if self.raters is None:
            raise ValueError(f"{self.method} estimates no raters; choose dawid-skene")
        columns = ("rater_id", "skill", "miss_rate", "spurious")
        return pandas.DataFrame([{name: one[name] for name in columns} for one in self.raters])

    def to_dict(self) -> dict[str, Any]:
        """Return labels and raters as plain values."""
        return {
            "method": self.method,
            "labels": self.to_frame().to_dict("records"),
            "raters": self.raters,
            "facts": self.inference.facts,
            "warnings": list(self.warnings),
        }


@called_from_python(data="crowd", crowd="crowd")
def aggregate(
    crowd: Data,
    method: str = "dawid-skene",
    *,
    split: str | None = None,
    raters: str | Sequence[Any] | None = None,
    iou: float | None = None,
    weights: str | Sequence[float] | None = None,
    iterations: int | None = None,
    images: Images = None,
    assigned: Any = None,
    classes: Classes = None,
    size: tuple[int, int] | None = None,
    out: str | Path | None = None,
) -> Aggregated:
    """Fuse what several raters drew into one label set with confidences.

    ``crowd`` is one of

    - a data set's folder, or what :func:`open` returns: its ``split`` (train, or val) is fused, and
      written to ``fused/METHOD`` there, as by ``medmnist-det aggregate``, so that a Dataset finds
      it; not with ``raters``, who leave images out;
    - a COCO file with a rater per annotation, or a CSV with the columns of VinDr-CXR;
    - a LabelSet with raters, or what :func:`annotate` returns;
    - a table (pandas, Polars, or a dictionary of columns) with image, rater, label, x_min, y_min,
      x_max and y_max, a row a box. A row without label and box: its rater looked and drew nothing;
      where there are such rows, nobody looked at an image without a row of theirs;
    - a list with an item for every image: dictionaries with ``boxes`` (n, 4), ``labels``,
      ``raters`` and, in all or none, ``image_id`` and ``rater_list``; or supervision's Detections.

    Nobody who draws nothing leaves a row, so say what the rows do not: ``images``, all images;
    ``assigned``, who looked ("all", {image: [raters]}, or pairs of both). What is not said is taken
    so: the images are those that are named; every rater looked at every one of them, and a warning
    tells so. ``classes`` are all class names, or {label: name}; else those that occur. ``size`` is
    the width and height of the images; else as far as boxes reach.

    ``raters`` keeps images that all of these looked at. ``iou``, ``weights`` and ``iterations`` are
    the options of the method. With ``out``, ``out/METHOD/NAME.json`` is written. Raises ValueError
    or TypeError that names the argument.

    >>> table = {
    ...     "image": ["a.png"] * 3,
    ...     "rater": ["ann", "bob", "eve"],
    ...     "label": ["cat", "cat", "dog"],
    ...     "boxes": [[10, 10, 60, 50], [12, 10, 60, 52], [11, 9, 61, 50]],
    ... }
    >>> fused = aggregate(table, method="majority-vote", assigned="all")
    >>> fused
    Aggregated: 1 labels on 1 images by majority-vote
    >>> fused.to_frame()[["image", "label", "boxes"]].values.tolist()
    [['a.png', 'cat', 3]]
    """
    about = About(images=images, assigned=assigned, classes=classes, size=size)
    source, folder = crowd_source(crowd, split, raters, about)
    shares = numbers("--weights", weights)
    options = InferenceOptions(
        iou=iou, weights=None if shares is None else tuple(shares), iterations=iterations
    )
    place = None if out is None else Path(out)
    if place is None and folder is not None and raters is None:
        place = folder.fused_folder
    path = None
    if place is None:
        found = infer(method, source.crowd.labels, options, source.raters)
    else:
        found, path = aggregation.aggregate(source, method, options, place / folder_name(method))
    tell(found.warnings)
    return Aggregated(
        method=method,
        labels=about_images(source.crowd.labels, found.labels),
        raters=rater_rows(source.crowd.labels, found),
        warnings=found.warnings,
        notes=source.crowd.notes,
        path=path,
        inference=found,
    )
