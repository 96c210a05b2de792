"""The tables as files: Markdown, LaTeX, CSV and JSON, beside what the terminal shows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from rich.console import Group, RenderableType
from rich.text import Text

from evaluation.benchmark.grids import Grid, grids
from evaluation.benchmark.statistics import Gap
from evaluation.benchmark.table import Block
from medmnist_det.files import make_folder, write_atomically
from medmnist_det.terminal.tables import Table


def shown(found: Sequence[Block]) -> Group:
    """Return the tables for a terminal."""
    parts: list[RenderableType] = []
    for grid in grids(found):
        table = Table(f"\n{grid.title}", *grid.headers, names=grid.names)
        for row in grid.rows:
            table.row(*row)
        parts += [table, *(Text(note) for note in grid.notes)]
    return Group(*parts)


def write_tables(folder: Path, found: Sequence[Block]) -> list[Path]:
    """Write ``table.md``, ``.tex``, ``.csv`` and ``.json``; return the paths. Raises InputError."""
    tables = grids(found)
    texts = {
        "table.md": markdown(tables),
        "table.tex": latex(tables),
        "table.csv": as_csv(found),
    }
    make_folder(folder)
    for name, text in texts.items():
        write_atomically(folder / name, [text.encode()])
    content = orjson.dumps(as_json(found), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
    write_atomically(folder / "table.json", [content, b"\n"])
    return [folder / name for name in (*texts, "table.json")]


def markdown(tables: Iterable[Grid], level: int = 2) -> str:
    """Return tables as Markdown, each with a heading of that level and its notes below."""
    parts = []
    for grid in tables:
        notes = "".join(f"\n{_piped(note)}\n" for note in grid.notes)
        parts.append(f"{'#' * level} {_piped(grid.title)}\n\n{markdown_table(grid)}{notes}")
    return "\n".join(parts)


def markdown_table(grid: Grid) -> str:
    """Return the lines of a table in Markdown, without title and notes."""
    rule = ["---"] * grid.names + ["--:"] * (len(grid.headers) - grid.names)
    lines = [_line(grid.headers), f"| {' | '.join(rule)} |", *map(_line, grid.rows)]
    return "".join(f"{line}\n" for line in lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(_piped, cells))} |"


def _piped(text: str) -> str:
    """Return a text as Markdown shows it: a name of somebody's is no markup."""
    text = " ".join(text.split("\n"))
    return "".join(f"\\{sign}" if sign in "|*_`<[]\\#" else sign for sign in text)


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"$<$",
}  # fmt: skip


def latex(tables: Iterable[Grid]) -> str:
    """Return tables for LaTeX with the package booktabs."""
    parts = []
    for grid in tables:
        columns = "l" * grid.names + "r" * (len(grid.headers) - grid.names)
        caption = " ".join([f"{grid.title}.", *grid.notes])
        body = [rf"{' & '.join(map(_tex, row))} \\" for row in grid.rows]
        parts.append(
            "\n".join(
                [
                    r"\begin{table}",
                    rf"\caption{{{_tex(caption)}}}",
                    rf"\begin{{tabular}}{{{columns}}}",
                    r"\toprule",
                    rf"{' & '.join(map(_tex, grid.headers))} \\",
                    r"\midrule",
                    *body,
                    r"\bottomrule",
                    r"\end{tabular}",
                    r"\end{table}",
                ]
            )
        )
    return "\n\n".join(parts) + "\n"


def _tex(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in " ".join(text.split("\n")))


def as_csv(found: Iterable[Block]) -> str:
    """Return every number in full: a line for every block, method, metric and seed.

    Lines without a seed hold means over seeds.
    """
    text = io.StringIO()
    writer: Any = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_records(found))
    return text.getvalue()


_COLUMNS = (
    "preset", "option", "value", "budget", "split", "digits", "method", "metric", "seed",
    "score", "sd", "low", "high", "seeds", "failed", "missing", "gap_closed", "gap_low", "gap_high",
    "class_accuracy", "mean_iou", "matrix_error", "minutes", "cpu_minutes",
)  # fmt: skip


def _records(found: Iterable[Block]) -> Iterator[dict[str, Any]]:
    for block in found:
        head = {
            "preset": block.setting.preset, "option": block.setting.option,
            "value": block.setting.value, "budget": block.budget.key, "split": block.split,
            "digits": block.digits,
        }  # fmt: skip
        for row in block.rows:
            mine = head | {"method": row.method}
            if row.given:
                mine["budget"] = None
            for metric, values in row.by_seed.items():
                for seed, value in values.items():
                    gap = row.gap.get(metric)
                    yield mine | {
                        "metric": metric, "seed": seed, "score": value,
                        "gap_closed": gap.by_seed.get(seed) if gap else None,
                        "minutes": row.minutes_by_seed.get(seed),
                        "cpu_minutes": row.cpu_minutes_by_seed.get(seed),
                    }  # fmt: skip
                whole = row.scores.get(metric)
                yield mine | {
                    "metric": metric, "seeds": row.done, "failed": row.failed,
                    "missing": row.missing, "class_accuracy": row.class_accuracy,
                    "mean_iou": row.mean_iou, "matrix_error": row.matrix_error,
                    "minutes": row.minutes, "cpu_minutes": row.cpu_minutes,
                    "score": whole and whole.mean, "sd": whole and whole.deviation,
                    "low": whole and whole.low, "high": whole and whole.high,
                    **_gap_columns(row.gap.get(metric)),
                }  # fmt: skip


def _gap_columns(gap: Gap | None) -> dict[str, float | None]:
    if gap is None:
        return {}
    return {"gap_closed": gap.share, "gap_low": gap.low, "gap_high": gap.high}


def as_json(found: Iterable[Block]) -> list[dict[str, Any]]:
    """Return blocks as plain values; undefined numbers are None."""
    return [asdict(block) for block in found]
