"""What all pictures share: palette, style, the sampling of many, and the saving of whole figures.

Pictures come in two steps: a function decorated with :func:`drawn` makes a Figure, :func:`save`
writes it. Matplotlib takes most of a second to import, so only what draws imports it.
"""

from __future__ import annotations

import functools
import io
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

from medmnist_det.errors import InputError, shown
from medmnist_det.files import make_folder, write_atomically
from medmnist_det.lettering import left_to_right, lettered
from medmnist_det.terminal.tables import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")

#: The word for what is no class: the last row and column of a matrix, what a miss reports, and what
#: a spurious box is on.
NO_OBJ = "no_obj"

INK, GRID, PALE = "#1f2933", "#e3e8ee", "#94a3b8"

#: Okabe and Ito's colours, in every picture. As people without red, green or blue cones see them
#: (Machado et al. 2009, full severity), two of them lie at least 12.2, 11.6 and 10.9 apart
#: (CIEDE2000; 21.7 for all others); tests/medmnist_det/test_palette.py measures it.
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, YELLOW = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442",
)  # fmt: skip

#: For lines and bars on white, where yellow is too pale.
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)

#: One colour a kind of error.
KIND_COLOURS = {
    "class": ORANGE,
    "location": BLUE,
    "both": PURPLE,
    "duplicate": SKY,
    "background": GREEN,
    "missed": VERMILION,
}

#: Frames on a photograph.
MARKS = {
    "object, found": GREEN,
    "object, missed": VERMILION,
    "box, right": SKY,
    "box, wrong class": YELLOW,
    "box on nothing, or a second one": PURPLE,
}

# Rows that stand closer, in smaller letters, where there are more.
_MANY_ROWS = 40

#: Formats in which pictures are written, by suffix.
FORMATS = ("png", "pdf", "svg")

_STYLE: dict[Any, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 200,
    # Layouts leave room for every text; what lay outside of the canvas all the same makes the
    # picture larger, so that nothing can be cut.
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

    figure = Figure((width, height), layout="constrained")
    return figure, figure.add_subplot()


def shorten(name: int | str, most: int) -> str:
    """Return a name without control characters; an ellipsis stands for the middle of a long one."""
    text = plain(name)
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}\N{HORIZONTAL ELLIPSIS}{text[most // 2 + 1 - most :]}"


def evenly(count: int, most: int) -> list[int]:
    """Return which of ``count`` ordered things a picture shows: all, or ``most`` spread evenly.

    The one rule of all pictures: things stand from the best to the worst, and both ends are shown.
    """
    return np.linspace(0, count - 1, min(most, count)).round().astype(int).tolist()


def sampled(shown: int, count: int, what: str) -> str:
    """Return what a caption says of :func:`evenly`; nothing where all are shown."""
    return f"{shown:,} of {count:,} {what}, evenly from best to worst" if shown < count else ""


def captioned(figure: Figure, *sentences: str) -> None:
    """Write what is to be known below a Figure; nothing where there is nothing to say."""
    lines = [sentence for sentence in sentences if sentence]
    if lines:
        figure.supxlabel("\n".join(lines), fontsize=9, color=INK)


def rows_high(rows: int) -> float:
    """Return the inches of a figure with a named row a thing, axis and title included."""
    return rows * (0.26 if rows <= _MANY_ROWS else 0.17) + 1.5


def name_rows(axes: Axes, names: Sequence[int | str]) -> None:
    """Give a panel a row for each name, the first at the top."""
    size = 9.0 if len(names) <= _MANY_ROWS else 7.0
    axes.set_yticks(
        range(len(names)), [left_to_right(shorten(name, 32)) for name in names], fontsize=size
    )
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")


def content(figure: Figure, kind: str) -> bytes:
    """Return a Figure as a ``png``, ``pdf`` or ``svg``: the same bytes for the same Figure.

    An SVG keeps names as text, for which a browser finds letters itself.
    """
    import matplotlib as mpl

    facts: dict[str, Any] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind, {})
    buffer = io.BytesIO()
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        if kind == "svg":
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
        with nullcontext() if kind == "svg" else lettered(figure):
            figure.savefig(buffer, format=kind, metadata=facts)
    return buffer.getvalue()


def save(path: Path, figure: Figure) -> None:
    """Write a Figure in the format that the path's suffix names, atomically. Raises InputError."""
    made = content(figure, path.suffix.removeprefix("."))
    make_folder(path.parent)
    write_atomically(path, [made])


def save_all(folder: Path, name: str, figure: Figure, formats: Sequence[str]) -> list[Path]:
    """Write a Figure in each of the formats and return the paths. Raises InputError."""
    paths = [folder / f"{name}.{kind}" for kind in formats]
    for path in paths:
        save(path, figure)
    return paths


def formats_of(text: str) -> tuple[str, ...]:
    """Return the formats of a text with commas. Raises InputError for one that there is not."""
    found = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",")))
    wrong = [one for one in found if one not in FORMATS]
    if wrong:
        raise InputError(f"--formats {shown(wrong[0])}: give {', '.join(FORMATS)}, or several")
    return found
