"""Whether a method keeps the rules of the protocol: for whoever writes one, and for our own tests.

    from annotators.learn.conformance import check_teacher

    check_teacher("my_module:MyTeacher", "small-set", "scratch")

The rules (:mod:`medmnist_det.reference.teacher`): lessons are well-formed; nothing depends on the
order of the boxes in the crowd's files; the same seed gives the same; a training that was stopped
goes on as if it had not been; the truth is not read.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from annotators.aggregation import fuse_missing
from annotators.infer.methods.majority_vote import majority_vote
from annotators.learn.registry import teacher_of
from medmnist_det.errors import InputError, shown
from medmnist_det.files import make_folder, read_json
from medmnist_det.folder import Folder, Layout
from medmnist_det.labels import CROWD_SPLITS
from medmnist_det.reference.lessons import Lessons
from medmnist_det.reference.recipe import Recipe
from medmnist_det.reference.teacher import Predict, Sightings, Teacher

if TYPE_CHECKING:
    from medmnist_det.reference.checkpoint import Checkpoint

# Lessons of boxes in another order may differ by as much: sums round differently.
_ROUNDING = 1e-6


class ConformanceError(Exception):
    """A method breaks a rule of the protocol; the message says which, and what would be right."""


def check_teacher(
    method: str, folder: Folder | Path | str, work: Path | str, *, epochs: int = 4
) -> None:
    """Put a method through every rule of the protocol; return where it keeps them all.

    ``method`` is a name or ``module:Class``, as for ``train-reference --method``; ``folder`` a data
    set, of which a few dozen images are enough; ``work`` a folder that is not there yet, or is
    empty, for two copies of it and three short trainings (of ``epochs``, 4 or more, with the model
    ``n`` on the CPU). First the teacher is led through a training in which a make-believe detector
    sees about what half of the raters drew; then it teaches a real one. ``ensemble`` is no teacher.
    Raises :class:`ConformanceError` with a sentence at the first rule that is broken, and
    InputError for a method or a data set that does not exist.
    """
    from medmnist_det.reference.device import one_thread

    given, work = _opened(folder), Path(work)
    kind = teacher_of(method)
    if epochs < 4:
        raise InputError(f"epochs={epochs}: a training that is stopped in its middle needs 4 or more")
    if work.exists() and any(work.iterdir()):
        raise InputError(f"{work}: is not empty; name a folder that is not there yet")
    recipe = Recipe(method=method, epochs=epochs, batch=8)
    known = _copied(given, work / "set")
    blind = _shuffled(_copied(given, work / "shuffled"))
    for one in (known, blind):
        if kind.fused is not None:
            fuse_missing(one, kind.fused)
    with one_thread():
        _check_course(kind, recipe, known, blind)
        _check_training(kind, recipe, known, work)


def _opened(folder: Folder | Path | str) -> Folder:
    return folder if isinstance(folder, Folder) else Folder.open(Path(folder))


def _copied(folder: Folder, place: Path) -> Folder:
    """Return a copy of a data set without what methods made of it."""
    make_folder(place.parent)
    shutil.copytree(folder.path, place, ignore=shutil.ignore_patterns("fused"))
    return Folder.open(place)


def _shuffled(folder: Folder) -> Folder:
    """Turn the boxes of the crowd around, and remove all that is known of the truth."""
    for split in CROWD_SPLITS:
        file = folder.crowd_file(split)
        if file.is_file():
            content = read_json(file)
            np.random.default_rng(0).shuffle(content["annotations"])
            file.write_bytes(orjson.dumps(content))
    for place in _privileged(folder):
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
    return folder


def _privileged(folder: Layout) -> tuple[Path, ...]:
    """Return what only the oracle, and who scores, may read."""
    provenance = folder.provenance_file("train").parent
    return folder.truth_folder, provenance, folder.annotators_file


# ---- the rules, without a training ----


@dataclass(eq=False)
class _Course:
    """All lessons of a training, by what they are called in a sentence."""

    lessons: dict[str, Lessons] = field(default_factory=dict)

    def add(self, name: str, lessons: Lessons, folder: Folder, method: str) -> None:
        images = folder.crowd("val" if name == _VAL else "train").images
        lessons.check(method, images if name == _VAL else lessons.label_set.images)
        self.lessons[name] = lessons


_VAL = "its lessons of the val split"


def _check_course(kind: type[Teacher], recipe: Recipe, known: Folder, blind: Folder) -> None:
    method, seen = recipe.method, _make_believe(known)
    middle = recipe.epochs // 2
    with _no_truth(method, known):
        first = _course(kind, recipe, known, seen)
    again = _course(kind, recipe, known, seen)
    _same(first, again, method, "differ when it is asked a second time: take random numbers from "
          "a generator that recipe.seed starts")  # fmt: skip
    resumed = _course(kind, recipe, known, seen, stopped=middle)
    _same(first, resumed, method, f"differ where training was stopped after epoch {middle} and "
          "resumed: state() must return, and load() take, all that after_epoch needs")  # fmt: skip
    try:
        other = _course(kind, recipe, blind, seen)
    except Exception as error:
        raise ConformanceError(
            f"{method}: does not work where the truth is not there ({shown(error)}); a method "
            "learns from the crowd alone"
        ) from error
    _same(first, other, method, "depend on the order of the boxes in the crowd's files: sort them "
          "first, or choose among equals by what they are", sort=True)  # fmt: skip


def _course(
    kind: type[Teacher],
    recipe: Recipe,
    folder: Folder,
    seen: Sightings,
    stopped: int | None = None,
) -> dict[str, Lessons]:
    """Lead a teacher through a training and return all lessons, by what they are called."""
    method, found = recipe.method, {}

    def checked(name: str, lessons: Any) -> Lessons:
        if not isinstance(lessons, Lessons):
            raise ConformanceError(f"{method}: {name} are {shown(lessons)}, no Lessons")
        try:
            lessons.check(method, folder.crowd("val" if name == _VAL else "train").images)
        except InputError as error:
            raise ConformanceError(f"{method}: {name}: {error}") from error
        found[name] = lessons
        return lessons

    def begun() -> tuple[Teacher, Lessons]:
        teacher = kind(recipe)
        lessons = checked("its lessons of the train split", teacher.lessons(folder, "train"))
        return teacher, lessons

    teacher, lessons = begun()
    now = checked("the lessons that prepare returns", teacher.prepare(lessons, _School(seen, checked)))
    if "val" in folder.splits:
        checked(_VAL, teacher.lessons(folder, "val"))
    criterion = teacher.criterion(now)
    for done in range(1, recipe.epochs):
        other = teacher.after_epoch(done, _seer(seen), criterion)
        if other is not None:
            checked(f"the lessons after epoch {done}", other)
        if done == stopped:
            state = _state(teacher, method)
            teacher, _ = begun()
            if "val" in folder.splits:
                teacher.lessons(folder, "val")
            teacher.load(state)
    _state(teacher, method)
    return found


def _state(teacher: Teacher, method: str) -> dict[str, np.ndarray]:
    """Return copies of what a teacher remembers, as a checkpoint has them."""
    found = {}
    for name, value in teacher.state().items():
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
            raise ConformanceError(f"{method}: state() has {name} {shown(value)}, no array of numbers")
        if not np.isfinite(value).all():
            raise ConformanceError(
                f"{method}: state() has {name} with what is no finite number; checkpoints refuse it"
            )
        found[name] = value.copy()
    return found


@dataclass(frozen=True)
class _School:
    """Trains nobody: every detector sees the same."""

    seen: Sightings
    checked: Callable[[str, Any], Lessons]

    def train(self, name: str, lessons: Lessons, epochs: int) -> Predict:
        if not isinstance(epochs, int) or epochs < 1:
            raise ConformanceError(f"{name}: trains for {shown(epochs)} epochs, not for 1 or more")
        self.checked(f"the lessons of the training {shown(name)} before its own", lessons)
        return _seer(self.seen)


def _make_believe(folder: Folder) -> Sightings:
    """Return what a fair detector might see: what half of the raters drew, moved a little."""
    crowd = folder.crowd("train")
    found, random = majority_vote(crowd), np.random.default_rng(0)
    labels, classes = found.labels, len(crowd.classes)
    side = (labels.box[:, 2:] - labels.box[:, :2])[:, [0, 1, 0, 1]]
    box = labels.box + 0.03 * side * random.standard_normal(labels.box.shape)
    sure = random.uniform(0.3, 0.95, len(labels))
    order = np.lexsort((-sure, labels.image))
    belief = 0.7 * found.posterior + 0.3 / classes
    columns = {
        "image": labels.image,
        "box": np.concatenate([np.minimum(box[:, :2], box[:, 2:]), np.maximum(box[:, :2], box[:, 2:])], axis=1),
        "objectness": sure,
        "classes": belief,
        "scatter": np.full((len(labels), 4), 0.03),
    }
    return Sightings(**{name: columns[name][order] for name in Sightings._fields})


def _seer(seen: Sightings) -> Predict:
    def predict(rows: np.ndarray | None = None) -> Sightings:
        if rows is None:
            return seen
        there = np.isin(seen.image, rows)
        return Sightings(*(column[there] for column in seen))

    return predict


def _same(
    one: dict[str, Lessons],
    two: dict[str, Lessons],
    method: str,
    what: str,
    *,
    sort: bool = False,
) -> None:
    for name in dict.fromkeys((*one, *two)):
        pair = one.get(name), two.get(name)
        if None in pair or not _alike(*pair, sort=sort):  # type: ignore[arg-type]
            raise ConformanceError(f"{method}: {name} {what}")


def _alike(one: Lessons, two: Lessons, *, sort: bool) -> bool:
    """Return whether two lessons teach the same, in any order of the rows if ``sort``."""
    if not sort:
        return one.digest() == two.digest()
    first, second = _sorted(one), _sorted(two)
    return first.keys() == second.keys() and all(
        first[name].shape == second[name].shape
        and np.allclose(first[name], second[name], rtol=0, atol=_ROUNDING)
        for name in first
    )


def _sorted(lessons: Lessons) -> dict[str, np.ndarray]:
    found = lessons.columns()
    rows = ("image", "label", "box", "weight", "classes", "reports")
    keys = [found[name].reshape(len(found["image"]), -1).T for name in rows if name in found]
    order = np.lexsort(np.concatenate(keys).round(3)[::-1])
    return {name: value if name == "looked" else value[order] for name, value in found.items()}


# ---- the rules, with one ----


class _StopError(Exception):
    """Stops a training, as somebody would who is tired of waiting."""


def _check_training(kind: type[Teacher], recipe: Recipe, folder: Folder, work: Path) -> None:
    method, middle = recipe.method, recipe.epochs // 2
    with _no_truth(method, folder):
        whole = _trained(kind, recipe, folder, work / "whole")
    again = _trained(kind, recipe, folder, work / "again")
    _same_training(whole, again, f"{method}: two trainings with the same seed end differently")
    with _no_truth(method, folder):
        _trained(kind, recipe, folder, work / "stopped", stop=middle)
        resumed = _trained(kind, recipe, folder, work / "stopped")
    _same_training(
        whole,
        resumed,
        f"{method}: a training that is stopped after epoch {middle} and resumed ends differently",
    )


def _trained(
    kind: type[Teacher], recipe: Recipe, folder: Folder, out: Path, stop: int | None = None
) -> Checkpoint:
    from medmnist_det.reference.resume import begun_in
    from medmnist_det.reference.run import train_folder

    @contextmanager
    def training(title: str, epochs: int) -> Iterator[Callable[[Any], None]]:
        def watch(moment: Any) -> None:
            if stop is not None and moment.epochs > stop and "before it" not in title:
                raise _StopError

        yield watch

    begun = begun_in(out, recipe, lambda _: None)
    try:
        return train_folder(
            folder, recipe, out, teacher=kind(recipe), begun=begun, training=training
        )
    except _StopError:
        from medmnist_det.reference.checkpoint import load_checkpoint
        from medmnist_det.runs import CHECKPOINT

        return load_checkpoint(out / CHECKPOINT)


def _same_training(one: Checkpoint, two: Checkpoint, sentence: str) -> None:
    for what, told in _PARTS.items():
        first, second = getattr(one, what), getattr(two, what)
        names = sorted(first.keys() ^ second.keys())
        names += [name for name in first if name in second and not first[name].equal(second[name])]
        if names:
            raise ConformanceError(f"{sentence}: {told} differ ({shown(names[0])})")


_PARTS = {
    "teacher": "what state() returns",
    "lessons": "the lessons",
    "criterion": "the criterion's parameters",
    "weights": "the detector's weights",
    "average": "the averaged weights",
}


# ---- who reads what ----

# Files that were opened since somebody watches; None where nobody does.
_SEEN: list[str] | None = None
_HOOKED = False


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _SEEN is not None and event == "open" and isinstance(arguments[0], str | bytes):
        _SEEN.append(os.fsdecode(arguments[0]))


@contextmanager
def _no_truth(method: str, folder: Folder) -> Iterator[None]:
    """Raise ConformanceError where a file that knows the truth is opened in the block."""
    global _SEEN, _HOOKED
    if not _HOOKED:
        sys.addaudithook(_hear)  # for good: there is no way to take one away
        _HOOKED = True
    _SEEN = []
    try:
        yield
        opened = [Path(name).resolve() for name in _SEEN]
    finally:
        _SEEN = None
    for place in _privileged(folder):
        for file in opened:
            if file.is_relative_to(place.resolve()):
                raise ConformanceError(
                    f"{method}: opens {file.relative_to(folder.path.resolve())} of the data set, "
                    "which only oracle may: learn from folder.crowd(split)"
                )
