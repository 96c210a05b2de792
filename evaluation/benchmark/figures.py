"""Figures of the benchmark: score by method, gap closed, score against minutes, sweeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.benchmark.grids import heading, sweep_groups, sweep_methods
from evaluation.benchmark.table import BASELINE, METRICS, ORACLE, Block, Row
from medmnist_det.drawing import (
    BLUE,
    COLOURS,
    INK,
    PALE,
    SKY,
    drawn,
    name_rows,
    panels,
    rows_high,
    save_all,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Characters of a method's name.
_NAME = 28


def figures(found: Sequence[Block]) -> dict[str, Callable[[], Figure]]:
    """Return the figures that there are numbers for, by file name, each drawn when called."""
    made: dict[str, Callable[[], Figure]] = {}
    for block in found:
        if block.setting.option is not None or not any(row.scores for row in block.rows):
            continue
        name = _called(block, block.setting.name)
        made[f"scores-{name}"] = partial(scores_figure, block)
        if any(gap for row in block.rows for gap in row.gap.values()):
            made[f"gap-{name}"] = partial(gap_figure, block)
        if any(row.minutes for row in block.rows):
            made[f"minutes-{name}"] = partial(minutes_figure, block)
    for group in sweep_groups(found):
        first = group[0]
        if any(row.scores for block in group for row in block.rows):
            name = _called(first, f"sweep-{first.setting.preset}-{first.setting.option}")
            made[name] = partial(sweep_figure, group)
    return made


def _called(block: Block, setting: str) -> str:
    split = "" if block.split == "test" else f"-{block.split}"
    return f"{setting}-{block.budget.key}{split}"


def write_figures(folder: Path, found: Sequence[Block]) -> list[Path]:
    """Write every figure as PNG and PDF; return the paths. Raises InputError."""
    made = figures(found).items()
    return [path for name, make in made for path in save_all(folder, name, make(), ("png", "pdf"))]


@drawn
def scores_figure(block: Block) -> Figure:
    """Return a panel a metric: every method's seeds as points, their mean and its interval."""
    rows = [row for row in block.rows if row.scores]
    figure, axes = panels(1, len(METRICS), 4.6, rows_high(len(rows)))
    for panel, metric in zip(axes[0], METRICS, strict=True):
        for place, row in enumerate(rows):
            whole = row.scores.get(metric)
            if whole is None:
                continue
            values = list(row.by_seed[metric].values())
            _points(panel, values, place, whole.mean, whole.low, whole.high)
        _name_rows(panel, rows, named=panel is axes[0][0])
        panel.set_xlabel(metric)
        panel.locator_params(axis="x", nbins=5)
    figure.suptitle(_title(block), x=0.01, ha="left", fontsize=10, wrap=True)
    return figure


def _points(
    axes: Axes, values: list[float], place: int, mean: float, low: float | None, high: float | None
) -> None:
    """Draw seeds above a line, their mean and its interval on it."""
    axes.plot(values, [place - 0.2] * len(values), "o", color=SKY, ms=4.5, label="_seeds")
    if low is not None and high is not None:
        axes.plot([low, high], [place, place], color=BLUE, lw=1.6, label="_interval")
    axes.plot([mean], [place], "D", color=BLUE, ms=5, label="_mean")


def _title(block: Block) -> str:
    return f"{heading(block)}: seeds as points, mean and 95% interval over seeds"


def _name_rows(axes: Axes, rows: Sequence[Row], *, named: bool) -> None:
    name_rows(axes, [row.method + " *" * row.given for row in rows])
    if not named:
        axes.set_yticklabels([])


