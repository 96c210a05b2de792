"""What is drawn of raters: whose matrix, which way round, and beside which truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotators.infer.parts.result import Raters
from annotators.rater_plots import draw_heat_map, draw_matrices, matrices_figure, pairs_figure
from tests.annotators.infer.test_registry import even
from tests.annotators.test_rater_tables import known, raters
from tests.drawn import cells, formulas, image, overprinted, ticks

NAN = float("nan")
HARD = ("$\\frac{$", "[red]x\n\x1b[31m", "\N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED}")


def test_every_estimate_stands_beside_its_truth_best_first() -> None:
    figure = matrices_figure(raters(), HARD, ["cat", "dog"], known())
    panels = [axes for axes in figure.axes if axes.images and axes.get_title(loc="left")]

    # The third rater is the best; of the second nothing is known.
    rows = [(2, raters()), (2, known()), (0, raters()), (0, known())]
    for axes, (k, one) in zip(panels, rows, strict=True):
        np.testing.assert_array_equal(image(axes), one.matrix[k, :2])
        assert ticks(axes.xaxis) == {0: "cat", 1: "dog", 2: "no_obj"}
        assert ticks(axes.yaxis) == {0: "cat", 1: "dog"}
    assert cells(panels[0]) == {
        (0, 0): "90", (0, 1): "6", (0, 2): "4", (1, 0): "12", (1, 1): "80", (1, 2): "8",
    }  # fmt: skip
    assert [axes.get_title(loc="left") for axes in panels] == [
        "rater \u05e9\u05dc\nestimated: skill 0.875",
        "rater \u05e9\u05dc\ntrue: skill 0.875",
        "rater $\\frac{$\nestimated: skill 0.550",
        "rater $\\frac{$\ntrue: skill 0.625",
    ]
    assert panels[2].get_xlabel() == "reported class"
    assert panels[0].get_ylabel() == "true class"


def test_of_many_raters_six_are_drawn_and_it_is_said() -> None:
    some = even(17, 2)
    skill = np.linspace(0.1, 0.9, 17)
    some.matrix[:, 0, 0] = some.matrix[:, 1, 1] = skill
    figure = matrices_figure(some, [f"R{k}" for k in range(17)], ["a", "b"])

    titles = [axes.get_title(loc="left").split("\n")[0] for axes in figure.axes]
    assert [title for title in titles if title] == [f"rater R{k}" for k in (16, 13, 10, 6, 3, 0)]
    assert figure.get_supxlabel() == "6 of 17 raters, from the best to the worst"
    assert matrices_figure(even(6, 2), range(6), ["a", "b"]).get_supxlabel() == ""  # type: ignore[arg-type]


def test_pairs_are_drawn_as_they_are_scored() -> None:
    values = np.array(
        [[NAN, 0.9, NAN, -0.3], [0.5, NAN, NAN, NAN], [NAN] * 4, [0.2, NAN, NAN, NAN]]
    )
    figure = pairs_figure(values, [*HARD, 4], "mAP")
    axes = figure.axes[0]

    # The third rater has no value.
    kept = values[np.ix_([0, 1, 3], [0, 1, 3])]
    np.testing.assert_array_equal(image(axes), kept)
    names = {0: "$\\frac{$", 1: "[red]x\ufffd\ufffd[31m", 2: "4"}
    assert ticks(axes.xaxis) == ticks(axes.yaxis) == names
    assert cells(axes) == {(0, 1): ".90", (0, 2): "-.30", (1, 0): ".50", (2, 0): ".20"}
    title = axes.get_title(loc="left")
    assert title == "mAP: row scored, column taken as the truth (grey: nothing to compare)"
    assert axes.images[0].get_clim() == (-0.3, 1.0)
    assert figure.axes[1].get_ylabel() == "mAP"


def test_what_is_the_same_both_ways_is_said_to_be_of_every_two() -> None:
    values = np.array([[NAN, 0.9], [0.9, NAN]])

    title = pairs_figure(values, ["A", "B"], "alpha").axes[0].get_title(loc="left")

    assert title == "alpha: every two raters (grey: nothing to compare)"


def test_nobody_s_agreement_is_a_picture_too(tmp_path: Path) -> None:
    draw_heat_map(tmp_path / "new" / "none.png", np.full((2, 2), np.nan), ["A", "B"], "alpha")
    with Image.open(tmp_path / "new" / "none.png") as picture:
        assert picture.width > 800


@pytest.mark.parametrize(("count", "classes"), [(3, 2), (17, 10), (100, 80)])
def test_nothing_is_overprinted(count: int, classes: int, tmp_path: Path) -> None:
    names = [f"rater of a long name {k}" for k in range(count)]
    kinds = [f"class of a long name {k}" for k in range(classes)]

    def check(one: Raters) -> None:
        assert overprinted(matrices_figure(one, names, kinds, one)) == []

    check(even(count, classes))
    figure = pairs_figure(np.random.default_rng(0).random((count, count)), names, "alpha")
    assert overprinted(figure) == []
    assert formulas(figure) == []
    draw_matrices(tmp_path / "x.png", even(count, classes), names, kinds, even(count, classes))
    with Image.open(tmp_path / "x.png") as picture:
        assert max(picture.size) < 12_000
