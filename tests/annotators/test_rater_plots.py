"""What is drawn of raters: whose matrix, which way round, and beside which truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from annotators.rater_plots import boxes_figure, matrices_figure, skills_figure, write_rater_plots
from tests.annotators.infer.test_registry import even
from tests.annotators.test_rater_tables import known, raters
from tests.drawn import cells, image, lines, ticks
from tests.test_every_picture import crowd_of, people

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
    assert figure.get_supxlabel() == "6 of 17 raters, evenly from best to worst"
    assert matrices_figure(even(6, 2), range(6), ["a", "b"]).get_supxlabel() == ""  # type: ignore[arg-type]


def test_skills_are_drawn_true_across_and_estimated_up() -> None:
    found, true = people(3, 2), people(3, 2, 0.03)
    figure = skills_figure(found, ["A", "B", "C"], true)
    all_of_them, one_by_one = figure.axes

    points = np.column_stack(all_of_them.lines[1].get_data())
    np.testing.assert_allclose(points, np.stack([true.skill, found.skill], axis=1)[::-1])
    assert all_of_them.get_title(loc="left") == "3 raters, rank correlation 1.000"
    assert (all_of_them.get_xlabel(), all_of_them.get_ylabel()) == ("true skill", "estimated skill")
    assert list(ticks(one_by_one.yaxis).values()) == ["C", "B", "A"]
    rows = lines(one_by_one)
    np.testing.assert_allclose(rows["estimated"][:, 0], found.skill[::-1])
    np.testing.assert_allclose(rows["true"][:, 0], true.skill[::-1])


def test_box_errors_are_per_cent_of_the_object() -> None:
    found, true = people(3, 2), people(3, 2)
    figure = boxes_figure(found, ["A", "B", "C"], true)

    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["centre, x", "centre, y", "width", "height"]
    for k, axes in enumerate(figure.axes):
        means = axes.containers[0].lines[0].get_xdata()
        np.testing.assert_allclose(means, 100 * found.box_bias[::-1, k])
        ends = axes.containers[0].lines[2][0].get_segments()[0][:, 0]
        low, high = (100 * (found.box_bias[2, k] + s * found.box_spread[2, k]) for s in (-1, 1))
        np.testing.assert_allclose(ends, [low, high])
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert labels == [f"error, % of {side}" for side in ("width", "height", "width", "height")]


def test_what_is_known_of_raters_decides_what_is_drawn(tmp_path: Path) -> None:
    _, crowd = crowd_of(3, ["a", "b"], ["A", "B", "C"])
    found = people(3, 2)
    written = write_rater_plots(tmp_path, "x", found, crowd, people(3, 2), ("png", "pdf"))
    assert [path.name for path in written] == [
        f"x-{what}.{kind}" for what in ("matrices", "boxes", "skills") for kind in ("png", "pdf")
    ]
    bare = replace(found, box_bias=None, box_spread=None)
    written = write_rater_plots(tmp_path, "y", bare, crowd, None, ("svg",))
    assert [path.name for path in written] == ["y-matrices.svg"]
