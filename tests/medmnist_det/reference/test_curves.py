"""The picture of a training shows its history: every term and score, epoch by epoch."""

import numpy as np
import pytest
from PIL import Image

from medmnist_det.reference.curves import curves_figure, draw_curves
from tests.drawn import formulas, legend, lines, overprinted

HISTORY = [
    {
        "epoch": epoch,
        "seconds": 60.0 * epoch,
        "loss": {"total": 9.0 / epoch, "box": 4.0 / epoch, "classes": 3.0 / epoch},
        "validation": {}
        if epoch == 2
        else {"mAP@0.4": 0.2 * epoch, "mAP@[.5:.95]": None if epoch == 1 else 0.1 * epoch},
    }
    for epoch in (1, 2, 3, 4)
]


def test_terms_and_scores_are_drawn_against_epochs():
    figure = curves_figure(HISTORY, "rater:$\\frac{$")
    losses, scores = figure.axes

    epochs = np.array([1, 2, 3, 4])
    drawn = lines(losses)
    for name, first in {"total": 9.0, "box": 4.0, "classes": 3.0}.items():
        np.testing.assert_allclose(drawn[name], np.column_stack([epochs, first / epochs]))
    assert list(legend(losses)) == ["total", "box", "classes"]
    assert len(set(legend(losses).values())) == 3
    seen = lines(scores)
    np.testing.assert_allclose(seen["mAP@0.4, last 0.800"], [[1, 0.2], [3, 0.6], [4, 0.8]])
    np.testing.assert_allclose(seen["mAP@[.5:.95], last 0.400"], [[3, 0.3], [4, 0.4]])
    assert figure.get_supxlabel() == "4 epochs in 4.0 minutes"
    assert [axes.get_xlabel() for axes in figure.axes] == ["epoch", "epoch"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss (logarithmic axis)", "mAP"]
    assert figure.get_suptitle() == "rater:$\\frac{$"
    assert losses.get_yscale() == "log"


@pytest.mark.parametrize("history", [[], HISTORY[:1], HISTORY[1:2]])
def test_a_training_of_one_epoch_or_none_is_a_picture_too(history, tmp_path):
    draw_curves(tmp_path, history, "$\\frac{$" * 100)

    assert (tmp_path / "curves.pdf").read_bytes().startswith(b"%PDF")
    with Image.open(tmp_path / "curves.png") as picture:
        assert 1900 < picture.width < 2300


@pytest.mark.parametrize("factor", [1.0, 0.01, 1000.0])
def test_nothing_is_overprinted_and_numbers_are_numbers(factor):
    rows = [
        row | {"loss": {name: value * factor for name, value in row["loss"].items()}}
        for row in HISTORY
    ]
    figure = curves_figure(rows, "a method of a name that is very long, n on cpu")

    assert overprinted(figure) == []
    assert formulas(figure) == []
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels(which="both")]
    assert len([float(label.replace("\N{MINUS SIGN}", "-")) for label in labels if label]) >= 2
