"""Scores of any boxes on any truth, in memory or on disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from evaluation.assessment import Assessment, Options, assess_boxes, compare_boxes
from evaluation.metrics import HEADLINE, parse_metric
from evaluation.problem import Boxes, Truth, truth_of
from evaluation.read.copies import copies_of_boxes
from evaluation.read.predictions import Predictions, checked, read_predictions
from evaluation.read.source import Source, open_truth
from evaluation.scores import score_problem
from medmnist_det.arguments import called_from_python
from medmnist_det.errors import InputError
from medmnist_det.folder import Folder
from medmnist_det.formats.rows import Held
from medmnist_det.front.intake import About, Classes, Data, Images, in_memory, refuse_split, tell
from medmnist_det.front.matching import class_rows, image_rows, of_rater, raters_of
from medmnist_det.front.scores import Compared, Evaluated
from medmnist_det.labels import LabelSet


@called_from_python(data="truth")
def evaluate(
    truth: Data,
    predictions: Data,
    other: Data = None,
    *,
    split: str | None = None,
    rater: str | int | None = None,
    iou: float | str | Sequence[float | str] | None = None,
    engine: Literal["hotcoco", "pycocotools"] = "hotcoco",
    bootstrap: int | None = None,
    errors: bool | None = None,
    seed: int = 0,
    images: Images = None,
    assigned: Any = None,
    classes: Classes = None,
    size: tuple[int, int] | None = None,
) -> Any:
    """Score boxes against a truth: mAP with intervals, COCO's twelve, and why points are lost.

    ``truth`` is a data set's folder, or what :func:`open` returns (of which ``split`` is taken, or
    test); a COCO file; a Dataset; a LabelSet; or boxes in memory: a table with image, label,
    x_min, y_min, x_max and y_max, or a list with a dictionary of ``boxes`` and ``labels`` for every
    image (also ``iscrowd``, ``area``, ``image_id``). ``predictions`` is a file or folder that
    ``medmnist-det evaluate`` reads, a LabelSet, what :func:`aggregate` returns, or boxes in memory
    with a ``score`` (in lists ``scores``), with which nothing is taken for granted:

    - *Images* go together by id. Items of a list without ``image_id`` belong to the image at their
      place in the truth, which has to be a list or Dataset of that length. A list holds every
      image, those without a box included; a table is about all images of the truth. The images
      of a table as truth are those it names, or ``images``.
    - *Labels* go together as they are, never by counting: the number of a label is the category id
      of a COCO file and the label in the targets of a Dataset (from 1, as 0 is torchvision's
      background), a text is the name of a class. ``classes`` are the names of all, or
      {label: name}. A label that the truth does not have is refused.

    ``rater`` scores one rater's labels of a crowd, on the images that this rater looked at
    (``assigned``, as in :func:`aggregate`). ``iou`` is one threshold or several, numbers or
    "0.5:0.95:0.05". Other arguments are the options of the command.

    Returns :class:`~medmnist_det.front.scores.Evaluated`; with ``other``, which is compared with
    ``predictions`` on the same resamples, :class:`~medmnist_det.front.scores.Compared`. Raises
    ValueError or TypeError that names the argument.

    >>> truth = [{"boxes": [[10, 10, 60, 50]], "labels": ["cat"]}, {"boxes": [], "labels": []}]
    >>> found = [
    ...     {"boxes": [[12, 11, 61, 48]], "labels": ["cat"], "scores": [0.9]},
    ...     {"boxes": [], "labels": [], "scores": []},
    ... ]
    >>> scores = evaluate(truth, found)
    >>> round(scores["mAP@0.4"], 3), round(scores["AP"], 3)
    (1.0, 0.8)
    """
    given: list[Any] = [] if iou is None else [iou]
    if getattr(iou, "ndim", None) == 0:
        given = [iou.item()]  # type: ignore[union-attr]  # a number of numpy or torch
    elif isinstance(iou, Iterable) and not isinstance(iou, str):
        given = list(iou)
        if not given:
            raise InputError("iou=[]: give one threshold or more, or leave it out")
    options = Options(
        metrics=tuple(parse_metric(str(one)) for one in given) or HEADLINE,
        engine=engine,
        bootstrap=bootstrap,
        seed=seed,
        errors=errors,
    )
    about = About(images=images, assigned=assigned, classes=classes, size=size)
    source, held = _truth(truth, split, About(images=images, classes=classes, size=size))
    which = None if rater is None else str(rater)
    first = _read(predictions, "predictions", source, held, which, about)
    if other is None:
        found = Evaluated(assess_boxes(source, first, options), source)
        tell((*found.warnings, *_shifted(source.truth, first, found.assessment)))
        return found
    second = _read(other, "other", source, held, which, about)
    compared = compare_boxes(source, (first, second), options)
    both = (compared.first, compared.second)
    tell(dict.fromkeys(line for one in both for line in one.warnings))
    return Compared(compared, source)


def _truth(truth: Data, split: str | None, about: About) -> tuple[Source, Held | None]:
    """Return a truth, and what its images and classes are known by; None: it is on disk."""
    if isinstance(truth, str | Path | Folder):
        about.refuse("truth", "on disk")
        path = truth.path if isinstance(truth, Folder) else Path(truth)
        single = isinstance(truth, str | Path) and not path.is_dir()
        if single and not path.exists():
            raise InputError(
                f"{path}: there is no such truth; name a COCO file, or the folder of a data set"
            )
        if single:
            refuse_split(split, "truth", "a file")
        source = open_truth(path, split or "test", path if single else None)
        return source, None
    refuse_split(split, "truth", "held in memory")
    held = in_memory(truth, "truth", about, zero_area=True)
    who = raters_of(held.label_set)
    if len(who) > 1:
        raise InputError(
            f"truth: holds the boxes of {len(who)} raters; fuse them with aggregate(), or take one "
            "rater's"
        )
    found = truth_of(held.label_set)
    sizes = found.sizes if held.sized else None
    place = getattr(truth, "image_folder", None)
    table = replace(found, sizes=sizes)
    return Source(truth=table, data=None, split=None, images=place, facts={}), held


def _read(
    given: Data, what: str, source: Source, known: Held | None, rater: str | None, about: About
) -> Predictions:
    """Return predictions for a truth, wherever they are."""
    if isinstance(given, str | Path):
        About(assigned=about.assigned).refuse(what, "a file")
        return read_predictions(Path(given), source.truth, rater=rater, hint=source.hint)
    whole = _whole(given)
    mine = About(assigned=about.assigned, classes=None if whole else about.classes)
    held = in_memory(
        given, what, mine, scored=rater is None, drawn=rater is not None, zero_area=True
    )
    label_set, drawn = held.label_set, whole or rater is not None
    labels, name = label_set.labels, what
    if len(raters_of(label_set)) > 1 or (rater is not None and label_set.raters is not None):
        labels, name = of_rater(label_set, what, rater), f"{what}, rater {rater}"
    elif rater is not None:
        raise InputError(f"{what}: does not say who drew its boxes; leave rater= out")
    image = image_rows(held, what, source, known, complete=held.in_order and not drawn)
    boxes = Boxes.of_labels(
        labels,
        image=image[labels.image],
        label=class_rows(held, what, source.truth, known)[labels.label],
        area=None,
        iscrowd=None,
    )
    looked = None
    if drawn:
        seen = np.arange(len(image)) if labels.assigned is None else labels.assigned[:, 0]
        looked = np.zeros(len(source.truth.ids), dtype=bool)
        looked[image[seen]] = True
        if rater is None and labels.score is not None and not looked.all():
            held_images = f"{int(looked.sum()):,} of the truth's {len(looked):,} images"
            tell([f"{what}: is scored on {held_images}, those that it is about"])
    copies = () if drawn else copies_of_boxes(what, boxes, source.truth)
    return checked(what, boxes, warnings=copies, name=name, drawn=drawn, looked=looked)


def _whole(given: Data) -> bool:
    """Return whether something is a label set, or holds one: labels that somebody drew or fused."""
    return isinstance(given, LabelSet) or any(
        isinstance(getattr(given, name, None), LabelSet) for name in ("label_set", "labels")
    )


# A detector that counts classes from another number scores next to nothing on its labels.
_HOPELESS, _SENSIBLE = 0.05, 0.3


def _shifted(truth: Truth, predictions: Predictions, found: Assessment) -> tuple[str, ...]:
    """Warn where labels that are one more or less score well: networks count classes from 0."""
    here, boxes = found.scores.headline[0].value, predictions.boxes
    if here is None or here > _HOPELESS or len(boxes) == 0 or predictions.looked is not None:
        return ()
    for step in (1, -1):
        label = boxes.label + step
        if label.min() < 0 or label.max() >= len(truth.classes):
            continue
        moved = Boxes.of(image=boxes.image, bbox=boxes.bbox, label=label, score=boxes.score)
        there = score_problem(truth.problem(moved), truth.classes.names, digit_sizes=False)
        value = there.headline[0].value
        if value is not None and value > _SENSIBLE:
            return (
                f"predictions score {here:.3f}, but {value:.3f} with every label {step:+d}: do "
                "they count classes from another number than the truth?",
            )
    return ()
