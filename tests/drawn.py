"""What a Figure shows, read from matplotlib's objects, and what of it would be cut or overprinted."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text


def image(axes: Any) -> np.ndarray:
    """Return the array of the panel's only image; what is not known is NaN."""
    (one,) = axes.images
    return np.ma.filled(one.get_array().astype(float), np.nan)


def cells(axes: Any) -> dict[tuple[int, int], str]:
    """Return the texts written into the cells of a heat map, by row and column."""
    found = {}
    for text in axes.texts:
        column, row = text.get_position()
        if text.get_text():
            found[round(row), round(column)] = text.get_text()
    return found


def ticks(axis: Any) -> dict[float, str]:
    """Return the labels of an axis by place."""
    texts = [label.get_text() for label in axis.get_ticklabels()]
    return dict(zip(axis.get_ticklocs().tolist(), texts, strict=True))


def lines(axes: Any) -> dict[str, np.ndarray]:
    """Return the points of the labelled lines, (n, 2), by label."""
    named = [one for one in axes.lines if not one.get_label().startswith("_")]
    return {str(one.get_label()): np.column_stack(one.get_data()) for one in named}


def legend(axes: Any) -> dict[str, str]:
    """Return the colour of every entry of the legend by its text."""
    box = axes.get_legend()
    handles = [
        one.get_color() if hasattr(one, "get_color") else one.get_facecolor()
        for one in box.legend_handles
    ]
    texts = [text.get_text() for text in box.get_texts()]
    return dict(zip(texts, map(to_hex, handles), strict=True))


def formulas(figure: Figure) -> list[str]:
    """Return the texts that stand as the source of a formula in the picture, once it is drawn."""
    FigureCanvasAgg(figure).draw()
    shown = [one.get_text() for one in figure.findobj(Text) if one.get_visible()]
    return [text for text in shown if "\\mathdefault" in text]


def overprinted(figure: Figure) -> list[tuple[str, str]]:
    """Return pairs of labels of one axis, and of titles, that lie on each other when drawn."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    groups = [[axes.title for axes in figure.axes] + [axes._left_title for axes in figure.axes]]
    for axes in figure.axes:
        groups += [axes.get_xticklabels(), axes.get_yticklabels()]
    found = []
    for group in groups:
        shown = [one for one in group if one.get_text() and one.get_visible()]
        boxes = [one.get_window_extent(renderer).padded(-1) for one in shown]
        for k, one in enumerate(boxes):
            found += [
                (shown[k].get_text(), shown[j].get_text())
                for j in range(k + 1, len(boxes))
                if one.overlaps(boxes[j])
            ]
    return found
