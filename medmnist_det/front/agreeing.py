"""How far raters agree, and the ceiling that their disagreement sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from annotators.alpha import Agreement
from annotators.alpha import agreement as agree
from annotators.ceiling import Ceiling, as_dict, ceiling
from annotators.sources import Source
from evaluation.evaluator import score
from evaluation.metrics import Metric
from medmnist_det.arguments import called_from_python
from medmnist_det.errors import InputError
from medmnist_det.formats.arrays import needed
from medmnist_det.front.intake import About, Classes, Data, Images, crowd_source
from medmnist_det.labels import Labels, LabelSet


@dataclass(frozen=True, kw_only=True, eq=False)
class Agreed(Mapping[str, Any]):
    """How far raters agree, by name: ``alpha``, ``mean_of_images``, ``objects`` and the others."""

    crowd: LabelSet
    agreement: Agreement
    ceiling: Ceiling

    def __getitem__(self, name: str) -> Any:
        return self.to_dict()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.to_dict())

    def __len__(self) -> int:
        return len(self.to_dict())

    def __repr__(self) -> str:
        raters, one = len(self.crowd.raters or ()), self.agreement
        return f"Agreed: alpha {one.alpha:.3f} of {raters} raters over {one.objects:,} objects"

    def to_dict(self) -> dict[str, Any]:
        """Return every number as plain values; what is undefined is None."""
        return as_dict(self.crowd, self.agreement, self.ceiling)

    def to_frame(self, of: Literal["raters", "classes", "images", "pairs"] = "raters") -> Any:
        """Return a pandas table, a row for each rater, class, image or pair of raters.

        ``raters``: alpha without the rater, and the mAP of the rater's labels on the truth where
        that is known. ``pairs``: alpha, and the mAP of the first on the second. What is undefined
        is NaN.
        """
        pandas = needed("pandas", "to_frame()")
        found, scored, names = self.agreement, self.ceiling, list(self.crowd.raters or ())
        match of:
            case "raters":
                truth = np.full(len(names), np.nan) if scored.truth is None else scored.truth
                columns = {"rater": names, "alpha_without": found.without, "map_on_truth": truth}
            case "classes":
                columns = {"class": list(self.crowd.classes.names), "alpha": found.of_class}
            case "images":
                columns = {"image": list(self.crowd.images.ids), "alpha": found.of_image}
            case "pairs":
                pairs = [(a, b) for a in range(len(names)) for b in range(len(names)) if a != b]
                against = scored.against
                columns = {
                    "rater": [names[a] for a, _ in pairs],
                    "other": [names[b] for _, b in pairs],
                    "alpha": [found.pairwise[a, b] for a, b in pairs],
                    "map": [np.nan if against is None else against[a, b] for a, b in pairs],
                }
            case _:
                raise InputError(f"of={of!r} is not known: choose raters, classes, images or pairs")
        return pandas.DataFrame(columns)


@called_from_python(data="crowd", crowd="crowd")
def agreement(
    crowd: Data,
    *,
    split: str | None = None,
    raters: str | Sequence[Any] | None = None,
    iou: float = 0.5,
    map_iou: float = 0.4,
    images: Images = None,
    assigned: Any = None,
    classes: Classes = None,
    size: tuple[int, int] | None = None,
) -> Agreed:
    """Return how far raters agree: Krippendorff's alpha for boxes, and the mAP of rater on rater.

    ``crowd``, ``split``, ``raters``, ``images``, ``assigned``, ``classes`` and ``size`` are those
    of :func:`aggregate`, with the same assumptions. ``iou`` is above which boxes are about one
    place, ``map_iou`` from which a box counts in the mAP. Raises ValueError or TypeError that
    names the argument, also where no image was looked at by two.

    >>> cat = {"boxes": [[10, 10, 60, 50], [12, 10, 60, 52]], "labels": ["cat", "cat"]}
    >>> agreement([cat | {"raters": ["ann", "bob"]}], assigned="all")["alpha"]
    1.0
    """
    about = About(images=images, assigned=assigned, classes=classes, size=size)
    source, _ = crowd_source(crowd, split, raters, about)
    found, scored = agreed(source, iou, map_iou)
    return Agreed(crowd=source.crowd.labels, agreement=found, ceiling=scored)


def agreed(source: Source, iou: float, map_iou: float) -> tuple[Agreement, Ceiling]:
    """Return the agreement of a crowd, and its raters' mAP at ``map_iou``. Raises InputError."""
    for name, value, most in (("iou", iou, 0.99), ("map-iou", map_iou, 1.0)):
        if not 0.01 <= value <= most:
            raise InputError(f"--{name} {value} is not from 0.01 to {most:g}")
    metrics = (Metric(f"mAP@{map_iou:g}", (map_iou,)),)

    def mean_ap(truth: LabelSet, predictions: Labels) -> float | None:
        return score(truth, predictions, metrics=metrics).headline[0].value

    label_set = source.crowd.labels
    return agree(label_set, iou=iou), ceiling(label_set, mean_ap, source.truth)
