"""EM over the units of evidence: beliefs from a model, the model from beliefs, until it rests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotators.infer.parts.class_model import ClassModel, maximise, posterior
from annotators.infer.parts.evidence import Evidence

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True, kw_only=True, eq=False)
class Settled:
    """Where EM came to rest, or was stopped."""

    model: ClassModel
    #: The probability of every class, and (last) of no object, for every unit.
    belief: Float[np.ndarray, "u L+1"]
    rounds: int
    #: The last change of a matrix entry.
    change: float


def settle(
    seen: Evidence,
    *,
    iterations: int,
    tolerance: float,
    spurious: Float[np.ndarray, " R"] | None = None,
    alike: bool = False,
) -> Settled:
    """Return the model and the beliefs on which EM settles, from the votes.

    ``spurious`` and ``alike`` as in :func:`annotators.infer.parts.class_model.maximise`. In the end
    every report is judged by what the rater's other reports say: a rater with few boxes would
    confirm himself, and be believed too much. No evidence gives the model of the priors.
    """
    belief = votes_as_belief(seen)
    model = maximise(belief, seen, None, spurious=spurious, alike=alike)
    change, rounds = 0.0, 0
    while len(belief) and rounds < iterations:
        rounds += 1
        belief = posterior(model, seen)
        new = maximise(belief, seen, model, spurious=spurious, alike=alike)
        change = float(np.abs(new.report - model.report).max())
        model = new
        if change <= tolerance:
            break
    belief = posterior(model, seen, belief)
    return Settled(model=model, belief=belief, rounds=rounds, change=change)


def votes_as_belief(seen: Evidence) -> Float[np.ndarray, "u L+1"]:
    """Return where EM starts: classes by their votes, existence by the share that drew a box."""
    votes = seen.votes() + _SMOOTH_VOTE
    share = np.clip(seen.size / np.maximum(seen.assigned, 1), 0.0, _SURE)[:, None]
    classes = votes / votes.sum(axis=1, keepdims=True)
    return np.concatenate([share * classes, 1 - share], axis=1)


# A tenth of a vote over all classes: no class is excluded before EM has begun.
_SMOOTH_VOTE = 0.01
# Nothing is quite sure before EM has begun either.
_SURE = 0.98
