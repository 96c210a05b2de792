"""A whole run of the reference: labels, training, predictions for a split, in one folder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medmnist_det.errors import InputError, shown
from medmnist_det.files import make_folder
from medmnist_det.folder import Folder, beside
from medmnist_det.formats.coco import write_results
from medmnist_det.guards import locked
from medmnist_det.labels import Classes, Labels, LabelSet, Split
from medmnist_det.reference.checkpoint import Checkpoint, load_checkpoint
from medmnist_det.reference.curves import draw_curves
from medmnist_det.reference.device import (
    CPU,
    fast_precision,
    on_device,
    pick_device,
    reporting_memory,
)
from medmnist_det.reference.lessons import ENSEMBLE, Lessons, Weighting
from medmnist_det.reference.model import Detector
from medmnist_det.reference.pixels import named_images, read_images
from medmnist_det.reference.prediction import predict_files
from medmnist_det.reference.processes import from_first, rank, together, wait_for_all
from medmnist_det.reference.recipe import Recipe, is_given, recipe_of
from medmnist_det.reference.resume import begun_in, folder_name, recipes_of
from medmnist_det.reference.school import Training, TrainingsBefore
from medmnist_det.reference.teacher import Teacher
from medmnist_det.reference.training import Scores, train
from medmnist_det.runs import PREDICTIONS, RUNS
from medmnist_det.stages import Stage, silent

#: Gives the class of a method's teacher. Raises InputError for a method that does not exist.
Teachers = Callable[[str], type[Teacher]]
#: Scores boxes against labels.
Score = Callable[[LabelSet, Labels], Scores]
#: Tells a sentence about what is odd.
Note = Callable[[str], None]


def unheard(_sentence: str) -> None:
    """Tell nothing."""


def run(
    data: Path,
    out: Path | None,
    options: Mapping[str, Any],
    *,
    teachers: Teachers,
    aggregate: Callable[[Folder, str], None],
    fuse: Callable[[LabelSet], Labels],
    score: Score | None,
    split: Split = "test",
    device: str = "auto",
    compile: bool = False,  # noqa: A002
    resume: bool = False,
    stage: Stage = silent,
    training: Training = silent,
    note: Note = unheard,
) -> Path | None:
    """Train, predict a split and return the run's folder; None in any but the first process.

    ``options`` are those of the recipe by name; what is None is left to the device, or to the run
    that is resumed. What stands on this package is handed in: ``teachers`` knows the methods,
    ``aggregate`` makes sure that a data
    folder holds a method's fused labels, ``score`` scores boxes (None: no validation), ``fuse``
    makes one label set of the boxes of several detectors, who come as raters. The folder gets
    ``checkpoint.pt``, ``history.json``, ``curves.png`` and ``.pdf``, and the split's
    :func:`predictions_file`; for an ensemble, a folder of each detector has all but the last.
    ``note`` is told, in a sentence, what more epochs mean for a run that is resumed. Raises
    InputError.
    """
    folder = Folder.open(data)
    _refuse_without(folder, "train", split)
    table = folder.truth(split)
    with together(device) as where, _keeping():
        recipe = recipe_of(options, where)
        out = out or beside(RUNS / f"{folder_name(recipe.method)}-{recipe.model}-{recipe.seed}")
        if recipe.method != ENSEMBLE:
            teachers(recipe.method)  # refuses a method that does not exist
        recipes = recipes_of(folder, recipe, options, out, resume=resume)
        for method in {one.method for one in recipes.values()}:
            _refuse_unread(teachers(method), method, options)
            _aggregate(folder, teachers(method).fused, aggregate)
        if rank() != 0:
            stage, training, note = silent, silent, unheard
        found = []
        for place, one in recipes.items():
            checkpoint = train_folder(
                folder, one, place, teacher=teachers(one.method)(one),
                begun=begun_in(place, one, note), device=where, compile=compile, score=score,
                stage=stage, training=training, note=note,
            )  # fmt: skip
            if rank() == 0:
                found.append(_predicted(folder, split, table, checkpoint, where, stage))
        if rank() != 0:
            return None
        labels = found[0] if recipe.method != ENSEMBLE else fuse(_as_crowd(table, found))
        write_results(predictions_file(out, split), replace(table, labels=labels))
    return out


def predictions_file(out: Path, split: Split = "test") -> Path:
    """Return where a run's folder holds what was found in a split."""
    return out / (PREDICTIONS if split == "test" else f"{split}-{PREDICTIONS}")


