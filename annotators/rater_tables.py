"""Tables for the terminal: what a method made of a crowd, and what it thinks of the raters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from annotators.alpha import Agreement
from annotators.ceiling import Ceiling
from annotators.identical import identical
from annotators.infer.parts.result import Inference, Raters
from annotators.recovery import recovery, recovery_rows
from annotators.sources import Source
from medmnist_det.labels import LabelSet
from medmnist_det.terminal.tables import Table, Whole, plain

if TYPE_CHECKING:
    from jaxtyping import Float

# Raters in a table; of more, the best and the worst half are shown.
_MOST_ROWS = 30


def number(value: float | None, decimals: int = 3) -> str:
    """Return a number, or a dash where there is none."""
    return "-" if value is None or not np.isfinite(value) else f"{value:.{decimals}f}"


def aggregated(
    source: Source,
    found: Inference,
    method: str,
    quality: Sequence[Sequence[str]] | None = None,
) -> Group:
    """Return the tables of fused labels, and of the raters where the method knows them.

    ``quality`` are rows about the labels, where the truth is known.
    """
    crowd = source.crowd.labels
    parts: list[RenderableType] = [summary(crowd, found, method, str(source.path))]
    if quality is not None:
        parts.append(measures("\nLabel quality", quality))
    if found.raters is not None:
        known = known_raters(source, method)
        parts.append(raters_tables(crowd, found.raters, known))
        if known is not None:
            rows = recovery_rows(recovery(found.raters.columns(), known.columns()))
            parts.append(measures("Recovery of the raters", rows))
    return Group(*parts)


def known_raters(source: Source, method: str) -> Raters | None:
    """Return the raters as they are, where a method has estimated them by itself."""
    return None if method == "bayes-truth" else source.raters


def summary(crowd: LabelSet, found: Inference, method: str, source: str) -> Whole:
    """Return what went in and what came out, in two lines."""
    facts = "; ".join(
        f"{name.replace('_', ' ')}: " + (f"{value:.2g}" if isinstance(value, float) else f"{value}")
        for name, value in found.facts.items()
    )
    return Whole(
        f"{plain(source)}: {len(crowd.labels):,} boxes of {len(crowd.raters or ())} raters on "
        f"{crowd.labels.images:,} images\n"
        f"{plain(method)}: {len(found.labels):,} labels" + (f" ({facts})" if facts else "")
    )


def raters_tables(crowd: LabelSet, raters: Raters, truth: Raters | None = None) -> Group:
    """Return the estimated raters, best first; beside them the simulator's truth where known."""
    labels = crowd.labels
    if labels.rater is None:
        raise ValueError("these labels do not say who drew them")
    known = truth is not None
    columns = ["boxes", "objects", "skill", *["true"] * known, "misses", *["true"] * known]
    columns += ["extra", *["true"] * known, *["error"] * known]
    reports = Table("\nRaters: what they report", "rater", *columns)
    places = Table(
        "Raters: errors of their boxes, % of the object",
        "rater",
        "x",
        "y",
        "width",
        "height",
        "spread",
    )
    boxes = np.bincount(labels.rater, minlength=len(raters.spurious))
    for k in _shown(np.argsort(-raters.skill, kind="stable")):
        if k is None:
            reports.row("...")
            places.row("...")
            continue
        name = str((crowd.raters or ())[k])
        objects = None if raters.objects is None else raters.objects[k]
        blank = objects is not None and objects < 0.5
        pairs = [(raters.skill[k],), (raters.miss[k],), (raters.spurious[k],)]
        pairs = [(np.nan,)] * 3 if blank else pairs
        error: list[str] = []
        if truth is not None:
            matrix = truth.matrix[k, :-1]
            skill, miss = matrix[:, :-1].diagonal() @ raters.prior, matrix[:, -1] @ raters.prior
            pairs = [(*a, b) for a, b in zip(pairs, (skill, miss, truth.spurious[k]), strict=True)]
            square = ((raters.matrix[k, :-1] - matrix) ** 2).sum() / len(matrix)
            error = [f"{square:.1e}"]
        cells = [number(float(value)) for pair in pairs for value in pair]
        shown = "-" if objects is None else f"{objects:,.0f}"
        reports.row(name, f"{boxes[k]:,}", shown, *cells, *error)
        if boxes[k]:
            places.row(name, *_box_cells(raters, k))
    return Group(reports, Text(_LEGEND), *([places] if raters.box_bias is not None else []))


