"""Boxes that two raters share to the last digit, and what agreement says of them."""

from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from annotators.alpha import agreement
from annotators.ceiling import Ceiling
from annotators.identical import identical
from annotators.rater_tables import agreement_tables
from annotators.simulate.options import AnnotatorOptions
from tests.annotators.crowds import crowd, simulated, truth
from tests.printed import tables


def test_shares_are_of_the_rows_boxes_on_images_that_both_saw():
    a, b, c = (0, 0, 10, 10), (20, 20, 40, 50), (20, 20, 40, 50.5)
    rows = [
        (0, 0, 0, a), (0, 0, 1, b), (0, 1, 2, a), (0, 1, 0, c),
        (1, 0, 0, a), (1, 2, 0, a),
    ]  # fmt: skip
    found = identical(crowd(rows, images=2, assigned=[(0, 0), (0, 1), (1, 0), (1, 2)]))
    # Rater 0 drew two boxes where rater 1 looked, too: one is the same, under another name.
    expected = [[np.nan, 0.5, 1.0], [0.5, np.nan, np.nan], [1.0, np.nan, np.nan]]
    assert np.array_equal(found, expected, equal_nan=True)


def test_copied_labels_show_and_agree_and_free_ones_do_not():
    true = truth(300)
    teacher = AnnotatorOptions(family="uniform", proficiency=0.7)
    student = AnnotatorOptions(
        family="uniform", proficiency=0.7, copies=0.8, copies_from=1, corrects=0.25
    )
    label_set, _ = simulated(true, (teacher, student, teacher))
    found = identical(label_set)
    assert found[1, 0] == pytest.approx(0.6, abs=0.12)
    assert np.nansum(found[2]) == np.nansum(found[:, 2]) == 0

    pairwise = agreement(label_set).pairwise
    assert pairwise[0, 1] > pairwise[0, 2] + 0.2


def test_the_table_of_agreement_says_whose_boxes_are_another_s():
    true = truth(200)
    teacher = AnnotatorOptions()
    student = AnnotatorOptions(copies=1.0, copies_from=1, corrects=0.0)

    def by_rater(*options):
        label_set, _ = simulated(true, options)
        none = Ceiling(against=None, truth=None)
        console = Console(width=200, file=StringIO())
        console.print(agreement_tables(label_set, agreement(label_set), none))
        return tables(console.file.getvalue())["By rater"]

    found = by_rater(teacher, student, teacher)
    assert dict(zip(found.column("rater"), found.column("same box"), strict=True)) == {
        "1": "100.0%", "2": "100.0%", "3": "-",
    }  # fmt: skip
    assert dict(zip(found.column("rater"), found.column("as"), strict=True))["2"] == "1"
    assert "same box" not in by_rater(teacher, teacher).headers


def test_no_box_at_all():
    assert np.isnan(identical(crowd([], images=2, raters=2))).all()
