"""Cells put together: one block a setting and budget, with a row a method."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from evaluation.benchmark.budgets import Budget
from evaluation.benchmark.cells import Cell, Setting, Spec
from evaluation.benchmark.statistics import Gap, Paired, Spread, gap_closed, holm, paired, spread
from evaluation.metrics import HEADLINE
from medmnist_det.labels import Split

#: The two ends of the gap.
BASELINE, ORACLE = "baseline", "oracle"

#: What methods are compared with.
REFERENCES = (BASELINE, "earl")

#: The scores of the table.
METRICS = tuple(metric.name for metric in HEADLINE)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One method; dictionaries go by metric, or by seed."""

    method: str
    #: Predictions of somebody else, of no budget that we know.
    given: bool
    done: int
    failed: int
    missing: int
    by_seed: dict[str, dict[int, float]]
    scores: dict[str, Spread]
    #: None where it is undefined; nothing where there is no baseline or no oracle.
    gap: dict[str, Gap | None]
    #: Shares and IoU of what was taught, means over seeds; None where there are none.
    class_accuracy: float | None
    mean_iou: float | None
    matrix_error: float | None
    minutes: float | None
    minutes_by_seed: dict[int, float]
    #: Of the processor, for whole cells; not of those that were stopped and resumed.
    cpu_minutes: float | None
    cpu_minutes_by_seed: dict[int, float]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a method gains over a reference on one metric."""

    method: str
    reference: str
    metric: str
    found: Paired
    #: Holm's, over all comparisons of the block; None with one seed.
    p_holm: float | None


@dataclass(frozen=True, kw_only=True)
class Block:
    """All cells of one setting, budget and split."""

    setting: Setting
    budget: Budget
    split: Split
    digits: str
    seeds: tuple[int, ...]
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    #: Devices and arithmetic; more than one is worth a note.
    devices: tuple[str, ...]
    versions: tuple[str, ...]

    def row(self, method: str) -> Row | None:
        """Return a method's row."""
        return next((row for row in self.rows if row.method == method), None)


def blocks(cells: Sequence[Cell], wanted: Iterable[Spec] = ()) -> list[Block]:
    """Return what cells say, a block for every setting, budget and split.

    ``wanted`` are cells that should be there: those that are not count as missing. Without any,
    every method of a block should have every seed of it. Predictions that were given stand in every
    block whose data they are of.
    """
    wanted = list(wanted)
    ours = [cell for cell in cells if cell.spec.budget is not None]
    given = [cell for cell in cells if cell.spec.budget is None]
    groups: dict[tuple[Setting, Budget, Split], list[Spec]] = {}
    for spec in wanted or [cell.spec for cell in ours]:
        if spec.budget is not None:
            groups.setdefault((spec.setting, spec.budget, spec.split), []).append(spec)
    found = []
    for (setting, budget, split), specs in groups.items():
        mine = [cell for cell in ours if _group(cell.spec) == (setting, budget, split)]
        found.append(_block(setting, budget, split, specs, mine, given))
    return found


def _group(spec: Spec) -> tuple[Setting, Budget | None, Split]:
    return spec.setting, spec.budget, spec.split


def _block(
    setting: Setting,
    budget: Budget,
    split: Split,
    specs: Sequence[Spec],
    cells: Sequence[Cell],
    given: Sequence[Cell],
) -> Block:
    methods = list(dict.fromkeys(spec.method for spec in specs))
    seeds = tuple(sorted({spec.seed for spec in specs}))
    wanted = {spec.name for spec in specs}
    chosen = [cell for cell in cells if cell.spec.name in wanted]
    done = [cell for cell in chosen if cell.data is not None and cell.error is None]
    prints = {(cell.spec.seed, cell.data.fingerprint) for cell in done if cell.data}
    others = [
        cell for cell in given
        if cell.data and (cell.spec.seed, cell.data.fingerprint) in prints
        and cell.spec.split == split
    ]  # fmt: skip
    rows = [_row(name, seeds, chosen) for name in methods]
    names = dict.fromkeys(cell.spec.method for cell in others)
    rows += [_row(name, seeds, others, given=True) for name in names]
    noise = {metric: _noise(metric, chosen) for metric in METRICS}
    rows = _ranked([replace(row, gap=_gaps(row, rows, noise)) for row in rows])
    made = [cell.made for cell in done]
    return Block(
        setting=setting,
        budget=budget,
        split=split,
        digits=next((cell.data.digits for cell in done if cell.data), "digits not known"),
        seeds=seeds,
        rows=tuple(rows),
        comparisons=tuple(_comparisons(rows)),
        devices=tuple(sorted({f"{one.device} in {one.precision}" for one in made})),
        versions=tuple(sorted({one.versions["medmnist-det"] for one in made})),
    )


