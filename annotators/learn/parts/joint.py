"""Who sees what, a detector among them: a model of raters and detector, and its E and M steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annotators.learn.parts.calibration import Calibration, calibrated, log_shares
from annotators.learn.parts.heard import KINDS, Heard
from annotators.simulate.matrices import whole_matrices

if TYPE_CHECKING:
    from jaxtyping import Float

# Pseudo-reports of every class by which a rater's row is drawn to the crowd's.
_SHRINK = 8.0
# Pseudo-counts of what the crowd's rows, the kinds of sightings and the rates begin with.
_SMOOTH = 0.1
# Pseudo-boxes and pseudo-images of every rater's spurious rate.
_SPURIOUS = (0.01, 1.0)
# What is left of a report's own cell is never less than this, in reports.
_LEAST = 1e-6


class Crowd(NamedTuple):
    """What is believed of a rater nobody knows: priors, which stay as they are while EM runs."""

    #: P(report column | object of the row's class); the last column is a miss.
    report: Float[np.ndarray, "L L+1"]
    #: The classes of spurious boxes.
    fancy: Float[np.ndarray, " L"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Joint:
    """Parameters. True objects, spurious boxes and false sightings are Poisson in an image."""

    #: Objects in an image.
    objects: float
    #: The kind of an object's sighting; the last: none.
    hit: Float[np.ndarray, " K+1"]
    #: Sightings of nothing in an image, by kind.
    false: Float[np.ndarray, " K"]
    #: What the detector's probabilities of classes are worth.
    calibration: Calibration
    #: Classes of the objects that the detector does not see.
    unseen: Float[np.ndarray, " L"]
    #: P(rater reports column | object of the row's class); the last column is a miss.
    report: Float[np.ndarray, "R L L+1"]
    #: Spurious boxes of a rater in an image, and their classes.
    spurious: Float[np.ndarray, " R"]
    fancy: Float[np.ndarray, "R L"]
    #: Reports that every row rests on, the prior's included.
    counts: Float[np.ndarray, "R L L+1"]

    def matrix(self) -> Float[np.ndarray, "R L+1 L+1"]:
        """Return the matrices in the simulator's layout, the last row from the spurious boxes."""
        return whole_matrices(self.report, self.spurious, self.fancy)


def first_belief(said: Heard) -> Float[np.ndarray, "n L+1"]:
    """Return where EM starts: classes by votes and detector, existence by who drew or sees it."""
    classes = len(said.crowd.classes)
    votes = (said.reports[..., None] == np.arange(classes)).sum(axis=1) + _SMOOTH
    share = votes * np.exp(said.log_classes())
    share /= share.sum(axis=1, keepdims=True)
    sure = np.append(said.sightings.objectness, 0.0)[said.sighting]
    there = (said.drawn.sum(axis=1) + sure) / ((said.reports >= 0).sum(axis=1) + 1)
    there = np.clip(there, 0.02, 0.98)[:, None]
    return np.concatenate([there * share, 1 - there], axis=1)


def usual(belief: Float[np.ndarray, "n L+1"], said: Heard) -> Crowd:
    """Return the priors: what all raters together do, by a first belief."""
    counts = _reports(belief[:, :-1], said).sum(axis=0) + _SMOOTH
    fancies = _fancies(belief[:, -1], said).sum(axis=0) + _SMOOTH
    return Crowd(counts / counts.sum(axis=1, keepdims=True), fancies / fancies.sum())


def maximise(
    belief: Float[np.ndarray, "n L+1"], said: Heard, crowd: Crowd, before: Calibration
) -> Joint:
    """Return the M step: parameters that are likelier, given a belief about every group.

    All are likeliest but the calibration, which has no closed form and only gets better.

    What one rater drew and the detector does not see is invented or overlooked: where no two
    raters can be compared, nothing tells which. As many objects are then taken to be overlooked as
    are seen least surely, so that only what is beyond that is invented.
    """
    there, nothing = belief[:, :-1], belief[:, -1]
    sighted, kind = said.sighted, said.kind[said.sighting]
    hit = np.bincount(kind, there.sum(axis=1), minlength=KINDS + 1) + _SMOOTH
    if not said.compared:
        hit[[0, -1]] = hit[[0, -1]].mean()
    false = np.bincount(kind, nothing, minlength=KINDS + 1)[:KINDS] + _SMOOTH
    unseen = there[~sighted].sum(axis=0) + _SMOOTH
    counts = _reports(there, said) + _SHRINK * crowd.report
    fancy = _fancies(nothing, said)
    spurious = (fancy.sum(axis=1) + _SPURIOUS[0]) / (said.looked + _SPURIOUS[1])
    fancy = fancy + _SHRINK * crowd.fancy
    return Joint(
        objects=(float(there.sum()) + _SMOOTH) / max(said.images, 1),
        hit=hit / hit.sum(),
        false=false / max(said.images, 1),
        calibration=calibrated(said.log_classes()[sighted], there[sighted], before),
        unseen=unseen / unseen.sum(),
        report=counts / counts.sum(axis=2, keepdims=True),
        spurious=spurious,
        fancy=fancy / fancy.sum(axis=1, keepdims=True),
        counts=counts,
    )


