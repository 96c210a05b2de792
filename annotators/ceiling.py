"""The noise ceiling: every rater scored like a detector, against every other and the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.alpha import Agreement
from annotators.identical import identical
from medmnist_det.files import make_folder
from medmnist_det.folder import write_json
from medmnist_det.labels import Labels, LabelSet

if TYPE_CHECKING:
    from jaxtyping import Float

#: (truth, predictions) -> mAP, None where it is undefined. Lives in ``evaluation``; handed in.
Score = Callable[[LabelSet, Labels], float | None]

#: Raters up to which all are scored against all.
MOST_RATERS = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Ceiling:
    """mAP of raters' labels; NaN where undefined (no common image, no object)."""

    #: Row: who is scored; column: whose labels count as the truth. None for too many raters.
    against: Float[np.ndarray, "R R"] | None
    #: Against the truth; None where that is not known.
    truth: Float[np.ndarray, " R"] | None


def ceiling(crowd: LabelSet, score: Score, truth: LabelSet | None = None) -> Ceiling:
    """Return the mAP of every rater against every other and the truth, on common images.

    A detector that scores above the raters' mean against each other has learned what they agree
    on; one that scores above a rater against the truth is better than that rater. Raises
    ValueError for labels without raters or assignment.
    """
    labels = crowd.labels
    if labels.rater is None or labels.assigned is None or crowd.raters is None:
        raise ValueError("these labels do not say who drew them or who looked")
    raters = len(crowd.raters)
    looked = np.zeros((raters, labels.images), dtype=bool)
    looked[labels.assigned[:, 1], labels.assigned[:, 0]] = True
    drawn = [replace(crowd, labels=_bare(labels.of_rater(k)), raters=None) for k in range(raters)]
    against = np.full((raters, raters), np.nan) if raters <= MOST_RATERS else None
    if against is not None:
        for a in range(raters):
            for b in range(raters):
                common = looked[a] & looked[b]
                if a != b and common.any():
                    against[a, b] = _score(score, drawn[b], drawn[a], common)
    on_truth = None
    if truth is not None:
        on_truth = np.array([_score(score, truth, drawn[k], looked[k]) for k in range(raters)])
    return Ceiling(against=against, truth=on_truth)


def _bare(labels: Labels) -> Labels:
    return replace(labels, rater=None, assigned=None)


def _score(score: Score, truth: LabelSet, predictions: LabelSet, common: np.ndarray) -> float:
    if not common.any():
        return float("nan")
    value = score(truth.keep_images(common), predictions.keep_images(common).labels)
    return float("nan") if value is None else value


def write_agreement(path: Path, crowd: LabelSet, found: Agreement, scored: Ceiling) -> None:
    """Write every number of an agreement report as JSON; what is undefined is null.

    Raises InputError when the disk refuses.
    """
    make_folder(path.parent)
    write_json(path, as_dict(crowd, found, scored))


def as_dict(crowd: LabelSet, found: Agreement, scored: Ceiling) -> dict[str, Any]:
    """Return every number of an agreement report as plain values; what is undefined is None."""
    return {
        "raters": crowd.raters,
        "classes": crowd.classes.names,
        "alpha": found.alpha,
        "mean_of_images": found.mean_of_images,
        "objects": found.objects,
        "empty_images": found.empty_images,
        "of_class": _plain(found.of_class),
        "without": _plain(found.without),
        "pairwise": _plain(found.pairwise),
        "map_against": _plain(scored.against),
        "map_on_truth": _plain(scored.truth),
        "identical": _plain(identical(crowd)),
        "images": crowd.images.ids,
        "of_image": _plain(found.of_image),
    }


def _plain(values: np.ndarray | None) -> Any:
    if values is None:
        return None
    return np.where(np.isfinite(values), values, None).tolist()  # type: ignore[call-overload]
