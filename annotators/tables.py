"""Tables for the terminal: what a method made of a crowd, and what it thinks of the raters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

from annotators.infer.result import Inference, Raters
from medmnist_det.labels import LabelSet

# Raters in a table; of more, the best and the worst half are shown.
_MOST_ROWS = 30


def table(title: str, first: str, *others: str) -> Table:
    """Return an empty table in the style of all commands: one column of names, then numbers."""
    made = Table(
        title=Text(title, style="bold", no_wrap=True, overflow="ignore"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        header_style="",
    )
    made.add_column(Text(first), overflow="fold")
    for name in others:
        made.add_column(Text(name), justify="right", no_wrap=True)
    return made


def number(value: float | None, decimals: int = 3) -> str:
    """Return a number, or a dash where there is none."""
    return "-" if value is None or not np.isfinite(value) else f"{value:.{decimals}f}"


def plain(name: int | str) -> str:
    """Return a name from a file without characters that could steer a terminal."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in str(name))


def summary(crowd: LabelSet, found: Inference, method: str, source: str) -> Text:
    """Return what went in and what came out, in two lines."""
    facts = "; ".join(
        f"{name.replace('_', ' ')} {value:.2g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in found.facts.items()
    )
    return Text(
        f"{source}: {len(crowd.labels):,} boxes of {len(crowd.raters or ())} raters on "
        f"{crowd.labels.images:,} images\n"
        f"{method}: {len(found.labels):,} labels" + (f" ({facts})" if facts else "")
    )


def raters_table(
    crowd: LabelSet, found: Inference, truth: Raters | None = None
) -> Table:
    """Return the estimated raters, best first; beside them the simulator's truth where known."""
    labels, raters = crowd.labels, found.raters
    if raters is None or labels.rater is None or labels.assigned is None:
        raise ValueError("this method says nothing about the raters")
    columns = ["images", "boxes", "skill", "misses", "spurious", "shift", "size", "spread"]
    if truth is not None:
        columns += ["true skill", "misses", "spurious", "matrix error"]
    title = "\nEstimated raters" if found.facts else "\nRaters as the simulator knows them"
    made = table(title, "rater", *columns)
    images = np.bincount(labels.assigned[:, 1], minlength=len(raters.spurious))
    boxes = np.bincount(labels.rater, minlength=len(raters.spurious))
    order = np.argsort(-raters.skill, kind="stable")
    for k in _shown(order):
        if k is None:
            made.add_row(Text("..."))
            continue
        cells = [f"{images[k]:,}", f"{boxes[k]:,}"]
        cells += [number(raters.skill[k]), number(raters.miss[k]), number(raters.spurious[k])]
        cells += _box_cells(raters, k)
        if truth is not None:
            error = ((raters.matrix[k] - truth.matrix[k])[:-1] ** 2).sum() / len(truth.prior)
            skill = truth.matrix[k, :-1, :-1].diagonal() @ raters.prior
            miss = truth.matrix[k, :-1, -1] @ raters.prior
            cells += [number(skill), number(miss), number(truth.spurious[k]), f"{error:.1e}"]
        made.add_row(Text(plain((crowd.raters or ())[k])), *map(Text, cells))
    return made


#: What the columns of :func:`raters_table` mean.
RATERS_LEGEND = (
    "skill: finds an object and names it right; misses: overlooks one; spurious: boxes on nothing, "
    "an image; shift, size: mean error of a box in % of the object; spread: its standard deviation"
)


def _shown(order: Sequence[int] | np.ndarray) -> list[int | None]:
    rows: list[int | None] = [int(k) for k in order]
    if len(rows) <= _MOST_ROWS:
        return rows
    return [*rows[: _MOST_ROWS // 2], None, *rows[-(_MOST_ROWS // 2) :]]


def _box_cells(raters: Raters, k: int) -> list[str]:
    if raters.box_bias is None or raters.box_spread is None:
        return ["-"] * 3
    x, y, width, height = 100 * raters.box_bias[k]
    spread = 100 * float(np.sqrt(np.mean(raters.box_spread[k] ** 2)))
    return [f"{x:+.1f} {y:+.1f}", f"{width:+.1f} {height:+.1f}", f"{spread:.1f}"]


def measures(title: str, rows: Sequence[Sequence[str]]) -> Table:
    """Return a table of named values."""
    made = table(title, "measure", "value")
    for row in rows:
        made.add_row(*map(Text, row))
    return made
