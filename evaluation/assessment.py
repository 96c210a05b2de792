"""One file against one truth: every number that the tables, the report and the JSON file show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluation.bootstrap import Difference, Interval, difference, interval, resample
from evaluation.budget import Budget, error_budget
from evaluation.confusion import Confusion, confusion, working_point
from evaluation.engines import Engine
from evaluation.metrics import HEADLINE, Metric
from evaluation.problem import Boxes, Problem, Truth, renumbered
from evaluation.quality import Quality, label_quality
from evaluation.read.predictions import Predictions, read_predictions
from evaluation.read.source import Source
from evaluation.read.truth import read_truth
from evaluation.scores import Scores, score_problem
from medmnist_det.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float

#: Boxes up to which intervals and errors cost less than a second and so come unasked.
QUICK = 50_000

#: Resamples where no number is asked for.
RESAMPLES = 1000

# A file of one split scores next to nothing on another; these tell bad luck from a mix-up.
_HOPELESS, _SENSIBLE = 0.05, 0.3


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to compute besides the scores."""

    metrics: tuple[Metric, ...] = HEADLINE
    engine: Engine = "hotcoco"
    #: Resamples of the images; None: 1,000 for up to 50,000 boxes, else none.
    bootstrap: int | None = None
    seed: int = 0
    #: Error budget, confusion matrix and sizes; None: for up to 50,000 boxes.
    errors: bool | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Assessment:
    """All numbers of one file. What was not computed, or is undefined, is None."""

    source: str
    truth: Truth
    facts: dict[str, str]
    problem: Problem
    scores: Scores
    #: One per metric.
    intervals: tuple[Interval | None, ...]
    resampled: Float[np.ndarray, "B metrics"]
    seed: int
    budgets: tuple[Budget, ...]
    confusion: Confusion | None
    #: Only for label sets.
    quality: Quality | None
    #: Images of the split that the rater did not look at; they are left out.
    not_looked: int
    warnings: tuple[str, ...]


# Told what is being done, how many steps it has, and how many of them are done.
Progress = Callable[[str, int, int], None]


def _silent(task: str, steps: int, done: int) -> None:
    pass


def assess(
    source: Source,
    path: Path,
    options: Options,
    *,
    rater: str | None = None,
    progress: Progress = _silent,
) -> Assessment:
    """Return every number of a prediction file or label set. Raises InputError for bad files."""
    progress(f"reading {path}", 0, 0)
    predictions = read_predictions(path, source.truth, rater=rater, hint=source.hint)
    truth, boxes = _looked_at(source.truth, predictions)
    problem = truth.problem(boxes)
    quick = len(boxes) <= QUICK
    errors = quick if options.errors is None else options.errors
    progress(f"scoring {len(boxes):,} boxes", 0, 0)
    scores = score_problem(
        problem,
        truth.classes.names,
        metrics=options.metrics,
        engine=options.engine,
        digit_sizes=errors,
    )
    resampled = _resampled(problem, options, quick, progress)
    return Assessment(
        source=predictions.source,
        truth=truth,
        facts=source.facts,
        problem=problem,
        scores=scores,
        intervals=tuple(
            None if mean.value is None else interval(mean.value, resampled[:, k])
            for k, mean in enumerate(scores.headline)
        ),
        resampled=resampled,
        seed=options.seed,
        budgets=_budgets(problem, options.metrics, progress) if errors else (),
        confusion=_confusion(problem, options.metrics[0]) if errors else None,
        quality=label_quality(problem) if predictions.drawn else None,
        not_looked=len(source.truth.ids) - len(truth.ids),
        warnings=(*predictions.warnings, *_mix_up(source, path, rater, len(boxes), scores)),
    )


def _looked_at(truth: Truth, predictions: Predictions) -> tuple[Truth, Boxes]:
    """Return what a rater looked at, and the boxes there; a detector looks at every image."""
    if predictions.looked is None:
        return truth, predictions.boxes
    return truth.only(predictions.looked), renumbered(predictions.boxes, predictions.looked)


def _resampled(
    problem: Problem, options: Options, quick: bool, progress: Progress
) -> Float[np.ndarray, "B metrics"]:
    count = options.bootstrap
    if count is None:
        count = RESAMPLES if quick else 0
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        progress("resampling images", count, done)

    return resample(problem, options.metrics, resamples=count, seed=options.seed, progress=tell)


def _budgets(
    problem: Problem, metrics: tuple[Metric, ...], progress: Progress
) -> tuple[Budget, ...]:
    steps, done = sum(len(metric.thresholds) for metric in metrics), 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        progress("finding errors", steps, done)

    budgets = [error_budget(problem, metric, progress=tell) for metric in metrics]
    return tuple(budget for budget in budgets if budget is not None)


def _confusion(problem: Problem, metric: Metric) -> Confusion:
    iou = metric.thresholds[0]
    return confusion(problem, iou=iou, score=working_point(problem, iou))


def _mix_up(
    source: Source, path: Path, rater: str | None, boxes: int, scores: Scores
) -> tuple[str, ...]:
    """Warn where image ids of another split fit by number alone: all splits count from 1."""
    here = scores.headline[0].value
    if here is None or here > _HOPELESS or boxes == 0:
        return ()
    for split in source.other_splits():
        try:
            other = read_truth(source.path_of(split))
            other, boxes_there = _looked_at(other, read_predictions(path, other, rater=rater))
        except InputError:
            continue
        names = other.classes.names
        there = (
            score_problem(other.problem(boxes_there), names, digit_sizes=False).headline[0].value
        )
        if there is not None and there > _SENSIBLE:
            return (
                f"{path}: scores {here:.3f} on the split {source.split!r} but {there:.3f} on "
                f"{split!r}; if it was made for that one, add --split {split}",
            )
    return ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Two files on the same truth: what the second gains, metric by metric."""

    first: Assessment
    second: Assessment
    differences: tuple[Difference | None, ...]


def compare(first: Assessment, second: Assessment) -> Comparison:
    """Return the paired comparison of two assessments made with the same options.

    Raises InputError where they do not cover the same images (raters who looked at different ones).
    """
    if first.truth.ids != second.truth.ids:
        raise InputError(
            f"{first.source} and {second.source} cover different images; compare label sets of the "
            "same images"
        )
    return Comparison(
        first=first,
        second=second,
        differences=tuple(
            difference(
                first.scores.headline[k].value,
                second.scores.headline[k].value,
                second.resampled[:, k] - first.resampled[:, k],
            )
            for k in range(len(first.scores.metrics))
        ),
    )
