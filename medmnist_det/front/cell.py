"""One cell of the benchmark, from its data set to its file: what worker processes do."""

from __future__ import annotations

import os
import platform
import time
import traceback
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotators.aggregation import fuse_missing
from annotators.infer.methods.wbf import wbf
from annotators.learn.registry import teacher_of
from annotators.simulate.crowd import SimulatedCrowd
from evaluation.assessment import Assessment, Options, assess
from evaluation.benchmark.budgets import Budget
from evaluation.benchmark.cells import Cell, Data, Made, Score, Setting, Spec, write_cell
from evaluation.read.source import open_truth
from evaluation.show.json_file import as_dict
from medmnist_det import __version__
from medmnist_det.errors import InputError, RefusedError
from medmnist_det.folder import Folder
from medmnist_det.front.generating import plan_of
from medmnist_det.front.plan import crowd_of, method_of, recipe_options
from medmnist_det.front.quality import label_quality, rater_recovery
from medmnist_det.generation import DIGIT_CLASSES, generate
from medmnist_det.hashes import file_hash
from medmnist_det.labels import SPLITS, Split
from medmnist_det.reference.device import one_thread, pick_device
from medmnist_det.runs import CHECKPOINT, run_in
from medmnist_det.scenes.composer import SceneOptions, default_side
from medmnist_det.scenes.digits import Source, load_digits

if TYPE_CHECKING:
    from medmnist_det.reference.checkpoint import Checkpoint


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where everything of a benchmark lies."""

    path: Path

    @property
    def cells(self) -> Path:
        """The cells' files."""
        return self.path / "cells"

    def data(self, spec: Spec) -> Path:
        """Return the folder of a cell's data set."""
        return self.path / "data" / spec.data_name

    def run(self, spec: Spec) -> Path:
        """Return the folder of a cell's training."""
        return self.path / "runs" / spec.run_name


@dataclass(frozen=True, kw_only=True)
class DataJob:
    """A data set that cells share, and the fused labels that they need of it."""

    path: Path
    setting: Setting
    seed: int
    budget: Budget
    fused: tuple[str, ...]
    digits: Source
    digits_root: Path | None


def prepare(job: DataJob) -> Data:
    """Make a data set and its fused labels as far as they are not there; say what it is.

    Raises InputError.
    """
    with one_thread():
        crowd = SimulatedCrowd.of(crowd_of(job.setting), DIGIT_CLASSES.names, job.seed)
        canvas = job.budget.canvas
        scenes = SceneOptions(canvas=canvas, side=default_side(canvas))
        images: dict[Split, int | None] = {one: getattr(job.budget, one) for one in SPLITS}
        plan = plan_of(job.setting.preset, scenes, images, job.seed)
        folder = generate(job.path, plan, load_digits(job.digits, job.digits_root), crowd)
        for method in job.fused:
            fuse_missing(folder, method)
    return data_of(folder)


def data_of(folder: Folder) -> Data:
    """Return what a data set is known by."""
    digits = folder.manifest["digits"]
    source = digits["source"] if digits["original"] else f"{digits['source']}, not the original"
    return Data(digits=source, fingerprint=folder.manifest["fingerprint"])


@dataclass(frozen=True, kw_only=True)
class Task:
    """A cell to be made; a training that was stopped is gone on with."""

    spec: Spec
    place: Place
    device: str
    command: str


def work(task: Task) -> Cell:
    """Train, predict and score a cell; write its file last of all and return what it says.

    What was done before is not done again. What goes wrong is recorded in the file, but for what
    the system refuses (a full disk): that raises RefusedError and leaves the cell to be made.
    """
    made = made_here(task.command)
    try:
        with one_thread():
            cell = _done(task, made)
    except RefusedError:
        raise
    except InputError as error:
        cell = Cell(spec=task.spec, made=made, error=str(error))
    except Exception:
        cell = Cell(spec=task.spec, made=made, error=traceback.format_exc(limit=-8))
    write_cell(task.place.cells, cell)
    return cell


def _done(task: Task, made: Made) -> Cell:
    from medmnist_det.front.learned import learned
    from medmnist_det.reference.run import predictions_file, run

    spec, clock, resumed = task.spec, time.process_time(), _begun(task)
    method, _ = method_of(spec.method)
    data, out = task.place.data(spec), task.place.run(spec)
    run(
        data, out, recipe_options(spec), device=task.device, resume=resumed, teachers=teacher_of,
        aggregate=_fuse,
        fuse=lambda crowd: wbf(crowd).labels, score=None, split=spec.split,
    )  # fmt: skip
    folder = Folder.open(data)
    preds = predictions_file(out, spec.split)
    found = assess(open_truth(data, spec.split, None), preds, Options())
    checkpoints, before = _checkpoints(out)
    first, what = checkpoints[0], learned(folder, out)
    return Cell(
        spec=spec,
        made=replace(made, device=pick_device(task.device).type, precision=first.recipe.precision),
        data=data_of(folder),
        lessons=first.taught["lessons"] if len(checkpoints) == 1 else None,
        predictions=file_hash(preds),
        recipe=asdict(first.recipe),
        minutes=sum(one.history[-1]["seconds"] for one in (*checkpoints, *before)) / 60,
        cpu_minutes=None if resumed else (time.process_time() - clock) / 60,
        labels=label_quality(folder, method, what),
        recovery=rater_recovery(folder, method, what),
        **scores_of(found),
    )


def _fuse(folder: Folder, method: str) -> None:
    fuse_missing(folder, method)


def _begun(task: Task) -> bool:
    """Say whether there is a training to go on with.

    Raises InputError where it was begun with other options than a new one would have.
    """
    from medmnist_det.reference.recipe import recipe_of

    wanted = recipe_of(recipe_options(task.spec), pick_device(task.device))
    run = task.place.run(task.spec)
    begun, before = _checkpoints(run)
    for one in begun:
        if replace(one.recipe, method=wanted.method) != wanted:
            raise InputError(
                f"{run}: holds a training that was begun with other options than this version "
                "has; remove the folder"
            )
    return bool(begun or before)  # what comes before looks at its options itself


def _checkpoints(run: Path) -> tuple[list[Checkpoint], list[Checkpoint]]:
    """Return the checkpoints of a run's detectors, and of the trainings that came before."""
    from medmnist_det.reference.checkpoint import load_checkpoint

    found = run_in(run)
    if found is None:
        return [], []
    own, before = (
        [load_checkpoint(place / CHECKPOINT) for place in places]
        for places in (found.detectors, found.before)
    )
    return own, before


def scores_of(found: Assessment) -> dict[str, Any]:
    """Return scores and details of a cell by the names of its fields."""
    content = as_dict(found)
    scores = {
        name: Score(
            value=one["value"],
            low=(one["interval"] or {}).get("low"),
            high=(one["interval"] or {}).get("high"),
        )
        for name, one in content["scores"].items()
    }
    kept = ("engine", "images", "objects", "boxes", "coco", "classes", "sizes")
    return {"scores": scores, "details": {name: content[name] for name in kept}}


def made_here(command: str) -> Made:
    """Return what makes cells on this machine, but for the device."""
    from importlib.metadata import version

    packages = {name: version(name) for name in ("torch", "numpy", "hotcoco")}
    return Made(
        command=command,
        versions={"medmnist-det": __version__, "python": platform.python_version(), **packages},
        machine=f"{platform.system()} on {platform.machine()}, {os.cpu_count()} cores",
    )
