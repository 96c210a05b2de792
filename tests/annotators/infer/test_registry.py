from __future__ import annotations

from typing import Any

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
def test_every_method_explains_every_label(method: str, label_set: LabelSet) -> None:
    raters = len(label_set.raters or ())
    em = InferenceOptions(iterations=3) if method in ("dawid-skene", "bayes-truth") else None
    found = infer(method, label_set, em, even(raters, 3))
    labels = found.labels
    assert labels.score is not None
    assert ((labels.score >= 0) & (labels.score <= 1)).all()
    np.testing.assert_allclose(found.posterior.sum(axis=1), 1, atol=1e-9)
    assert found.posterior.shape == (len(labels), 3)
    for k in range(len(labels)):
        rows = found.support[found.starts[k] : found.starts[k + 1]]
        assert len(rows) > 0
        assert set(label_set.labels.image[rows].tolist()) == {int(labels.image[k])}
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
    with pytest.raises(InputError, match="bayes-truth' needs the annotators.json"):
        infer("bayes-truth", crowd(ROWS, images=2))


def test_folder_names_are_file_names() -> None:
    assert folder_name("rater:R08") == "rater-R08"


@pytest.mark.parametrize("rater", ["a/b", "../up", "a\\b", "nul\0"])
def test_a_rater_s_name_leads_to_no_other_folder(rater: str) -> None:
    with pytest.raises(InputError, match="cannot name a folder"):
        folder_name(f"rater:{rater}")


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("all", {"iou": 0.4}, "--iou 0.4 goes with --method majority-vote, wbf, .*not 'all': drop"),
        ("rater:1", {"iou": 0.4}, "--iou 0.4 goes with .*not 'rater:1'"),
        ("wbf", {"iterations": 1000}, "--iterations 1000 goes with --method dawid-skene, bayes-t"),
        ("majority-vote", {"iterations": 3}, "--iterations 3 goes with"),
        ("majority-vote", {"weights": (1.0, 2.0, 1.0)}, "--weights 1,2,1 goes with --method wbf"),
        ("dawid-skene", {"weights": (1.0, 2.0, 1.0)}, "--weights 1,2,1 goes with --method wbf"),
        ("dawid-skene", {"iou": 0.0}, "--iou 0.0 is not above 0 and below 1"),
        ("majority-vote", {"iou": 0.0}, "--iou 0.0 is not above 0 and below 1"),
        ("majority-vote", {"iou": float("nan")}, "--iou nan is not above 0 and below 1"),
        ("wbf", {"weights": (1e308, 1.0, 1.0)}, r"--weights 1e\+308 is not from 1e-06 to 1e\+06"),
        ("wbf", {"weights": (1.0, 1e-308, 1.0)}, "--weights 1e-308 is not from"),
        ("wbf", {"weights": (1.0, float("nan"), 1.0)}, "--weights nan is not from"),
    ],
)
def test_options_that_a_method_cannot_use_are_refused(
    method: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        infer(method, crowd(ROWS, images=2), InferenceOptions(**options))


def test_wbf_fuses_whatever_overlaps_at_all_at_iou_0() -> None:
    rows = [(0, 0, 1, (0.0, 0, 10, 10)), (0, 1, 1, (7.0, 7, 17, 17))]
    assert len(infer("wbf", crowd(rows), InferenceOptions(iou=0.0)).labels) == 1
    assert len(infer("wbf", crowd(rows)).labels) == 2


MINE = """
from annotators.infer import infer
import numpy as np

def half_sure(crowd):
    from dataclasses import replace
    found = infer("majority-vote", crowd)
    return replace(found, existence=found.existence / 2)

def wrong(crowd):
    return 5

value = 7
"""


def test_a_function_of_the_users_own_is_a_method(tmp_path: Any, monkeypatch: Any) -> None:
    (tmp_path / "my_methods_of_labels.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    drawn = crowd(ROWS, images=2)
    plain, mine = infer("majority-vote", drawn), infer("my_methods_of_labels:half_sure", drawn)
    assert len(mine.labels) == len(plain.labels) > 0
    assert (mine.existence == plain.existence / 2).all()
    for method, options, message in (
        ("wrong", None, "returned a int, not an annotators.infer.Inference"),
        ("value", None, "this is no function of a crowd"),
        ("absent", None, "has no attribute 'absent'"),
        ("half_sure", InferenceOptions(iou=0.5), "--iou 0.5 goes with --method majority-vote"),
    ):
        with pytest.raises(InputError, match=message):
            infer(f"my_methods_of_labels:{method}", drawn, options)
