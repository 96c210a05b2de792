"""The crowd layer: what the detector thinks goes through each rater's matrix."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from annotators.infer.parts.result import Raters
from annotators.learn.parts.objects import Objects, objects_of
from annotators.simulate.matrices import whole_matrices
from medmnist_det.folder import Folder
from medmnist_det.labels import Split
from medmnist_det.reference.criterion import Criterion
from medmnist_det.reference.lessons import NOT_ASSIGNED, Lessons
from medmnist_det.reference.loss import Matches
from medmnist_det.reference.recipe import Recipe
from medmnist_det.reference.teacher import Teacher

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


class CrowdLayer(Teacher):
    """Learns a matrix for every rater with the detector (Tanno et al., CVPR 2019).

    The detector says p(k), the probability of each class of an object; rater r reports j with
    probability sum_k p(k) A_r[k, j], the last column being a miss. The loss of an object is the
    mean of -log of this over the raters who were assigned to its image, misses included, plus
    ``.01`` times the mean trace of the matrices. Nobody's labels are fused; what is undefined for
    detection is decided thus:

    - Boxes of one object are grouped before (:mod:`annotators.learn.parts.objects`), fused without
      a look at names, and weighed by the probability of an object: whether there is one is not
      asked of the detector, whose objectness learns how well a box fits.
    - A group is there because somebody drew it. The loss is that of the reports given that: with
      U(k) the chance that all assigned raters miss, a class has A_r[k, j] / (1 - U(k)), a miss
      (A_r[k, miss] - U(k)) / (1 - U(k)). Where one rater looked, nothing is learned of misses.
    - The trace is that of the names a rater gives what is drawn: misses are no part of it.
    - The mean over raters, where Tanno et al. have the sum: no term of the loss shall depend on
      their number.

    One rater alone, and a crowd in which no image has two, are learned from as well: identifiable
    is what the *mean* matrix is diagonally dominant for. Such a detector only has itself to check a
    rater by.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self._known: dict[str, np.ndarray] = {}

    def lessons(self, folder: Folder, split: Split) -> Lessons:
        """Return the objects of the crowd with all reports."""
        objects = objects_of(folder.crowd(split))
        if split == "train":
            self._known = _told(objects)
        return replace(objects.lessons(), weight=objects.existence[objects.kept])

    def criterion(self, lessons: Lessons) -> Criterion:
        """Return matrices of raters who are nearly always right."""
        reports = np.zeros((0, 1)) if lessons.reports is None else lessons.reports
        share = (reports != NOT_ASSIGNED).sum(axis=0) / max((reports != NOT_ASSIGNED).sum(), 1)
        return ThroughRaters(len(lessons.label_set.classes), share)

    def raters(self, criterion: Criterion) -> Raters:
        """Return the matrices that were learned, and what else the crowd tells of the raters."""
        if not isinstance(criterion, ThroughRaters):
            raise TypeError(f"{type(criterion).__name__} is no crowd layer")
        known = self._known
        rows = criterion.rows.detach().cpu().double().softmax(dim=-1).numpy()
        return Raters(
            matrix=whole_matrices(rows, known["spurious"], known["fancy"]),
            spurious=known["spurious"],
            objects=known["objects"],
            prior=_prior(rows, known["reports"]),
            box_bias=known["box_bias"],
            box_spread=known["box_spread"],
        )


def _told(objects: Objects) -> dict[str, np.ndarray]:
    """Return what is known of the raters without a detector."""
    kept = objects.reports[objects.kept]
    outcomes = np.arange(len(objects.crowd.classes) + 1)
    nothing = (objects.reports[..., None] == outcomes[:-1]) * (1 - objects.existence)[:, None, None]
    fancy = nothing.sum(axis=0) + 0.01  # so that the names of nothing have a distribution as well
    return {
        "spurious": objects.spurious,
        "fancy": fancy / fancy.sum(axis=1, keepdims=True),
        "objects": (kept != NOT_ASSIGNED).sum(axis=0).astype(np.float64),
        "reports": (kept[..., None] == outcomes).sum(axis=0).astype(np.float64),
        "box_bias": objects.habits.bias,
        "box_spread": np.sqrt(objects.habits.variance),
    }


