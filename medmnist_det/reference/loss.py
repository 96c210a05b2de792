"""What the detector is taught: which cells answer for a box, and the terms of the loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.nn import functional
from torchvision.ops import generalized_box_iou_loss

from medmnist_det.errors import InputError
from medmnist_det.reference.criterion import Criterion
from medmnist_det.reference.device import autocast
from medmnist_det.reference.model import Detector, box_of, located
from medmnist_det.reference.refine import Refiner, place_loss, regions, seen

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, UInt8
    from torch import Tensor


class Targets(NamedTuple):
    """The boxes of a batch of images, every image padded to the same number m."""

    #: ``x_min, y_min, x_max, y_max`` in pixels.
    box: Float[Tensor, "b m 4"]
    #: Probability of every class: one-hot for a plain label, a posterior for a soft one.
    classes: Float[Tensor, "b m l"]
    #: Weight of the box in the classification and box terms; 0 for padding.
    weight: Float[Tensor, "b m"]
    #: What every rater called it, as :attr:`Lessons.reports`; R is 0 where lessons have none.
    reports: Float[Tensor, "b m R"]


@dataclass(frozen=True, kw_only=True)
class LossOptions:
    """Shares of the terms. Raises InputError for values out of bounds."""

    box: float = 10.0
    #: Of the sum over an image's cells.
    objectness: float = 0.0067
    classes: float = 1.0
    #: Share of every class target that is spread over all classes: labels are wrong now and then.
    smoothing: float = 0.1
    #: A box is taught to anchors whose sides differ from its own by less than this factor, and to
    #: the nearest one however far that is.
    match: float = 2.5
    #: Whether the weights of the boxes count in the objectness term, too (the paper: no).
    weigh_objectness: bool = False

    def __post_init__(self) -> None:
        for name in ("box", "objectness", "classes"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"share {name} {getattr(self, name):g} is not a number from 0 on")
        if not 0 <= self.smoothing < 1:
            raise InputError(f"smoothing {self.smoothing:g} is not from 0 to below 1")
        if not self.match >= 1:
            raise InputError(f"match {self.match:g} is no factor of 1 or more")


class Losses(NamedTuple):
    """The sum that is minimised and its terms, each a scalar."""

    total: Tensor
    box: Tensor
    objectness: Tensor
    classes: Tensor
    refinement: Tensor


def detection_loss(
    outputs: list[Float[Tensor, "b 3 gh gw k"]],
    targets: Targets,
    model: Detector,
    options: LossOptions,
    criterion: Criterion | None = None,
) -> Losses:
    """Return the loss of a batch (Le et al. 2023, eq. 2; terms as in YOLOv5).

    At every scale a box is taught to the anchors of about its shape in the cell of its centre and
    in the two nearest neighbours, and to the nearest anchor of all. EARL's confidence multiplies
    the classification term (``criterion``: cross entropy) and the box term (generalised IoU:
    complete IoU gave NaN gradients) of every such match; objectness, whose target is the IoU
    reached, is unweighted.
    The sums of the box and class terms are divided by the number of matches, that of objectness by
    the number of images, which is the same for all methods: divided by matches it would weigh less
    where one object has several boxes, and methods would differ in more than what they teach. Boxes
    that are not taught somewhere have weight 0 there instead of being picked out, so that nothing
    waits for the device. A batch without a box has only an objectness term.
    """
    criterion = criterion or Criterion()
    zero = outputs[0].new_zeros(())
    box, classes, objectness, count = zero, zero, zero, zero
    fits = _fitting(targets, model.anchors, options.match)
    for k, (raw, stride) in enumerate(zip(outputs, model.size.strides, strict=True)):
        found = _match(targets, fits[:, :, k], model.anchors[k], stride, raw.shape[2:4])
        chosen = raw.flatten(0, 3)[found.row]
        reached = box_of(chosen[:, :4], found.cell, found.anchor, stride)
        overlap = generalized_box_iou_loss(reached, found.box)
        weight = found.weight
        box = box + (weight * overlap).sum()
        entropy = criterion(chosen[:, 4:], found, options.smoothing)
        classes = classes + (weight * entropy).sum()
        known = weight > 0
        iou = torch.where(known, _iou(reached.detach(), found.box), zero)
        goal = torch.zeros_like(raw[..., 4]).flatten()
        goal = goal.scatter_reduce(0, found.row, iou, "amax")
        every = functional.binary_cross_entropy_with_logits(
            raw[..., 4].flatten(), goal, reduction="none"
        )
        if options.weigh_objectness:
            share = torch.zeros_like(goal).scatter_reduce(0, found.row, weight, "amax")
            every = every * torch.where(share > 0, share, 1.0)
        objectness = objectness + every.sum()
        count = count + known.sum()
    count = count.clamp(min=1)
    box, objectness, classes = (
        options.box * box / count,
        options.objectness * objectness / len(targets.weight),
        options.classes * classes / count,
    )
    return Losses(box + objectness + classes, box, objectness, classes, zero)


# Lessons of an image that the refinement learns from, at most: more cost more than they teach.
_REFINED = 2
# The detector's surest boxes of an image, among which a lesson's own is sought.
_SUREST = 300
# Least overlap of a lesson and its own box: below, they may mean two objects.
_LEAST = 0.4
# How far the edges of a region are moved, as a share of the box's sides; a standard deviation.
_NUDGE = 0.03


def refinement_loss(
    outputs: list[Float[Tensor, "b 3 gh gw k"]],
    images: UInt8[Tensor, "b 1 h w"],
    targets: Targets,
    model: Detector,
    refiner: Refiner,
    precision: str,
    random: torch.Generator,
) -> Tensor:
    """Return the mean cross entropy of edges in the regions of the detector's own boxes, weighted.

    Of every image a few lessons are drawn, each to be learned where the detector itself sees that
    object, moved a little: a region made from the lesson would tell what the lesson's error is, and
    so would, where it was learned by heart, the detector's own box. Nothing flows back into the
    detector. 0 where it sees no object yet.
    """
    lesson, weight = _drawn(targets, random)
    own, overlap = _own_boxes(outputs, lesson, model, images.shape[2:])
    weight = torch.where(overlap > _LEAST, weight, 0.0).flatten()
    image = torch.arange(len(images), device=images.device).repeat_interleave(lesson.shape[1])
    region = regions(_nudged(own.flatten(0, 1), random))
    pixels = seen(images, image, region)
    with autocast(images.device, precision):
        logits = refiner(pixels)
    each = place_loss(logits, region, lesson.flatten(0, 1))
    return (weight * each).sum() / (weight > 0).sum().clamp(min=1)


def _drawn(
    targets: Targets, random: torch.Generator
) -> tuple[Float[Tensor, "b m 4"], Float[Tensor, "b m"]]:
    """Return boxes and weights of a few lessons of every image; all have the same chance."""
    draw = torch.rand(targets.weight.shape, generator=random).to(targets.weight.device)
    draw = torch.where(targets.weight > 0, draw, -1.0)
    rows = draw.topk(min(_REFINED, draw.shape[1]), dim=1).indices
    return targets.box.gather(1, rows[..., None].expand(-1, -1, 4)), targets.weight.gather(1, rows)


def _nudged(box: Float[Tensor, "n 4"], random: torch.Generator) -> Float[Tensor, "n 4"]:
    normal = torch.randn(box.shape, generator=random).to(box.device)
    return box + _NUDGE * normal * (box[:, 2:] - box[:, :2]).repeat(1, 2)


@torch.no_grad()
def _own_boxes(
    outputs: list[Float[Tensor, "b 3 gh gw k"]],
    lesson: Float[Tensor, "b m 4"],
    model: Detector,
    size: torch.Size,
) -> tuple[Float[Tensor, "b m 4"], Float[Tensor, "b m"]]:
    """Return the detector's own box for each lesson, and how far the two overlap."""
    boxes, objectness = located(outputs, model)
    sure, place = objectness.topk(min(_SUREST, objectness.shape[1]), dim=1)
    boxes = boxes.gather(1, place[..., None].expand(-1, -1, 4)).clamp(min=0)
    boxes = boxes.minimum(boxes.new_tensor([size[1], size[0]] * 2))
    iou = _iou(lesson[:, :, None], boxes[:, None])
    best = (iou * sure[:, None]).argmax(dim=2, keepdim=True)
    own = boxes.gather(1, best.expand(-1, -1, 4))
    return own, iou.gather(2, best)[..., 0]


