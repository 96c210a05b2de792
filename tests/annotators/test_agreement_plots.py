"""What is drawn of agreement: who with whom, which way round, and the images disputed most."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from annotators.agreement_plots import (
    common_images,
    disputed_figure,
    pairs_figure,
    write_agreement_plots,
)
from tests.annotators.test_rater_plots import HARD
from tests.drawn import cells, image, ticks
from tests.test_every_picture import crowd_of

NAN = float("nan")


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