_LEGEND = (
    "objects: there to be seen; skill: finds one and names it right; misses: \n"
    "overlooks one; extra: boxes on nothing, an image; error: of the matrix, squares\n"
    "of the class rows, misses included, over the number of classes\n"
)


def _shown(order: Sequence[int] | np.ndarray) -> list[int | None]:
    rows: list[int | None] = [int(k) for k in order]
    if len(rows) <= _MOST_ROWS:
        return rows
    return [*rows[: _MOST_ROWS // 2], None, *rows[-(_MOST_ROWS // 2) :]]


def _box_cells(raters: Raters, k: int) -> list[str]:
    if raters.box_bias is None or raters.box_spread is None:
        return ["-"] * 5
    spread = float(np.sqrt(np.mean(raters.box_spread[k] ** 2)))
    return [*(f"{value:+.1f}" for value in 100 * raters.box_bias[k]), f"{100 * spread:.1f}"]


def agreement_tables(crowd: LabelSet, found: Agreement, scored: Ceiling) -> Group:
    """Return the agreement of all raters, of each class and of each rater.

    Also whose boxes are another's, where any are.
    """
    whole = measures(
        "\nKrippendorff's alpha (1: full agreement, 0: chance)",
        [
            ("all units", number(found.alpha)),
            ("mean over the images (KaLOS)", number(found.mean_of_images)),
            ("supposed objects", f"{found.objects:,}"),
            ("images that all found empty", f"{found.empty_images:,}"),
        ],
    )
    classes = Table("By class (the class against all else)", "class", "alpha", "boxes")
    boxes = np.bincount(crowd.labels.label, minlength=len(crowd.classes))
    for name, alpha, count in zip(crowd.classes.names, found.of_class, boxes, strict=True):
        classes.row(name, number(alpha), f"{count:,}")
    columns = ["alpha without", "change", "with others"]
    columns += ["mAP on others"] * (scored.against is not None)
    columns += ["mAP on truth"] * (scored.truth is not None)
    same = identical(crowd)
    most = np.nan_to_num(same).max(axis=1, initial=0.0)
    columns += ["same box", "as"] * bool(most.any())
    raters = Table("By rater", "rater", *columns)
    for k in _shown(np.argsort(-np.nan_to_num(_mean(found.pairwise)), kind="stable")):
        if k is None:
            raters.row("...")
            continue
        change = found.without[k] - found.alpha
        cells = [number(found.without[k]), number(change), number(_mean(found.pairwise)[k])]
        if scored.against is not None:
            cells.append(number(_mean(scored.against)[k]))
        if scored.truth is not None:
            cells.append(number(scored.truth[k]))
        if most.any():
            other = str((crowd.raters or ())[int(np.nan_to_num(same[k]).argmax())])
            cells += [f"{most[k]:.1%}", other] if most[k] else ["-", "-"]
        raters.row(str((crowd.raters or ())[k]), *cells)
    if not most.any():
        return Group(whole, classes, raters)
    return Group(whole, classes, raters, Text(_SAME))


# What stands below the table where raters have boxes in common.
_SAME = (
    "same box: of the rater's boxes, those that the rater under 'as' has, too, to\n"
    "the last digit. Who draws freely hits none: such labels began as another's,\n"
    "or in one place (a model's, or the truth), and agree for that reason\n"
)


def _mean(values: Float[np.ndarray, "R R"]) -> Float[np.ndarray, " R"]:
    """Return the mean of every row over what is known; NaN where nothing is."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.divide(total, known.sum(axis=1), out=np.full(len(values), np.nan), where=known.any(1))


def measures(title: str, rows: Sequence[Sequence[str]]) -> Table:
    """Return a table of named values."""
    made = Table(title, "measure", "value")
    for row in rows:
        made.row(*row)
    return made