class Matches(NamedTuple):
    """Every pair of a box and a cell's anchor that might be taught it; weight 0: it is not."""

    row: Int[Tensor, " n"]
    cell: Float[Tensor, "n 2"]
    anchor: Float[Tensor, "n 2"]
    box: Float[Tensor, "n 4"]
    classes: Float[Tensor, "n l"]
    weight: Float[Tensor, " n"]
    reports: Float[Tensor, "n R"]


def _fitting(
    targets: Targets, anchors: Float[Tensor, "scales 3 2"], most: float
) -> Bool[Tensor, "b m scales 3"]:
    """Return which anchors are of about a box's shape. No box is without one."""
    side = (targets.box[..., 2:] - targets.box[..., :2]).clamp(min=1e-3)
    ratio = side[:, :, None, None] / anchors
    apart = torch.maximum(ratio, 1 / ratio).amax(dim=-1)
    return (apart < most) | (apart == apart.amin(dim=(2, 3), keepdim=True))


def _match(
    targets: Targets,
    fits: Bool[Tensor, "b m 3"],
    anchors: Float[Tensor, "3 2"],
    stride: int,
    grid: torch.Size,
) -> Matches:
    height, width = grid
    batch, boxes = targets.weight.shape
    number = len(anchors)
    shape = (batch, boxes, number, 3)
    cell, inside = _three_cells(targets.box, stride, height, width)  # (b, m, 3, 2)
    taught = fits[..., None] & inside[:, :, None] & (targets.weight > 0)[:, :, None, None]
    image = torch.arange(batch, device=anchors.device)[:, None, None, None]
    anchor = torch.arange(number, device=anchors.device)[None, None, :, None]
    x, y = cell[:, :, None, :, 0], cell[:, :, None, :, 1]
    row = ((image * number + anchor) * height + y) * width + x

    def spread(values: Tensor) -> Tensor:
        return values[:, :, None, None].expand(*shape, *values.shape[2:]).flatten(0, 3)

    return Matches(
        row=row.flatten(),
        cell=cell[:, :, None].expand(*shape, 2).flatten(0, 3).float(),
        anchor=anchors[None, None, :, None].expand(*shape, 2).flatten(0, 3),
        box=spread(targets.box),
        classes=spread(targets.classes),
        weight=torch.where(taught, targets.weight[:, :, None, None], 0.0).flatten(),
        reports=spread(targets.reports),
    )


