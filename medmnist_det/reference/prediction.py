"""From images to boxes: decoding, voting of the cells that see one object, its refinement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torchvision.ops import box_iou, nms

from medmnist_det.errors import InputError
from medmnist_det.labels import Images, Labels
from medmnist_det.reference.device import autocast
from medmnist_det.reference.model import Detector, decode
from medmnist_det.reference.pixels import padded_size, read_images
from medmnist_det.reference.refine import edges, regions, scatter, seen
from medmnist_det.reference.teacher import Sightings

if TYPE_CHECKING:
    from jaxtyping import Float, Int, UInt8
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """Which boxes are worth reporting."""

    #: Least score. Far below any working point: average precision wants the whole curve.
    score: float = 0.001
    #: Boxes that overlap by more are about one object.
    overlap: float = 0.6
    #: Most boxes of a class in an image: COCO's scores look at no more.
    most: int = 100


def predict_files(
    model: Detector,
    folder: Path,
    table: Images,
    *,
    batch: int = 64,
    precision: str = "float32",
    options: PredictOptions | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Labels:
    """Return what :func:`predict` finds in files, of which it holds ``batch`` at a time.

    Every image is padded on its own, and goes through the network with others of its size: what is
    found in it does not depend on how large the others are. Raises InputError.
    """
    found = []
    for rows in _of_one_size(table, batch):
        part = Images(
            ids=tuple(table.ids[row] for row in rows),
            names=tuple(table.names[row] for row in rows),
            width=table.width[rows],
            height=table.height[rows],
        )
        pixels = read_images(folder, part)
        labels = predict(model, pixels, part, batch=batch, precision=precision, options=options)
        found.append(replace(labels, images=len(table), image=rows[labels.image]))
        progress(len(rows))
    if not found:
        return _no_box(len(table))
    columns = ("image", "box", "label", "score")
    together = {name: np.concatenate([getattr(one, name) for one in found]) for name in columns}
    return Labels.unsorted(images=len(table), **together)


def _of_one_size(table: Images, batch: int) -> Iterator[Int[np.ndarray, " b"]]:
    """Yield rows of images that are padded to the same size, ``batch`` at the most."""
    _, size = np.unique(padded_size(table), axis=0, return_inverse=True)
    for k in range(size.max(initial=-1) + 1):
        rows = np.flatnonzero(size.ravel() == k)
        yield from (rows[start : start + batch] for start in range(0, len(rows), batch))


@torch.inference_mode()
def predict(
    model: Detector,
    images: UInt8[Tensor, "n 1 h w"],
    table: Images,
    *,
    batch: int = 64,
    precision: str = "float32",
    options: PredictOptions | None = None,
) -> Labels:
    """Return the boxes that a detector finds, in pixels, cut to the images of ``table``.

    Several cells see an object: their boxes and classes are averaged (:func:`voted`), then the
    edges are moved to where a closer look finds them. Every object may be reported under several
    classes, each with its own score: objectness times the probability of the class. Runs where the
    model is. No image, or none with an object, gives an empty table. Raises InputError where the
    network gives no numbers.
    """
    options = options or PredictOptions()
    size = np.stack([table.width, table.height], axis=1)
    columns: list[list[np.ndarray]] = []
    for row, seen_there in _looked_at(model, images, size, batch, precision, options):
        found = _reported(*seen_there[:3], options)
        box, score, label = (column.cpu().numpy() for column in found)
        columns.append([np.full(len(box), row), box, score, label])
    if not columns:
        return _no_box(len(images))
    image, box, score, label = (np.concatenate(column) for column in zip(*columns, strict=True))
    return Labels(
        images=len(images),
        image=image,
        box=box.astype(np.float64),
        label=label,
        score=score.astype(np.float64),
    )


# Least objectness of what a teacher is told of: what is less sure is no evidence, and costs time.
_EVIDENT = 0.05


@torch.inference_mode()
def sightings(
    model: Detector,
    images: UInt8[Tensor, "n 1 h w"],
    size: Int[np.ndarray, "n 2"],
    *,
    batch: int = 64,
    precision: str = "float32",
) -> Sightings:
    """Return the objects that a detector sees in images, each once, with all of its classes.

    ``size`` holds width and height of every image in pixels, without what pads it. They are the
    objects of :func:`predict` whose objectness is above .05. No image gives none.
    """
    options = PredictOptions(score=_EVIDENT)
    columns = []
    for row, part in _looked_at(model, images, size, batch, precision, options):
        # A closer look may show that two boxes are one.
        once = nms(part[0], part[1], options.overlap)
        found = [one[once].cpu().numpy().astype(float) for one in part]
        columns.append([np.full(len(once), row), *found])
    none = [np.zeros((0, *shape)) for shape in ((4,), (), (model.classes,), (4,))]
    empty = [np.zeros(0, dtype=int), *none]
    image, box, sure, classes, away = map(np.concatenate, zip(empty, *columns, strict=True))
    # In single precision rows sum to 1 but for the last digits.
    classes /= classes.sum(axis=1, keepdims=True)
    return Sightings(image, box, sure, classes, away)


def _looked_at(
    model: Detector,
    images: UInt8[Tensor, "n 1 h w"],
    size: Int[np.ndarray, "n 2"],
    batch: int,
    precision: str,
    options: PredictOptions,
) -> Iterator[tuple[int, tuple[Tensor, Tensor, Tensor, Tensor]]]:
    """Yield row and boxes, objectness, classes and scatter of every image, whose size is given.

    The surest first, by what their objectness was before a closer look.
    """
    device = model.anchors.device
    training = model.training
    model.eval()
    limits = np.concatenate([size, size], axis=1).astype(np.float32)
    for start in range(0, len(images), batch):
        part = images[start : start + batch].to(device)
        limit = torch.from_numpy(limits[start : start + batch]).to(device)
        with autocast(device, precision):
            outputs = model(part)
        for k, (box, sure, classes) in enumerate(_objects(model, outputs, limit, options)):
            # A mean of boxes at the edge may round beyond it.
            box = torch.minimum(box, limit[k])
            away = torch.zeros_like(box)
            likely = int((sure > _LIKELY).sum())  # the surest come first
            box[:likely], away[:likely] = _refined(
                model, part[k : k + 1], box[:likely], limit[k], precision
            )
            # A score should tell how well a box fits, too.
            sure = sure * torch.exp(-_STRICTNESS * away.mean(dim=1))
            yield start + k, (box, sure, classes, away)
    model.train(training)


def _no_box(images: int) -> Labels:
    return replace(Labels.empty(images), score=np.zeros(0))


# Boxes of an image that are looked at: an untrained network is unsure of everything.
_CANDIDATES = 1000
# Least objectness of a box that is refined: the others are hundreds in the first epochs.
_LIKELY = 0.01
# How much the scatter of a box's edges, in its sides, takes from its score.
_STRICTNESS = 4.0


def _objects(
    model: Detector,
    outputs: list[Float[Tensor, "b 3 gh gw k"]],
    limit: Float[Tensor, "b 4"],
    options: PredictOptions,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield boxes, objectness and classes of the objects of every image of a batch."""
    _refuse_no_numbers(*outputs)
    boxes, objectness, classes = decode(outputs, model)
    boxes = torch.minimum(boxes.clamp_(min=0), limit[:, None])
    best = objectness.topk(min(_CANDIDATES, objectness.shape[1]), dim=1)
    for box, sure, place, every in zip(boxes, *best, classes, strict=True):
        box, probability = box[place], every[place]
        kept = (sure > options.score) & (box[:, 2:] > box[:, :2]).all(dim=1)
        yield voted(box[kept], sure[kept], probability[kept], options.overlap)


