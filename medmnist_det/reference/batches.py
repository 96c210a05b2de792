"""Images on the device, their targets on the CPU, and batches made of both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from medmnist_det.errors import InputError
from medmnist_det.reference.lessons import Lessons
from medmnist_det.reference.loss import Targets

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, UInt8
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What is done to a training image; digits are not symmetric, so nothing is flipped.

    Raises InputError for values out of bounds.
    """

    #: Whether scenes are moved, as far as nothing leaves the image.
    shift: bool = True
    #: Scenes that are laid on each image one after the other, where that makes no two boxes overlap
    #: by ``overlap`` or more: the same arithmetic teaches more objects. Only what is mostly black
    #: is laid, and on what is: the sum of two pictures is no picture.
    overlay: int = 3
    overlap: float = 0.25
    #: Share of the images without a label that an epoch shows.
    empty: float = 0.2

    def __post_init__(self) -> None:
        if self.overlay < 0:
            raise InputError(f"overlay {self.overlay} is no number of scenes from 0 on")
        for name in ("overlap", "empty"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} {getattr(self, name):g} is no share from 0 to 1")


def targets_of(lessons: Lessons) -> Targets:
    """Return the lessons padded to one number of boxes an image, at least one."""
    labels = lessons.label_set.labels
    place = np.arange(len(labels)) - labels.starts[labels.image]
    shape = (labels.images, max(int(np.diff(labels.starts).max(initial=0)), 1))

    def padded(column: np.ndarray) -> Tensor:
        room = np.zeros((*shape, *column.shape[1:]), dtype=np.float32)
        room[labels.image, place] = column
        return torch.from_numpy(room)

    reports = np.zeros((len(labels), 0)) if lessons.reports is None else lessons.reports
    columns = (labels.box, lessons.classes, lessons.weight, reports)
    return Targets(*map(padded, columns))


class Pool:
    """A split in memory: grey levels as bytes on the device, targets as floats.

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
        #: Left, top, right and bottom of what is not black.
        self.bounds = _bounds(self.images).cpu()
        #: Whether an image is mostly black.
        self.dark = _dark(self.images).cpu()
        self.teach(targets, looked)

    def teach(self, targets: Targets, looked: Bool[np.ndarray, " n"]) -> None:
        """Take other targets for the same images."""
        # Small things stay on the CPU, where looking at them does not wait for the device.
        self.targets = targets
        labelled = (targets.weight > 0).any(dim=1)
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


def _dark(images: UInt8[Tensor, "n 1 h w"]) -> Bool[Tensor, " n"]:
    """Return which images have more black pixels than others."""
    lit = [(part > 0).sum(dim=(1, 2, 3)) for part in images.split(256)]
    return torch.cat(lit) * 2 < images[0].numel()


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
            for _ in range(how.overlay):
                more = labelled[torch.randint(len(labelled), (len(rows),), generator=random)]
                above = _moved(self.pool, more, how.shift, random)
                dark = self.pool.dark[rows] & self.pool.dark[more]
                images, targets = _overlaid(images, targets, *above, how.overlap, dark)
            yield images, Targets(*(column.to(images.device) for column in _packed(targets)))


def _moved(
    pool: Pool, rows: Int[Tensor, " b"], shift: bool, random: torch.Generator
) -> tuple[UInt8[Tensor, "b 1 h w"], Targets]:
    draw = torch.rand(len(rows), 2, generator=random)
    targets = Targets(*(column[rows] for column in pool.targets))
    if not shift:
        return pool.images.index_select(0, rows.to(pool.images.device)), targets
    height, width = pool.images.shape[2:]
    size, bounds = torch.tensor([width, height]), pool.bounds[rows]
    low, high = -bounds[:, :2], size - bounds[:, 2:]
    by = (low + (draw * (high - low + 1)).floor().long()).clamp(max=high)  # (b, 2): x, y
    # What leaves one end comes in at the other, and is black.
    steps = (by[:, 1] * width + by[:, 0]).tolist()
    flat = pool.images.flatten(1)
    moved = [flat[row].roll(step) for row, step in zip(rows.tolist(), steps, strict=True)]
    # Noisy boxes may reach beyond what moved them; one that is beyond as a whole is not taught.
    box = (targets.box + by.repeat(1, 2)[:, None]).clamp(min=0).minimum(size.repeat(2))
    weight = targets.weight * (box[..., 2:] > box[..., :2]).all(dim=-1)
    return torch.stack(moved).view(-1, 1, height, width), targets._replace(box=box, weight=weight)


def _overlaid(
    images: UInt8[Tensor, "b 1 h w"],
    targets: Targets,
    others: UInt8[Tensor, "b 1 h w"],
    more: Targets,
    overlap: float,
    dark: Bool[Tensor, " b"],
) -> tuple[UInt8[Tensor, "b 1 h w"], Targets]:
    """Lay an image on each that is ``dark``, but where boxes would overlap too much."""
    free = dark & (_most_overlap(targets, more) < overlap)
    # As the scenes themselves are composed: added, and clipped at white. 255 - x is what is left.
    laid = free[:, None, None, None].to(images.device)
    images = images + torch.minimum(others * laid, 255 - images)
    shown = more._replace(weight=more.weight * free[:, None])
    return images, Targets(*(torch.cat(pair, dim=1) for pair in zip(targets, shown, strict=True)))


def _packed(targets: Targets) -> Targets:
    """Return the targets without the padding that no image of the batch needs, one at least."""
    real = targets.weight > 0
    most = max(int(real.sum(dim=1).max()), 1)
    first = real.int().argsort(dim=1, descending=True, stable=True)[:, :most]
    image = torch.arange(len(real))[:, None]
    return Targets(*(column[image, first] for column in targets))


def _most_overlap(a: Targets, b: Targets) -> Float[Tensor, " b"]:
    low = torch.maximum(a.box[:, :, None, :2], b.box[:, None, :, :2])
    high = torch.minimum(a.box[:, :, None, 2:], b.box[:, None, :, 2:])
    common = (high - low).clamp(min=0).prod(dim=-1)
    one, two = ((t.box[..., 2:] - t.box[..., :2]).prod(dim=-1) for t in (a, b))
    iou = common / (one[:, :, None] + two[:, None, :] - common).clamp(min=1e-9)
    return iou.amax(dim=(1, 2))
