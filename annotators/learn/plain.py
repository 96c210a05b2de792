"""Methods that teach labels as they are: one label set, chosen or fused before training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from medmnist_det.folder import Folder
from medmnist_det.fused import Fused as FusedLabels
from medmnist_det.labels import Split
from medmnist_det.reference.lessons import Lessons, looked_at, plain
from medmnist_det.reference.teacher import Teacher


class Oracle(Teacher):
    """Teaches the truth; no other method may read it."""

    def lessons(self, folder: Folder, split: Split) -> Lessons:
        """Return the true boxes."""
        return plain(folder.truth(split))


class Baseline(Teacher):
    """Teaches every box of every rater."""

    def lessons(self, folder: Folder, split: Split) -> Lessons:
        """Return all boxes; the labels say who drew which."""
        return plain(folder.crowd(split))


class OneRater(Teacher):
    """Teaches the boxes of one rater, on the images that this rater looked at."""

    def lessons(self, folder: Folder, split: Split) -> Lessons:
        """Return the boxes of the rater K of ``rater:K``. Raises InputError for no such rater."""
        return plain(folder.labels(split, self.recipe.method))


class Fused(Teacher):
    """Teaches fused labels, all boxes alike, with the raters' vote."""

    def lessons(self, folder: Folder, split: Split) -> Lessons:
        """Return the labels that ``fused`` names."""
        labels = self._labels(folder, split)
        return replace(plain(labels.labels), looked=looked_at(folder.crowd(split)))

    def _labels(self, folder: Folder, split: Split) -> FusedLabels:
        if self.fused is None:
            raise TypeError(f"{type(self).__name__} does not say which fused labels it teaches")
        return folder.fused(split, self.fused)


class Wbf(Fused):
    """Teaches boxes fused by overlap alone (Le et al. 2023, Algorithm 1)."""

    fused = "wbf-agnostic"


class MajorityVote(Fused):
    """Teaches boxes that half of the raters drew, or more."""

    fused = "majority-vote"


class Earl(Wbf):
    """Weighs each fused box by c = min(T, N): T raters drew it, N looked (Le et al. 2023, eq. 2).

    The recipe may take T / N for T, and divide the weights by their mean.
    """

    options = ("confidence", "normalise_weights")

    def lessons(self, folder: Folder, split: Split) -> Lessons:
        """Return WBF's boxes with these weights."""
        labels, how = self._labels(folder, split), self.recipe.weighting
        weight = np.minimum(labels.support, labels.assigned).astype(np.float64)
        if how.confidence == "share":
            weight = weight / labels.assigned
        if how.normalise_weights and len(weight):
            weight = weight / weight.mean()
        return replace(super().lessons(folder, split), weight=weight)


class DawidSkene(Fused):
    """Teaches posteriors over the classes, weighted by the probability of the object."""

    fused = "dawid-skene"

    def lessons(self, folder: Folder, split: Split) -> Lessons:
        """Return Dawid-Skene's boxes with these targets and weights."""
        labels = self._labels(folder, split)
        found = super().lessons(folder, split)
        return replace(found, classes=labels.posterior, weight=labels.existence)
