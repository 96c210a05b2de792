"""Images and targets on the device; batches of them, made by index operations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from medmnist_det.reference.loss import Targets

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Bool, Float, Int, UInt8
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What is done to a training image; digits are not symmetric, so nothing is flipped."""

    #: Whether scenes are moved, as far as nothing leaves the image.
    shift: bool = True
    #: Share of images on which a second one is laid, where no two boxes overlap by more than this.
    overlay: float = 0.5
    overlap: float = 0.25
    #: Share of the images without a label that an epoch shows.
    empty: float = 0.2


class Pool:
    """A split on the device: grey levels as bytes, targets as floats.

    The targets' first dimension is n. ``looked`` says which images to learn from at all.
    """

    def __init__(
        self,
        images: UInt8[Tensor, "n 1 h w"],
        targets: Targets,
        looked: Bool[np.ndarray, " n"],
        device: torch.device,
    ) -> None:
        self.images = images.to(device)
        self.targets = Targets(*(column.to(device) for column in targets))
        self.bounds = _bounds(self.images)
        labelled = (targets.weight > 0).any(dim=1).cpu()
        there = torch.from_numpy(looked)
        #: Rows of the images with a box, and of those without.
        self.labelled = (labelled & there).nonzero().flatten()
        self.empty = (~labelled & there).nonzero().flatten()


def _bounds(images: UInt8[Tensor, "n 1 h w"]) -> Int[Tensor, "n 4"]:
    """Return left, top, right, bottom of what is not black; an empty image has no room to move."""
    found = []
    for part in images.split(256):
        columns, rows = (part > 0).any(dim=(1, 2)), (part > 0).any(dim=(1, 3))
        found.append(torch.stack([*_ends(columns), *_ends(rows)], dim=1)[:, [0, 2, 1, 3]])
    return torch.cat(found)


def _ends(line: Bool[Tensor, "n k"]) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
    """Return the first index that is set and the one past the last; 0 and k where none is."""
    length = line.shape[1]
    nothing = ~line.any(dim=1)
    first = line.int().argmax(dim=1)
    last = length - line.flip(1).int().argmax(dim=1)
    return first.masked_fill(nothing, 0), last.masked_fill(nothing, length)


class Batches:
    """The batches of an epoch, all of one size: what remains of the last one is left out.

    Every labelled image comes once, and a share of the others. ``random`` decides everything; it is
    the same for all processes that train together, and process ``rank`` of ``world`` gets its part.
    """

    def __init__(
        self,
        pool: Pool,
        batch: int,
        augmentation: Augmentation,
        random: torch.Generator,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.pool, self.augmentation, self.random = pool, augmentation, random
        some = torch.randperm(len(pool.empty), generator=random)
        empty = pool.empty[some[: round(len(pool.empty) * augmentation.empty)]]
        rows = torch.cat([pool.labelled, empty])
        rows = rows[torch.randperm(len(rows), generator=random)]
        batch = max(min(batch, len(rows)) // world, 1)
        self.rows = rows[: len(rows) // (batch * world) * batch * world].view(-1, world, batch)
        self.rank = rank
        #: Images of a batch, over all processes.
        self.size = world * batch

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[UInt8[Tensor, "b 1 h w"], Targets]]:
        """Yield grey levels and targets."""
        how, random, labelled = self.augmentation, self.random, self.pool.labelled
        # Processes agree on the order of the images; what happens to each is every one's own.
        random.manual_seed(int(torch.randint(2**62, (1,), generator=random)) + self.rank)
        for rows in self.rows[:, self.rank]:
            images, targets = _moved(self.pool, rows, how.shift, random)
            if how.overlay:
                chosen = torch.rand(len(rows), generator=random) < how.overlay
                below = chosen.nonzero().flatten()
                draw = torch.randint(len(labelled), (len(below),), generator=random)
                above = _moved(self.pool, labelled[draw], how.shift, random)
                below = below.to(images.device)
                images, targets = _overlaid(images, targets, below, *above, how.overlap)
            yield images, targets


def _moved(
    pool: Pool, rows: Int[Tensor, " b"], shift: bool, random: torch.Generator
) -> tuple[UInt8[Tensor, "b 1 h w"], Targets]:
    device = pool.images.device
    height, width = pool.images.shape[2:]
    draw = torch.rand(len(rows), 2, generator=random).to(device)
    rows = rows.to(device)
    targets = Targets(*(column[rows] for column in pool.targets))
    if not shift:
        return pool.images[rows], targets
    bounds = pool.bounds[rows]
    size = torch.tensor([width, height], device=device)
    low, high = -bounds[:, :2], size - bounds[:, 2:]
    by = (low + (draw * (high - low + 1)).floor().long()).clamp(max=high)  # (b, 2): x, y
    x = torch.arange(width, device=device) - by[:, :1]
    y = torch.arange(height, device=device) - by[:, 1:]
    inside = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None, :]
    pixels = pool.images[
        rows[:, None, None],
        0,
        y.clamp(0, height - 1)[:, :, None],
        x.clamp(0, width - 1)[:, None, :],
    ]
    limit = torch.cat([size, size]).float()
    # Noisy boxes may reach beyond what moved them.
    box = (targets.box + by.repeat(1, 2)[:, None]).clamp(min=0).minimum(limit)
    return (pixels * inside)[:, None], targets._replace(box=box)


def _overlaid(
    images: UInt8[Tensor, "b 1 h w"],
    targets: Targets,
    below: Int[Tensor, " k"],
    others: UInt8[Tensor, "k 1 h w"],
    more: Targets,
    overlap: float,
) -> tuple[UInt8[Tensor, "b 1 h w"], Targets]:
    """Lay other images on the chosen ones, but where boxes would overlap by ``overlap`` or more."""
    under = Targets(*(column[below] for column in targets))
    free = _most_overlap(under, more) < overlap
    # As the scenes themselves are composed: added, and clipped at white. 255 - x is what is left.
    grey = images[below]
    images[below] = grey + torch.minimum(others * free[:, None, None, None], 255 - grey)
    shown = more._replace(weight=more.weight * free[:, None])
    columns = []
    for column, extra in zip(targets, shown, strict=True):
        room = torch.zeros_like(column)
        room[below] = extra
        columns.append(torch.cat([column, room], dim=1))
    return images, Targets(*columns)


def _most_overlap(a: Targets, b: Targets) -> Float[Tensor, " b"]:
    low = torch.maximum(a.box[:, :, None, :2], b.box[:, None, :, :2])
    high = torch.minimum(a.box[:, :, None, 2:], b.box[:, None, :, 2:])
    common = (high - low).clamp(min=0).prod(dim=-1)
    one, two = ((t.box[..., 2:] - t.box[..., :2]).prod(dim=-1) for t in (a, b))
    iou = common / (one[:, :, None] + two[:, None, :] - common).clamp(min=1e-9)
    return iou.amax(dim=(1, 2))
