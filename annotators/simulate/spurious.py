"""What annotators draw where nothing is: how many boxes, how large, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from medmnist_det.boxes import GRID, snap
from medmnist_det.labels import Error

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from annotators.simulate.matrices import Matrix

    Sizes = Float[np.ndarray, "n 2"]

# Without a law of its own a spurious box has sides from this share of the image's ...
_SMALLEST = 0.05
# ... to so much more.
_RANGE = 0.2


@dataclass(frozen=True, kw_only=True, eq=False)
class SpuriousLaw:
    """Size and place of spurious boxes.

    Sides are log-normal shares of the image's: (log w, log h) is normal with ``log_side_mean``,
    ``log_side_std`` and ``log_side_correlation``, cut at the whole image. Centres fall into the
    cells of a grid over the image with the probabilities ``place`` (rows from top to bottom,
    columns from left to right), uniform within a cell; then the box is moved into the image.
    """

    log_side_mean: Float[np.ndarray, " 2"]
    log_side_std: Float[np.ndarray, " 2"]
    log_side_correlation: float
    place: Float[np.ndarray, "rows columns"]

    def described(self) -> dict[str, Any]:
        """Return the law as plain JSON values."""
        return {
            "log_side_mean": self.log_side_mean.tolist(),
            "log_side_std": self.log_side_std.tolist(),
            "log_side_correlation": self.log_side_correlation,
            "place": self.place.tolist(),
        }

    def draw(self, sizes: Sizes, rng: np.random.Generator) -> tuple[Sizes, Sizes]:  # corners, sides
        """Return the low corners and the sides of a box on every image of these sizes."""
        count = len(sizes)
        across, down = rng.standard_normal((2, count))
        r = self.log_side_correlation
        down = r * across + np.sqrt(max(0.0, 1 - r * r)) * down
        scale = self.log_side_mean + self.log_side_std * np.stack([across, down], axis=1)
        side = np.maximum(snap(np.exp(np.minimum(scale, 0.0)) * sizes), 1 / GRID)
        rows, columns = self.place.shape
        cumulative = np.cumsum(self.place.ravel()) / self.place.sum()
        cell = np.searchsorted(cumulative[:-1], rng.random(count), side="right")
        corner_of_cell = np.stack([cell % columns, cell // columns], axis=1)
        centre = (corner_of_cell + rng.random((count, 2))) / (columns, rows) * sizes
        return snap(np.clip(centre - side / 2, 0, sizes - side)), side


def hallucinate(
    law: SpuriousLaw | None,
    matrix: Matrix,
    rate: float,
    sizes: Float[np.ndarray, "images 2"],
    seen: Int[np.ndarray, " k"],
    objects: int,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Return spurious boxes on the images ``seen``, as columns; ``sizes`` are those of all images.

    Their number is Poisson with mean ``rate``, their class follows the last row of the matrix.
    Without a law their sides are uniform from 1/20 to 1/4 of the image's, and their place is
    uniform.
    """
    image = np.repeat(seen, rng.poisson(rate, len(seen)))
    if law is None:
        side = (_SMALLEST + _RANGE * rng.random((len(image), 2))) * sizes[image]
        side = np.maximum(snap(side), 1 / GRID)
        corner = snap(rng.random((len(image), 2)) * (sizes[image] - side))
    else:
        corner, side = law.draw(sizes[image], rng)
    names = matrix[-1, :-1]
    cumulative = np.cumsum(names) / max(names.sum(), 1e-300)
    return {
        "image": image,
        "box": np.concatenate([corner, corner + side], axis=1),
        "label": np.searchsorted(cumulative[:-1], rng.random(len(image)), side="right"),
        "true_object": np.full(len(image), objects),
        "error": np.full(len(image), int(Error.SPURIOUS)),
    }
