"""What all annotators share of a split: how hard its objects are, what they look like, who touches.

Each is made only where some annotator's options ask for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.simulate.annotator import Annotator
from annotators.simulate.difficulty import difficulties
from annotators.simulate.drift import places, reading_order
from annotators.simulate.instance import LookAlikes
from annotators.simulate.outcomes import Circumstances, wrong
from annotators.simulate.touching import Touching, touching
from medmnist_det.errors import InputError
from medmnist_det.labels import Images, Labels
from medmnist_det.scenes.looks import Looks

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


@dataclass(frozen=True, kw_only=True, eq=False)
class Shared:
    """A split, its annotators, and what their errors have in common."""

    truth: Labels
    images: Images
    annotators: Sequence[Annotator]
    assigned: Bool[np.ndarray, "images R"]
    seed: int
    split: str
    looks: Looks | None

    def anybody(self, option: str) -> bool:
        """Say whether an option is not 0 for some annotator."""
        return any(getattr(one.options, option) for one in self.annotators)

    @cached_property
    def sizes(self) -> Float[np.ndarray, "images 2"]:
        """Width and height of every image."""
        return np.stack([self.images.width, self.images.height], axis=1).astype(np.float64)

    @cached_property
    def pairs(self) -> Touching:
        """Objects that touch."""
        return touching(self.truth)

    @cached_property
    def difficulty(self) -> Float[np.ndarray, " n"] | None:
        """How hard every object is; None where that makes no difference to anybody."""
        if not self.anybody("difficulty"):
            return None
        contrast = None if self.looks is None else self.looks.contrast
        return difficulties(self.truth, self.pairs, contrast, self.seed, self.split)

    @cached_property
    def _score(self) -> Float[np.ndarray, " n"]:
        from scipy.special import ndtri  # slow to import: only where it is needed

        return ndtri(self.difficulty)

    @cached_property
    def look_alikes(self) -> LookAlikes:
        """What every object looks like. Raises InputError where nobody knows its digit."""
        if self.looks is None:
            raise InputError(
                "--family instance takes digits for what they look like; of other objects nothing "
                "is known: choose another family, or make the data with generate"
            )
        return LookAlikes(self.looks.margins, self.truth.label)

    @cached_property
    def orders(self) -> dict[int, Int[np.ndarray, " k"]]:
        """The images in the order in which each annotator looks who drifts."""
        return {
            rater: reading_order(self.assigned[:, rater], self.seed, self.split, rater)
            for rater, one in enumerate(self.annotators)
            if one.options.drift
        }

    @cached_property
    def _places(self) -> dict[int, Float[np.ndarray, " images"]]:
        return {rater: places(order, len(self.images)) for rater, order in self.orders.items()}

    @cached_property
    def _rates(self) -> dict[bytes, Float[np.ndarray, " n"]]:
        return {}  # of look-alikes, by the rates that are asked for

    def circumstances(self, rater: int, rows: Int[np.ndarray, " k"]) -> Circumstances:
        """Return what the errors of a rater depend on for some of the objects."""
        options = self.annotators[rater].options
        score = self._score[rows] if options.difficulty else None
        place = self._places[rater][self.truth.image[rows]] if options.drift else None
        return Circumstances(score=score, place=place, look=self.look(rater, rows))

    def look(
        self, rater: int, rows: Int[np.ndarray, " k"]
    ) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "k L"]] | None:
        """Return how often some objects are taken for others, and for which; None: by no looks."""
        one = self.annotators[rater]
        if one.options.family != "instance":
            return None
        rate = wrong(one.matrix[:-1])
        if rate.tobytes() not in self._rates:
            self._rates[rate.tobytes()] = self.look_alikes.error_rates(rate)
        return self._rates[rate.tobytes()][rows], self.look_alikes.shares.take(rows, axis=0)

    def behind(self) -> dict[str, Any]:
        """Return what is behind the labels of all, as plain JSON values by name."""
        found: dict[str, Any] = {}
        if self.difficulty is not None:
            found["difficulty"] = self.difficulty.tolist()
        if self.orders:
            ids = self.images.ids
            found["order"] = {
                str(rater + 1): [ids[k] for k in order.tolist()]
                for rater, order in self.orders.items()
            }
        return found
