"""Figures: precision-recall curves, the confusion matrix, the error budget, AP by class.

Matplotlib takes most of a second to import, so only what draws imports it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluation.assessment import Assessment
from evaluation.engines import RECALLS
from medmnist_det.files import make_folder, write_atomically
from medmnist_det.terminal.tables import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _GRID, _ACCENT = "#1f2933", "#e3e8ee", "#2563eb"

# One colour a kind of error: found in the report's gallery, too.
KIND_COLOURS = {
    "class": "#d97706",
    "location": "#7c3aed",
    "both": "#be185d",
    "duplicate": "#0891b2",
    "background": "#64748b",
    "missed": "#dc2626",
}

_STYLE: dict[Any, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "savefig.bbox": "tight",
    "font.family": "sans-serif",
    "font.size": 10.0,
    "axes.edgecolor": "#94a3b8",
    "axes.labelcolor": _INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    # Text stays text, and the same numbers give the same bytes.
    "svg.fonttype": "none",
    "svg.hashsalt": "medmnist-det",
    # Names from files are shown as they are: a dollar sign is no formula.
    "text.parse_math": False,
}


# Classes up to which a figure shows each of them.
_MANY = 100


def figures(found: Assessment) -> dict[str, Callable[[], Figure]]:
    """Return the figures that an assessment has data for, each drawn when called."""
    drawn: dict[str, Callable[[], Figure]] = {}
    if found.scores.headline[0].value is not None:
        drawn["precision-recall"] = lambda: _precision_recall(found)
        drawn["classes"] = lambda: _classes(found)
    if found.budgets:
        drawn["errors"] = lambda: _errors(found)
    matrix = found.confusion
    if matrix is not None and found.scores.objects and len(matrix.classes) <= _MANY:
        drawn["confusion"] = lambda: _confusion(found)
    return drawn


def write_figures(folder: Path, found: Assessment) -> list[Path]:
    """Write every figure as PNG and as PDF; return the paths. Raises InputError."""
    make_folder(folder)
    written = []
    for name, draw in figures(found).items():
        with _drawing():
            figure = draw()
            for kind, facts in (("png", {}), ("pdf", {"CreationDate": None})):
                buffer = io.BytesIO()
                figure.savefig(buffer, format=kind, metadata=facts)
                path = folder / f"{name}.{kind}"
                write_atomically(path, [buffer.getvalue()])
                written.append(path)
    return written


def as_svg(draw: Callable[[], Figure]) -> tuple[str, str]:
    """Return a figure's title and the figure without it, as an SVG element for a page."""
    with _drawing():
        figure, buffer = draw(), io.StringIO()
        axes = figure.axes[0]
        title = axes.get_title(loc="left")
        axes.set_title("")
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return title, text[text.index("<svg") :]


@contextmanager
def _drawing() -> Iterator[None]:
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        yield


def _new(width: float, height: float) -> tuple[Figure, Axes]:
    # No pyplot: it would look for a display and keep every figure alive.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    return figure, figure.add_subplot()


def _precision_recall(found: Assessment) -> Figure:
    from matplotlib import colormaps

    scores, metric = found.scores, found.scores.metrics[0]
    row = scores.thresholds.index(metric.thresholds[0])
    curves = scores.precision[row]
    figure, axes = _new(6.4, 5.2)
    few, many = len(scores.defined) <= 10, len(scores.defined) > _MANY
    if many:
        low, high = np.sort(curves, axis=1)[
            :, [curves.shape[1] // 10, -1 - curves.shape[1] // 10]
        ].T
        axes.fill_between(RECALLS, low, high, color="#cbd5e1", lw=0, label="80% of classes")
    for place, k in enumerate(() if many else scores.defined):
        colour = colormaps["tab10"](place % 10) if few else "#94a3b8"
        label = (
            f"{plain(scores.classes[k].name)[:24]}  {scores.classes[k].ap[0]:.3f}" if few else None
        )
        axes.plot(
            RECALLS, curves[:, place], color=colour, lw=1.1, alpha=1 if few else 0.35, label=label
        )
    mean = scores.headline[0].value
    axes.plot(RECALLS, curves.mean(axis=1), color=_INK, lw=2.4, label=f"mean  {mean:.3f}")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.set_title(f"Precision and recall at IoU {metric.thresholds[0]:g}")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, title="class  AP")
    return figure


