"""A whole run of the reference: labels, training, predictions for the test split, in one folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed

from medmnist_det.errors import InputError
from medmnist_det.files import make_folder
from medmnist_det.folder import Folder
from medmnist_det.formats.coco import write_results
from medmnist_det.labels import Labels, LabelSet, Split
from medmnist_det.reference.checkpoint import CHECKPOINT, Checkpoint, load_checkpoint
from medmnist_det.reference.curves import draw_curves
from medmnist_det.reference.device import on_device, pick_device, reporting_memory
from medmnist_det.reference.lessons import Lessons, fused_by, lessons
from medmnist_det.reference.pixels import named_images, read_images
from medmnist_det.reference.prediction import predict_files
from medmnist_det.reference.training import Moment, Recipe, Task, Validation, rank, recipe_of, train

#: Shows a stage: its name and its number of steps go in; what advances it comes out.
Stage = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True, kw_only=True)
class Above:
    """What a run needs of the packages that stand on this one."""

    #: Makes sure that the data folder holds the fused labels of a method.
    aggregate: Callable[[Folder, str], None]
    #: Scores boxes against labels: names and values.
    score: Callable[[LabelSet, Labels], dict[str, float | None]]
    #: Fuses the boxes of several detectors, which come as raters.
    fuse: Callable[[LabelSet], Labels]


@dataclass(frozen=True, kw_only=True)
class Show:
    """Who is told how far a run is."""

    stage: Stage
    #: Given what is trained and its epochs, shows it: every moment of it goes to what comes out.
    training: Callable[[str, int], AbstractContextManager[Callable[[Moment], None]]]


# For processes beside the first.
_SILENT = Show(
    stage=lambda _, __: contextlib.nullcontext(lambda _: None),
    training=lambda _, __: contextlib.nullcontext(lambda _: None),
)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked for. What is None is left to the device, or to the run that is resumed."""

    data: Path
    out: Path | None = None
    device: str = "auto"
    resume: bool = False
    compile: bool = False
    #: Fields of the :class:`Recipe` by name, ``loss.match`` being one of its loss's; None: open.
    given: Mapping[str, Any]


def run(order: Order, above: Above, show: Show) -> Path | None:
    """Train, predict the test split and return the run's folder; None in any but the first process.

    The folder holds ``checkpoint.pt``, ``history.json``, ``curves.png`` and ``preds.json``; for an
    ensemble one folder of each detector has the first three. Raises InputError.
    """
    folder = Folder.open(order.data)
    test = folder.truth("test")
    with _together(order.device) as device:
        recipe = _recipe(order, device)
        fused_by(recipe.method)
        out = order.out or Path("runs") / f"{_plain(recipe.method)}-{recipe.size}-{recipe.seed}"
        show = show if rank() == 0 else _SILENT
        here = _Run(order=order, above=above, show=show, folder=folder, test=test, device=device)
        found = (here.ensemble if recipe.method == "ensemble" else here.member)(recipe, out)
        if found is None:
            return None
        write_results(out / "preds.json", replace(test, labels=found))
    return out


def _plain(method: str) -> str:
    return method.replace(":", "-")


def _recipe(order: Order, device: torch.device) -> Recipe:
    size = order.given.get("size") or ("s" if device.type == "cuda" else "n")
    values: dict[str, Any] = {"size": size} | _USUAL.get(size, {})
    for name, value in order.given.items():
        if value is not None:
            *part, field = name.split(".")
            (values.setdefault(part[0], {}) if part else values)[field] = value
    return recipe_of(values)


