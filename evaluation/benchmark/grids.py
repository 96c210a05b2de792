"""What stands in the tables, as texts: the same cells on the terminal, in Markdown and in LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.benchmark.published import PRESET, SOURCE, TABLE_1
from evaluation.benchmark.statistics import Gap, Spread
from evaluation.benchmark.table import (
    BASELINE,
    METRICS,
    ORACLE,
    REFERENCES,
    Block,
    Comparison,
    Row,
)

_NONE, _UNDEFINED = "-", "undefined"

_DIGITS = {"mnist": "MNIST", "optdigits": "optdigits (scikit-learn's 1,797 digits, not MNIST)"}


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table of texts."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    #: Sentences that belong below it.
    notes: tuple[str, ...] = ()
    #: Columns of names, which stand to the left; the others hold numbers.
    names: int = 1


def grids(found: Sequence[Block]) -> list[Grid]:
    """Return every table: of each block of its own, then of each sweep."""
    return [
        *(grid for block in found if block.setting.option is None for grid in _of(block)),
        *map(_sweep, sweep_groups(found)),
    ]


def _of(block: Block) -> list[Grid]:
    differences = [_differences(block, metric) for metric in METRICS]
    parts = [_scores(block), _behind(block), *differences, _published(block)]
    return [grid for grid in parts if grid is not None]


def heading(block: Block, setting: str | None = None) -> str:
    """Return what all numbers of a block have in common; ``setting`` takes its name's place."""
    digits = _DIGITS.get(block.digits, block.digits)
    seeds = ", ".join(map(str, block.seeds))
    return (
        f"{setting or block.setting.name}, budget {block.budget.name}, {block.split} split, "
        f"seed{'s' * (len(block.seeds) > 1)} {seeds}, {digits}"
    )


_SCORED = (
    "method",
    "runs",
    *(text for metric in METRICS for text in (metric, "sd", "95% interval", "gap closed")),
)


def _scores(block: Block) -> Grid:
    return Grid(
        title=heading(block),
        headers=_SCORED,
        rows=tuple(_scored(row) for row in block.rows),
        notes=tuple(_notes(block)),
    )


def _scored(row: Row) -> tuple[str, ...]:
    """Return a row's cells below :data:`_SCORED`."""
    cells = [_name(row), _runs(row)]
    for metric in METRICS:
        cells += [*_spread(row.scores.get(metric)), _gap(row, metric)]
    return tuple(cells)


def _name(row: Row) -> str:
    return f"{row.method} *" if row.given else row.method


def _runs(row: Row) -> str:
    """Return how many cells are done, and what became of the others."""
    others = [(row.failed, "failed"), (row.missing, "missing")]
    parts = [f"{count} {what}" for count, what in others if count]
    return ", ".join([f"{row.done}", *parts] if row.done or not parts else parts)


def _spread(found: Spread | None) -> tuple[str, str, str]:
    if found is None:
        return _NONE, _NONE, _NONE
    if found.deviation is None:
        return f"{found.mean:.4f}", _NONE, _NONE
    return f"{found.mean:.4f}", f"{found.deviation:.4f}", f"{found.low:.4f} to {found.high:.4f}"


def _gap(row: Row, metric: str) -> str:
    if metric not in row.gap:
        return _NONE
    return gap_text(row.gap[metric])


def gap_text(gap: Gap | None) -> str:
    """Return the share in whole per cent, with its interval where it has one."""
    if gap is None:
        return _UNDEFINED
    share = f"{100 * gap.share:.0f}%"
    return share if gap.low is None else f"{share} ({100 * gap.low:.0f} to {100 * gap.high:.0f})"  # type: ignore[operator]


def _notes(block: Block) -> list[str]:
    found = [f"{block.budget.sentence()}."]
    if any(row.given for row in block.rows):
        found.append(
            "* predictions that were given: nobody knows their budget, so that they cannot be "
            "compared with the other rows as methods are."
        )
    if len(block.devices) > 1:
        found.append(f"trained on different devices: {'; '.join(block.devices)}.")
    if any(row.failed for row in block.rows):
        found.append("failed cells are tried again when the same command is run again.")
    if any(gap is None for row in block.rows for gap in row.gap.values()):
        found.append(
            "gap closed is undefined where 0 lies in the 95% interval of oracle - baseline."
        )
    return found


def _behind(block: Block) -> Grid | None:
    """Return what was taught and what it took."""
    rows = [
        (
            _name(row),
            _number(row.class_accuracy, ".3f"),
            _number(row.mean_iou, ".3f"),
            _number(row.matrix_error, ".1e"),
            _number(row.minutes, ".1f"),
            _number(row.cpu_minutes, ".1f"),
        )
        for row in block.rows
        if row.done and not row.given
    ]
    if not rows:
        return None
    headers = ("method", "right class", "box IoU", "matrix error", "minutes", "CPU minutes")
    notes = (
        "right class and box IoU of the training labels that were taught, against the truth (of "
        "all raters: the mean over raters); matrix error: of the estimated raters; minutes: of "
        "training, by the clock, whatever else the machine did; CPU minutes: of the whole cell.",
    )
    title = f"Labels and cost: {block.setting.name}, budget {block.budget.name}"
    return Grid(title=title, headers=headers, rows=tuple(rows), notes=notes)


