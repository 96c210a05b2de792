"""The pages that are made of committed cells."""

import re
from dataclasses import replace

from evaluation.benchmark.page import page, readme_table
from evaluation.benchmark.table import blocks
from tests.evaluation.benchmark.made import QUICK, cells


def test_the_page_holds_every_table_and_the_figures():
    text = page(blocks(cells()), ["scores-paper-quick"])
    assert text.count("\n## ") == 5
    assert "| dawid-skene | 3 | 0.9560 | 0.0017 |" in text
    assert "![scores-paper-quick](../results/figures/scores-paper-quick.png)" in text
    assert "medmnist-det 0.1.0; trained on cpu in bfloat16." in text


def test_the_readme_has_a_table_for_each_budget_the_largest_first():
    paper = replace(QUICK, name="paper", epochs=32)
    text = readme_table(blocks([*cells(), *cells(2, budget=paper)]))
    assert re.findall(r"budget (\w+),", text) == ["paper", "quick"]
    assert "| earl | 0.9495 (0.0049) |" in text
    assert "32 epochs." in text
    assert "| oracle | 0.9595 (0.0007) |  |" in text


def test_before_there_are_cells_both_say_so():
    assert "No cells yet." in page([], [])
    assert readme_table([]) == "No cells yet.\n"
