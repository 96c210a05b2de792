"""What every method returns: labels, how sure it is of them, and what it thinks of the raters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.infer.parts.grouping import Groups
from annotators.simulate.matrices import dominant
from medmnist_det.labels import Images, Labels, LabelSet
from medmnist_det.ragged import ranges

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@dataclass(frozen=True, kw_only=True, eq=False)
class Raters:
    """What is estimated (or known) of R raters, in columns."""

    #: Transition matrices laid out like the simulator's (:mod:`annotators.simulate.matrices`).
    matrix: Float[np.ndarray, "R L+1 L+1"]
    #: Mean number of spurious boxes in an image.
    spurious: Float[np.ndarray, " R"]
    #: Objects that were there to be seen, in expectation: how much the estimates rest on. None
    #: where the raters are known.
    objects: Float[np.ndarray, " R"] | None = None
    #: Frequency of the true classes, over which the rates below are averaged.
    prior: Float[np.ndarray, " L"]
    #: Mean and standard deviation of the errors of a box, relative to the object's width and
    #: height: x and y of the centre, then width and height. None where a method has no estimate.
    box_bias: Float[np.ndarray, "R 4"] | None
    box_spread: Float[np.ndarray, "R 4"] | None

    @property
    def skill(self) -> Float[np.ndarray, " R"]:
        """The probability that the rater finds an object and names it right."""
        return self.matrix[:, :-1].diagonal(axis1=1, axis2=2) @ self.prior

    @property
    def miss(self) -> Float[np.ndarray, " R"]:
        """The probability that the rater overlooks an object."""
        return self.matrix[:, :-1, -1] @ self.prior

    def columns(self) -> dict[str, Any]:
        """Return matrix, spurious, prior and box bias by name, for what knows no raters."""
        names = ("matrix", "spurious", "prior", "box_bias")
        return {name: getattr(self, name) for name in names}

    def select(self, rows: Sequence[int]) -> Raters:
        """Return some of the raters."""
        some = list(rows)
        return replace(
            self,
            matrix=self.matrix[some],
            spurious=self.spurious[some],
            objects=None if self.objects is None else self.objects[some],
            box_bias=None if self.box_bias is None else self.box_bias[some],
            box_spread=None if self.box_spread is None else self.box_spread[some],
        )

    @property
    def identifiable(self) -> bool:
        """Whether the mean matrix is diagonally dominant: else names may be mixed up for all."""
        return bool(dominant(self.matrix.mean(axis=0)).all())


@dataclass(frozen=True, kw_only=True, eq=False)
class Inference:
    """Fused labels of a crowd, in an order that depends on the boxes and not on the input's.

    Nothing in here is NaN. Rows of :attr:`labels` and of the other columns belong together.
    """

    #: With ``score``: the confidence that this object is there and is of this class.
    labels: Labels
    #: Probability of every class, given that the object is there. Rows sum to 1.
    posterior: Float[np.ndarray, "n L"]
    #: Probability that there is an object at all.
    existence: Float[np.ndarray, " n"]
    #: Rows of the crowd's boxes behind label k: ``support[starts[k]:starts[k + 1]]``.
    support: Int[np.ndarray, " m"]
    starts: Int[np.ndarray, " n+1"]
    raters: Raters | None = None
    #: Sentences for the user.
    warnings: tuple[str, ...] = ()
    #: Numbers about the run, by name: iterations, last change.
    facts: dict[str, Any] = field(default_factory=dict)


def fused(
    crowd: LabelSet,
    groups: Groups,
    kept: np.ndarray,
    *,
    box: Float[np.ndarray, "g 4"],
    posterior: Float[np.ndarray, "g L"],
    existence: Float[np.ndarray, " g"],
    label: Int[np.ndarray, " g"] | None = None,
    score: Float[np.ndarray, " g"] | None = None,
    **rest: Any,
) -> Inference:
    """Return the labels of the groups that are kept (a mask), in the order of the groups.

    The class is the likeliest one, and the score its probability times that of existence, unless
    ``label`` and ``score`` say otherwise. Boxes are cut to their images.
    """
    name = np.zeros(0, dtype=np.int64) if len(groups) == 0 else posterior.argmax(axis=1)
    name = name if label is None else label
    if score is None:
        score = existence * posterior[np.arange(len(groups)), name]
    box = within(box, groups.image, crowd.images)
    rows = np.flatnonzero(kept & (box[:, 2] > box[:, 0]) & (box[:, 3] > box[:, 1]))
    chosen = rows if len(rows) < len(groups) else slice(None)  # views cost nothing
    size = groups.size[chosen]
    starts = np.concatenate([[0], np.cumsum(size)])
    return Inference(
        labels=Labels(
            images=crowd.labels.images,
            image=groups.image[chosen],
            box=box[chosen],
            label=name[chosen],
            score=np.clip(score[chosen], 0.0, 1.0),
        ),
        posterior=posterior[chosen],
        existence=existence[chosen],
        support=groups.row[ranges(groups.starts[:-1][chosen], size)],
        starts=starts,
        **rest,
    )


def within(
    box: Float[np.ndarray, "n 4"], image: Int[np.ndarray, " n"], images: Images
) -> Float[np.ndarray, "n 4"]:
    """Return the boxes cut to their images."""
    width, height = images.width[image], images.height[image]
    low = box[:, 0] >= 0, box[:, 1] >= 0
    if all(side.all() for side in (*low, box[:, 2] <= width, box[:, 3] <= height)):
        return box  # nearly always: a mean of boxes inside lies inside
    limit = np.stack([width, height] * 2, axis=1).astype(np.float64)
    return np.clip(box, 0.0, limit)
