"""One file against one truth: every number that the tables, the report and the JSON file show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluation.bootstrap import (
    FEWEST,
    LEVEL,
    Difference,
    Interval,
    difference,
    interval,
    resample,
)
from evaluation.budget import Budget, error_budgets
from evaluation.confusion import Confusion, confusion
from evaluation.engines import Engine
from evaluation.matching import Matching
from evaluation.metrics import HEADLINE, Metric, union
from evaluation.problem import Boxes, Problem, Truth, renumbered
from evaluation.quality import Quality, label_quality
from evaluation.read.predictions import Predictions, read_predictions
from evaluation.read.source import Source
from evaluation.read.truth import read_truth
from evaluation.scores import Scores, score_problem
from medmnist_det.errors import InputError, shown

if TYPE_CHECKING:
    from jaxtyping import Float

#: Boxes up to which intervals and errors cost less than a second and so come unasked.
QUICK = 50_000

#: Resamples where no number is asked for, and the most that are made.
RESAMPLES, MOST_RESAMPLES = 1000, 1_000_000

#: Thresholds of all metrics together: what is kept of the curves grows with them.
MOST_THRESHOLDS = 200

# A file of one split scores next to nothing on another; these tell bad luck from a mix-up.
_HOPELESS, _SENSIBLE = 0.05, 0.3


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to compute besides the scores. Raises InputError for values out of bounds."""

    metrics: tuple[Metric, ...] = HEADLINE
    engine: Engine = "hotcoco"
    #: Resamples of the images; None: 1,000 for up to 50,000 boxes and for comparisons, else none.
    bootstrap: int | None = None
    seed: int = 0
    #: Error budget, confusion matrix and sizes; None: for up to 50,000 boxes.
    errors: bool | None = None

    def __post_init__(self) -> None:
        if self.bootstrap and not FEWEST <= self.bootstrap <= MOST_RESAMPLES:
            raise InputError(
                f"--bootstrap {shown(self.bootstrap)}: give {FEWEST} to {MOST_RESAMPLES:,}, or 0 "
                f"for no intervals; fewer cannot make a {LEVEL:.0%} interval, and 1,000 do for most"
            )
        if not 0 <= self.seed < 1 << 63:
            raise InputError(f"--seed {shown(self.seed)}: give a whole number, 0 to 2**63 - 1")
        names = [metric.name for metric in self.metrics]
        twice = next((name for k, name in enumerate(names) if name in names[:k]), None)
        if twice is not None:
            raise InputError(f"--iou: {twice} is asked for twice; leave one out")
        count = len(union(self.metrics))
        if count > MOST_THRESHOLDS:
            raise InputError(
                f"--iou: {count:,} thresholds in all; give {MOST_THRESHOLDS} at most, in larger "
                "steps"
            )


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
    predictions = _read(source, path, rater, progress)
    found = assess_boxes(source, predictions, options, progress=progress)
    odd = _mix_up(source, path, rater, len(predictions.boxes), found.scores)
    return replace(found, warnings=found.warnings + odd)


def assess_boxes(
    source: Source,
    predictions: Predictions,
    options: Options,
    *,
    progress: Progress = _silent,
) -> Assessment:
    """Return every number of boxes that were read for the truth of the source."""
    return _assess(source, predictions, _decided(options, predictions), progress)


def _read(source: Source, path: Path, rater: str | None, progress: Progress) -> Predictions:
    progress(f"reading {path}", 0, 0)
    return read_predictions(path, source.truth, rater=rater, hint=source.hint)


def _decided(options: Options, *files: Predictions) -> Options:
    """Return the options with what is left open decided, alike for all files."""
    quick = max(len(one.boxes) for one in files) <= QUICK
    resamples = RESAMPLES if quick or len(files) > 1 else 0
    return replace(
        options,
        bootstrap=resamples if options.bootstrap is None else options.bootstrap,
        errors=quick if options.errors is None else options.errors,
    )


def _assess(
    source: Source, predictions: Predictions, options: Options, progress: Progress
) -> Assessment:
    truth, boxes = _looked_at(source.truth, predictions)
    problem, errors = truth.problem(boxes), bool(options.errors)
    matching = Matching(problem, union(options.metrics), any_class=errors)
    progress(f"scoring {len(boxes):,} boxes", 0, 0)
    scores = score_problem(
        problem,
        truth.classes.names,
        metrics=options.metrics,
        engine=options.engine,
        digit_sizes=errors,
    )
    resampled = _resampled(matching, options, progress)
    first = options.metrics[0].thresholds[0]
    whole = errors and len(problem.counted) == len(boxes)
    pairs = matching.pairs if predictions.drawn and whole else None
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
        budgets=_budgets(matching, options.metrics, progress) if errors else (),
        confusion=confusion(matching, iou=first) if errors else None,
        quality=label_quality(problem, pairs=pairs) if predictions.drawn else None,
        not_looked=len(source.truth.ids) - len(truth.ids),
        warnings=(*truth.warnings, *predictions.warnings),
    )


def _looked_at(truth: Truth, predictions: Predictions) -> tuple[Truth, Boxes]:
    """Return what a rater looked at, and the boxes there; a detector looks at every image."""
    if predictions.looked is None:
        return truth, predictions.boxes
    return truth.only(predictions.looked), renumbered(predictions.boxes, predictions.looked)


def _resampled(
    matching: Matching, options: Options, progress: Progress
) -> Float[np.ndarray, "B metrics"]:
    count, done = options.bootstrap or 0, 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        progress("resampling images", count, done)

    return resample(matching, options.metrics, resamples=count, seed=options.seed, progress=tell)


def _budgets(
    matching: Matching, metrics: tuple[Metric, ...], progress: Progress
) -> tuple[Budget, ...]:
    steps, done = len(union(metrics)), 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        progress("finding errors", steps, done)

    return error_budgets(matching, metrics, progress=tell)


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


def compare(
    source: Source,
    paths: tuple[Path, Path],
    options: Options,
    *,
    rater: str | None = None,
    progress: Progress = _silent,
) -> Comparison:
    """Return the paired comparison of two files, both resampled alike, however large they are.

    Raises InputError for bad files, for options without resamples, and for raters who looked at
    different images.
    """
    read = [_read(source, path, rater, progress) for path in paths]
    found = compare_boxes(source, (read[0], read[1]), options, progress=progress)
    first, second = (
        replace(one, warnings=one.warnings + _mix_up(source, path, rater, boxes, one.scores))
        for one, path, boxes in zip(
            (found.first, found.second), paths, (len(one.boxes) for one in read), strict=True
        )
    )
    return replace(found, first=first, second=second)


def compare_boxes(
    source: Source,
    read: tuple[Predictions, Predictions],
    options: Options,
    *,
    progress: Progress = _silent,
) -> Comparison:
    """Return the paired comparison of boxes that were read for the truth of the source.

    Raises InputError as :func:`compare` does.
    """
    if options.bootstrap == 0:
        raise InputError(
            "--bootstrap 0: a comparison rests on resamples; leave it out, or score the files one "
            "by one"
        )
    looked = [_looked_at(source.truth, one)[0].ids for one in read]
    if looked[0] != looked[1]:
        raise InputError(
            f"{read[0].source} and {read[1].source} cover different images; compare label sets of "
            "the same images"
        )
    options = _decided(options, *read)
    first, second = (_assess(source, one, options, progress) for one in read)
    return Comparison(
        first=first,
        second=second,
        differences=tuple(
            difference(
                first.scores.headline[k].value,
                second.scores.headline[k].value,
                second.resampled[:, k] - first.resampled[:, k],
            )
            for k in range(len(options.metrics))
        ),
    )