def _number(value: float | None, form: str) -> str:
    return _NONE if value is None else format(value, form)


def _differences(block: Block, metric: str) -> Grid | None:
    known = [one for one in block.comparisons if one.p_holm is not None]
    mine = [one for one in known if one.metric == metric]
    columns = {name: [one for one in mine if one.reference == name] for name in REFERENCES}
    by_reference = {
        name: {one.method: one for one in column} for name, column in columns.items() if column
    }
    if not by_reference:
        return None
    headers = ["method"]
    for name in by_reference:
        headers += [f"more than {name}", "95% interval", "p (Holm)"]
    rows = []
    for row in block.rows:
        cells = [_difference(column.get(row.method)) for column in by_reference.values()]
        if any(cell[0] != _NONE for cell in cells):
            rows.append((_name(row), *(text for cell in cells for text in cell)))
    return Grid(
        title=f"{metric}, paired by seed: {block.setting.name}, budget {block.budget.name}",
        headers=tuple(headers),
        rows=tuple(rows),
        notes=(
            f"p of paired t tests over seeds, allowing for the {len(known)} comparisons of this "
            "setting and budget (Holm); intervals are of one comparison each.",
        ),
    )


def _difference(one: Comparison | None) -> tuple[str, str, str]:
    if one is None or one.p_holm is None:
        return _NONE, _NONE, _NONE
    gain = one.found.gain
    p = "<.001" if one.p_holm < 0.001 else f"{one.p_holm:.3f}".removeprefix("0")
    return f"{gain.mean:+.4f}", f"{gain.low:+.4f} to {gain.high:+.4f}", p


def _published(block: Block) -> Grid | None:
    """Return the paper's numbers beside ours, with what EARL gains in both."""
    ours = [block.row(one.method) for one in TABLE_1]
    if block.setting.preset != PRESET or any(row is None or not row.scores for row in ours):
        return None
    rows = []
    for one, row in zip(TABLE_1, ours, strict=True):
        cells = [one.name]
        for metric in METRICS:
            mean = row.scores[metric].mean if row and metric in row.scores else None
            cells += [f"{one.scores[metric]:.3f}", _number(mean, ".4f")]
        rows.append(tuple(cells))
    gains = ["WBF+EARL - baseline"]
    for metric in METRICS:
        theirs = TABLE_1[1].scores[metric] - TABLE_1[0].scores[metric]
        first, second = (row.scores.get(metric) if row else None for row in ours)
        mine = second.mean - first.mean if first and second else None
        gains += [f"{theirs:+.3f}", _number(mine, "+.4f")]
    headers = ["method"]
    for metric in METRICS:
        headers += [f"{metric}\npaper", f"{metric}\nhere"]
    return Grid(
        title=f"The paper's Table 1 beside ours (budget {block.budget.name})",
        headers=tuple(headers),
        rows=(*rows, tuple(gains)),
        notes=(SOURCE,),
    )


def sweep_groups(found: Sequence[Block]) -> list[list[Block]]:
    """Return the blocks of each sweep: one preset, option, budget and split, in their order."""
    groups: dict[object, list[Block]] = {}
    for block in found:
        if block.setting.option is not None:
            key = (block.setting.preset, block.setting.option, block.budget, block.split)
            groups.setdefault(key, []).append(block)
    return list(groups.values())


def sweep_methods(group: Sequence[Block]) -> list[str]:
    """Return our methods of a sweep: oracle first, baseline last, others by their mean score."""
    scores: dict[str, list[float]] = {}
    for block in group:
        for row in (row for row in block.rows if not row.given):
            found = row.scores.get(METRICS[-1])
            scores.setdefault(row.method, []).extend([found.mean] if found else [])

    def key(method: str) -> tuple[int, float]:
        known = scores[method]
        mean = sum(known) / len(known) if known else 0.0
        return {ORACLE: 0, BASELINE: 2}.get(method, 1), -mean

    return sorted(scores, key=key)


def _sweep(group: Sequence[Block]) -> Grid:
    """Return a row for every value and method."""
    first = group[0]
    option = first.setting.option or ""
    rows = [
        (block.setting.value or "", *_scored(row))
        for block in group
        for method in sweep_methods(group)
        if (row := block.row(method)) is not None
    ]
    notes = dict.fromkeys(note for block in group for note in _notes(block))
    return Grid(
        title=heading(first, f"{first.setting.preset} by {option}"),
        headers=(option, *_SCORED),
        rows=tuple(rows),
        notes=tuple(notes),
        names=2,
    )