def train_folder(
    folder: Folder,
    recipe: Recipe,
    out: Path,
    *,
    teacher: Teacher,
    begun: Checkpoint | None = None,
    device: torch.device = CPU,
    compile: bool = False,  # noqa: A002
    score: Score | None = None,
    stage: Stage = silent,
    training: Training = silent,
    note: Note = unheard,
) -> Checkpoint:
    """Train a detector on a data set, whose fused labels are there, and return its checkpoint.

    Like :func:`~medmnist_det.reference.training.train`; ``out`` also gets ``curves.png``. ``score``
    is given what is found in the val split, and ``note`` told at once what is odd about the
    lessons. Raises InputError, also where another training is at work in ``out``.
    """
    title = f"{recipe.method}, {recipe.model} on {device.type} in {recipe.precision}"
    known = teacher.lessons(folder, "train")
    if len(known.label_set.labels) == 0:
        raise InputError(
            f"{folder.path}: its train split has no box for --method {recipe.method} to learn "
            "from; choose another method or data set"
        )
    known.check(recipe.method, known.label_set.images)
    for doubt in known.doubts():
        note(f"{recipe.method}: {doubt}")
    make_folder(out)
    alone = locked(out) if rank() == 0 else contextlib.nullcontext()
    with alone, _reporting_memory(recipe, device):
        with stage("Reading the images", len(known.label_set.images)) as advance:
            images = read_images(folder.images("train"), known.label_set.images, advance)
        first = None
        if begun is None:
            before = TrainingsBefore(
                recipe=recipe, images=images, table=known.label_set.images, out=out,
                device=device, compile=compile, training=training,
            )  # fmt: skip
            first = _prepared(teacher, known, before)
        with training(title, recipe.epochs) as watch:
            checkpoint = train(
                recipe, known, images, out, teacher=teacher, first=first, begun=begun,
                device=device, compile=compile,
                validate=_validation(folder, recipe, teacher, score), watch=watch,
            )  # fmt: skip
    if rank() == 0:
        draw_curves(out, list(checkpoint.history), title)
    return checkpoint


def _prepared(teacher: Teacher, known: Lessons, before: TrainingsBefore) -> Lessons:
    """Return the lessons to begin with, the same in every process."""
    first = teacher.prepare(known, before)
    if first is known:
        return known
    Lessons.check(first, before.recipe.method, before.table)
    return known.taking(from_first(first.columns()))


def _validation(
    folder: Folder, recipe: Recipe, teacher: Teacher, score: Score | None
) -> Callable[[Detector], Scores] | None:
    """Return what scores a detector on the val split as the method sees it.

    The truth of that split is for ``oracle``.
    """
    if score is None or "val" not in folder.splits or rank() != 0:
        return None
    known = teacher.lessons(folder, "val")
    table, looked, files = known.label_set, known.looked, folder.images("val")

    def validate(detector: Detector) -> Scores:
        found = predict_files(detector, files, table.images, precision=recipe.precision)
        # What is found where nobody looked is neither right nor wrong.
        return score(table, found.select(looked[found.image]))

    return validate


def _predicted(
    folder: Folder,
    split: Split,
    table: LabelSet,
    checkpoint: Checkpoint,
    device: torch.device,
    stage: Stage,
) -> Labels:
    """Return what the detector finds in a split, whose images ``table`` lists."""
    recipe, detector = checkpoint.recipe, on_device(checkpoint.detector(), device)
    what = f"Predicting the {split} split"
    with _reporting_memory(recipe, device), stage(what, len(table.images)) as advance:
        return predict_files(
            detector,
            folder.images(split),
            table.images,
            precision=recipe.precision,
            progress=advance,
        )


