"""Heat maps: a matrix in colours, with its names, its numbers, and what no colour means."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from medmnist_det.drawing import INK, NO_OBJ, VERMILION, shorten
from medmnist_det.lettering import width

if TYPE_CHECKING:
    from jaxtyping import Float
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

# Rows or columns up to which every one is named; of more, every second, third ... is.
_MOST_NAMES = 41
# Columns up to which cells carry their numbers.
_MOST_NUMBERS = 31
# Characters of a name beside a heat map; an ellipsis stands where more were.
_NAME = 24

_UNKNOWN = "#d4d4d8"


def side_of(names: int) -> float:
    """Return the inches of a heat map's side; without numbers in its cells it may be smaller."""
    return 8.0 if names > _MOST_NUMBERS else max(2.6, 0.42 * names)


def room_for(names: Sequence[str]) -> float:
    """Return the inches that the longest of the names takes beside a heat map."""
    return max((width(shorten(name, _NAME), 9.0) for name in names), default=0.0) / 72 + 0.15


def heat_map(
    axes: Axes,
    values: Float[np.ndarray, "r c"],
    rows: Sequence[str],
    columns: Sequence[str],
    form: Callable[[float], str],
    *,
    texts: Sequence[Sequence[str]] | None = None,
    gamma: float = 1.0,
) -> AxesImage:
    """Draw a matrix: white is 0, dark blue is 1, grey is unknown (NaN).

    Where a value is below 0, orange stands for these, down to -1. Cells carry their value as
    ``form`` writes it, or else their text of ``texts``, unless there are more than 31 columns.
    Lines part :data:`NO_OBJ`, which is no class. ``gamma`` below 1 spreads small values, where
    none is below 0.
    """
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap, Normalize, PowerNorm

    rows, columns = list(rows), list(columns)
    norm, colours = PowerNorm(gamma, vmin=0.0, vmax=1.0), colormaps["Blues"]
    if np.nanmin(values, initial=0.0) < 0:
        norm = Normalize(-1.0, 1.0)
        shades = [VERMILION, "#ffffff", *colours(np.linspace(0.1, 1.0, 8))]
        places = [0.0, 0.5, *np.linspace(0.55, 1.0, 8)]
        colours = LinearSegmentedColormap.from_list(
            "signed", list(zip(places, shades, strict=True))
        )
    axes.set_facecolor(_UNKNOWN)
    image = axes.imshow(values, cmap=colours, norm=norm, aspect="auto")
    _name_ticks(axes, rows, columns)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    if rows[-1:] == [NO_OBJ]:
        axes.axhline(len(rows) - 1.5, color=INK, linewidth=1)
    if columns[-1:] == [NO_OBJ]:
        axes.axvline(len(columns) - 1.5, color=INK, linewidth=1)
    if len(columns) > _MOST_NUMBERS:
        return image
    size = 8.0 if len(columns) <= 12 else 7.0 if len(columns) <= 20 else 5.5
    for row, column in np.argwhere(np.isfinite(values)).tolist():
        value = values[row, column]
        text = form(value) if texts is None else texts[row][column]
        red, green, blue, _ = colours(norm(value))
        colour = "#ffffff" if 0.21 * red + 0.72 * green + 0.07 * blue < 0.5 else INK
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
    return image


def _name_ticks(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    short = [[shorten(name, _NAME) for name in names] for names in (rows, columns)]
    size = 9 if max(map(len, short)) <= 20 else 7
    steps = [-(-len(names) // _MOST_NAMES) or 1 for names in short]
    for axis, names, step in zip((axes.yaxis, axes.xaxis), short, steps, strict=True):
        places = list(range(0, len(names), step))
        if names[-1:] == [NO_OBJ] and places[-1] < len(names) - 1:
            places[-1] = len(names) - 1  # what is no class is always named
        axis.set_ticks(places, [names[k] for k in places], fontsize=size)
    # Two neighbours share the room of two columns; a letter's width stays free between them.
    room = 2 * steps[1] * 72 * side_of(len(columns)) / max(len(columns), 1)
    widths = [width(name, size) for name in short[1][:: steps[1]]]
    longest = max((a + b for a, b in itertools.pairwise(widths)), default=0.0)
    axes.tick_params(axis="x", rotation=90 if longest + 2 * size > room else 0)


def two_decimals(value: float) -> str:
    """Return a number without the zero before its point; nothing where it rounds to 0."""
    return "" if abs(value) < 0.005 else f"{value:.2f}".replace("0.", ".", 1)


def per_cent(value: float) -> str:
    """Return a share of 1 in whole per cent; nothing where it rounds to 0."""
    return "" if abs(value) < 0.005 else f"{100 * value:.0f}"
