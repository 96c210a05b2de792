"""What is drawn of an assessment: lines, bars, cells, labels, on numbers that all differ."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex

from evaluation.show.figures import as_svg, figures
from medmnist_det.drawing import KIND_COLOURS
from tests.drawn import cells, formulas, image, legend, lines, overprinted, ticks
from tests.evaluation.show.made import COUNTS, assessment, confusion_of, curves

SHORT = f"{'b' * 12}\N{HORIZONTAL ELLIPSIS}{'b' * 11}"


def made(name, found=None):
    figure = figures(found or assessment())[name]()
    return figure, figure.axes[0]


def bars(axes):
    """Every bar as (left, middle, width, colour)."""
    return [
        (
            one.get_x(),
            one.get_y() + one.get_height() / 2,
            one.get_width(),
            to_hex(one.get_facecolor()),
        )
        for one in axes.patches
    ]


def test_precision_is_drawn_against_recall_class_by_class_with_their_mean():
    _, axes = made("precision-recall")

    drawn, recalls = lines(axes), np.linspace(0, 1, 101)
    expected = curves()[0]
    assert list(drawn) == ["cat  0.910", "$\\frac{$  0.820", f"{SHORT}  0.730", "mean  0.820"]
    for k, points in enumerate(list(drawn.values())[:3]):
        np.testing.assert_allclose(points, np.column_stack([recalls, expected[:, k]]))
    mean = expected[:, :3].mean(axis=1)
    np.testing.assert_allclose(drawn["mean  0.820"], np.column_stack([recalls, mean]))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("recall", "precision")
    assert axes.get_title(loc="left") == "Precision and recall at IoU 0.4"
    assert list(legend(axes)) == list(drawn)
    assert len(set(legend(axes).values())) == 4


def classes(count):
    """An assessment of many classes, each with an AP."""
    found = assessment()
    scores = found.scores
    some = [replace(scores.classes[0], name=f"class {k}") for k in range(count)]
    made = replace(
        scores,
        classes=tuple(some),
        precision=np.repeat(curves()[:, :, :1], count, axis=2),
        defined=tuple(range(count)),
    )
    names = tuple(one.name for one in some)
    counts = np.diag(np.arange(count + 1))
    return replace(
        found,
        scores=made,
        truth=replace(
            found.truth, classes=replace(found.truth.classes, ids=tuple(range(count)), names=names)
        ),
        confusion=confusion_of(counts),
    )


@pytest.mark.parametrize(("count", "entries"), [(2, 3), (14, 15), (20, 21), (21, 1), (80, 1)])
def test_up_to_twenty_curves_are_named_and_told_apart(count, entries):
    _, axes = made("precision-recall", classes(count))

    assert len(axes.lines) == count + 1
    assert len(legend(axes)) == entries
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.lines}
    assert len(looks) == (entries if entries > 1 else 2)


def test_bars_of_the_classes_are_as_long_as_their_ap():
    _, axes = made("classes")

    names = ticks(axes.yaxis)
    assert list(names.values()) == [
        "cat",
        "$\\frac{$",
        f"{'b' * 16}\N{HORIZONTAL ELLIPSIS}{'b' * 15}",
    ]
    found = bars(axes)
    assert [round(width, 9) for _, _, width, _ in found] == [0.91, 0.82, 0.73, 0.71, 0.62, 0.53]
    assert [round(middle) for _, middle, _, _ in found] == [0, 1, 2, 0, 1, 2]
    assert list(legend(axes)) == ["AP@0.4", "AP@[.5:.95]"]
    assert [colour for *_, colour in found[::3]] == list(legend(axes).values())
    assert axes.yaxis_inverted()


def test_the_budget_s_bars_are_the_points_in_a_row():
    _, axes = made("errors")

    points = {0: [4.0, 3.5, 3.0, 2.5, 2.0, 1.5], 1: [5.0, 4.5, 4.0, 3.5, 3.0, 2.5]}
    assert ticks(axes.yaxis) == {0: "mAP@0.4", 1: "mAP@[.5:.95]"}
    found = bars(axes)
    for row, losses in points.items():
        mine = [bar for bar in found if round(bar[1]) == row]
        assert [width for _, _, width, _ in mine] == pytest.approx([100 - sum(losses), *losses])
        assert [left for left, *_ in mine] == pytest.approx(
            [0, *np.cumsum([100 - sum(losses), *losses])[:-1]]
        )
        assert [colour for *_, colour in mine[1:]] == list(KIND_COLOURS.values())
    assert list(legend(axes)) == ["scored", *KIND_COLOURS]
    assert legend(axes) == {"scored": legend(axes)["scored"], **KIND_COLOURS}
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["83.5", "77.5", "5.0", "4.5"]


def test_confusions_have_objects_as_rows_and_names_as_columns():
    _, axes = made("confusion")

    assert cells(axes) == {
        (i, j): str(COUNTS[i, j]) for i in range(5) for j in range(5) if COUNTS[i, j]
    }
    share = COUNTS / np.array([[15], [30], [43], [1], [40]])
    np.testing.assert_allclose(image(axes), share)
    names = ["cat", "$\\frac{$", SHORT, "never seen", "no_obj"]
    assert list(ticks(axes.xaxis).values()) == names
    assert list(ticks(axes.yaxis).values()) == names
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("called", "object")
    assert axes.get_title(loc="left") == "Confusions, score 0.600 or more, IoU 0.4"


@pytest.mark.parametrize("count", [2, 10, 80])
@pytest.mark.parametrize("name", ["precision-recall", "classes", "errors", "confusion"])
def test_nothing_is_overprinted_whatever_the_number_of_classes(name, count):
    figure, _ = made(name, classes(count))

    assert overprinted(figure) == []
    assert formulas(figure) == []


def test_an_svg_is_without_the_title_that_the_page_shows():
    title, svg = as_svg(figures(assessment())["confusion"])

    assert title == "Confusions, score 0.600 or more, IoU 0.4"
    assert title not in svg
    assert ">$\\frac{$</text>" in svg


def test_what_there_are_no_numbers_for_is_not_drawn():
    found = assessment()
    assert list(figures(found)) == ["precision-recall", "classes", "errors", "confusion"]

    bare = replace(found, budgets=(), confusion=None)
    assert list(figures(bare)) == ["precision-recall", "classes"]
