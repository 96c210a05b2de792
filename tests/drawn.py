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
    box = axes.get_legend() or axes.figure.legends[0]
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


def texts(figure: Figure) -> list[tuple[str, np.ndarray]]:
    """Return every text that is drawn with the box that it takes, in pixels, once it is laid out."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    found = figure.findobj(Text)
    labels, shown = set(), set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            every = [*axis.get_majorticklabels(), *axis.get_minorticklabels()]
            labels |= {id(one) for one in every} | {id(tick.label2) for tick in axis.majorTicks}
            # Ticks beyond the ends of an axis have labels, but none is drawn.
            shown |= {id(tick.label1) for tick in axis._update_ticks()}
    return [
        (one.get_text(), np.array(one.get_window_extent(renderer).extents))
        for one in found
        if one.get_text().strip() and one.get_visible() and _there(one)
        if id(one) not in labels or id(one) in shown
    ]


def _there(one: Text) -> bool:
    return one.axes is None or one.axes.axison


def overprinted(figure: Figure) -> list[tuple[str, str]]:
    """Return pairs of texts that lie on each other when drawn."""
    found = texts(figure)
    if len(found) < 2:
        return []
    box = np.array([one for _, one in found]) + np.array([1, 1, -1, -1])
    across = (box[:, None, 0] < box[None, :, 2]) & (box[None, :, 0] < box[:, None, 2])
    down = (box[:, None, 1] < box[None, :, 3]) & (box[None, :, 1] < box[:, None, 3])
    pairs = np.argwhere(np.triu(across & down, k=1)).tolist()
    return [(found[a][0], found[b][0]) for a, b in pairs]


def outside(figure: Figure) -> list[str]:
    """Return the texts that reach out of the figure."""
    width, height = figure.bbox.size
    return [
        text
        for text, (left, low, right, high) in texts(figure)
        if left < -1 or low < -1 or right > width + 1 or high > height + 1
    ]
