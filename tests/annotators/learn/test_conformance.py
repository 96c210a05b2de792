"""Every method keeps the rules of the protocol; who breaks one is told which."""

from __future__ import annotations

import pytest

from annotators.learn.conformance import ConformanceError, check_teacher
from annotators.learn.registry import methods
from medmnist_det.errors import InputError
from medmnist_det.reference.lessons import ENSEMBLE

# Those that teach labels as they are share their code: one that is fused speaks for the others.
ALIKE = ("rater:K", "wbf", "majority-vote")
OTHERS = [name for name in methods() if name not in ("oracle", ENSEMBLE, *ALIKE)]


@pytest.mark.parametrize("method", OTHERS)
def test_every_method_keeps_the_rules(method, small, tmp_path):
    check_teacher(method, small, tmp_path / "work")


def test_the_oracle_reads_the_truth(small, tmp_path):
    with pytest.raises(ConformanceError, match=r"oracle: opens truth/train\.json of the data set"):
        check_teacher("oracle", small, tmp_path / "work")


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        ("ReadsTruth", r"opens truth/train\.json of the data set, which only oracle may"),
        ("ReadsTheSimulator", r"opens annotators\.json of the data set"),
        ("ReadsTruthUnheard", r"fails where there is no truth to read \(CalledProcessError"),
        ("TakesTheFirstBox", "its lessons of the train split depend on the order of the boxes"),
        ("Throws", "the lessons after epoch 1 differ when it is asked again"),
        ("Forgets", "the lessons after epoch 3 differ where training was stopped after epoch 2"),
        ("NoLessons", r"the lessons after epoch 1 are .*: return Lessons"),
        ("NoWeight", "the lessons after epoch 2 are not well-formed: .* weights that are not above 0"),
        ("StateOfWords", r"state\(\) has name 'mine': a checkpoint keeps arrays of numbers"),
        ("StateOfNaN", r"state\(\) has mean with what is no finite number"),
        ("TrainsTwice", "trains 'fold' twice: names must differ where lessons do"),
        ("CriterionCounts", "stopped after epoch 2 and resumed ends differently: the weights differ"),
        ("CriterionTosses", "two trainings with one seed end differently: the weights differ"),
    ],
)  # fmt: skip
def test_who_breaks_a_rule_is_told_which(teacher, message, small, tmp_path):
    method = f"tests.annotators.learn.wrong_teachers:{teacher}"
    with pytest.raises(ConformanceError, match=f"^{method}: .*{message}"):
        check_teacher(method, small, tmp_path / "work")


def test_what_cannot_be_checked_is_refused(small, tmp_path):
    (tmp_path / "file").write_text("here")
    for words, message in (
        (("guess", small, tmp_path / "a"), "--method 'guess' is not known"),
        (("ensemble", small, tmp_path / "a"), "--method 'ensemble' is not known"),
        (("earl", tmp_path / "absent", tmp_path / "a"), "no data set there"),
        (("earl", small, tmp_path), "is there already; name a folder that is not"),
        (("earl", small, tmp_path / "file"), "is there already; name a folder that is not"),
    ):
        with pytest.raises(InputError, match=message):
            check_teacher(*words)
    with pytest.raises(InputError, match="epochs=3: give 4 or more"):
        check_teacher("earl", small, tmp_path / "a", epochs=3)
    assert not (tmp_path / "a").exists()


def test_the_data_set_stays_as_it_is(small, tmp_path):
    before = {file: file.stat().st_mtime_ns for file in small.path.rglob("*")}
    check_teacher("majority-vote", str(small.path), str(tmp_path / "work"))
    assert {file: file.stat().st_mtime_ns for file in small.path.rglob("*")} == before
