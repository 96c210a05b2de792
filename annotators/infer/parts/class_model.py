"""Who sees what: a model of missed, misnamed and spurious boxes, with its E and M steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotators.infer.parts.evidence import Evidence
from annotators.simulate.matrices import whole_matrices

if TYPE_CHECKING:
    from jaxtyping import Float

# Pseudo-reports of every class by which a rater's names are drawn to the crowd's.
_SHRINK = 8.0
# Pseudo-objects of every class by which a rater's misses are drawn to the rater's mean, and
# pseudo-objects by which that is drawn to the crowd's.
_POOL = (20.0, 4.0)
# Pseudo-count in every cell of the mean rows: no report is ever impossible.
_SMOOTH = 0.01
# Pseudo-boxes and pseudo-images of every rater's spurious rate.
_SPURIOUS = (0.01, 1.0)
# Pseudo-boxes by which the share of spurious boxes that stand alone is drawn to the crowd's.
_ALONE = 2.0


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassModel:
    """Parameters. True objects of class k, spurious boxes of rater r are Poisson in an image."""

    #: P(rater reports column | object of the row's class); the last column is a miss.
    report: Float[np.ndarray, "R L L+1"]
    #: Spurious boxes of a rater in an image.
    spurious: Float[np.ndarray, " R"]
    #: The classes that a rater gives them. Rows sum to 1.
    fancy: Float[np.ndarray, "R L"]
    #: The share of them that no other rater's spurious box falls on.
    alone: Float[np.ndarray, " R"]
    #: Objects of a class in an image.
    objects: Float[np.ndarray, " L"]
    #: Objects that each rater could have reported, in expectation; None for given parameters.
    shown: Float[np.ndarray, " R"] | None = None
    #: Reports that the names of every row rest on, prior included; None for given parameters.
    named: Float[np.ndarray, "R L"] | None = None

    @property
    def prior(self) -> Float[np.ndarray, " L"]:
        """Frequency of the classes among the objects."""
        return self.objects / self.objects.sum()

    def matrix(self) -> Float[np.ndarray, "R L+1 L+1"]:
        """Return the matrices in the simulator's layout, the last row from the spurious boxes."""
        return whole_matrices(self.report, self.spurious, self.fancy)


def posterior(
    model: ClassModel, seen: Evidence, before: Float[np.ndarray, "u L+1"] | None = None
) -> Float[np.ndarray, "u L+1"]:
    """Return the E step: the probability of every class, and (last) of no object, for every unit.

    For an object of class k: its rate, times what every assigned rater reported, a miss included.
    For no object: the rate of spurious boxes of the raters who drew, times the chance that these
    fall on one place (of a single box: that none other does). In log space; rows sum to 1.

    ``before`` is the belief that an estimated model was made from: a report is then judged by what
    is thought of its rater's names without this report.
    """
    report = np.log(np.maximum(model.report, _TINY)).transpose(0, 2, 1)  # (R, report, truth)
    missed = np.ascontiguousarray(report[:, -1])
    told = report[seen.rater, seen.label] - missed[seen.rater]
    joint = np.empty((len(seen.weight), seen.classes + 1))
    if len(joint) == 0:
        return joint
    if before is not None and model.named is not None:
        told += _without_itself(model.report, model.named, seen, before)
    joint[:, :-1] = np.add.reduceat(told, seen.starts[:-1])
    joint[:, :-1] += np.add.reduceat(missed[seen.team_rater], seen.team_starts[:-1])[seen.team]
    joint[:, :-1] += np.log(np.maximum(model.objects, _TINY))
    fancy = np.log(np.maximum(model.spurious[:, None] * model.fancy, _TINY))
    joint[:, -1] = np.add.reduceat(fancy[seen.rater, seen.label], seen.starts[:-1])
    joint[:, -1] += (seen.size - 1) * np.log(seen.coincidence)
    single = np.flatnonzero(seen.size == 1)
    joint[single, -1] += np.log(model.alone[seen.rater[seen.starts[single]]])
    joint -= joint.max(axis=1, keepdims=True)
    np.exp(joint, out=joint)
    joint /= joint.sum(axis=1, keepdims=True)
    return joint


# Far below any probability that counts; keeps logarithms finite.
_TINY = 1e-300
# What is left of a report's own cell is never less than this, in reports.
_LEAST = 1e-6


def _without_itself(
    report: Float[np.ndarray, "R L L+1"],
    named: Float[np.ndarray, "R L"],
    seen: Evidence,
    belief: Float[np.ndarray, "u L+1"],
) -> Float[np.ndarray, "m L"]:
    """Return by how much the log probability of every report changes without the report itself."""
    own = belief[seen.owner, :-1]
    total = named[seen.rater]
    found = np.maximum(1 - report[seen.rater, :, -1], _TINY)
    cell = report[seen.rater, :, seen.label] / found * total
    # As sums of counts and of pseudo-counts both are above their own share, rounding apart.
    rest = np.maximum(cell - own, _LEAST) / np.maximum(total - own, _LEAST)
    return np.log(rest) - np.log(np.maximum(cell / total, _TINY))


