"""Scores of any boxes on any truth, in memory or on disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from medmnist_det.errors import InputError, listed, shown
from medmnist_det.folder import Folder
from medmnist_det.formats.rows import Held
from medmnist_det.front.intake import About, Classes, Data, Images, in_memory, refuse_split, tell
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
    """
    given: list[Any] = [] if iou is None else [iou]
    if isinstance(iou, Iterable) and not isinstance(iou, str):
        given = list(iou)
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
        found = Evaluated(assess_boxes(source, first, options), source.images)
        tell((*found.warnings, *_shifted(source.truth, first, found.assessment)))
        return found
    second = _read(other, "other", source, held, which, about)
    compared = compare_boxes(source, (first, second), options)
    both = (compared.first, compared.second)
    tell(dict.fromkeys(line for one in both for line in one.warnings))
    return Compared(compared, source.images)


def _truth(truth: Data, split: str | None, about: About) -> tuple[Source, Held]:
    """Return a truth, and what its images and classes are known by."""
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
        nothing = LabelSet.__new__(LabelSet)
        return source, Held(label_set=nothing)
    refuse_split(split, "truth", "held in memory")
    held = in_memory(truth, "truth", about, zero_area=True)
    if held.label_set.raters is not None:
        raise InputError(
            "truth: holds the boxes of several raters; fuse them with aggregate(), or take one "
            "rater's"
        )
    found = truth_of(held.label_set)
    sizes = found.sizes if held.sized else None
    place = getattr(truth, "image_folder", None)
    table = Truth(
        source=found.source, ids=found.ids, names=found.names, sizes=sizes, classes=found.classes,
        boxes=found.boxes,
    )  # fmt: skip
    return Source(truth=table, data=None, split=None, images=place, facts={}), held


def _read(
    given: Data, what: str, source: Source, known: Held, rater: str | None, about: About
) -> Predictions:
    """Return predictions for a truth, wherever they are."""
    if isinstance(given, str | Path):
        return read_predictions(Path(given), source.truth, rater=rater, hint=source.hint)
    # The images of a detector are the truth's; those of raters may be fewer.
    mine = About(assigned=about.assigned, classes=about.classes)
    form = LabelSet if isinstance(getattr(given, "labels", None), LabelSet) else type(given)
    mine = About() if form is LabelSet or hasattr(given, "label_set") else mine
    held = in_memory(given, what, mine, scored=rater is None, drawn=rater is not None,
                     zero_area=True)  # fmt: skip
    label_set, drawn = held.label_set, isinstance(given, LabelSet) or form is LabelSet
    drawn = drawn or rater is not None or hasattr(given, "label_set")
    labels, name = label_set.labels, what
    if label_set.raters is not None:
        labels, name = _of_rater(label_set, what, rater), f"{what}, rater {rater}"
    elif rater is not None:
        raise InputError(f"{what}: does not say who drew its boxes; leave rater= out")
    image = _images(held, what, source, known, complete=held.in_order and not drawn)
    boxes = Boxes.of_labels(
        labels,
        image=image[labels.image],
        label=_classes(held, what, source.truth, known)[labels.label],
        area=None,
        iscrowd=None,
    )
    looked = None
    if drawn:
        seen = np.arange(len(image)) if labels.assigned is None else labels.assigned[:, 0]
        looked = np.zeros(len(source.truth.ids), dtype=bool)
        looked[image[seen]] = True
    copies = () if drawn else copies_of_boxes(what, boxes, source.truth)
    return checked(what, boxes, warnings=copies, name=name, drawn=drawn, looked=looked)


def _of_rater(label_set: LabelSet, what: str, rater: str | None) -> Any:
    names = [str(one) for one in label_set.raters or ()]
    if rater not in names:
        found = "the boxes of" if rater is None else f"no rater {rater!r} among"
        raise InputError(
            f"{what}: holds {found} {len(names)} raters; choose one with rater=, of {listed(names)}"
        )
    if label_set.labels.assigned is None:
        tell([f"{what}: rater {rater} is taken to have looked at every image; say who looked with "
              "assigned="])  # fmt: skip
    return label_set.labels.of_rater(names.index(rater))


def _images(held: Held, what: str, source: Source, known: Held, *, complete: bool) -> np.ndarray:
    """Return the row in the truth of every image of predictions."""
    ids: Sequence[Any] = held.label_set.images.ids
    truth = source.truth
    of_truth = known.label_set.images.ids if known.in_order else None
    if held.nameless:
        if of_truth is None:
            raise InputError(
                f"{what}: its items have no image_id, without which item k could be any image of "
                f"{truth.source}; add it, or give the truth as a list or Dataset in the same order"
            )
        if len(ids) != len(of_truth):
            raise InputError(
                f"{what}: has {len(ids):,} items, truth {len(of_truth):,}; give one for every "
                "image, those without a box included"
            )
        ids = of_truth
    elif known.nameless:
        raise InputError(
            "truth: its items have no image_id, so that images of "
            f"{what}, which have, cannot be found; add it"
        )
    row = {key: k for k, key in enumerate(truth.ids)}
    unknown = [key for key in ids if key not in row]
    if unknown:
        remedy = source.hint(set(ids)) or "list all images of the truth (images=)"
        raise InputError(
            f"{what}: {len(unknown):,} of its {len(ids):,} images are not in {truth.source} "
            f"(first: {shown(unknown[0])}); {remedy}"
        )
    if complete and len(ids) < len(truth.ids):
        raise InputError(
            f"{what}: has items for {len(ids):,} of the truth's {len(truth.ids):,} images; give "
            "one for every image, those without a box included"
        )
    return np.array([row[key] for key in ids], dtype=np.int64)


def _classes(held: Held, what: str, truth: Truth, known: Held) -> np.ndarray:
    """Return the row among the truth's classes of every class of predictions."""
    mine = held.label_set.classes
    if held.indices and not known.indices:
        raise InputError(
            f"{what}: Detections without data['class_name'] count classes from 0, the truth's "
            "labels are numbers of their own; add class_name"
        )
    if held.numbered and known.numbered:
        wanted, there = mine.ids, truth.classes.ids
    elif held.named and known.named:
        wanted, there = mine.names, truth.classes.names
    else:
        a, b = ("numbers", "names") if held.numbered else ("names", "numbers")
        raise InputError(
            f"{what}: its labels are {a}, the truth's are {b}; give classes={{number: name}}"
        )
    row = {key: k for k, key in enumerate(there)}
    if len(row) < len(there):
        raise InputError("truth: two of its classes have one name; give labels as numbers")
    used = set(np.unique(held.label_set.labels.label).tolist())
    for k, key in enumerate(wanted):
        if key not in row and k in used:
            zero = all(isinstance(one, int) and one + 1 in row for one in wanted)
            hint = "they seem to count classes from 0: add 1 to each" if zero else (
                "name all classes with classes= where the truth has no box of some"
            )  # fmt: skip
            raise InputError(
                f"{what}: label {shown(key)} is not among those of {truth.source}, "
                f"{listed(there)}; {hint}"
            )
    return np.array([row.get(key, 0) for key in wanted], dtype=np.int64)


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
