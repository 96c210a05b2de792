"""The figures: what is drawn, and that nothing lies on anything else."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.benchmark.cells import Setting
from evaluation.benchmark.figures import figures, write_figures
from evaluation.benchmark.table import blocks
from tests.drawn import legend, lines, overprinted, ticks
from tests.evaluation.benchmark.made import SCORES, cells


def swept(option="proficiency", values=("0.5", "0.9")):
    settings = [Setting(preset="paper", option=option, value=value) for value in values]
    return [one for setting in settings for one in cells(setting=setting)]


def drawn(name, found=None):
    return figures(blocks(found or cells()))[name]()


def points(axes, label):
    return [np.column_stack(one.get_data()) for one in axes.lines if one.get_label() == label]


def test_every_seed_is_a_point_and_the_mean_stands_in_its_interval():
    figure = drawn("scores-paper-quick")
    methods = ["oracle", "dawid-skene", "earl", "baseline"]
    for k, axes in enumerate(figure.axes):
        assert axes.get_xlabel() == ("mAP@0.4", "mAP@[.5:.95]")[k]
        seeds, means, intervals = (points(axes, name) for name in ("_seeds", "_mean", "_interval"))
        for place, method in enumerate(methods):
            values = [row[k] for row in SCORES[method]]
            assert seeds[place][:, 0].tolist() == values
            assert means[place][0] == pytest.approx([np.mean(values), place])
            (low, _), (high, _) = intervals[place]
            assert low < np.mean(values) < high
    assert list(ticks(figure.axes[0].yaxis).values()) == methods
    assert overprinted(figure) == []


def test_the_gap_is_drawn_between_its_ends():
    figure = drawn("gap-paper-quick")
    axes = figure.axes[1]
    assert axes.get_xlabel() == "gap closed in mAP@[.5:.95], %"
    assert [one[0, 0] for one in points(axes, "_end")] == [0, 100]
    assert points(axes, "_mean")[0][0] == pytest.approx([51.02, 0], abs=0.01)
    assert {text.get_text() for text in axes.texts} == {"baseline", "oracle"}
    assert list(ticks(figure.axes[0].yaxis).values()) == ["dawid-skene", "earl"]
    assert overprinted(figure) == []


def test_score_stands_against_minutes():
    figure = drawn("minutes-paper-quick")
    found = lines(figure.axes[1])
    assert list(found) == ["oracle", "dawid-skene", "earl", "baseline"]
    assert found["earl"].tolist() == [[1.7, 0.77], [1.71, 0.766], [1.72, 0.767]]
    assert len(set(legend(figure.axes[1]).values())) == 4
    assert figure.axes[1].get_xlim()[1] > 1.72


def test_minutes_are_the_processors_where_all_cells_have_them():
    found = [replace(one, cpu_minutes=one.minutes / 2) for one in cells()]
    figure = drawn("minutes-paper-quick", found)
    assert lines(figure.axes[1])["earl"].tolist()[0] == [0.85, 0.77]
    assert figure.axes[1].get_xlabel() == "CPU minutes"
    found[-1] = replace(found[-1], cpu_minutes=None)
    figure = drawn("minutes-paper-quick", found)
    assert lines(figure.axes[1])["earl"].tolist()[0] == [1.7, 0.77]
    assert figure.axes[1].get_xlabel() == "minutes of training, by the clock"


def test_a_sweep_is_a_line_a_method_over_the_values():
    figure = drawn("sweep-paper-proficiency-quick", swept())
    axes = figure.axes[1]
    found = lines(axes)
    assert list(found) == ["oracle", "dawid-skene", "earl", "baseline"]
    # Beside each other by a hair.
    np.testing.assert_allclose(found["earl"][:, 0], [0.5, 0.9], atol=0.02)
    np.testing.assert_allclose(found["earl"][:, 1], np.mean([r[1] for r in SCORES["earl"]]))
    assert len(points(axes, "_interval")) == 8
    assert ticks(axes.xaxis) == {0.5: "0.5", 0.9: "0.9"}
    assert (axes.get_xlabel(), axes.get_title(loc="left")) == ("proficiency", "mAP@[.5:.95]")


def test_values_that_are_no_numbers_stand_side_by_side():
    figure = drawn(
        "sweep-paper-family-quick", swept("family", ("uniform", "ordered", "structured"))
    )
    assert list(ticks(figure.axes[0].xaxis).values()) == ["uniform", "ordered", "structured"]
    assert overprinted(figure) == []


def test_a_gap_that_is_undefined_is_said_to_be_and_nothing_is_drawn_of_nothing():
    found = [one for one in cells() if one.spec.method in ("earl", "baseline")]
    assert list(figures(blocks(found))) == ["scores-paper-quick", "minutes-paper-quick"]
    assert figures(blocks([replace(one, error="boom", scores={}) for one in cells()])) == {}
    first = {one.spec: one for one in cells()}
    for spec, one in first.items():
        if spec.method == "oracle":
            level = one.scores["mAP@0.4"]
            noise = replace(level, value=0.9 + 0.05 * (spec.seed % 3))
            first[spec] = replace(one, scores=one.scores | {"mAP@0.4": noise})
    figure = drawn("gap-paper-quick", list(first.values()))
    said = [text.get_text() for text in figure.axes[0].texts]
    assert said.count("undefined") == 2


def test_figures_are_written_as_png_and_pdf(tmp_path):
    paths = write_figures(tmp_path, blocks(cells(1)))
    assert {path.name for path in paths} == {
        f"{name}-paper-quick.{kind}"
        for name in ("scores", "gap", "minutes")
        for kind in ("png", "pdf")
    }
    assert all(path.stat().st_size > 5000 for path in paths)
