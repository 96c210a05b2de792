"""The refinement: every box's own region, looked at closely, says where its four edges lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional
from torchvision.ops import roi_align

if TYPE_CHECKING:
    from jaxtyping import Float, Int, UInt8
    from torch import Tensor

#: What is seen around a box, on each side, as a share of the box's own.
MARGIN = 0.25
#: Positions of an edge in a region, which is resampled to as many pixels each way.
PLACES = 128
# Pixels each way that become channels of one: nothing is lost, and convolutions have less to do.
_FOLD = 8
# Standard deviation of an edge's place before anything is learned, as a share of the region.
_PRIOR = 0.05
# How often the most probable places count among an edge's: see :func:`edges`.
_SHARPNESS = 4.0


class Refiner(nn.Module):
    """Regions of grey images in, probabilities of the places of four edges out.

    Features of a region's columns, the largest and the mean along each, say where the left and the
    right edge are; its rows, where the upper and the lower (side-aware boundaries, Wang et al.
    2020). No layer looks at other boxes of a batch.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        layers = [_conv(_FOLD**2, width), *(_conv(width, width) for _ in range(3))]
        self.body = nn.Sequential(*layers)
        self.line = nn.Sequential(
            nn.Conv1d(2 * width, width, 3, padding=1),
            nn.SiLU(inplace=True),
            nn.Conv1d(width, 2 * _FOLD, 3, padding=1),
        )
        # Edges are about where the box has them: without, a neighbour's ink is as good as its own.
        place, ends = (torch.arange(PLACES) + 0.5) / PLACES, torch.tensor([MARGIN, 1 + MARGIN])
        away = place - ends[:, None] / (1 + 2 * MARGIN)
        self.prior = nn.Parameter(-0.5 * (away / _PRIOR).square().repeat_interleave(2, dim=0))

    def forward(self, pixels: Float[Tensor, "n 1 places places"]) -> Float[Tensor, "n 4 places"]:
        """Return logits of the places of x_min, y_min, x_max, y_max."""
        features = self.body(_folded(pixels))
        found = [self.line(_line(features, axis)) for axis in (2, 3)]
        found = [one.unflatten(1, (2, _FOLD)).transpose(2, 3) for one in found]
        # (n, ends, axes, positions, places of a position)
        return torch.stack(found, dim=2).flatten(3).flatten(1, 2).float() + self.prior


def _conv(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.SiLU(inplace=True))


def _line(features: Float[Tensor, "n c g g"], axis: int) -> Float[Tensor, "n 2*c g"]:
    """Return the largest and the mean of every channel along an axis."""
    window = [1, 1]
    window[axis - 2] = features.shape[axis]
    # A third of the time of amax and mean, whose gradients are slow on a CPU.
    both = functional.max_pool2d(features, window), functional.avg_pool2d(features, window)
    return torch.cat(both, dim=1).flatten(2)


def _folded(pixels: Float[Tensor, "n 1 p p"]) -> Float[Tensor, "n c g g"]:
    number, _, side, _ = pixels.shape
    blocks = pixels.view(number, side // _FOLD, _FOLD, side // _FOLD, _FOLD).transpose(2, 3)
    return blocks.flatten(3).permute(0, 3, 1, 2)


def regions(box: Float[Tensor, "n 4"]) -> Float[Tensor, "n 4"]:
    """Return boxes with what is seen around them; none is thinner than a pixel."""
    centre, side = (box[:, :2] + box[:, 2:]) / 2, (box[:, 2:] - box[:, :2]).clamp(min=1.0)
    half = side * (0.5 + MARGIN)
    return torch.cat([centre - half, centre + half], dim=1)


def seen(
    images: UInt8[Tensor, "b 1 h w"], image: Int[Tensor, " n"], region: Float[Tensor, "n 4"]
) -> Float[Tensor, "n 1 places places"]:
    """Return the pixels of regions, from 0 to below 1, black beyond the image.

    ``image`` is the row of every region's own.
    """
    rois = torch.cat([image[:, None].to(region.dtype), region], dim=1)
    return roi_align(images.float() / 256, rois, PLACES, sampling_ratio=1, aligned=True)


def edges(
    logits: Float[Tensor, "n 4 places"], region: Float[Tensor, "n 4"]
) -> Float[Tensor, "n 4"]:
    """Return boxes from probabilities of their edges' places.

    An edge is not at the mean of where raters draw it: they err farther outwards than inwards. It
    is where they draw it most often, so that high probabilities count more than their share.
    """
    share = (_SHARPNESS * logits).softmax(dim=-1)
    place = (torch.arange(PLACES, device=logits.device) + 0.5) / PLACES
    start, side = region[:, :2].repeat(1, 2), (region[:, 2:] - region[:, :2]).repeat(1, 2)
    return start + (share @ place) * side


def scatter(logits: Float[Tensor, "n 4 places"]) -> Float[Tensor, "n 4"]:
    """Return how far from its place each edge may be: a standard deviation in sides of the box.

    0 where it is sure; what raters scatter is in it for every box alike.
    """
    share = logits.softmax(dim=-1)
    place = (torch.arange(PLACES, device=logits.device) + 0.5) / PLACES * (1 + 2 * MARGIN)
    away = place - (share @ place)[..., None]
    return (share * away.square()).sum(dim=-1).sqrt()


def place_loss(
    logits: Float[Tensor, "n 4 places"], region: Float[Tensor, "n 4"], box: Float[Tensor, "n 4"]
) -> Float[Tensor, " n"]:
    """Return the cross entropy of four edges with those of ``box``, a mean for every box.

    An edge between two places is shared by them, the nearer one has more (distribution focal loss,
    Li et al. 2020); one outside the region is at its end.
    """
    start, side = region[:, :2].repeat(1, 2), (region[:, 2:] - region[:, :2]).repeat(1, 2)
    at = ((box - start) / side * PLACES - 0.5).clamp(0, PLACES - 1)
    before = at.floor().clamp(max=PLACES - 2)
    after = at - before
    sure = logits.log_softmax(dim=-1)
    both = sure.gather(-1, torch.stack([before, before + 1], dim=-1).long())
    return -(both[..., 0] * (1 - after) + both[..., 1] * after).mean(dim=-1)
