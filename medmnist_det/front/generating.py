"""Making data sets, and opening them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from annotators.simulate.crowd import SimulatedCrowd
from annotators.simulate.described import read_described
from annotators.simulate.options import flag
from annotators.simulate.presets import PRESET_IMAGES, crowd_options
from medmnist_det import generation
from medmnist_det.arguments import called_from_python
from medmnist_det.errors import InputError
from medmnist_det.folder import Folder, Layout
from medmnist_det.generation import DIGIT_CLASSES, Plan
from medmnist_det.labels import Split
from medmnist_det.scenes.background import Background
from medmnist_det.scenes.composer import SceneOptions, default_side
from medmnist_det.scenes.digits import Digits, load_digits
from medmnist_det.scenes.workers import default_workers
from medmnist_det.stages import Stage, silent
from medmnist_det.terminal.option_text import counts, numbers, pair, words
from medmnist_det.verification import verify

if TYPE_CHECKING:
    from medmnist_det.dataset import Dataset

#: One value for all annotators or one for each; a text has commas between them.
Numbers = float | str | Sequence[float]
Words = str | Sequence[str]


class DataSet(Folder):
    """A data set on disk: :meth:`labels` by name, :meth:`dataset` for torch, and where all lies."""

    def dataset(
        self, split: Split = "train", labels: str = "truth", transforms: Any = None
    ) -> Dataset:
        """Return the images and labels of a split as a torch Dataset; see its class."""
        from medmnist_det.dataset import Dataset

        return Dataset(self.path, split, labels, transforms)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return DIGIT_CLASSES.names

    @property
    def annotators(self) -> int:
        """The number of annotators."""
        return len(self.manifest["options"]["annotators"])

    @property
    def methods(self) -> tuple[str, ...]:
        """Methods whose fused labels are there."""
        found = sorted(one.parent.name for one in self.fused_folder.glob("*/train.json"))
        return tuple(found)

    def __repr__(self) -> str:
        counts = self.manifest["counts"]
        parts = [
            f"{split} {counts[split]['images']:,} images with {counts[split]['objects']:,} objects"
            + (f" and {counts[split]['crowd']:,} crowd boxes" if "crowd" in counts[split] else "")
            for split in self.splits
        ]
        edition = f"; frozen edition {self.edition}" if self.edition else ""
        fused = f"; fused: {', '.join(self.methods)}" if self.methods else ""
        return (
            f"DataSet({str(self.path)!r}): {'; '.join(parts)}; {self.annotators} annotators; "
            f"digits of {self.manifest['digits']['source']}{edition}{fused}"
        )


@called_from_python(data="folder")
def open(folder: str | Path = "med-mnist") -> DataSet:  # noqa: A001
    """Return the data set in a folder. Raises ValueError for none, or half of one."""
    return _opened(Folder.open(Path(folder)))


def _opened(folder: Folder) -> DataSet:
    return DataSet(path=folder.path, manifest=folder.manifest)


@called_from_python()
def generate(
    out: str | Path = "med-mnist",
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
    train: int | None = None,
    val: int | None = None,
    test: int | None = None,
    canvas: int = 320,
    side: str | Sequence[int] | None = None,
    count: str | Sequence[int] = (1, 9),
    empty: float = 0.55,
    max_iou: float = 0.25,
    background: Background = "black",
    seed: int = 0,
    workers: int | None = 1,
    digits: Literal["auto", "mnist", "optdigits"] = "auto",
    digits_root: str | Path | None = None,
    progress: Stage = silent,
) -> DataSet:
    """Make a data set in the folder ``out`` and return it: scenes of digits, truth, and a crowd.

    Arguments are the options of ``medmnist-det generate``: the same values and seed give the same
    data set. ``proficiency``, ``family`` and all that stand from there to ``habit`` take one value
    or one for each annotator. ``annotators_from`` is an ``annotators.json``, whose annotators are
    simulated in place of all of these. ``workers`` processes compose (None: as many as pay; in a
    script these need the guard ``if __name__ == "__main__"``, so that there is one by default).
    ``progress`` shows how far it is (``medmnist_det.terminal.progress``
    on a terminal). A folder that holds this very data set is checked and returned as it
    is. Raises ValueError for values out of bounds, for a folder that holds anything else, and when
    the disk refuses; nothing is half-written.
    """
    plan, crowd = planned(
        train=train, val=val, test=test, canvas=canvas, side=side, count=count, empty=empty,
        max_iou=max_iou, background=background, seed=seed, preset=preset, annotators=annotators,
        annotators_from=annotators_from, proficiency=proficiency, family=family,
        box_noise=box_noise, spurious=spurious, coverage=coverage, difficulty=difficulty,
        copies=copies, copies_from=copies_from, corrects=corrects, drift=drift, splits=splits,
        merges=merges, hand=hand, habit=habit,
    )  # fmt: skip
    pool = load_digits(digits, None if digits_root is None else Path(digits_root))
    return _opened(made(Path(out), plan, pool, crowd, workers=workers, stage=progress))


def planned(
    *,
    train: int | None,
    val: int | None,
    test: int | None,
    canvas: int,
    side: str | Sequence[int] | None,
    count: str | Sequence[int],
    empty: float,
    max_iou: float,
    background: Background,
    seed: int,
    preset: str,
    **who: Any,
) -> tuple[Plan, SimulatedCrowd]:
    """Return what the options of ``generate`` ask for, and who labels it.

    ``who`` are those of :func:`simulated`. Raises InputError.
    """
    crowd = simulated(DIGIT_CLASSES.names, seed, preset=preset, **who)
    scenes = SceneOptions(
        canvas=canvas,
        side=default_side(canvas) if side is None else pair("--side", side),
        count=pair("--count", count),
        empty=empty,
        max_iou=max_iou,
        background=background,
    )
    return plan_of(preset, scenes, {"train": train, "val": val, "test": test}, seed), crowd


def plan_of(
    preset: str, scenes: SceneOptions, images: Mapping[Split, int | None], seed: int
) -> Plan:
    """Return the plan of a data set; None stands for as many images as the preset has."""
    usual = PRESET_IMAGES[preset]
    counts: dict[Split, int] = {
        split: usual[split] if n is None else n for split, n in images.items()
    }
    return Plan(scenes=scenes, images=counts, seed=seed)


def simulated(
    class_names: tuple[str, ...],
    seed: int,
    *,
    preset: str,
    annotators: int | None,
    annotators_from: str | Path | None,
    **values: Numbers | Words | None,
) -> SimulatedCrowd:
    """Return the annotators that options describe, for these classes.

    ``values`` are the fields of AnnotatorOptions, by name. Raises InputError, also for any of the
    others beside ``annotators_from``, which says it all.
    """
    if annotators_from is not None:
        given = [name for name, value in values.items() if value is not None]
        given += ["annotators"] if annotators is not None else []
        given += ["preset"] if preset != "paper" else []
        if given:
            raise InputError(
                f"--annotators-from {annotators_from} says all about the annotators: leave "
                f"{flag(given[0])} out"
            )
        found = read_described(Path(annotators_from), class_names)
        return SimulatedCrowd(
            annotators=found.annotators, seed=seed, class_names=class_names, teams=found.teams
        )
    read = {name: _READ.get(name, numbers)(flag(name), value) for name, value in values.items()}
    crowd = crowd_options(preset, annotators=annotators, **read)  # type: ignore[arg-type]
    return SimulatedCrowd.of(crowd, class_names, seed)


def _words(_: str, given: Any) -> list[str] | None:
    return words(given)


# How the values of an option are read that are no numbers of any kind.
_READ: dict[str, Callable[[str, Any], Sequence[Any] | None]] = {
    "family": _words,
    "box_noise": _words,
    "habit": _words,
    "copies_from": counts,
}


def made(
    out: Path,
    plan: Plan,
    digits: Digits,
    crowd: SimulatedCrowd,
    *,
    workers: int | None,
    stage: Stage,
) -> Folder:
    """Make a data set and return it; one that is there already is checked. Raises InputError."""
    total = sum(plan.images.values())
    workers = default_workers(total) if workers is None else workers
    already = Layout(path=out).manifest_file.is_file()
    with stage("Composing", total) as advance:
        folder = generation.generate(out, plan, digits, crowd, workers=workers, progress=advance)
    if already:
        check(folder, stage)
    return folder


def check(folder: Folder, stage: Stage, *, metadata: bool = True) -> str:
    """Return a data set's fingerprint. Raises InputError where it is not what it says it is."""
    images = sum(count["images"] for count in folder.manifest["counts"].values())
    with stage("Checking", images) as advance:
        return verify(folder, advance, metadata=metadata)
