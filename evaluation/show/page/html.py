"""Pieces of a page: escaped text, tables in boxes of their own, figures with captions.

A plain text is escaped wherever it stands; only :class:`Html`, which this package makes, is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape

import orjson

from medmnist_det.terminal.tables import plain

# Rows from which on a table scrolls up and down, too.
_TALL = 30


class Html(str):
    """Markup of our own, in which every text from a file is escaped already."""

    __slots__ = ()


def text(value: object) -> Html:
    """Return a text as it stands in a page, without characters that steer anything."""
    return value if isinstance(value, Html) else Html(escape(plain(value)))


def count(number: int, thing: str) -> str:
    """Return ``1 image``, ``2,000 images``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def section(title: str, anchor: str, parts: Iterable[str]) -> Iterator[str]:
    """Yield a section that its heading names."""
    yield f'<section id="{anchor}" aria-labelledby="{anchor}-title">\n'
    yield f'<h2 id="{anchor}-title">{text(title)}</h2>\n'
    yield from parts
    yield "</section>\n"


def paragraph(line: object, style: str = "") -> str:
    """Return a paragraph; ``style`` is a class of the style sheet."""
    return f"<p{f' class={chr(34)}{style}{chr(34)}' if style else ''}>{text(line)}</p>\n"


def table(
    caption: str,
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    total: Sequence[object] | None = None,
    names: int = 1,
) -> Iterator[str]:
    """Yield a table whose first ``names`` columns are names; wide ones scroll in their own box.

    The page's script makes its columns sortable; ``total`` stays below.
    """
    rows = list(rows)
    tall = " tall" if len(rows) > _TALL else ""
    yield (
        f'<div class="scroll{tall}" role="region" tabindex="0" aria-label="{text(caption)}">'
        f"<table><caption><span>{text(caption)}</span></caption>\n<thead><tr>"
    )
    yield "".join(
        f'<th scope="col"{_side(k, names)}>{text(one)}</th>' for k, one in enumerate(header)
    )
    yield "</tr></thead>\n<tbody>\n"
    yield from (_row(row, names) for row in rows)
    yield "</tbody>\n"
    if total is not None:
        yield f"<tfoot>{_row(total, names)}</tfoot>\n"
    yield "</table></div>\n"


def _row(cells: Sequence[object], names: int) -> str:
    first, *others = cells
    rest = "".join(f"<td{_side(k, names)}>{text(one)}</td>" for k, one in enumerate(others, 1))
    return f'<tr><th scope="row" class="name">{text(first)}</th>{rest}</tr>\n'


def _side(column: int, names: int) -> str:
    return ' class="name"' if column < names else ""


def figure(title: str, svg: str, description: str, anchor: str) -> str:
    """Return a figure of ours (an SVG element) with its title as caption."""
    return (
        f'<figure class="plot"><figcaption>{text(title)}</figcaption>'
        f'<div class="scroll" role="region" tabindex="0" aria-label="{text(title)}">'
        f"{_own(svg, f'{text(title)}. {text(description)}', anchor)}</div></figure>\n"
    )


def _own(svg: str, label: str, anchor: str) -> str:
    """Return an SVG element whose ids meet no other's on the page, with an alternative text."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda m: f' id="{anchor}-{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{anchor}-", svg)
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def link(name: object, **ask: object) -> Html:
    """Return a name that leads to the images; the script shows those that ``ask`` describes."""
    data = "".join(f' data-{key}="{text(value)}"' for key, value in ask.items())
    return Html(f'<a href="#images"{data}>{text(name) or "(no name)"}</a>')


def chip(colour: str, name: object, style: str = "") -> Html:
    """Return a name behind a spot of its colour, or behind a ``solid`` or ``dashed`` frame."""
    return Html(
        f'<span class="key"><i class="chip {style}" style="--colour:{colour}"></i>'
        f"{text(name)}</span>"
    )


def json_element(anchor: str, content: object) -> str:
    """Return data for the script; no text in it can end the element or begin a comment."""
    data = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    for sign in "<>&\u2028\u2029":
        data = data.replace(sign, f"\\u{ord(sign):04x}")
    return f'<script type="application/json" id="{anchor}">{data}</script>\n'
