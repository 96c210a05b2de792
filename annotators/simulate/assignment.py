"""Who looks at which image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medmnist_det.labels import Labels
from medmnist_det.streams import stream

if TYPE_CHECKING:
    from jaxtyping import Bool

    from annotators.simulate.annotator import Annotator

#: Images that share a stream of random numbers.
BLOCK = 4096


@dataclass(frozen=True, kw_only=True)
class Block:
    """Images that share a stream of random numbers, and the objects in them."""

    number: int
    images: slice
    objects: slice


def blocks_of(truth: Labels) -> list[Block]:
    """Return all blocks of a split; one without an image for no image."""
    found = []
    for number, first in enumerate(range(0, max(1, truth.images), BLOCK)):
        images = slice(first, min(first + BLOCK, truth.images))
        objects = slice(*truth.starts[[images.start, images.stop]].tolist())
        found.append(Block(number=number, images=images, objects=objects))
    return found


@dataclass(frozen=True, kw_only=True)
class Team:
    """Annotators who look at the same images."""

    #: Rows of the annotators, from 0.
    raters: tuple[int, ...]
    #: Share of the images, above 0 to 1.
    share: float


def assign(
    annotators: Sequence[Annotator],
    images: int,
    seed: int,
    split: str,
    teams: Sequence[Team] = (),
) -> Bool[np.ndarray, "images R"]:
    """Say who is assigned to which image.

    With teams, every image goes to one of them, drawn by their shares; coverages say nothing then.
    Else by systematic sampling with the annotators in random order: every annotator gets an image
    with the probability that its coverage says, and the number of annotators of an image is as even
    as can be: the sum of the coverages, rounded down or up. So 17 annotators with a coverage of
    3/17 give exactly 3 an image.
    """
    if teams:
        return _by_team(teams, len(annotators), images, seed, split)
    coverage = np.array([annotator.options.coverage for annotator in annotators])
    assigned = np.ones((images, len(annotators)), dtype=bool)
    if (coverage == 1).all():
        return assigned
    for block, first in enumerate(range(0, images, BLOCK)):
        rng = stream(seed, "assign", split, block)
        order = np.argsort(rng.random((BLOCK, len(annotators))), axis=1, kind="stable")
        # Whole 2**-40ths, so that coverages that should add up to a whole number do.
        total = np.round(np.cumsum(coverage[order], axis=1) * 2**40) / 2**40
        total = np.where(abs(total - np.round(total)) < 1e-9, np.round(total), total)
        crossed = np.floor(total - rng.random((BLOCK, 1)))
        chosen = np.diff(crossed, axis=1, prepend=-1) > 0
        part = assigned[first : first + BLOCK]
        np.put_along_axis(part, order[: len(part)], chosen[: len(part)], axis=1)
    return assigned


def _by_team(
    teams: Sequence[Team], raters: int, images: int, seed: int, split: str
) -> Bool[np.ndarray, "images R"]:
    member = np.zeros((len(teams), raters), dtype=bool)
    for k, team in enumerate(teams):
        member[k, list(team.raters)] = True
    cumulative = np.cumsum([team.share for team in teams])[:-1]
    parts = [np.zeros((0, raters), dtype=bool)]
    for block, first in enumerate(range(0, images, BLOCK)):
        drawn = stream(seed, "teams", split, block).random(BLOCK)[: images - first]
        parts.append(member[np.searchsorted(cumulative, drawn, side="right")])
    return np.concatenate(parts)
