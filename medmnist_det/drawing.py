"""What all pictures share: palette, style, heat maps, and the saving of whole figures.

Pictures come in two steps: a function decorated with :func:`drawn` makes a Figure, :func:`save`
writes it. Matplotlib takes most of a second to import, so only what draws imports it.
"""

from __future__ import annotations

import functools
import io
import itertools
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

from medmnist_det.files import make_folder, write_atomically
from medmnist_det.terminal.tables import plain

if TYPE_CHECKING:
    from jaxtyping import Float
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

P = ParamSpec("P")

#: What the last row and column of a matrix stand for, in every picture.
NO_OBJ = "no_obj"

INK, GRID, PALE = "#1f2933", "#e3e8ee", "#94a3b8"

#: Okabe and Ito's colours, told apart by everybody; the first is the truth's.
COLOURS = ("#009e73", "#56b4e9", "#e69f00", "#cc79a7", "#f0e442", "#0072b2", "#d55e00")

#: What is wrong, on a dark picture.
WRONG = "#ff3b30"

#: Ten classes in one picture (Tableau's).
CLASS_COLOURS = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd",
    "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
)  # fmt: skip

#: Several scores of one thing, from the lenient to the strict.
SHADES = ("#93b4f5", "#2563eb", "#1e3a8a")

#: One colour a kind of error.
KIND_COLOURS = {
    "class": "#d97706",
    "location": "#7c3aed",
    "both": "#be185d",
    "duplicate": "#0891b2",
    "background": "#64748b",
    "missed": "#dc2626",
}

#: Frames on a photograph.
MARKS = {
    "object, found": "#34d399",
    "object, missed": "#f43f5e",
    "box, right": "#60a5fa",
    "box, wrong class": "#fbbf24",
    "box on nothing, or a second one": "#e879f9",
}

# Rows or columns up to which every one is named; of more, every second, third ... is.
_MOST_NAMES = 40
# Columns up to which cells carry their numbers.
_MOST_NUMBERS = 31
# Characters of a name beside a heat map; an ellipsis stands where more were.
_NAME = 24

_STYLE: dict[Any, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 200,
    # What lies outside of the canvas, a long name say, makes the picture larger.
    "savefig.bbox": "tight",
    "font.family": "sans-serif",
    "font.size": 10.0,
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    # Text stays text, and the same numbers give the same bytes.
    "svg.fonttype": "none",
    "svg.hashsalt": "medmnist-det",
    # Names from files are shown as they are: a dollar sign is no formula.
    "text.parse_math": False,
}


def drawn(make: Callable[P, Figure]) -> Callable[P, Figure]:
    """Return the function with our style in force while it makes its Figure."""

    @functools.wraps(make)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        import matplotlib as mpl

        with mpl.rc_context(_STYLE):
            return make(*args, **kwargs)

    return styled


def panels(
    rows: int, columns: int, width: float, height: float, ground: str = "#ffffff"
) -> tuple[Figure, np.ndarray]:
    """Return a Figure and its (rows, columns) panels, each of that size in inches."""
    # No pyplot: it would look for a display and keep every figure alive.
    from matplotlib.figure import Figure

    figure = Figure((width * columns, height * rows), facecolor=ground, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def panel(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a Figure with one panel, of that size in inches."""
    from matplotlib.figure import Figure

    figure = Figure((width, height))
    return figure, figure.add_subplot()


def side_of(names: int) -> float:
    """Return the inches of a heat map's side; without numbers in its cells it may be smaller."""
    return 8.0 if names > _MOST_NUMBERS else max(4.2, 0.42 * names)


def heat_map(
    axes: Axes,
    values: Float[np.ndarray, "r c"],
    rows: Sequence[str],
    columns: Sequence[str],
    form: Callable[[float], str],
    *,
    texts: Sequence[Sequence[str]] | None = None,
    low: float = 0.0,
    gamma: float = 1.0,
) -> AxesImage:
    """Draw a matrix: white is ``low``, dark blue is 1, grey is unknown (NaN).

    Cells carry their value as ``form`` writes it, or else their text of ``texts``, unless there are
    more than 31 columns. Lines part :data:`NO_OBJ`, which is no class. ``gamma`` below 1 spreads
    small values.
    """
    from matplotlib.colors import PowerNorm

    rows, columns = list(rows), list(columns)
    norm = PowerNorm(gamma, vmin=low, vmax=1.0)
    axes.set_facecolor("#d4d4d8")
    image = axes.imshow(values, cmap="Blues", norm=norm, aspect="auto")
    _name_ticks(axes, rows, columns)
    axes.tick_params(length=0)
    axes.grid(visible=False)
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
        colour = "#ffffff" if norm(value) > 0.6 else INK
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
    return image


def _name_ticks(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    short = [[shorten(name, _NAME) for name in names] for names in (rows, columns)]
    steps = [-(-len(names) // _MOST_NAMES) for names in short]
    size = 9 if max(map(len, short)) <= 20 else 7
    # A letter is about .62 of its size wide; a map takes about .77 of its figure.
    room = 72 * 0.77 * side_of(len(columns)) / max(len(columns), 1) / (0.62 * size)
    turn = 90 if _longest_pair(short[1]) > 2 * room - 1 else 0
    for axis, names, step in zip((axes.yaxis, axes.xaxis), short, steps, strict=True):
        axis.set_ticks(range(0, len(names), step or 1), names[:: step or 1], fontsize=size)
    axes.tick_params(axis="x", rotation=turn)


def _longest_pair(names: Sequence[str]) -> int:
    """Return the most letters of two neighbours."""
    return max((len(a) + len(b) for a, b in itertools.pairwise(names)), default=0)


def two_decimals(value: float) -> str:
    """Return a number without the zero before its point; nothing where it rounds to 0."""
    return "" if abs(value) < 0.005 else f"{value:.2f}".replace("0.", ".", 1)


def per_cent(value: float) -> str:
    """Return a share of 1 in whole per cent; nothing where it rounds to 0."""
    return "" if abs(value) < 0.005 else f"{100 * value:.0f}"


def shorten(name: int | str, most: int) -> str:
    """Return a name without control characters; an ellipsis stands for the middle of a long one."""
    text = plain(name)
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}\N{HORIZONTAL ELLIPSIS}{text[most // 2 + 1 - most :]}"


def content(figure: Figure, kind: str) -> bytes:
    """Return a Figure as a ``png``, ``pdf`` or ``svg``: the same bytes for the same Figure."""
    import matplotlib as mpl

    facts: dict[str, Any] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind, {})
    buffer = io.BytesIO()
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # A name in a script that no font here has is drawn as empty boxes; that stops nothing.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format=kind, metadata=facts)
    return buffer.getvalue()


def save(path: Path, figure: Figure) -> None:
    """Write a Figure in the format that the path's suffix names, atomically. Raises InputError."""
    made = content(figure, path.suffix.removeprefix("."))
    make_folder(path.parent)
    write_atomically(path, [made])