def _refined(
    model: Detector,
    image: UInt8[Tensor, "1 1 h w"],
    box: Float[Tensor, "n 4"],
    limit: Float[Tensor, " 4"],
    precision: str,
) -> tuple[Float[Tensor, "n 4"], Float[Tensor, "n 4"]]:
    """Return boxes of an image, cut to it, with their edges where a closer look finds them.

    And for each edge how far it may as well be elsewhere (:func:`scatter`; 0 where nobody looks). A
    box that would be turned inside out stays where it is.
    """
    if model.refiner is None or len(box) == 0:
        return box, torch.zeros_like(box)
    region = regions(box)
    pixels = seen(image, torch.zeros_like(box[:, 0]), region)
    with autocast(box.device, precision):
        logits = model.refiner(pixels)
    _refuse_no_numbers(logits)
    moved = torch.minimum(edges(logits, region).clamp(min=0), limit)
    whole = (moved[:, 2:] > moved[:, :2]).all(dim=1, keepdim=True)
    return torch.where(whole, moved, box), scatter(logits)


def _refuse_no_numbers(*outputs: Tensor) -> None:
    if not all(torch.isfinite(raw).all() for raw in outputs):
        raise InputError(
            "the detector gives what is no number: its weights are too large, or spoilt; train it "
            "again with a lower --lr"
        )


def _reported(
    box: Float[Tensor, "n 4"],
    sure: Float[Tensor, " n"],
    classes: Float[Tensor, "n l"],
    options: PredictOptions,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return boxes, scores and classes of what is reported of an image, best first."""
    # Of every class the best, (most, classes), then all of them in one order.
    scores, rank = (sure[:, None] * classes).topk(min(options.most, len(sure)), dim=0)
    label = torch.arange(scores.shape[1], device=rank.device).expand_as(rank)
    order = scores.flatten().argsort(descending=True, stable=True)
    order = order[scores.flatten()[order] > options.score]
    return box[rank.flatten()[order]], scores.flatten()[order], label.flatten()[order]


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
