"""From images to boxes: decoding, voting of the cells that see one object."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torchvision.ops import box_iou, nms

from medmnist_det.labels import Images, Labels, stack
from medmnist_det.reference.device import autocast
from medmnist_det.reference.model import Detector, decode
from medmnist_det.reference.pixels import read_images

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """Which boxes are worth reporting."""

    #: Least score. Far below any working point: average precision wants the whole curve.
    score: float = 0.001
    #: Boxes that overlap by more are about one object.
    overlap: float = 0.6
    #: Most boxes of an image, as COCO counts them.
    most: int = 100


@torch.inference_mode()
def predict(
    model: Detector,
    images: UInt8[Tensor, "n 1 h w"],
    table: Images,
    *,
    batch: int = 64,
    options: PredictOptions | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Labels:
    """Return the boxes that a detector finds, in pixels, cut to the images of ``table``.

    Several cells see an object: their boxes and classes are averaged (:func:`voted`). Every object
    may be reported under several classes, each with its own score: objectness times the probability
    of the class. Runs where the model is. No image, or none with an object, gives an
    empty table.
    """
    options = options or PredictOptions()
    device = model.anchors.device
    training = model.training
    model.eval()
    columns: list[list[np.ndarray]] = []
    size = np.stack([table.width, table.height] * 2, axis=1).astype(np.float32)
    for start in range(0, len(images), batch):
        part = images[start : start + batch].to(device)
        limit = torch.from_numpy(size[start : start + batch]).to(device)
        for k, found in enumerate(_boxes(model, part, limit, options)):
            box, score, label = (column.cpu().numpy() for column in found)
            columns.append([np.full(len(box), start + k), box, score, label])
        progress(len(part))
    model.train(training)
    if not columns:
        return Labels.empty(len(images))
    image, box, score, label = (np.concatenate(column) for column in zip(*columns, strict=True))
    return Labels(
        images=len(images),
        image=image,
        box=box.astype(np.float64),
        label=label,
        score=score.astype(np.float64),
    )


# Images that are held at the same time.
_CHUNK = 1024


def predict_files(
    model: Detector,
    folder: Path,
    table: Images,
    *,
    batch: int = 64,
    progress: Callable[[int], None] = lambda _: None,
) -> Labels:
    """Return what :func:`predict` finds in files, however many there are. Raises InputError."""
    found = []
    for start in range(0, len(table), _CHUNK):
        part = slice(start, start + _CHUNK)
        some = Images(
            ids=table.ids[part],
            names=table.names[part],
            width=table.width[part],
            height=table.height[part],
        )
        images = read_images(folder, some)
        found.append(predict(model, images, some, batch=batch, progress=progress))
    return stack(found) if found else Labels.empty(0)


# Boxes of an image that are looked at: an untrained network is unsure of everything.
_CANDIDATES = 1000


def _boxes(
    model: Detector, images: Tensor, limit: Float[Tensor, "b 4"], options: PredictOptions
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield boxes, scores and classes of every image of a batch, best first."""
    with autocast(images.device):
        outputs = model(images)
    boxes, objectness, classes = decode(outputs, model)
    boxes = torch.minimum(boxes.clamp_(min=0), limit[:, None])
    best = objectness.topk(min(_CANDIDATES, objectness.shape[1]), dim=1)
    for box, sure, place, every in zip(boxes, *best, classes, strict=True):
        box, probability = box[place], every[place]
        kept = (sure > options.score) & (box[:, 2:] > box[:, :2]).all(dim=1)
        box, sure, probability = voted(box[kept], sure[kept], probability[kept], options.overlap)
        scores = (sure[:, None] * probability).flatten()
        score, rank = scores.topk(min(options.most, len(scores)))
        score, rank = score[score > options.score], rank[score > options.score]
        number = classes.shape[2]
        yield box[rank // number], score, rank % number


def voted(
    box: Float[Tensor, "n 4"],
    objectness: Float[Tensor, " n"],
    classes: Float[Tensor, "n l"],
    overlap: float,
) -> tuple[Float[Tensor, "m 4"], Float[Tensor, " m"], Float[Tensor, "m l"]]:
    """Return one box for each object, the surest first, with its objectness and classes.

    Suppression finds the objects, whatever their class: of boxes that overlap by more than
    ``overlap`` the surest stays. Then every box votes on the objects that it overlaps so, with its
    objectness times that IoU as weight: boxes and probabilities of the classes are the means (box
    voting, Gidaris and Komodakis 2015, here with the classes, too). No box gives none.
    """
    chosen = nms(box, objectness, overlap)
    iou = box_iou(box[chosen], box)
    weight = torch.where(iou > overlap, iou * objectness, 0.0)
    weight = weight / weight.sum(dim=1, keepdim=True)
    return weight @ box, objectness[chosen], weight @ classes