# What other sizes want than the recipe's defaults, which are those of n.
_USUAL: dict[str, dict[str, Any]] = {"s": {"epochs": 50, "batch": 64}}


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What all trainings of a run share."""

    order: Order
    above: Above
    show: Show
    folder: Folder
    test: LabelSet
    device: torch.device

    def ensemble(self, recipe: Recipe, out: Path) -> Labels | None:
        """Train a detector on every rater's boxes and return their fused predictions.

        None in any but the first process.
        """
        raters = self.folder.crowd("train").raters or ()
        places = {f"rater:{rater}": out / f"rater-{rater}" for rater in raters}
        begun = [place for place in places.values() if (place / CHECKPOINT).is_file()]
        if self.order.resume:
            if not begun:
                raise _nothing_begun(out)
            # Those that are still to come are trained like those that are there.
            recipe = recipe_of(load_checkpoint(begun[0] / CHECKPOINT).about["recipe"])
        found = []
        for method, place in places.items():
            given = {**self.order.given, "method": method}
            order = replace(self.order, given=given, resume=self.order.resume and place in begun)
            one = replace(self, order=order)
            found.append(one.member(replace(recipe, method=method), place))
        known = [labels for labels in found if labels is not None]
        return self.above.fuse(_as_crowd(self.test, known, raters)) if known else None

    def member(self, recipe: Recipe, out: Path) -> Labels | None:
        """Train one detector in a folder and return what it finds in the test split.

        None in any but the first process.
        """
        begun = _begun(self.order, out, self.folder)
        recipe = recipe if begun is None else recipe_of(begun.about["recipe"])
        with reporting_memory(
            f"--batch {recipe.batch} with --model {recipe.size} is too much for "
            f"{self.device.type}; lower --batch, or generate fewer or smaller images"
        ):
            return self._trained(recipe, begun, out)

    def _trained(self, recipe: Recipe, begun: Checkpoint | None, out: Path) -> Labels | None:
        title = f"{recipe.method}, {recipe.size} on {self.device.type}"
        known = self._lessons(recipe)
        make_folder(out)
        with self.show.stage("Reading the images", len(known.table.images)) as advance:
            images = read_images(self.folder.images("train"), known.table.images, advance)
        with self.show.training(title, recipe.epochs) as watch:
            task = Task(
                recipe=recipe,
                images=images,
                lessons=known,
                device=self.device,
                folder=out,
                data=self.folder.manifest["fingerprint"],
                validation=self._validation(recipe),
                watch=watch,
                compile=self.order.compile,
            )
            checkpoint = train(task, begun)
        del images, task
        if rank() != 0:
            return None
        draw_curves(out / "curves.png", checkpoint.about["history"], title)
        detector = on_device(checkpoint.detector(), self.device)
        with self.show.stage("Predicting the test split", len(self.test.images)) as advance:
            files = self.folder.images("test")
            return predict_files(detector, files, self.test.images, progress=advance)

    def _lessons(self, recipe: Recipe) -> Lessons:
        fused = fused_by(recipe.method)
        if fused is not None and rank() == 0:
            self.above.aggregate(self.folder, fused)
        if distributed.is_initialized():
            distributed.barrier()
        found = lessons(self.folder, "train", recipe.method, recipe.weighting)
        if len(found.table.labels) == 0:
            raise InputError(
                f"{self.folder.path}: its train split has no box for --method {recipe.method} to "
                "learn from; choose another method or data set"
            )
        return found

    def _validation(self, recipe: Recipe) -> Validation | None:
        """Return the val split as the method sees it: its truth is for ``oracle``."""
        if "val" not in self.folder.splits or rank() != 0:
            return None
        known = lessons(self.folder, "val", recipe.method, recipe.weighting)
        table, looked = known.table, known.looked
        return Validation(
            images=read_images(self.folder.images("val"), table.images),
            table=table.images,
            # What is found where nobody looked is neither right nor wrong.
            score=lambda boxes: self.above.score(table, boxes.select(looked[boxes.image])),
        )


def _as_crowd(test: LabelSet, found: list[Labels], raters: tuple[int | str, ...]) -> LabelSet:
    """Return the boxes of several detectors as if each were a rater of every image."""
    image, box, label, score = (
        np.concatenate([getattr(one, name) for one in found])
        for name in ("image", "box", "label", "score")
    )
    rater = np.repeat(np.arange(len(found)), [len(one) for one in found])
    everybody = np.indices((len(test.images), len(found))).reshape(2, -1).T
    labels = Labels.unsorted(
        images=len(test.images),
        image=image,
        box=box,
        label=label,
        score=score,
        rater=rater,
        assigned=everybody,
    )
    return replace(test, labels=labels, raters=raters)


def _begun(order: Order, out: Path, folder: Folder) -> Checkpoint | None:
    """Return the checkpoint to go on with, if that is what was asked for."""
    file = out / CHECKPOINT
    if not order.resume:
        if file.is_file():
            done = load_checkpoint(file)
            raise InputError(
                f"{out}: holds a training already ({done.epoch} of "
                f"{done.about['recipe']['epochs']} epochs done); add --resume to go on with it, or "
                "choose another --out"
            )
        return None
    if not file.is_file():
        raise _nothing_begun(file)
    begun = load_checkpoint(file)
    if begun.about["data"] != folder.manifest["fingerprint"]:
        raise InputError(
            f"{file}: was trained on another data set than {folder.path}; name that one with "
            "--data, or choose another --out"
        )
    for name, value in order.given.items():
        *part, field = name.split(".")
        stored = begun.about["recipe"][part[0]] if part else begun.about["recipe"]
        if value is not None and stored[field] != value:
            raise InputError(
                f"{file}: was begun with {field} {stored[field]!r}, not {value!r}; leave the "
                "option out to go on, or choose another --out"
            )
    return begun


def _nothing_begun(path: Path) -> InputError:
    return InputError(f"{path}: there is no training to go on with; leave --resume out")


@contextlib.contextmanager
def _together(device: str) -> Iterator[torch.device]:
    """Join the processes that torchrun started, if it did, and yield this one's device."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield pick_device(device)
        return
    mine = pick_device(device, int(os.environ["LOCAL_RANK"]))
    if mine.type == "cuda":
        torch.cuda.set_device(mine)
    backend = "nccl" if mine.type == "cuda" else "gloo"
    # The first process aggregates, validates and predicts while the others wait.
    distributed.init_process_group(backend, timeout=timedelta(hours=1))
    try:
        yield mine
    finally:
        distributed.destroy_process_group()


def predict_folder(
    checkpoint: Path,
    out: Path,
    data: Path,
    split: Split,
    images: Path | None,
    batch: int,
    device: str,
    stage: Stage,
) -> Labels:
    """Write what a detector finds as COCO results and return it.

    Looks at a split of the data set, or at every image of a folder: a file's name gives its id.
    Raises InputError.
    """
    found = load_checkpoint(checkpoint)
    where = pick_device(device)
    detector = on_device(found.detector(), where)
    if images is None:
        folder = Folder.open(data)
        table, images = folder.truth(split).images, folder.images(split)
    else:
        table = named_images(images)
    remedy = f"--batch {batch} is too much for {where.type}; lower it"
    with reporting_memory(remedy), stage("Predicting", len(table)) as advance:
        labels = predict_files(detector, images, table, batch=batch, progress=advance)
    results = LabelSet(images=table, classes=found.classes, labels=labels)
    write_results(out, results)
    return labels