def log_joint(
    model: Joint, said: Heard, belief: Float[np.ndarray, "n L+1"] | None = None
) -> Float[np.ndarray, "n L+1"]:
    """Return the log of how often an image holds such a group, for every class and for nothing.

    An object is there at a rate, the detector sees it in some way or not at all, and every rater
    who looked reports it or misses it. Nothing is there: boxes and sighting are spurious, and more
    than one fell on one place. With the ``belief`` that the model was made from, a report is
    judged by what is thought of its rater without this report.
    """
    sighted, kind = said.sighted, said.kind[said.sighting]
    found = np.empty((len(said), model.report.shape[1] + 1))
    classes = log_shares(said.log_classes(), model.calibration)
    classes[~sighted] = np.log(model.unseen)
    found[:, :-1] = np.log(model.objects) + np.log(model.hit)[kind][:, None] + classes
    together = said.drawn.sum(axis=1) + sighted - 1
    false = np.append(np.log(model.false), 0.0)
    found[:, -1] = false[kind] + together * np.log(said.coincidence)
    fancy = np.log(model.spurious[:, None] * model.fancy)
    for rater, told in enumerate(said.reports.T):
        asked, drew = np.flatnonzero(told >= 0), np.flatnonzero(said.drawn[:, rater])
        if belief is None:
            found[asked, :-1] += np.log(model.report[rater])[:, told[asked]].T
        else:
            own, counts = belief[asked, :-1], model.counts[rater]
            cell = np.maximum(counts[:, told[asked]].T - own, _LEAST)
            found[asked, :-1] += np.log(cell / np.maximum(counts.sum(axis=1) - own, _LEAST))
        found[drew, -1] += fancy[rater, told[drew]]
    return found


class Settled(NamedTuple):
    """Where EM came to rest, or was stopped."""

    model: Joint
    #: The probability of every class, and (last) of nothing, for every group.
    belief: Float[np.ndarray, "n L+1"]
    #: Log likelihood and log prior, before every round and after the last.
    heights: tuple[float, ...]


# Most rounds, and the change of the height for each group below which EM rests.
_ROUNDS, _REST = 200, 1e-6


def settle(said: Heard) -> Settled:
    """Return the model and the beliefs on which EM settles. Its height never falls."""
    belief = first_belief(said)
    crowd = usual(belief, said)
    model = maximise(belief, said, crowd, Calibration.of(len(said.crowd.classes)))
    heights: list[float] = []
    for _ in range(_ROUNDS):
        belief, likelihood = _normalised(log_joint(model, said))
        heights.append(likelihood + log_prior(model, said, crowd))
        if len(heights) > 1 and heights[-1] - heights[-2] < _REST * max(len(said), 1):
            break
        model = maximise(belief, said, crowd, model.calibration)
    belief, _ = _normalised(log_joint(model, said, belief))
    return Settled(model, belief, tuple(heights))


def log_prior(model: Joint, said: Heard, crowd: Crowd) -> float:
    """Return the log of the priors, and of what is not in the groups: rates times what was seen."""
    missing = said.images * (model.objects + model.false.sum())
    missing += ((said.looked + _SPURIOUS[1]) * model.spurious).sum()
    smooth = np.log(model.objects) + np.log(model.hit).sum() + np.log(model.false).sum()
    smooth += np.log(model.unseen).sum()
    drawn = (crowd.report * np.log(model.report)).sum() + (crowd.fancy * np.log(model.fancy)).sum()
    spurious = _SPURIOUS[0] * np.log(model.spurious).sum()
    total = _SMOOTH * smooth + _SHRINK * drawn + spurious - missing
    return float(total) + model.calibration.log_prior()


def _normalised(log: Float[np.ndarray, "n L+1"]) -> tuple[Float[np.ndarray, "n L+1"], float]:
    top = log.max(axis=1, keepdims=True)
    belief = np.exp(log - top)
    total = belief.sum(axis=1, keepdims=True)
    return belief / total, float((top + np.log(total)).sum())


def _reports(there: Float[np.ndarray, "n L"], said: Heard) -> Float[np.ndarray, "R L L+1"]:
    """Return the expected number of reports by rater, true class and report."""
    classes = there.shape[1]
    found = np.zeros((said.reports.shape[1], classes, classes + 1))
    for rater, told in enumerate(said.reports.T):
        asked = told >= 0
        for k in range(classes):
            found[rater, k] = np.bincount(told[asked], there[asked, k], minlength=classes + 1)
    return found


def _fancies(nothing: Float[np.ndarray, " n"], said: Heard) -> Float[np.ndarray, "R L"]:
    """Return the expected number of spurious boxes by rater and class."""
    classes = len(said.crowd.classes)
    found = np.zeros((said.reports.shape[1], classes))
    for rater, told in enumerate(said.reports.T):
        drew = said.drawn[:, rater]
        found[rater] = np.bincount(told[drew], nothing[drew], minlength=classes)
    return found
