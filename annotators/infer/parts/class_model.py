"""Who sees what: a model of missed, misnamed and spurious boxes, with its E and M steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotators.infer.parts.evidence import Evidence

if TYPE_CHECKING:
    from jaxtyping import Float

# Pseudo-objects of every class by which a rater's matrix row is drawn to the crowd's mean row.
_SHRINK = 2.0
# Pseudo-count in every cell of the mean rows: no report is ever impossible.
_SMOOTH = 0.01
# Pseudo-boxes and pseudo-images of every rater's spurious rate.
_SPURIOUS = (0.01, 1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassModel:
    """Parameters. True objects of class k, spurious boxes of rater r are Poisson in an image."""

    #: P(rater reports column | object of the row's class); the last column is a miss.
    report: Float[np.ndarray, "R L L+1"]
    #: Spurious boxes of a rater in an image.
    spurious: Float[np.ndarray, " R"]
    #: The classes that a rater gives them. Rows sum to 1.
    fancy: Float[np.ndarray, "R L"]
    #: Objects of a class in an image.
    objects: Float[np.ndarray, " L"]
    #: Objects that each rater could have reported, in expectation; None for given parameters.
    shown: Float[np.ndarray, " R"] | None = None

    @property
    def prior(self) -> Float[np.ndarray, " L"]:
        """Frequency of the classes among the objects."""
        return self.objects / self.objects.sum()

    def matrix(self) -> Float[np.ndarray, "R L+1 L+1"]:
        """Return the matrices in the simulator's layout, the last row from the spurious boxes."""
        raters, classes, _ = self.report.shape
        whole = np.zeros((raters, classes + 1, classes + 1))
        whole[:, :-1] = self.report
        none = np.exp(-self.spurious)
        whole[:, -1, :-1] = (1 - none)[:, None] * self.fancy
        whole[:, -1, -1] = none
        return whole


def posterior(model: ClassModel, seen: Evidence) -> Float[np.ndarray, "u L+1"]:
    """Return the E step: the probability of every class, and (last) of no object, for every unit.

    For an object of class k: its rate, times what every assigned rater reported, a miss included.
    For no object: the rate of spurious boxes of the raters who drew, times the chance that these
    fall on one place. In log space; rows sum to 1.
    """
    report = np.log(np.maximum(model.report, _TINY)).transpose(0, 2, 1)  # (R, report, truth)
    missed = np.ascontiguousarray(report[:, -1])
    told = report[seen.rater, seen.label] - missed[seen.rater]
    joint = np.empty((len(seen.weight), seen.classes + 1))
    if len(joint) == 0:
        return joint
    joint[:, :-1] = np.add.reduceat(told, seen.starts[:-1])
    joint[:, :-1] += np.add.reduceat(missed[seen.team_rater], seen.team_starts[:-1])[seen.team]
    joint[:, :-1] += np.log(np.maximum(model.objects, _TINY))
    fancy = np.log(np.maximum(model.spurious[:, None] * model.fancy, _TINY))
    joint[:, -1] = np.add.reduceat(fancy[seen.rater, seen.label], seen.starts[:-1])
    joint[:, -1] += (seen.size - 1) * np.log(seen.coincidence)
    joint -= joint.max(axis=1, keepdims=True)
    np.exp(joint, out=joint)
    joint /= joint.sum(axis=1, keepdims=True)
    return joint


# Far below any probability that counts; keeps logarithms finite.
_TINY = 1e-300


def maximise(
    belief: Float[np.ndarray, "u L+1"], seen: Evidence, before: ClassModel | None
) -> ClassModel:
    """Return the M step: the parameters that a belief about every unit makes likeliest.

    Objects that every assigned rater missed are in no group; ``before`` says how many those were
    (without it: none). Rows of a rater are drawn a little to the mean row of the crowd.
    """
    raters, classes = seen.raters, seen.classes
    mass = belief * seen.weight[:, None]
    drawn = _count(mass, seen)
    team = _by_team(mass[:, :-1], seen)
    if before is not None:
        team += team * _unseen_odds(before, seen)
    members = np.repeat(np.arange(len(team)), np.diff(seen.team_starts))
    shown = np.stack(
        [np.bincount(seen.team_rater, team[members, k], minlength=raters) for k in range(classes)],
        axis=1,
    )  # (R, L)
    count = np.concatenate(
        [drawn[:, :-1], np.maximum(shown - drawn[:, :-1].sum(axis=2), 0)[:, :, None]], axis=2
    )
    mean = count.sum(axis=0) + _SMOOTH
    mean /= mean.sum(axis=1, keepdims=True)
    report = count + _SHRINK * mean
    report /= report.sum(axis=2, keepdims=True)
    fancies = drawn[:, -1]
    mean_fancy = fancies.sum(axis=0) + _SMOOTH
    fancy = fancies + _SHRINK * mean_fancy / mean_fancy.sum()
    return ClassModel(
        report=report,
        spurious=(fancies.sum(axis=1) + _SPURIOUS[0]) / (seen.looked + _SPURIOUS[1]),
        fancy=fancy / fancy.sum(axis=1, keepdims=True),
        objects=(team.sum(axis=0) + _SMOOTH) / max(seen.images, 1),
        shown=shown.sum(axis=1),
    )


def _count(mass: Float[np.ndarray, "u L+1"], seen: Evidence) -> Float[np.ndarray, "R L+1 L"]:
    """Return the expected number of reports by rater, truth (last: no object) and class."""
    cell = seen.rater * seen.classes + seen.label
    cells = seen.raters * seen.classes
    shape = (seen.raters, seen.classes)
    columns = [
        np.bincount(cell, mass[seen.owner, k], minlength=cells).reshape(shape)
        for k in range(seen.classes + 1)
    ]
    return np.stack(columns, axis=1)


def _by_team(mass: Float[np.ndarray, "u L"], seen: Evidence) -> Float[np.ndarray, "s L"]:
    """Return the expected number of grouped objects by team and class."""
    teams = len(seen.team_starts) - 1
    columns = [np.bincount(seen.team, mass[:, k], minlength=teams) for k in range(mass.shape[1])]
    return np.stack(columns, axis=1)


def _unseen_odds(model: ClassModel, seen: Evidence) -> Float[np.ndarray, "s L"]:
    """Return how many objects a team misses altogether for every one that it does not."""
    if len(seen.team_starts) == 1:
        return np.zeros((0, seen.classes))
    missed = np.log(np.maximum(model.report[:, :, -1], _TINY))
    chance = np.exp(np.add.reduceat(missed[seen.team_rater], seen.team_starts[:-1]))
    return chance / np.maximum(1 - chance, 1e-3)