def _prior(
    rows: Float[np.ndarray, "R L L+1"], reports: Float[np.ndarray, "R L+1"]
) -> Float[np.ndarray, " L"]:
    """Return the frequency of the classes that makes the raters' reports, as counted, likeliest."""
    prior = np.full(rows.shape[1], 1 / rows.shape[1])
    for _ in range(100):  # EM for the shares of a mixture: smooth, and near enough after a few
        joint = prior[:, None] * rows
        prior = (reports[:, None] * joint / joint.sum(axis=1, keepdims=True)).sum(axis=(0, 2))
        prior /= prior.sum()
    return prior


# Share of the trace in the loss. Tanno et al. use .01 and find .1 to .001 all alike.
_TRACE = 0.01
# Learning rate of the matrices in those of the detector: their logarithms have far to go, but at 10
# they outrun a network that begins slowly, and names are swapped for good (docs/decisions.md).
_PACE = 3.0
# Share of a row that is not on its diagonal in the beginning.
_WRONG = 0.1
# No probability is taken to be less.
_LEAST = 1e-7


class ThroughRaters(Criterion):
    """Compares what a detector thinks with what every rater said, by a matrix for each rater.

    ``share`` is the part of all reports that is each rater's: it weighs the trace, so that a rater
    of few images is drawn away from the diagonal no more, in the loss of those, than any other.
    """

    lr = _PACE

    def __init__(self, classes: int, share: Float[np.ndarray, " R"]) -> None:
        super().__init__()
        rows = torch.full((classes, classes + 1), _WRONG / classes)
        rows.fill_diagonal_(1 - _WRONG)
        #: Logarithms of the rows, each up to a constant of its own.
        self.rows = torch.nn.Parameter(rows.log().expand(len(share), -1, -1).clone())
        self.share: Tensor
        self.register_buffer("share", torch.from_numpy(share).float(), persistent=False)

    def forward(
        self,
        raw: Float[Tensor, "n 1+l"],
        found: Matches,
        smoothing: float,  # noqa: ARG002
    ) -> Float[Tensor, " n"]:
        """Return the mean cross entropy of what the assigned raters said; 0 where none is taught.

        Not smoothed: what smoothing is for, labels that are wrong now and then, the matrices say.
        """
        reports = found.reports.long()
        looked = (reports != NOT_ASSIGNED) & (found.weight > 0)[:, None]
        row, rater = looked.nonzero(as_tuple=True)
        each = self._surprise(raw[:, 1:].softmax(dim=-1), looked, row, rater, reports[row, rater])
        total = torch.zeros_like(raw[:, 0]).index_add(0, row, each)
        return total / looked.sum(dim=1).clamp(min=1)

    def _surprise(
        self,
        classes: Float[Tensor, "n l"],
        looked: Bool[Tensor, "n R"],
        row: Int[Tensor, " p"],
        rater: Int[Tensor, " p"],
        report: Int[Tensor, " p"],
    ) -> Float[Tensor, " p"]:
        """Return -log P(report) of each pair of an object and a rater, given that somebody drew."""
        rows = functional.log_softmax(self.rows, dim=-1)
        unseen = (looked.to(rows.dtype) @ rows[..., -1]).exp()[row]  # by nobody; (p, l)
        told = rows.exp().transpose(1, 2)[rater, report]  # (p, l)
        missed = (report == rows.shape[1])[:, None]
        told = (told - torch.where(missed, unseen, 0.0)) / (1 - unseen).clamp(min=_LEAST)
        return -(classes[row] * told).sum(dim=-1).clamp(min=_LEAST).log()

    def penalty(self) -> Float[Tensor, ""]:
        """Return the mean trace of the names' matrices, by reports, times its share in the loss.

        Of the names that a rater gives what is drawn: a miss is no name, and were it part of the
        rows, a smaller trace would be had for more misses, which some crowds say nothing about.
        """
        names = self.rows[..., :-1].softmax(dim=-1)
        trace = names.diagonal(dim1=1, dim2=2).sum(dim=-1)
        return _TRACE * (self.share * trace).sum()
