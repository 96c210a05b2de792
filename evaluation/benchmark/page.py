"""The cells of this repository as pages: docs/results.md whole, and the table in the README."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.benchmark.budgets import BUDGETS
from evaluation.benchmark.files import markdown, markdown_table
from evaluation.benchmark.grids import Grid, gap_text, grids, heading
from evaluation.benchmark.statistics import Spread
from evaluation.benchmark.table import METRICS, Block, Row

_INTRO = """\
# Results

Made by `python benchmarks/results.py` from the cells in `results/cells`, one small JSON file for
every method, data set and seed; CI fails where this page, or the table in the README, says
something else. How cells are made: [benchmark.md](benchmark.md).

Seed s makes the data set, its crowd and the training. Recipes are tuned on seeds 0 to 4, with the
truth of the val split; these cells are of seeds 20 and up, each run once. sd and intervals
(Student's t) are over seeds. *gap closed* is the share of the way from `baseline` to `oracle`, with
Fieller's interval; it is undefined where the gap is within noise.
"""


def page(found: Sequence[Block], figures: Sequence[str]) -> str:
    """Return docs/results.md; ``figures`` are names of pictures that lie in ``results/figures``."""
    parts = [_INTRO]
    parts += [_made(found)] if found else ["No cells yet.\n"]
    parts.append(markdown(grids(found)))
    parts += [f"![{name}](../results/figures/{name}.png)\n" for name in figures]
    return "\n".join(part for part in parts if part)


def _made(found: Sequence[Block]) -> str:
    versions = ", ".join(sorted({one for block in found for one in block.versions}))
    devices = "; ".join(sorted({one for block in found for one in block.devices}))
    return f"medmnist-det {versions}; trained on {devices}.\n"


def readme_table(found: Sequence[Block]) -> str:
    """Return the README's tables: one for each budget of a preset as it is, the largest first."""
    order = list(BUDGETS)
    presets = [b for b in found if b.setting.option is None and b.budget.name in order]
    if not presets:
        return "No cells yet.\n"
    presets.sort(key=lambda block: -order.index(block.budget.name))
    return "\n".join(_short(block) for block in presets)


def _short(block: Block) -> str:
    headers = ["method"]
    for metric in METRICS:
        headers += [metric, "gap closed"]
    rows = [(row.method, *_cells(row)) for row in block.rows if row.scores and not row.given]
    grid = Grid(title=heading(block), headers=tuple(headers), rows=tuple(rows))
    made = f"{heading(block)}; mean (sd) over seeds. {block.budget.sentence()}."
    return f"{markdown_table(grid)}\n{made[0].upper()}{made[1:]}\n"


def _cells(row: Row) -> list[str]:
    cells = []
    for metric in METRICS:
        gap = gap_text(row.gap[metric]) if metric in row.gap else ""
        cells += [_mean(row.scores.get(metric)), gap]
    return cells


def _mean(found: Spread | None) -> str:
    if found is None:
        return ""
    return f"{found.mean:.4f}" + (f" ({found.deviation:.4f})" if found.deviation else "")