def _classes(found: Assessment) -> Figure:
    scores = found.scores
    rows, title = [scores.classes[k] for k in scores.defined], "By class"
    if len(rows) > _MANY:
        worst = sorted(range(len(rows)), key=lambda k: rows[k].ap[0] or 0.0)[: _MANY // 2]
        title = f"By class: the {len(worst)} of {len(rows):,} with the lowest AP"
        rows = [rows[k] for k in worst]
    place = np.arange(len(rows))
    figure, axes = _new(6.4, max(2.2, 0.34 * len(rows) + 1))
    height = 0.8 / len(scores.metrics)
    colours = ("#93b4f5", _ACCENT, "#1e3a8a")
    for k, metric in enumerate(scores.metrics):
        values = [one.ap[k] or 0.0 for one in rows]
        name = f"AP{metric.name.removeprefix('mAP')}"
        axes.barh(place + k * height, values, height, color=colours[k % 3], label=name)
    axes.set_yticks(place + (len(scores.metrics) - 1) * height / 2)
    axes.set_yticklabels([plain(one.name)[:32] for one in rows])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set(xlim=(0, 1), xlabel="average precision")
    axes.set_title(title)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return figure


def _errors(found: Assessment) -> Figure:
    figure, axes = _new(6.4, 0.75 * len(found.budgets) + 1.3)
    for row, budget in enumerate(found.budgets):
        left = 100 - budget.lost
        axes.barh(row, left, color="#dbe4f0", label="scored" if row == 0 else None)
        axes.text(left / 2, row, f"{left:.1f}", ha="center", va="center")
        for loss in budget.losses:
            # A repair can cost a hair in the mean over orders; bars have no negative length.
            width = max(loss.points, 0.0)
            label = loss.kind if row == 0 else None
            axes.barh(row, width, left=left, color=KIND_COLOURS[loss.kind], label=label)
            if width >= 4.5:
                middle = left + width / 2
                axes.text(middle, row, f"{width:.1f}", ha="center", va="center", color="white")
            left += width
    axes.set_yticks(range(len(found.budgets)))
    axes.set_yticklabels([budget.metric.name for budget in found.budgets])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set(xlim=(0, 100), xlabel="points")
    axes.set_title("Where points are lost")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return figure


def _confusion(found: Assessment) -> Figure:
    matrix = found.confusion
    if matrix is None:
        raise ValueError("this assessment has no confusion matrix")
    counts = matrix.counts
    names = [plain(found.truth.classes.names[k])[:16] for k in matrix.classes]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(0.42 * len(counts) + 1.6, 12.0)
    figure, axes = _new(side + 0.6, side)
    axes.imshow(np.where(counts > 0, share**0.5, 0), cmap="Blues", vmin=0, vmax=1)
    if len(counts) <= 31:
        for i, j in zip(*np.nonzero(counts), strict=True):
            colour = "white" if share[i, j] > 0.4 else _INK
            text = f"{counts[i, j]}"
            axes.text(j, i, text, ha="center", va="center", color=colour, fontsize=8)
    places = range(len(counts))
    axes.set_xticks(places)
    axes.set_xticklabels([*names, "missed"], rotation=90 if len(names) > 10 else 0)
    axes.set_yticks(places)
    axes.set_yticklabels([*names, "nothing"])
    if len(counts) > 31:
        axes.tick_params(labelsize=6)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="called", ylabel="object")
    axes.set_title(f"Confusions, score {matrix.score:.3f} or more, IoU {matrix.iou:g}")
    return figure
