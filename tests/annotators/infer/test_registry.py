from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from annotators.infer.parts.result import Raters
from annotators.infer.registry import METHODS, InferenceOptions, folder_name, infer
from medmnist_det.errors import InputError
from medmnist_det.labels import LabelSet
from tests.annotators.crowds import crowd, small_crowds

ROWS = [(0, 1, 2, (30.0, 10, 50, 50)), (0, 0, 1, (10.0, 10, 50, 50)), (1, 1, 0, (5.0, 5, 9, 9))]


def even(raters: int, classes: int) -> Raters:
    matrix = np.full((raters, classes + 1, classes + 1), 0.1 / classes)
    matrix[:, np.arange(classes + 1), np.arange(classes + 1)] = 0.9
    prior = np.full(classes, 1 / classes)
    return Raters(
        matrix=matrix, spurious=np.full(raters, 0.1), prior=prior, box_bias=None, box_spread=None
    )


@pytest.mark.parametrize("method", METHODS)
@given(small_crowds())
def test_every_method_explains_every_label(method: str, table: LabelSet) -> None:
    raters = len(table.raters or ())
    found = infer(method, table, InferenceOptions(iterations=3), even(raters, 3))
    labels = found.labels
    assert labels.score is not None
    assert ((labels.score >= 0) & (labels.score <= 1)).all()
    np.testing.assert_allclose(found.posterior.sum(axis=1), 1, atol=1e-9)
    assert found.posterior.shape == (len(labels), 3)
    for k in range(len(labels)):
        rows = found.support[found.starts[k] : found.starts[k + 1]]
        assert len(rows) > 0
        assert set(table.labels.image[rows].tolist()) == {int(labels.image[k])}
    used = found.support.tolist()
    assert len(used) == len(set(used))


def test_all_keeps_every_box_as_it_was_drawn() -> None:
    table = crowd(ROWS, images=2)
    found = infer("all", table)
    assert found.labels.box[np.argsort(found.support)].tolist() == table.labels.box.tolist()
    assert found.labels.confidence.tolist() == [1, 1, 1]


def test_one_rater_keeps_that_raters_boxes_and_all_images() -> None:
    found = infer("rater:2", crowd(ROWS, images=2))
    assert found.labels.label.tolist() == [2, 0]
    assert found.labels.images == 2


def test_an_unknown_rater_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="rater:9: there is no such rater; there are 1, 2, 3"):
        infer("rater:9", crowd(ROWS, images=2))


def test_an_unknown_method_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="'mean' is not known: choose all, majority-vote, wbf"):
        infer("mean", crowd(ROWS, images=2))


def test_the_privileged_method_asks_for_the_truth() -> None:
    with pytest.raises(InputError, match="bayes-truth needs the annotators.json"):
        infer("bayes-truth", crowd(ROWS, images=2))


def test_folder_names_are_file_names() -> None:
    assert folder_name("rater:R08") == "rater-R08"
