"""Methods from outside: found by name, trained, stopped, resumed, and refused in a sentence."""

import contextlib

import numpy as np
import pytest
import torch

import cli
from medmnist_det.front.learned import learned
from medmnist_det.reference.checkpoint import load_checkpoint
from tests.medmnist_det.reference.typed import call, start, stopped_in

MINE = """
from dataclasses import replace
import numpy as np
import torch
from medmnist_det.reference import Criterion, Teacher
from annotators.learn.plain import Baseline

class Cautious(Baseline):
    "Half of the images teach a detector first; what it sees of the others is a lesson, too."
    seen = 0

    def prepare(self, lessons, school):
        half = np.arange(len(lessons.looked)) % 2 == 0
        predict = school.train("half", lessons.on(half), epochs=1)
        found = predict(np.flatnonzero(~half))
        return replace(lessons, weight=lessons.weight + len(found.image) / 1e4)

    def after_epoch(self, done, predict, criterion):
        self.seen += 1
        found = predict(None)
        return self.now(done / 10 + found.objectness.sum() / 1e4)

    def now(self, more):
        return replace(self.first, weight=self.first.weight + more)

    def lessons(self, folder, split):
        found = super().lessons(folder, split)
        if split == "train":
            self.first = found
        return found

    def state(self):
        return {"seen": np.array(self.seen)}

    def load(self, state):
        self.seen = int(state["seen"])

class NoNumbers(Baseline):
    def lessons(self, folder, split):
        found = super().lessons(folder, split)
        return replace(found, weight=found.weight * np.nan)

class OneShort(Baseline):
    def after_epoch(self, done, predict, criterion):
        found = self.found
        return replace(found, classes=found.classes[:-1])

    def lessons(self, folder, split):
        found = super().lessons(folder, split)
        if split == "train":
            self.found = found
        return found

class Remembers(Baseline):
    def state(self):
        return {"what": np.array([np.nan])}

class NoLessons(Baseline):
    def prepare(self, lessons, school):
        return [lessons]

class Unlooked(Baseline):
    def prepare(self, lessons, school):
        return replace(lessons, looked=~lessons.looked)

class Buffered(Baseline):
    def criterion(self, lessons):
        found = Criterion()
        found.register_buffer("seen", torch.zeros(1))
        return found

class NoTeacher:
    pass

class Unfinished(Teacher):
    pass
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_teachers.py").write_text(MINE)
    return tmp_path


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_one_from_the_current_folder_is_trained_and_resumes_exactly(blind, here, monkeypatch):
    words = ["--method", "my_teachers:Cautious", "--epochs", 3, "--batch", 8, "--no-refine"]
    start(blind.path, here / "whole", *words)
    whole = load_checkpoint(here / "whole" / "checkpoint.pt")
    assert whole.remembered()["seen"] == 2
    assert (here / "whole" / "before" / "half" / "checkpoint.pt").is_file()
    crowd = blind.crowd("train")
    assert learned(blind, here / "whole").lessons.label_set.labels.box == pytest.approx(
        crowd.labels.box
    )

    begun = []

    @contextlib.contextmanager
    def not_beyond_the_first(title, _epochs):
        begun.append(title)
        if len(begun) > 1:
            raise KeyboardInterrupt
        yield lambda _: None

    with monkeypatch.context() as patched:
        patched.setattr(cli, "training", not_beyond_the_first)
        start(blind.path, here / "part", *words, code=130)
    assert not (here / "part" / "checkpoint.pt").exists()
    assert "there is a training already" in start(blind.path, here / "part", *words, code=2)
    other = [*words[:-1], "--lr", 0.1]
    said = start(blind.path, here / "part", *other, "--resume", code=2)
    assert "half/checkpoint.pt: was begun with other options" in said
    said = start(blind.path, here / "part", "--method", "wbf", "--resume", code=2)
    assert "was begun with --method 'my_teachers:Cautious', not 'wbf'" in said
    said = start(blind.path, here / "part", "--confidence", "share", *words, "--resume", code=2)
    assert "--confidence goes with --method earl, not 'my_teachers:Cautious'" in said
    with monkeypatch.context() as patched:
        patched.setattr(cli, "training", stopped_in(2))
        start(blind.path, here / "part", *words, "--resume", code=130)
    start(blind.path, here / "part", "--resume")
    part = load_checkpoint(here / "part" / "checkpoint.pt")
    for what in ("weights", "average", "lessons", "teacher"):
        assert same(getattr(whole, what), getattr(part, what)), what


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("my_teachers:NoNumbers", "its lessons have weight that are no finite numbers"),
        ("my_teachers:OneShort", "its lessons have classes of shape ("),
        ("my_teachers:Remembers", "remembers what that is no finite number"),
        ("my_teachers:NoLessons", "gives a list for lessons"),
        ("my_teachers:Unlooked", "boxes in images that nobody looked at"),
        (
            "my_teachers:Buffered",
            "its criterion has the buffer seen, which checkpoints do not keep",
        ),
        ("my_teachers:Unfinished", "its class has no lessons(); write that method"),
        ("my_teachers:NoTeacher", "this is no class that derives from"),
        ("my_teachers:Absent", "has no attribute 'Absent'; name a module that can be imported"),
        ("absent:Teacher", "No module named 'absent'; name a module that can be imported"),
        ("best", "is not known: choose oracle, baseline,"),
    ],
)
def test_what_cannot_teach_is_refused_by_its_name(blind, here, method, message):
    said = start(blind.path, here / "run", "--method", method, "--epochs", 2, "--batch", 30, code=2)
    assert f"--method '{method}'" in said
    assert message in said


def test_the_help_names_every_method():
    said = call("train-reference", "--help")
    said = "".join(said.replace("│", "").split())
    assert "METHODS" not in said
    for method in ("oracle", "baseline", "rater:K", "earl", "module:Class"):
        assert method in said, said


def test_lessons_of_some_images_know_nothing_of_the_others(blind):
    from annotators.learn.registry import teacher_of
    from medmnist_det.reference.recipe import Recipe

    known = teacher_of("baseline")(Recipe(method="baseline")).lessons(blind, "train")
    half = np.arange(len(known.looked)) % 2 == 0
    found = known.on(half)
    labels = known.label_set.labels
    assert found.label_set.labels == labels.select(half[labels.image])
    assert len(found.weight) == len(found.classes) == half[labels.image].sum()
    assert (found.looked == (known.looked & half)).all()
