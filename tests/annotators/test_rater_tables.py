"""The tables of ``aggregate`` and ``agreement``, cell by cell, on numbers that all differ."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np

from annotators.alpha import Agreement
from annotators.ceiling import Ceiling
from annotators.infer.parts.result import Inference, Raters
from annotators.rater_tables import agreement_tables, raters_tables, summary
from annotators.recovery import Recovery, recovery_rows
from medmnist_det.labels import Classes, LabelSet
from medmnist_det.terminal.console import LineConsole
from tests.annotators.crowds import crowd
from tests.printed import tables

NAN = float("nan")


def printed(renderable: Any, width: int = 500) -> str:
    file = io.StringIO()
    LineConsole(width=width, file=file, markup=False).print(renderable)
    return file.getvalue()


def labels(names: tuple[int | str, ...] = (7, "B [x]", "C"), classes: Any = ("cat", "dog")) -> Any:
    """Five boxes: three of the first rater, two of the third, none of the second."""
    box = (0.0, 0.0, 9.0, 9.0)
    rows = [(0, 0, 0, box), (0, 0, 1, box), (1, 0, 1, box), (1, 2, 1, box), (2, 2, 1, box)]
    made = crowd(rows, images=4, raters=3, classes=2)
    return LabelSet(
        images=made.images,
        classes=Classes(ids=(1, 2), names=classes),
        labels=made.labels,
        raters=names,
    )


def raters() -> Raters:
    """Three raters over two classes of frequency 3/4 and 1/4; the third is the best."""
    matrix = np.array(
        [
            [[0.50, 0.30, 0.20], [0.16, 0.70, 0.14], [0.1, 0.1, 0.8]],
            [[0.10, 0.60, 0.30], [0.08, 0.20, 0.72], [0.1, 0.1, 0.8]],
            [[0.90, 0.06, 0.04], [0.12, 0.80, 0.08], [0.1, 0.1, 0.8]],
        ]
    )
    return Raters(
        matrix=matrix,
        spurious=np.array([0.111, 0.222, 0.333]),
        objects=np.array([12.0, 0.2, 34.0]),
        prior=np.array([0.75, 0.25]),
        box_bias=np.array([[0.01, -0.02, 0.03, -0.04], [0.0] * 4, [0.05, 0.06, -0.07, 0.08]]),
        box_spread=np.array([[0.03, 0.03, 0.04, 0.04], [0.0] * 4, [0.1, 0.1, 0.1, 0.1]]),
    )


def known() -> Raters:
    made = raters()
    matrix = made.matrix.copy()
    matrix[0, 0] = [0.60, 0.25, 0.15]
    matrix[0, 2] = [0.9, 0.05, 0.05]
    return Raters(
        matrix=matrix,
        spurious=np.array([0.444, 0.555, 0.666]),
        prior=np.array([0.5, 0.5]),
        box_bias=None,
        box_spread=None,
    )


def found(crowd: LabelSet, **facts: Any) -> Inference:
    one = crowd.labels.select(np.array([0, 3]))
    return Inference(
        labels=one,
        posterior=np.eye(2),
        existence=np.ones(2),
        support=np.array([0, 3]),
        starts=np.array([0, 1, 2]),
        raters=raters(),
        facts=facts,
    )


def test_every_number_of_a_rater_stands_below_its_name_and_beside_the_truth() -> None:
    crowd = labels()
    shown = tables(printed(raters_tables(crowd, found(crowd).raters, known())))
    reports = shown["Raters: what they report"]

    assert reports.headers == [
        "rater", "boxes", "objects", "skill", "true", "misses", "true", "extra", "true", "error",
    ]  # fmt: skip
    # skill: 3/4 of .5 and 1/4 of .7; misses: 3/4 of .2 and 1/4 of .14; the truth with the same
    # class frequencies; error: (.1^2 + .05^2 + .05^2) / 2 classes.
    assert reports.rows == [
        ["C", "2", "34", "0.875", "0.875", "0.050", "0.050", "0.333", "0.666", "0.0e+00"],
        ["7", "3", "12", "0.550", "0.625", "0.185", "0.147", "0.111", "0.444", "7.5e-03"],
        ["B [x]", "0", "0", "-", "0.125", "-", "0.405", "-", "0.555", "0.0e+00"],
    ]
    places = shown["Raters: errors of their boxes, % of the object"]
    assert places.headers == ["rater", "x", "y", "width", "height", "spread"]
    assert places.rows == [
        ["C", "+5.0", "+6.0", "-7.0", "+8.0", "10.0"],
        ["7", "+1.0", "-2.0", "+3.0", "-4.0", "3.5"],
    ]


def test_without_the_truth_there_are_no_columns_for_it() -> None:
    crowd = labels()
    shown = tables(printed(raters_tables(crowd, found(crowd).raters)))

    assert shown["Raters: what they report"].columns() == {
        "rater": ["C", "7", "B [x]"],
        "boxes": ["2", "3", "0"],
        "objects": ["34", "12", "0"],
        "skill": ["0.875", "0.550", "-"],
        "misses": ["0.050", "0.185", "-"],
        "extra": ["0.333", "0.111", "-"],
    }


def test_what_went_in_and_came_out_is_said_in_two_lines() -> None:
    crowd = labels()
    text = printed(
        summary(crowd, found(crowd, box_law="normal", last_change=0.125), "m[b]", "a\nb")
    )

    assert text.splitlines() == [
        "a\ufffdb: 5 boxes of 3 raters on 4 images",
        "m[b]: 2 labels (box law: normal; last change: 0.12)",
    ]


def agreed() -> Agreement:
    return Agreement(
        alpha=0.5,
        mean_of_images=0.61,
        of_image=np.zeros(4),
        of_class=np.array([0.71, NAN]),
        without=np.array([0.45, 0.58, NAN]),
        pairwise=np.array([[NAN, 0.2, 0.4], [0.2, NAN, 0.9], [0.4, 0.9, NAN]]),
        objects=1234,
        empty_images=17,
    )


def test_agreement_is_shown_as_a_whole_by_class_and_by_rater() -> None:
    against = np.array([[NAN, 0.1, 0.3], [0.5, NAN, 0.7], [NAN, NAN, NAN]])
    scored = Ceiling(against=against, truth=np.array([0.81, 0.82, NAN]))
    shown = tables(printed(agreement_tables(labels(), agreed(), scored)))

    assert shown["Krippendorff's alpha (1: full agreement, 0: chance)"].rows == [
        ["all units", "0.500"],
        ["mean over the images (KaLOS)", "0.610"],
        ["supposed objects", "1,234"],
        ["images that all found empty", "17"],
    ]
    assert shown["By class (the class against all else)"].columns() == {
        "class": ["cat", "dog"],
        "alpha": ["0.710", "-"],
        "boxes": ["1", "4"],
    }
    # Those who agree most with the others come first; mAP is of the row's rater, so a row's mean.
    assert shown["By rater"].columns() == {
        "rater": ["C", "B [x]", "7"],
        "alpha without": ["-", "0.580", "0.450"],
        "change": ["-", "0.080", "-0.050"],
        "with others": ["0.650", "0.550", "0.300"],
        "mAP on others": ["-", "0.600", "0.200"],
        "mAP on truth": ["-", "0.820", "0.810"],
        "same box": ["50.0%", "-", "33.3%"],
        "as": ["7", "-", "C"],
    }


def test_columns_that_are_not_known_are_left_out() -> None:
    made = labels()
    own = made.labels.box + np.arange(len(made.labels))[:, None]  # nobody's box is another's
    made = replace(made, labels=replace(made.labels, box=own))
    shown = tables(printed(agreement_tables(made, agreed(), Ceiling(against=None, truth=None))))

    assert shown["By rater"].headers == ["rater", "alpha without", "change", "with others"]


def test_of_more_than_thirty_raters_the_best_and_the_worst_are_shown() -> None:
    count = 40
    made = crowd([], images=1, raters=count, classes=1)
    skill = np.linspace(0.1, 0.9, count)
    matrix = np.zeros((count, 2, 2))
    matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 1] = skill, 1 - skill, 1
    some = Raters(
        matrix=matrix,
        spurious=np.zeros(count),
        prior=np.ones(1),
        box_bias=None,
        box_spread=None,
    )
    names = tables(printed(raters_tables(made, some)))["Raters: what they report"].column("rater")

    assert names == [*map(str, range(40, 25, -1)), "...", *map(str, range(15, 0, -1))]


def test_recovery_names_every_measure() -> None:
    one = Recovery(matrix=0.0123, miss=0.21, spurious=0.31, box_bias=None, skill=-0.41)

    assert recovery_rows(one) == [
        ("matrix error: squares of the class rows / (R L)", "1.23e-02"),
        ("miss rate, mean absolute error", "0.2100"),
        ("spurious boxes an image, mean absolute error", "0.3100"),
        ("box bias, root mean squared error", "undefined"),
        ("skill, rank correlation", "-0.4100"),
    ]


HARD = ("[red]x[/]", "\x1b[3m\nred", "\N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED}")


def test_names_of_any_kind_leave_the_columns_where_they_are() -> None:
    crowd = labels(names=HARD, classes=("c" * 256, HARD[2]))
    shown = printed(raters_tables(crowd, found(crowd).raters, known()), width=80)
    scored = Ceiling(against=None, truth=None)
    shown += printed(agreement_tables(crowd, agreed(), scored), width=80)

    read = tables(shown)
    assert read["Raters: what they report"].column("rater") == [
        HARD[2], "[red]x[/]", "\ufffd[3m\ufffdred",
    ]  # fmt: skip
    assert read["Raters: what they report"].column("boxes") == ["2", "3", "0"]
    classes = read["By class (the class against all else)"]
    assert "".join(classes.column("class")) == "c" * 256 + HARD[2]
    assert "\x1b" not in shown
