"""Tables as files: the same cells as on the terminal, and every number in full."""

import csv
import io
import json
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from evaluation.benchmark.files import as_csv, latex, markdown, write_tables
from evaluation.benchmark.grids import grids
from evaluation.benchmark.table import blocks
from tests.evaluation.benchmark.made import SCORES, cells


def lines(text):
    return [line.split(" | ") for line in text.splitlines() if line.startswith("|")]


def test_markdown_holds_the_cells_of_every_table():
    tables = grids(blocks(cells()))
    text = markdown(tables)
    for grid in tables:
        assert f"## {grid.title}".replace("[", "\\[").replace("]", "\\]") in text
        for note in grid.notes:
            assert note.replace("[", "\\[").replace("]", "\\]") in text
    rows = lines(text)
    assert rows[3][:2] == ["| dawid-skene", "3"]
    assert rows[1] == ["| ---", *["--:"] * 8, "--: |"]
    assert sum(len(grid.rows) + 2 for grid in tables) == len(rows)


def named(name):
    return [
        replace(one, spec=replace(one.spec, method=name)) if one.spec.method == "earl" else one
        for one in cells()
    ]


def test_a_name_is_no_markup():
    assert "| rater:\\*1\\*\\|\\<b> |" in markdown(grids(blocks(named("rater:*1*|<b>"))))
    assert r"rater:\$1\_\{\}\textbackslash{}\%\& &" in latex(
        grids(blocks(named(r"rater:$1_{}\%&")))
    )


def test_latex_compiles_where_there_is_latex(tmp_path):
    text = latex(grids(blocks(named(r"rater:$1_{}\%&~^#<"))))
    assert text.count(r"\begin{tabular}") == text.count(r"\bottomrule") == 4
    assert r"dawid-skene & 3 & 0.9560 & 0.0017 & 0.9517 to 0.9603 & 84\% (67 to 149)" in text
    for line in text.splitlines():
        if line.endswith(r"\\"):
            assert line.replace(r"\&", "").count("&") in (9, 6, 3, 5)
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex here")
    page = (
        rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{text}\end{{document}}"
    )
    (tmp_path / "page.tex").write_text(page)
    subprocess.run(["pdflatex", "-halt-on-error", "page.tex"], cwd=tmp_path, check=True)


def test_csv_has_every_score_in_full_and_the_means():
    rows = list(csv.DictReader(io.StringIO(as_csv(blocks(cells())))))
    found = {(row["method"], row["metric"], row["seed"]): float(row["score"]) for row in rows}
    for method, seeds in SCORES.items():
        for k, pair in enumerate(seeds):
            assert found[method, "mAP@0.4", str(20 + k)] == pair[0]
            assert found[method, "mAP@[.5:.95]", str(20 + k)] == pair[1]
        mean = np.mean([pair[1] for pair in seeds])
        assert found[method, "mAP@[.5:.95]", ""] == pytest.approx(mean, abs=1e-15)
    (whole,) = [
        r for r in rows if (r["method"], r["metric"], r["seed"]) == ("dawid-skene", "mAP@0.4", "")
    ]
    assert (whole["budget"], whole["seeds"], whole["matrix_error"]) == ("quick", "3", "0.00044")
    assert 0.84 < float(whole["gap_closed"]) < 0.85


def test_all_files_are_written(tmp_path):
    paths = write_tables(tmp_path / "new", blocks(cells()))
    names = ["table.md", "table.tex", "table.csv", "table.json"]
    assert [path.name for path in paths] == names
    (block,) = json.loads((tmp_path / "new" / "table.json").read_text())
    assert block["budget"]["epochs"] == 10
    rows = {row["method"]: row for row in block["rows"]}
    assert rows["oracle"]["by_seed"]["mAP@0.4"] == {"20": 0.959, "21": 0.96, "22": 0.958}
    assert len(block["comparisons"]) == 10
