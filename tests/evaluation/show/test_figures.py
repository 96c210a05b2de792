"""What is drawn of an assessment: lines, bars, cells, labels, on numbers that all differ."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex

from evaluation.bootstrap import draw, interval
from evaluation.matching import Matching
from evaluation.resampling import resampled_ap
from evaluation.show.figures import as_svg, figures
from medmnist_det.drawing import KIND_COLOURS
from tests.drawn import cells, formulas, image, legend, lines, overprinted, ticks
from tests.evaluation.command import evaluate
from tests.evaluation.files import as_results, objects, write
from tests.evaluation.problems import boxes, problem
from tests.evaluation.show.made import COUNTS, assessment, comparison, confusion_of, curves

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
    assert list(drawn) == ["0.910  cat", "0.820  $\\frac{$", f"0.730  {SHORT}", "0.820  mean"]
    for k, points in enumerate(list(drawn.values())[:3]):
        np.testing.assert_allclose(points, np.column_stack([recalls, expected[:, k]]))
    mean = expected[:, :3].mean(axis=1)
    np.testing.assert_allclose(drawn["0.820  mean"], np.column_stack([recalls, mean]))
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


@pytest.mark.parametrize(("count", "entries"), [(2, 3), (14, 15), (18, 19), (19, 19), (80, 19)])
def test_up_to_eighteen_curves_are_named_and_told_apart(count, entries):
    figure, axes = made("precision-recall", classes(count))

    assert len(axes.lines) == count + 1
    assert len(legend(axes)) == entries
    named = [line for line in axes.lines if not line.get_label().startswith("_")]
    looks = {(line.get_color(), line.get_linestyle()) for line in named}
    assert len(looks) == len(named) == entries
    said = f"18 of {count} classes, evenly from best to worst; the others pale"
    assert figure.get_supxlabel() == (said if count > 18 else "")


def points(axes):
    """Every labelled row of points as their x, by label."""
    return {
        str(one.get_label()): one.get_xdata().tolist()
        if hasattr(one.get_xdata(), "tolist")
        else list(one.get_xdata())
        for one in axes.lines
        if not str(one.get_label()).startswith("_")
    }


def test_points_of_the_classes_stand_at_their_ap_best_first():
    found = assessment()
    rows = found.scores.classes
    turned = replace(found.scores, classes=(rows[2], rows[0], rows[1], rows[3]))
    _, axes = made("classes", replace(found, scores=turned))

    names = ticks(axes.yaxis)
    assert list(names.values()) == [
        "cat",
        "$\\frac{$",
        f"{'b' * 16}\N{HORIZONTAL ELLIPSIS}{'b' * 15}",
    ]
    assert points(axes) == {"AP@0.4": [0.91, 0.82, 0.73], "AP@[.5:.95]": [0.71, 0.62, 0.53]}
    assert list(legend(axes)) == ["AP@0.4", "AP@[.5:.95]"]
    assert axes.yaxis_inverted()
    shown = [text.get_text() for text in axes.texts]
    assert shown[0] == "AP@0.4 (95% interval)   AP@[.5:.95]"
    assert [text.split("   ")[1] for text in shown[1:]] == ["0.710", "0.620", "0.530"]


def test_intervals_of_the_classes_are_those_of_the_resamples():
    found = assessment()
    figure, axes = made("classes", found)
    metric = found.scores.metrics[0]
    matching = Matching(found.problem, metric.thresholds)
    weights = next(draw(2, 1000, found.seed, step=1000))
    each = resampled_ap(found.problem, matching.matches, weights)[:, 0]
    whole = resampled_ap(found.problem, matching.matches, np.ones((1, 2)))[0, 0]

    lines = [one.get_xdata() for one in axes.lines if len(one.get_xdata()) == 2]
    expected = [interval(whole[k], each[:, k]) for k in range(3)]
    drawn = [(one.low, one.high) for one in expected if one is not None]
    np.testing.assert_allclose(lines, drawn)
    assert figure.get_supxlabel() == "lines: 95% intervals of AP@0.4 over images"
    figure, axes = made("classes", replace(found, resampled=np.zeros((0, 2))))
    assert figure.get_supxlabel() == ""
    assert axes.texts[1].get_text() == "0.910   0.710"


def by_hand(found, cut):
    """Precision, recall and F1 of the boxes of the made-up assessment that score that much."""
    # 0.9 finds the cat, 0.8 and 0.1 nothing, 0.75 is of another class than the object there.
    right = sum(score >= cut for score in (0.9,))
    kept = sum(score >= cut for score in (0.9, 0.8, 0.75, 0.1))
    return right / kept, right / 3, 2 * right / (kept + 3)


def test_f1_is_drawn_against_the_threshold_and_its_best_is_marked():
    _, axes = made("f1")

    drawn = lines(axes)
    for row, cut in enumerate((0.9, 0.8, 0.75, 0.1)):
        values = by_hand(assessment(), cut)
        for name, value in zip(("precision", "recall", "F1"), values, strict=True):
            np.testing.assert_allclose(drawn[name][row], [cut, value])
    assert drawn["F1"][-1, 0] == 0
    assert "best F1: 0.500 at score 0.900" in drawn
    np.testing.assert_allclose(drawn["best F1: 0.500 at score 0.900"], [[0.9, 0.5]])


def test_scores_are_held_against_what_they_are_worth():
    objects = boxes(*((k, 0, 10, 10, 20, 20) for k in range(20)))
    # Of ten boxes that score .95 nine are right, of ten that score .25 two.
    rows = [(k, 0, 10 if k < 9 or k in (10, 11) else 200, 10, 20, 20) for k in range(20)]
    detections = boxes(*rows, score=[0.95] * 10 + [0.25] * 10)
    one = replace(assessment(), problem=problem(objects, detections, images=20, classes=1))
    figure, above = made("calibration", one)

    places = np.column_stack(above.containers[0].lines[0].get_data())
    np.testing.assert_allclose(places, [[0.25, 0.2], [0.95, 0.9]])
    ends = above.containers[0].lines[2][0].get_segments()[1][:, 1]
    # Wilson's interval for 9 of 10, as in textbooks.
    np.testing.assert_allclose(ends, [0.5958, 0.9821], atol=2e-4)
    assert above.get_title(loc="left").endswith("IoU 0.4: calibration error 0.050")
    heights = [[bar.get_height() for bar in bars] for bars in figure.axes[1].containers]
    assert heights == [[0, 0, 2, 0, 0, 0, 0, 0, 0, 9], [0, 0, 8, 0, 0, 0, 0, 0, 0, 1]]


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
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("reported class", "true class")
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
    assert list(figures(found)) == [
        "precision-recall", "f1", "calibration", "classes", "errors", "confusion",
    ]  # fmt: skip

    bare = replace(found, budgets=(), confusion=None)
    assert list(figures(bare)) == ["precision-recall", "f1", "calibration", "classes"]


def test_two_files_are_drawn_side_by_side():
    found = comparison()
    assert list(figures(found)) == ["scores", "precision-recall", "classes", "errors"]

    figure = figures(found)["scores"]()
    left, right = figure.axes
    dots = [one.get_xdata()[0] for one in left.lines if one.get_marker() in "os"]
    assert dots == pytest.approx([0.79, 0.59, 0.82, 0.62])
    gains = [one.get_xdata()[0] for one in right.lines if one.get_marker() == "D"]
    assert gains == [0.03, 0.029]
    assert [text.get_text() for text in right.texts] == [
        "+0.0300, p = 0.012",
        "+0.0290, p = 0.234",
    ]
    named = ["A: first.json", "B: second.json"]
    assert list(legend(left)) == named

    axes = figures(found)["classes"]().axes[0]
    assert list(points(axes)) == named
    assert points(axes)["A: first.json"] == pytest.approx([0.88, 0.79, 0.70])
    assert points(axes)["B: second.json"] == pytest.approx([0.91, 0.82, 0.73])
    assert [text.get_text() for text in axes.texts] == ["+0.030"] * 3

    curves = figures(found)["precision-recall"]().axes[0]
    assert list(lines(curves)) == ["0.790  A: first.json", "0.820  B: second.json"]
    bars_of = figures(found)["errors"]().axes[0]
    names = [f"{letter}, {metric}" for metric in ("mAP@0.4", "mAP@[.5:.95]") for letter in "AB"]
    assert list(ticks(bars_of.yaxis).values()) == names


def test_figures_are_written_as_pictures_and_for_print(data, tmp_path):
    preds = write(tmp_path / "p.json", as_results(objects(10, 0)))

    evaluate(preds, "--data", data, "--plots", tmp_path / "figures")

    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    kinds = ("calibration", "classes", "confusion", "errors", "f1", "precision-recall")
    assert names == sorted(f"{kind}.{end}" for kind in kinds for end in ("png", "pdf"))
    assert (tmp_path / "figures" / "errors.png").read_bytes().startswith(b"\x89PNG")