@drawn
def gap_figure(block: Block) -> Figure:
    """Return what share of the way from baseline to oracle each method goes, by metric."""
    rows = [row for row in block.rows if any(row.gap.values())]
    figure, axes = panels(1, len(METRICS), 4.6, rows_high(len(rows)))
    for panel, metric in zip(axes[0], METRICS, strict=True):
        for place, row in enumerate(rows):
            gap = row.gap.get(metric)
            if gap is None:
                panel.text(0.5, place, "undefined", ha="center", va="center", color=PALE)
                continue
            low, high = (None if one is None else 100 * one for one in (gap.low, gap.high))
            each = [100 * value for value in gap.by_seed.values()]
            _points(panel, each, place, 100 * gap.share, low, high)
        for end, name in ((0, BASELINE), (100, ORACLE)):
            panel.axvline(end, color=INK, lw=0.8, ls=":", label="_end")
            panel.annotate(
                name, (end, 1), xycoords=("data", "axes fraction"), xytext=(0, 3),
                textcoords="offset points", ha="center", fontsize=8,
            )  # fmt: skip
        _name_rows(panel, rows, named=panel is axes[0][0])
        panel.set_xlabel(f"gap closed in {metric}, %")
    figure.suptitle(_title(block), x=0.01, ha="left", fontsize=10, wrap=True)
    return figure


@drawn
def minutes_figure(block: Block) -> Figure:
    """Return score against minutes: a point a seed, a colour a method.

    Those of the processor where it did all and all cells have them: by the clock a busy machine is
    slow.
    """
    rows = [row for row in block.rows if row.minutes_by_seed and row.scores]
    whole = all(device.startswith("cpu") for device in block.devices) and all(
        row.cpu_minutes_by_seed.keys() == row.minutes_by_seed.keys() for row in rows
    )
    spent = {row.method: row.cpu_minutes_by_seed if whole else row.minutes_by_seed for row in rows}
    figure, axes = panels(1, len(METRICS), 4.6, 3.6)
    for panel, metric in zip(axes[0], METRICS, strict=True):
        for k, row in enumerate(rows):
            seeds = [seed for seed in row.by_seed[metric] if seed in spent[row.method]]
            panel.plot(
                [spent[row.method][seed] for seed in seeds],
                [row.by_seed[metric][seed] for seed in seeds],
                _MARKS[k // len(COLOURS) % len(_MARKS)],
                color=COLOURS[k % len(COLOURS)],
                label=shorten(row.method, _NAME),
            )
        panel.set_xlabel("CPU minutes" if whole else "minutes of training, by the clock")
        panel.set_title(metric)
        longest = max((m for mine in spent.values() for m in mine.values()), default=1.0)
        panel.set_xlim(0, 1.08 * longest)
    axes[0][-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    figure.suptitle(f"{heading(block)}: a point a seed", x=0.01, ha="left", fontsize=10)
    return figure


_MARKS = ("o", "s", "^", "v")


@drawn
def sweep_figure(group: Sequence[Block]) -> Figure:
    """Return score against the swept option: a line a method, 95% intervals over seeds."""
    first, methods = group[0], sweep_methods(group)
    values = [block.setting.value or "" for block in group]
    places, names = _axis(values)
    figure, axes = panels(1, len(METRICS), 4.6, 3.6)
    for panel, metric in zip(axes[0], METRICS, strict=True):
        for k, method in enumerate(methods):
            rows = [block.row(method) for block in group]
            known = [
                (place, row.scores[metric])
                for place, row in zip(places, rows, strict=True)
                if row is not None and metric in row.scores
            ]
            colour = COLOURS[k % len(COLOURS)]
            # Beside each other, as intervals of methods overlap.
            aside = (k - (len(methods) - 1) / 2) * 0.012 * (max(places) - min(places))
            x, means = [place + aside for place, _ in known], [one.mean for _, one in known]
            panel.plot(x, means, "o-", color=colour, ms=4, lw=1.4, label=shorten(method, _NAME))
            for place, (_, one) in zip(x, known, strict=True):
                if one.low is not None:
                    ends = [one.low, one.high]
                    panel.plot([place, place], ends, color=colour, lw=1, label="_interval")
        panel.set_xticks(places, names)
        panel.set_xlabel(first.setting.option or "")
        panel.set_title(metric)
    axes[0][-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    title = f"{heading(first, first.setting.preset)}: 95% intervals over seeds"
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure


def _axis(values: Sequence[str]) -> tuple[list[float], list[str]]:
    """Return where values stand: numbers at their place, names side by side."""
    try:
        return [float(value) for value in values], list(values)
    except ValueError:
        return [float(k) for k in range(len(values))], list(values)
