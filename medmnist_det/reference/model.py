"""The network: backbone, top-down neck, one anchor-based head per scale, and the refinement."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from medmnist_det.reference.refine import Refiner

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8
    from torch import Tensor

#: Anchors of every scale.
ANCHORS = 3


@dataclass(frozen=True, kw_only=True)
class Size:
    """How wide and deep a network is."""

    #: Channels at a quarter of the image's resolution.
    stem: int
    #: Channels of every scale, the finest (stride 8) first; each next one halves the resolution.
    widths: tuple[int, ...]
    #: Residual blocks of every scale, on the way down.
    depths: tuple[int, ...]
    #: Channels of the refinement.
    refiner: int

    @property
    def strides(self) -> tuple[int, ...]:
        """Pixels between neighbouring cells of every scale."""
        return tuple(8 << k for k in range(len(self.widths)))


SIZES = {
    "n": Size(stem=16, widths=(64, 128), depths=(2, 3), refiner=48),
    "s": Size(stem=64, widths=(128, 256, 512), depths=(3, 6, 2), refiner=64),
}


class Detector(nn.Module):
    """Grey images in, raw predictions out.

    ``anchors`` holds width and height in pixels, shape (scales, 3, 2). The output of a batch of
    grey levels as bytes, shape (B, 1, H, W), H and W multiples of the largest stride, is one tensor
    per scale, (B, 3, H/stride, W/stride, 5 + L): x, y, width, height, objectness and a logit per
    class, to be read by :func:`decode`. ``refiner`` moves the edges of what is read; None where
    ``refine`` is false.
    """

    def __init__(
        self,
        size: Size,
        anchors: Float[Tensor, "scales 3 2"],
        classes: int,
        *,
        refine: bool = True,
    ) -> None:
        super().__init__()
        self.size, self.classes = size, classes
        self.anchors: Tensor
        self.register_buffer("anchors", anchors.clone())
        widths = size.widths
        # A quarter of the resolution at once: no pixel is lost, no time is spent at 320 x 320.
        self.stem = _conv(16, size.stem, 3)
        self.stages = nn.ModuleList(
            nn.Sequential(
                _conv(before, width, 3, stride=2), *(_Residual(width) for _ in range(depth))
            )
            for before, width, depth in zip((size.stem, *widths), widths, size.depths, strict=False)
        )
        self.laterals = nn.ModuleList(_conv(coarse, fine, 1) for fine, coarse in pairwise(widths))
        self.merged = nn.ModuleList(_Residual(width) for width in widths[:-1])
        self.heads = nn.ModuleList(_head(width, classes) for width in widths)
        # The last to be made: all else begins with the same weights, whether it is there or not.
        self.refiner = Refiner(size.refiner) if refine else None

    def forward(self, images: UInt8[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b 3 gh gw k"]]:
        """Return the raw predictions of every scale."""
        return self.read(self.features(images))

    def features(self, images: UInt8[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c gh gw"]]:
        """Return what the head of every scale looks at."""
        x = self.stem(_folded(images))
        scales = []
        for stage in self.stages:
            x = stage(x)
            scales.append(x)
        for k in reversed(range(len(scales) - 1)):
            up = functional.interpolate(self.laterals[k](scales[k + 1]), scale_factor=2.0)
            scales[k] = self.merged[k](scales[k] + up)
        return scales

    def read(self, features: list[Float[Tensor, "b c gh gw"]]) -> list[Tensor]:
        """Return what the heads make of these."""
        return [_split(head(x)) for head, x in zip(self.heads, features, strict=True)]


def _folded(images: UInt8[Tensor, "b 1 h w"]) -> Float[Tensor, "b 16 h/4 w/4"]:
    """Return 4 x 4 pixels as the channels of one, from 0 to below 1, in channels-last order."""
    batch, _, height, width = images.shape
    blocks = images.view(batch, height // 4, 4, width // 4, 4).transpose(2, 3)
    # Bytes are moved, not floats. 256ths are exact in bfloat16, 255ths are not.
    return blocks.flatten(3).float().div_(256).permute(0, 3, 1, 2)


def _split(raw: Float[Tensor, "b c gh gw"]) -> Float[Tensor, "b 3 gh gw k"]:
    batch, _, height, width = raw.shape
    return raw.view(batch, ANCHORS, -1, height, width).permute(0, 1, 3, 4, 2).float()


def box_of(
    raw: Float[Tensor, "*n 4"],
    cell: Float[Tensor, "*n 2"],
    anchor: Float[Tensor, "*n 2"],
    stride: int,
) -> Float[Tensor, "*n 4"]:
    """Return boxes (x_min, y_min, x_max, y_max in pixels) from raw predictions of cells.

    The centre reaches half a cell beyond its own, so that three cells can be taught one object;
    sides reach four times the anchor's (YOLOv5's parametrisation, which cannot overflow).
    """
    freed = raw.sigmoid()
    centre = (2 * freed[..., :2] - 0.5 + cell) * stride
    half = (2 * freed[..., 2:]).square() * anchor / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def located(
    outputs: list[Float[Tensor, "b 3 gh gw k"]], model: Detector
) -> tuple[Float[Tensor, "b n 4"], Float[Tensor, "b n"]]:
    """Return all boxes of all scales and their objectness."""
    boxes, objectness = [], []
    for raw, anchors, stride in zip(outputs, model.anchors, model.size.strides, strict=True):
        cell = cells(raw.shape[2], raw.shape[3], raw.device)
        box = box_of(raw[..., :4], cell, anchors[:, None, None], stride)
        boxes.append(box.flatten(1, 3))
        objectness.append(raw[..., 4].sigmoid().flatten(1))
    return torch.cat(boxes, 1), torch.cat(objectness, 1)


def decode(
    outputs: list[Float[Tensor, "b 3 gh gw k"]], model: Detector
) -> tuple[Float[Tensor, "b n 4"], Float[Tensor, "b n"], Float[Tensor, "b n l"]]:
    """Return all boxes of all scales, their objectness and the probabilities of their classes."""
    classes = [raw[..., 5:].softmax(dim=-1).flatten(1, 3) for raw in outputs]
    return *located(outputs, model), torch.cat(classes, 1)


def cells(height: int, width: int, device: torch.device) -> Float[Tensor, "h w 2"]:
    """Return x and y of every cell of a grid."""
    y, x = torch.meshgrid(
        torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij"
    )
    return torch.stack([x, y], dim=-1).float()


def _head(width: int, classes: int) -> nn.Conv2d:
    head = nn.Conv2d(width, ANCHORS * (5 + classes), 1)
    with torch.no_grad():
        # Small outputs: boxes begin as their anchors. One cell in a hundred holds an object:
        # training need not learn that first.
        head.weight.mul_(0.1)
        bias = torch.zeros(ANCHORS, 5 + classes)
        bias[:, 4] = -4.6
        head.bias = nn.Parameter(bias.flatten())
    return head


def _conv(before: int, after: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.SiLU(inplace=True),
    )


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(width, width // 2, 1), _conv(width // 2, width, 3))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)
