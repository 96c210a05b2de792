"""How an annotator's boxes err: habits and precision, in pixels and in shares of the object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.simulate.options import AnnotatorOptions, Habit

if TYPE_CHECKING:
    from jaxtyping import Float

    Four = Float[np.ndarray, " 4"]


@dataclass(frozen=True, kw_only=True, eq=False)
class BoxLaw:
    """Four independent normal errors of a box: x and y of its centre, its width, its height.

    With s the object's side along the error's axis (width for x and width), in pixels:

        error ~ Normal(mean_px + mean s, std_px^2 + (std s)^2)

    ``mean`` and ``std`` are shares of the side, ``mean_px`` and ``std_px`` pixels. What is in
    pixels weighs most on small objects: that is how a habit changes with size. Edges that err
    independently by h pixels each are std_px = (h / sqrt 2, h / sqrt 2, h sqrt 2, h sqrt 2).
    """

    mean: Four
    std: Four
    mean_px: Four
    std_px: Four

    def __bool__(self) -> bool:
        """Say whether the law errs at all."""
        return any(part.any() for part in (self.mean, self.std, self.mean_px, self.std_px))

    def relative(
        self, side: Float[np.ndarray, "n 2"]
    ) -> tuple[Float[np.ndarray, "n 4"], Float[np.ndarray, "n 4"]]:
        """Return the mean and the spread of the errors as shares of the sides."""
        sides = side[:, [0, 1, 0, 1]]
        mean = np.broadcast_to(self.mean, sides.shape)
        std = np.broadcast_to(self.std, sides.shape)
        if self.mean_px.any():
            mean = self.mean_px / sides + mean
        if self.std_px.any():
            std = np.hypot(self.std_px / sides, std)
        return mean, std

    def described(self, *, pixels: bool) -> dict[str, Any]:
        """Return the law as plain JSON values; without ``pixels``, what ``biased`` has of it."""
        shares = {"bias_mean": self.mean.tolist(), "bias_std": self.std.tolist()}
        if not pixels:
            return shares
        return shares | {
            "bias_mean_px": self.mean_px.tolist(),
            "bias_std_px": self.std_px.tolist(),
        }


def drawn_law(
    options: AnnotatorOptions, rng: np.random.Generator, own: np.random.Generator
) -> BoxLaw:
    """Draw the habits of an annotator: those of ``biased`` from ``rng``, all others from ``own``.

    ``biased``: half of the variance is the annotator's habit, half differs from box to box, both
    with a standard deviation of (1 - p) / 5 / sqrt 2 of the side. ``sized``: shares of half that
    size, and the hand's precision in pixels. With these the mean IoU with the true box comes out
    near p.
    """
    miss = 1 - options.proficiency
    spread, none = np.full(4, miss / 5 / np.sqrt(2)), np.zeros(4)
    habit = spread * rng.standard_normal(4)
    if options.box_noise != "sized":
        return BoxLaw(mean=habit, std=spread, mean_px=none, std_px=none)
    edge = 5 * miss if options.hand is None else options.hand
    pixels = edge * np.array([np.sqrt(0.5), np.sqrt(0.5), np.sqrt(2), np.sqrt(2)])
    mean, mean_px = _habit(options.habit, miss, spread / 2, pixels, own)
    return BoxLaw(mean=mean, std=spread / 2, mean_px=mean_px, std_px=pixels)


def _habit(
    habit: Habit, miss: float, share: Four, pixels: Four, rng: np.random.Generator
) -> tuple[Four, Four]:
    """Return what boxes have in common, in shares and in pixels.

    ``own``: drawn, with the spread of single boxes. ``loose`` and ``tight``: wider and higher by
    5 (1 - p) pixels and (1 - p) / 4 of the side, or narrower and lower by as much; ``shifted``: the
    centre is off by 5 (1 - p) pixels and (1 - p) / 8 of the side in a direction of the annotator's
    own; each of these by half to one and a half times as much, which is drawn, too.
    """
    drawn, amount, angle = rng.standard_normal((2, 4)), 0.5 + rng.random(), rng.random()
    match habit:
        case "own":
            return share * drawn[0], pixels * drawn[1]
        case "none":
            return np.zeros(4), np.zeros(4)
        case "loose" | "tight":
            sign = amount if habit == "loose" else -amount
            size = sign * miss * np.array([0.0, 0.0, 1.0, 1.0])
            return size / 4, size * 5
        case "shifted":
            turn = 2 * np.pi * angle
            way = amount * miss * np.array([np.cos(turn), np.sin(turn), 0.0, 0.0])
            return way / 8, way * 5