def _three_cells(
    box: Float[Tensor, "b m 4"], stride: int, height: int, width: int
) -> tuple[Int[Tensor, "b m 3 2"], Bool[Tensor, "b m 3"]]:
    """Return the cell of the centre and its nearest neighbours in x and in y, if there are such."""
    centre = (box[..., :2] + box[..., 2:]) / (2 * stride)
    own = centre.floor()
    step = torch.where(centre - own < 0.5, -1.0, 1.0)
    flat = torch.zeros_like(step[..., 0])
    sideways = torch.stack([step[..., 0], flat], dim=-1)
    upright = torch.stack([flat, step[..., 1]], dim=-1)
    cell = torch.stack([own, own + sideways, own + upright], dim=2).long()
    limit = torch.tensor([width, height], device=box.device)
    inside = ((cell >= 0) & (cell < limit)).all(dim=-1)
    return torch.minimum(cell.clamp(min=0), limit - 1), inside


def _iou(a: Float[Tensor, "*n 4"], b: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n"]:
    low = torch.maximum(a[..., :2], b[..., :2])
    high = torch.minimum(a[..., 2:], b[..., 2:])
    overlap = (high - low).clamp(min=0).prod(dim=-1)
    area = (a[..., 2:] - a[..., :2]).prod(dim=-1) + (b[..., 2:] - b[..., :2]).prod(dim=-1)
    return overlap / (area - overlap).clamp(min=1e-9)
