"""What a finished training learned of its labels and of the raters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import RenderableType

from annotators.infer.parts.result import Raters
from annotators.known import read_known_raters
from annotators.learn.registry import teacher_of
from annotators.rater_plots import write_rater_plots
from annotators.rater_tables import raters_tables
from medmnist_det.folder import Folder
from medmnist_det.reference.checkpoint import load_checkpoint
from medmnist_det.reference.lessons import Lessons
from medmnist_det.runs import CHECKPOINT


@dataclass(frozen=True, kw_only=True, eq=False)
class Learned:
    """What a method taught in the end, and what it thinks of the raters."""

    lessons: Lessons
    #: None where the method estimates none.
    raters: Raters | None


def learned(folder: Folder, run: Path) -> Learned | None:
    """Return what the training of a run learned of a data set; None for an ensemble.

    Raises InputError for a checkpoint that cannot be read.
    """
    file = run / CHECKPOINT
    if not file.is_file():
        return None
    checkpoint = load_checkpoint(file)
    teacher = teacher_of(checkpoint.recipe.method)(checkpoint.recipe)
    now = checkpoint.lessons_after(teacher.lessons(folder, "train"))
    teacher.load(checkpoint.remembered())
    criterion = teacher.criterion(now)
    criterion.load_state_dict(checkpoint.criterion)
    return Learned(lessons=now, raters=teacher.raters(criterion))


def show_raters(data: Path, run: Path) -> tuple[RenderableType, list[Path]] | None:
    """Return the table of the raters that a run estimated, and the pictures drawn beside it.

    None where it estimated none. Raises InputError.
    """
    folder = Folder.open(data)
    found = learned(folder, run)
    if found is None or found.raters is None:
        return None
    crowd = folder.crowd("train")
    known = read_known_raters(folder.annotators_file, crowd)
    drawn = write_rater_plots(run, "raters", found.raters, crowd, known)
    return raters_tables(crowd, found.raters, known), drawn
