"""What is drawn of raters: whose matrix, which way round, and beside which truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from annotators.rater_plots import (
    boxes_figure,
    common_images,
    disputed_figure,
    matrices_figure,
    pairs_figure,
    skills_figure,
    write_agreement_plots,
    write_rater_plots,
)
from tests.annotators.infer.test_registry import even
from tests.annotators.test_rater_tables import known, raters
from tests.drawn import cells, image, lines, ticks
from tests.test_every_picture import crowd_of, people

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
    assert figure.get_supxlabel() == "6 of 17 raters, evenly from best to worst"
    assert matrices_figure(even(6, 2), range(6), ["a", "b"]).get_supxlabel() == ""  # type: ignore[arg-type]


def test_pairs_are_drawn_as_they_are_scored() -> None:
    values = np.array(
        [[NAN, 0.9, NAN, -0.3], [0.5, NAN, NAN, NAN], [NAN] * 4, [0.2, NAN, NAN, NAN]]
    )
    figure = pairs_figure(values, np.full((4, 4), 60), [*HARD, 4], "mAP", "IoU 0.4 or more")
    axes = figure.axes[0]

    # The third rater has no value.
    kept = values[np.ix_([0, 1, 3], [0, 1, 3])]
    np.testing.assert_array_equal(image(axes), kept)
    names = {0: "$\\frac{$", 1: "[red]x\ufffd\ufffd[31m", 2: "4"}
    assert ticks(axes.xaxis) == ticks(axes.yaxis) == names
    assert cells(axes) == {(0, 1): ".90", (0, 2): "-.30", (1, 0): ".50", (2, 0): ".20"}
    title = axes.get_title(loc="left")
    assert title == "mAP, IoU 0.4 or more\nrow scored, column taken as the truth"
    assert figure.get_supxlabel() == (
        "60 images in every cell\nwhite: 0, no box in common; grey: nothing to compare"
    )
    assert axes.images[0].get_clim() == (-1.0, 1.0)
    assert figure.axes[1].get_ylabel() == "mAP"


def test_what_is_the_same_both_ways_is_said_to_be_of_every_two() -> None:
    values = np.array([[NAN, 0.9], [0.9, NAN]])

    figure = pairs_figure(values, np.full((2, 2), 9), ["A", "B"], "alpha", "IoU above 0.5")

    assert figure.axes[0].get_title(loc="left") == "alpha, IoU above 0.5\nevery two raters"


def test_cells_say_on_how_many_images_they_rest_where_that_differs() -> None:
    values = np.array([[NAN, 0.9, 0.0], [0.9, NAN, 0.5], [0.0, 0.5, NAN]])
    images = np.array([[9, 4, 1200], [4, 9, 7], [1200, 7, 9]])
    figure = pairs_figure(values, images, ["A", "B", "C"], "alpha", "IoU above 0.5")

    shown = cells(figure.axes[0])
    assert shown[0, 1] == shown[1, 0] == ".90\n4"
    assert shown[0, 2] == "0\n1,200"
    assert "below each value: the images that both looked at" in figure.get_supxlabel()
    many = np.full((13, 13), 0.5)
    counts = np.arange(169).reshape(13, 13) + 1
    caption = pairs_figure(many, counts, range(13), "alpha", "x").get_supxlabel()  # type: ignore[arg-type]
    assert "1 to 169 images in a cell, median 85" in caption


def test_nobody_s_agreement_is_a_picture_too(tmp_path: Path) -> None:
    _, crowd = crowd_of(2, ["a"], ["A", "B"])
    nobody = np.full((2, 2), np.nan)
    written = write_agreement_plots(
        tmp_path / "new", "x", crowd, {"alpha": (nobody, "IoU"), "mAP": (None, "")}, None, ["png"]
    )
    assert [path.name for path in written] == ["x-alpha.png"]
    with Image.open(written[0]) as picture:
        assert picture.width > 800


def test_common_images_are_those_that_both_looked_at() -> None:
    _, crowd = crowd_of(3, ["a"], ["A", "B", "C"])
    pairs = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [2, 2]])
    labels = replace(crowd.labels, assigned=pairs)

    found = common_images(replace(crowd, labels=labels))
    np.testing.assert_array_equal(found, [[2, 2, 0], [2, 2, 0], [0, 0, 1]])


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


def test_the_most_disputed_images_come_first_with_who_drew_most() -> None:
    truth, crowd = crowd_of(3, ["a", "b"], ["A", "B", "C"])
    figure = disputed_figure(crowd, np.array([0.5, 1.0, -0.25]), None, truth)

    assert figure is not None
    above = [text.get_text() for text in figure.texts]
    assert above[:2] == ["b2.png: alpha -0.25", "b0.png: alpha 0.50"]
    assert figure.axes[0].get_title(loc="left") == "truth"
    shown = [axes.get_title(loc="left") for axes in figure.axes]
    drew = np.bincount(crowd.labels.rater[crowd.labels.image == 2], minlength=3)
    order = np.argsort(-drew, kind="stable")
    assert shown[1:4] == [f"rater {'ABC'[k]}" for k in order]
    assert disputed_figure(crowd, np.array([1.0, np.nan, 1.0]), None) is None


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
