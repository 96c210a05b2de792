"""Printed tables read back: what people see, by title, header and row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Printed:
    """One table: its title, its headers (lines of one joined by a space) and its rows of cells."""

    title: str
    headers: list[str]
    rows: list[list[str]]

    def column(self, header: str, nth: int = 0) -> list[str]:
        """Return the cells below the nth header of that name."""
        places = [k for k, name in enumerate(self.headers) if name == header]
        return [row[places[nth]] for row in self.rows]

    def columns(self) -> dict[str, list[str]]:
        """Return every column by its header, which has to be unique."""
        assert len(set(self.headers)) == len(self.headers), self.headers
        return {name: self.column(name) for name in self.headers}

    def row(self, name: str) -> list[str]:
        """Return the cells behind the row's name."""
        (found,) = [row for row in self.rows if row[0] == name]
        return found[1:]


def tables(text: str) -> dict[str, Printed]:
    """Return all tables of a printed text by their titles."""
    lines = [line.rstrip() for line in text.splitlines()]
    found = (_table(lines, k) for k, line in enumerate(lines) if line and not line.strip(" \u2500"))
    return {one.title: one for one in found}


def _table(lines: list[str], rule: int) -> Printed:
    top = rule
    while lines[top - 1]:
        top -= 1
    end = rule + 1
    while end < len(lines) and lines[end]:
        end += 1
    heads, body = lines[top:rule], lines[rule + 1 : end]
    spans = _spans([*heads, *body])
    cut = [[line[a:b].strip() for a, b in spans] for line in (*heads, *body)]
    headers = [" ".join(filter(None, words)) for words in zip(*cut[: len(heads)], strict=True)]
    return Printed(lines[top - 2].strip(), headers, cut[len(heads) :])


def _spans(lines: list[str]) -> list[tuple[int, int]]:
    """Return where columns begin and end: gaps are two spaces wide or more, in every line."""
    width = max(map(len, lines))
    blank = [all(line[k : k + 1] in ("", " ") for line in lines) for k in range(width)]
    text = "".join(" " if empty else "x" for empty in blank).strip()
    first = blank.index(False)
    spans, start = [], 0
    while start < len(text):
        gap = text.find("  ", start)
        stop = len(text) if gap < 0 else gap
        spans.append((first + start, first + stop))
        start = stop + len(text[stop:]) - len(text[stop:].lstrip())
    return spans
