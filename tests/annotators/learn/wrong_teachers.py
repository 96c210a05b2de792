# ruff: noqa: ARG002
"""Teachers that each break one rule of the protocol, and keep all others."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import numpy as np
import torch

from annotators.learn.plain import Baseline
from medmnist_det.reference import Criterion


class Remembering(Baseline):
    """Keeps its first lessons, for those of later epochs."""

    def lessons(self, folder, split):
        found = super().lessons(folder, split)
        if split == "train":
            self.first = found
        return found

    def weighted(self, by):
        return replace(self.first, weight=self.first.weight * by)


class ReadsTruth(Baseline):
    def lessons(self, folder, split):
        return replace(super().lessons(folder, split), looked=folder.truth(split).images.width > 0)


class ReadsTruthUnheard(Baseline):
    """Has another program read it."""

    def lessons(self, folder, split):
        subprocess.run(["cat", folder.truth_file(split)], check=True, capture_output=True)
        return super().lessons(folder, split)


class ReadsTheSimulator(Baseline):
    def prepare(self, lessons, school):
        (self.folder.path / "annotators.json").read_bytes()
        return lessons

    def lessons(self, folder, split):
        self.folder = folder
        return super().lessons(folder, split)


class TakesTheFirstBox(Baseline):
    def lessons(self, folder, split):
        found = super().lessons(folder, split)
        weight = np.where(np.diff(found.label_set.labels.image, prepend=-1) > 0, 2.0, 1.0)
        return replace(found, weight=weight)


class Throws(Remembering):
    def after_epoch(self, done, predict, criterion):
        return self.weighted(0.5 + np.random.random())  # noqa: NPY002


class Forgets(Remembering):
    asked = 0

    def after_epoch(self, done, predict, criterion):
        self.asked += 1
        return self.weighted(self.asked)


class NoLessons(Baseline):
    def after_epoch(self, done, predict, criterion):
        return []


class NoWeight(Remembering):
    def after_epoch(self, done, predict, criterion):
        return self.weighted(0) if done == 2 else None


class StateOfWords(Baseline):
    def state(self):
        return {"name": "mine"}


class StateOfNaN(Baseline):
    def state(self):
        return {"mean": np.array([1.0, np.nan])}


class TrainsTwice(Baseline):
    def prepare(self, lessons, school):
        for _ in range(2):
            school.train("fold", lessons, 1)
        return lessons


class _Counts(Criterion):
    """Weighs classes by the number of its calls, which no checkpoint keeps."""

    calls = 0

    def forward(self, raw, found, smoothing):
        self.calls += 1
        return super().forward(raw, found, smoothing) * (1 + 0.1 * self.calls)


class _Tosses(Criterion):
    """Weighs classes by chance, from a generator that nobody seeds."""

    def forward(self, raw, found, smoothing):
        return super().forward(raw, found, smoothing) * torch.rand(())


class CriterionCounts(Baseline):
    def criterion(self, lessons):
        return _Counts()


class CriterionTosses(Baseline):
    def criterion(self, lessons):
        return _Tosses()