def maximise(
    belief: Float[np.ndarray, "u L+1"],
    seen: Evidence,
    before: ClassModel | None,
    *,
    spurious: Float[np.ndarray, " R"] | None = None,
    alike: bool = False,
) -> ClassModel:
    """Return the M step: the parameters that a belief about every unit makes likeliest.

    Objects that every assigned rater missed are in no group; ``before`` says how many those were
    (without it: none). A rater's names and misses are drawn a little to those of the crowd.
    ``spurious`` are spurious rates that are known from elsewhere. ``alike`` takes all raters to be
    right equally often, whatever the class, and wrong in all ways alike: what remains where no
    three raters can be compared.
    """
    mass = belief * seen.weight[:, None]
    drawn = _count(mass, seen)
    team = _by_team(mass[:, :-1], seen)
    if before is not None:
        team += team * _unseen_odds(before, seen)
    shown = _shown(team, seen)
    names, fancies = drawn[:, :-1], drawn[:, -1]
    mean = names.sum(axis=0) + _SMOOTH
    mean /= mean.sum(axis=1, keepdims=True)
    names = names + _SHRINK * mean
    named = names.sum(axis=2)
    miss = _misses(shown, drawn[:, :-1].sum(axis=2), pooled=alike)
    mean_fancy = fancies.sum(axis=0) + _SMOOTH
    fancy = fancies + _SHRINK * mean_fancy / mean_fancy.sum()
    objects = team.sum(axis=0) + _SMOOTH
    if alike:
        names, fancy = _one_skill(drawn[:, :-1].sum(axis=0), seen.raters), np.ones_like(fancy)
        objects = np.full_like(objects, objects.mean())
    found = names / names.sum(axis=2, keepdims=True) * (1 - miss)[:, :, None]
    rate = (fancies.sum(axis=1) + _SPURIOUS[0]) / (seen.looked + _SPURIOUS[1])
    return ClassModel(
        report=np.concatenate([found, miss[:, :, None]], axis=2),
        spurious=rate if spurious is None else spurious,
        fancy=fancy / fancy.sum(axis=1, keepdims=True),
        alone=share_alone(mass[:, -1], seen),
        objects=objects / max(seen.images, 1),
        shown=shown.sum(axis=1),
        named=None if alike else named,
    )


def _misses(
    shown: Float[np.ndarray, "R L"], found: Float[np.ndarray, "R L"], *, pooled: bool
) -> Float[np.ndarray, "R L"]:
    """Return the miss rates by rater and class; ``pooled``: one rate of a rater for all classes."""
    count = np.maximum(shown - found, 0.0)
    crowd = (count.sum() + _SMOOTH) / (shown.sum() + 2 * _SMOOTH)
    mean = (count.sum(axis=1) + _POOL[1] * crowd) / (shown.sum(axis=1) + _POOL[1])
    if pooled:
        return np.repeat(mean[:, None], shown.shape[1], axis=1)
    return (count + _POOL[0] * mean[:, None]) / (shown + _POOL[0])


def _one_skill(count: Float[np.ndarray, "L L"], raters: int) -> Float[np.ndarray, "R L L"]:
    """Return rows of raters who are all right equally often, from the counts of all together."""
    classes = len(count)
    right = count.trace() + 1.0
    wrong = count.sum() - count.trace() + 0.1
    rows = np.full((classes, classes), wrong / (right + wrong) / max(classes - 1, 1))
    np.fill_diagonal(rows, right / (right + wrong))
    return np.repeat(rows[None], raters, axis=0)


def share_alone(none: Float[np.ndarray, " u"], seen: Evidence) -> Float[np.ndarray, " R"]:
    """Return the share of each rater's spurious boxes that stand alone.

    ``none`` is the expected number of groups in a unit that are no object. Were a single box
    compared with the rate of all spurious boxes, those in groups would be expected twice.
    """
    each = none[seen.owner]
    total = np.bincount(seen.rater, each, minlength=seen.raters)
    single = np.bincount(seen.rater, each * (seen.size == 1)[seen.owner], minlength=seen.raters)
    crowd = (single.sum() + 1) / (total.sum() + 1)
    return (single + _ALONE * crowd) / (total + _ALONE)


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


def _shown(team: Float[np.ndarray, "s L"], seen: Evidence) -> Float[np.ndarray, "R L"]:
    """Return the objects that every rater could have reported, by class."""
    members = np.repeat(np.arange(len(team)), np.diff(seen.team_starts))
    columns = [
        np.bincount(seen.team_rater, team[members, k], minlength=seen.raters)
        for k in range(seen.classes)
    ]
    return np.stack(columns, axis=1)


def unseen(model: ClassModel, seen: Evidence, belief: Float[np.ndarray, "u L+1"]) -> float:
    """Return how many objects all assigned raters missed, in expectation."""
    team = _by_team((belief * seen.weight[:, None])[:, :-1], seen)
    return float((team * _unseen_odds(model, seen)).sum())


def _unseen_odds(model: ClassModel, seen: Evidence) -> Float[np.ndarray, "s L"]:
    """Return how many objects a team misses altogether for every one that it does not."""
    if len(seen.team_starts) == 1:
        return np.zeros((0, seen.classes))
    missed = np.log(np.maximum(model.report[:, :, -1], _TINY))
    chance = np.exp(np.add.reduceat(missed[seen.team_rater], seen.team_starts[:-1]))
    return chance / np.maximum(1 - chance, 1e-3)