def _ranked(rows: Sequence[Row]) -> list[Row]:
    """Return the rows, the best mean of the last metric first; those without scores at the end.

    Equal ones stand by their names: the order of the cells' files must not show.
    """

    def key(row: Row) -> tuple[float, str]:
        found = row.scores.get(METRICS[-1])
        return float("inf") if found is None else -found.mean, row.method

    return sorted(rows, key=key)


def _row(method: str, seeds: Sequence[int], cells: Sequence[Cell], *, given: bool = False) -> Row:
    cells = [cell for cell in cells if cell.spec.method == method]
    done = [cell for cell in cells if cell.error is None]
    by_seed: dict[str, dict[int, float]] = {metric: {} for metric in METRICS}
    for cell in done:
        for metric in METRICS:
            score = cell.scores.get(metric)
            if score is not None and score.value is not None:
                by_seed[metric][cell.spec.seed] = score.value

    def mean(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return spread(known).mean if known else None

    minutes = {cell.spec.seed: cell.minutes for cell in done if cell.minutes is not None}
    processor = {cell.spec.seed: cell.cpu_minutes for cell in done if cell.cpu_minutes is not None}
    return Row(
        method=method,
        given=given,
        done=len(done),
        failed=len(cells) - len(done),
        missing=0 if given else len(seeds) - len(cells),
        by_seed=by_seed,
        scores={
            metric: spread(list(values.values())) for metric, values in by_seed.items() if values
        },
        gap={},
        class_accuracy=mean((cell.labels or {}).get("class_accuracy") for cell in done),
        mean_iou=mean((cell.labels or {}).get("mean_iou") for cell in done),
        matrix_error=mean((cell.recovery or {}).get("matrix") for cell in done),
        minutes=mean(minutes.values()),
        minutes_by_seed=minutes,
        cpu_minutes=mean(processor.values()),
        cpu_minutes_by_seed=processor,
    )


def _noise(metric: str, cells: Sequence[Cell]) -> dict[int, float | None]:
    """Return half of the 95% interval over images of oracle - baseline, for every seed.

    Of the two scores' own intervals, taken as independent: on the same images they are not, which
    makes it too wide rather than too narrow.
    """
    halves: dict[int, dict[str, float]] = {}
    for cell in cells:
        score = cell.scores.get(metric)
        if cell.spec.method in (BASELINE, ORACLE) and score and None not in (score.low, score.high):
            half = (score.high - score.low) / 2  # type: ignore[operator]
            halves.setdefault(cell.spec.seed, {})[cell.spec.method] = half
    return {
        seed: (both[BASELINE] ** 2 + both[ORACLE] ** 2) ** 0.5 if len(both) == 2 else None
        for seed, both in halves.items()
    }


def _gaps(
    row: Row, rows: Sequence[Row], noise: dict[str, dict[int, float | None]]
) -> dict[str, Gap | None]:
    ends = {one.method: one for one in rows if not one.given}
    if not {BASELINE, ORACLE} <= ends.keys() or row.method in (BASELINE, ORACLE) or not row.done:
        return {}
    return {
        metric: gap_closed(
            row.by_seed[metric],
            ends[BASELINE].by_seed[metric],
            ends[ORACLE].by_seed[metric],
            noise[metric],
        )
        for metric in METRICS
    }


def _comparisons(rows: Sequence[Row]) -> list[Comparison]:
    ours = {row.method: row for row in rows if not row.given}
    found = []
    for metric in METRICS:
        for reference in REFERENCES:
            if reference not in ours:
                continue
            first = ours[reference].by_seed[metric]
            for row in rows:
                # earl against baseline is not asked a second time from the other side.
                asked = reference != BASELINE and row.method == BASELINE
                if row.method == reference or asked:
                    continue
                difference = paired(first, row.by_seed[metric])
                if difference is not None:
                    found.append(
                        Comparison(
                            method=row.method,
                            reference=reference,
                            metric=metric,
                            found=difference,
                            p_holm=None,
                        )
                    )
    known = [one.found.p_value for one in found if one.found.p_value is not None]
    allowed = iter(holm(known))
    return [
        one if one.found.p_value is None else replace(one, p_holm=next(allowed)) for one in found
    ]
