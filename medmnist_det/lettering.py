"""Letters for every name in a picture: fonts for scripts that matplotlib's own lacks, and widths.

Matplotlib draws with DejaVu Sans, and from version 3.11 on shapes and turns right-to-left names
itself. A letter that DejaVu Sans lacks comes from a font of this machine that has it; where none
does, its number is drawn (U+6F22), never an empty box.
"""

from __future__ import annotations

import functools
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FONT = "DejaVu Sans"

# The first matplotlib that turns and shapes text.
_TURNS = (3, 11)

_RIGHT_TO_LEFT = ("R", "AL")


def width(text: str, size: float) -> float:
    """Return how wide a text of one line is in points, drawn in that size of DejaVu Sans."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that is missing is about as wide as any
        properties = FontProperties(family=FONT, size=size)
        return float(TextToPath().get_text_width_height_descent(text, properties, False)[0])


def left_to_right(text: str) -> str:
    """Return a text whose parts keep their order: names turn within it, it does not turn as one.

    A number and a right-to-left name would change places else.
    """
    kinds = {unicodedata.bidirectional(sign) for sign in text}
    mixed = kinds & set(_RIGHT_TO_LEFT) and kinds - {*_RIGHT_TO_LEFT, "WS", "NSM"}
    return f"\N{LEFT-TO-RIGHT MARK}{text}" if mixed else text


@contextmanager
def lettered(figure: Figure) -> Iterator[None]:
    """Give every text of a Figure letters that can be drawn, until the end of the block."""
    undo: list[Callable[[], Any]] = []
    texts = list(_texts(figure))
    _say_what_is_not_turned(text for text, _, _ in texts)
    try:
        for text, write, use in texts:
            lacking = sorted(sign for sign in set(text) if _lacks(FONT, sign))
            if not lacking:
                continue
            fonts = {sign: _font_with(sign) for sign in lacking}
            found = sorted({font for font in fonts.values() if font})
            undo.append(use([FONT, *found]))
            numbers = {ord(k): f"U+{ord(k):04X}" for k, font in fonts.items() if not font}
            undo.append(write(text.translate(numbers)))
        yield
    finally:
        for step in reversed(undo):
            step()


_Change = Callable[[Any], Callable[[], Any]]


def _texts(figure: Figure) -> Iterator[tuple[str, _Change, _Change]]:
    """Yield every text, how to write another in its place, and how to give it other fonts."""
    from matplotlib.text import Text
    from matplotlib.ticker import FixedLocator

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(axis.get_major_locator(), FixedLocator):
                labels = axis.get_majorticklabels()  # each drawing writes them anew
                for k, label in enumerate(labels):
                    yield label.get_text(), _entry(axis, k), _fonts(label)
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text.get_text():
            yield text.get_text(), _text(text), _fonts(text)


def _entry(axis: Any, k: int) -> _Change:
    def write(text: str) -> Callable[[], Any]:
        places, before = (
            axis.get_majorticklocs(),
            [one.get_text() for one in axis.get_majorticklabels()],
        )
        axis.set_ticks(places, [*before[:k], text, *before[k + 1 :]])
        return lambda: axis.set_ticks(places, before)

    return write


def _text(one: Any) -> _Change:
    def write(text: str) -> Callable[[], Any]:
        before = one.get_text()
        one.set_text(text)
        return lambda: one.set_text(before)

    return write


def _fonts(one: Any) -> _Change:
    def use(names: list[str]) -> Callable[[], Any]:
        before = one.get_fontfamily()
        one.set_fontfamily(names)
        return lambda: one.set_fontfamily(before)

    return use


@functools.cache
def _lacks(font: str, sign: str) -> bool:
    from matplotlib.font_manager import findfont

    return sign.isprintable() and not _has(findfont(font), sign)


def _has(path: str, sign: str) -> bool:
    from matplotlib.font_manager import get_font

    try:
        return bool(get_font(path).get_char_index(ord(sign)))
    except (OSError, RuntimeError):  # a file that is no font that FreeType reads
        return False


@functools.cache
def _font_with(sign: str) -> str | None:
    """Return the first font of this machine that has a letter; upright, of usual weight first."""
    from matplotlib.font_manager import fontManager

    fonts = sorted(
        (one.style != "normal", one.weight not in (400, "normal", "regular"), one.name, one.fname)
        for one in fontManager.ttflist
        # A picture of "there is no such letter" is none.
        if not one.name.startswith("Last Resort")
    )
    return next((name for *_, name, path in fonts if _has(path, sign)), None)


def _say_what_is_not_turned(texts: Iterator[str]) -> None:
    import matplotlib as mpl

    if mpl.__version_info__[:2] >= _TURNS:
        return
    if any(unicodedata.bidirectional(sign) in _RIGHT_TO_LEFT for text in texts for sign in text):
        warnings.warn(
            f"matplotlib {mpl.__version__} draws right-to-left names from left to right; "
            "matplotlib 3.11 turns them",
            stacklevel=4,
        )