def _reporting_memory(recipe: Recipe, device: torch.device) -> AbstractContextManager[None]:
    return reporting_memory(
        f"--batch {recipe.batch} with --model {recipe.model} is too much for {device.type}; lower "
        "--batch, or generate fewer or smaller images"
    )


def _refuse_without(folder: Folder, *splits: Split) -> None:
    for split in splits:
        if split not in folder.splits:
            raise InputError(
                f"{folder.path}: has no {split} images, without which nothing can be trained and "
                f"scored; generate a data set with --{split} above 0"
            )


def _refuse_unread(teacher: type[Teacher], method: str, options: Mapping[str, Any]) -> None:
    for one in fields(Weighting):
        value = options.get(one.name)
        if is_given(value) and value != one.default and one.name not in teacher.options:
            raise InputError(
                f"--{one.name.replace('_', '-')} goes with --method earl, not {shown(method)}: "
                "drop it"
            )


def _aggregate(folder: Folder, fused: str | None, aggregate: Callable[[Folder, str], None]) -> None:
    if fused is not None and rank() == 0:
        aggregate(folder, fused)
    wait_for_all()


@contextlib.contextmanager
def _keeping() -> Iterator[None]:
    """Say what an interruption leaves."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            "what was done is kept; add --resume to the same command to go on, or leave it out "
            "where no checkpoint.pt was written yet"
        ) from None


def _as_crowd(test: LabelSet, found: list[Labels]) -> LabelSet:
    """Return the boxes of several detectors as if each were a rater of every image."""
    columns = {
        name: np.concatenate([getattr(one, name) for one in found])
        for name in ("image", "box", "label", "score")
    }
    columns["rater"] = np.repeat(np.arange(len(found)), [len(one) for one in found])
    everybody = np.indices((len(test.images), len(found))).reshape(2, -1).T
    labels = Labels.unsorted(images=len(test.images), assigned=everybody, **columns)
    return replace(test, labels=labels, raters=tuple(range(1, len(found) + 1)))


def predict_folder(
    checkpoint: Path,
    out: Path,
    *,
    data: Path,
    split: Split = "test",
    images: Path | None = None,
    batch: int = 64,
    device: str = "auto",
    stage: Stage = silent,
) -> Labels:
    """Write what the detector of a checkpoint finds as COCO results and return it.

    Looks at a split of a data set, or at every image of a folder: a file's name gives its id.
    Computes in the precision that the detector was trained in, but never in a bfloat16 that this
    device is slow at. Raises InputError.
    """
    found, where = load_checkpoint(checkpoint), pick_device(device)
    precision = found.recipe.precision if fast_precision(where) == "bfloat16" else "float32"
    if images is None:
        folder = Folder.open(data)
        truth = folder.truth(split)
        if truth.classes != found.classes:
            raise InputError(
                f"{checkpoint}: knows the classes {_listed(found.classes)}, {data} has "
                f"{_listed(truth.classes)}; name the data set it was trained on with --data, or a "
                "folder of images with --images"
            )
        table, images = truth.images, folder.images(split)
    else:
        table = named_images(images)
    detector = on_device(found.detector(), where)
    remedy = f"--batch {batch} is too much for {where.type}; lower it"
    with reporting_memory(remedy), stage("Predicting", len(table)) as advance:
        labels = predict_files(
            detector, images, table, batch=batch, precision=precision, progress=advance
        )
    write_results(out, LabelSet(images=table, classes=found.classes, labels=labels))
    return labels


def _listed(classes: Classes) -> str:
    names = zip(classes.ids, classes.names, strict=True)
    return shown(", ".join(f"{key} {name}" for key, name in names))
