"""What the page knows of the scored images: verdicts, mistakes, pictures, and everybody's boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from evaluation.assessment import Assessment
from evaluation.confusion import working_point
from evaluation.matching import Matching
from evaluation.mistakes import KINDS, Verdicts, judge
from evaluation.problem import Boxes
from evaluation.read.layers import Layers
from medmnist_det.terminal.tables import plain

if TYPE_CHECKING:
    from jaxtyping import Float, Int

# Boxes of detectors that the browser holds; of more, the lowest scored below the working point go.
_MOST_BOXES = 16_000

# In place of a kind: neither right nor wrong, as on an iscrowd region.
_NOT_COUNTED = len(KINDS) + 1

# "Missed at any score" as a number that JSON can hold.
_NEVER = -1e12


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """One file on the page: its numbers, and what each of its boxes is."""

    #: "A" and "B" where two are compared, else "".
    mark: str
    assessment: Assessment
    verdicts: Verdicts
    iou: float
    #: The score with the best F1: boxes from it on are shown at first.
    score: float

    @property
    def lead(self) -> str:
        """What stands before a line about the file: ``A: ``, or nothing."""
        return f"{self.mark}: " if self.mark else ""

    @cached_property
    def mistakes(self) -> Int[np.ndarray, "images 6"]:
        """Mistakes of every kind in each image at the working point."""
        return self.verdicts.per_image(self.score)


def scored(mark: str, found: Assessment) -> Scored:
    """Return an assessment with the verdicts of its first threshold."""
    iou = found.scores.metrics[0].thresholds[0]
    matching = Matching(found.problem, (iou,))
    score = found.confusion.score if found.confusion else working_point(matching, iou)
    return Scored(mark=mark, assessment=found, verdicts=judge(matching, iou), iou=iou, score=score)


def mistakes_of(files: Sequence[Scored]) -> Int[np.ndarray, " images"]:
    """Return the number of mistakes in each image, of all files together."""
    return np.sum([one.mistakes.sum(axis=1) for one in files], axis=0)


def worst_first(files: Sequence[Scored]) -> Int[np.ndarray, " images"]:
    """Return the images by falling number of mistakes, of all files together."""
    return np.argsort(-mistakes_of(files), kind="stable")


def size_of(files: Sequence[Scored], image: int) -> tuple[int, int]:
    """Return an image's width and height; where the truth does not say, what its boxes span."""
    found = files[0].assessment
    if found.truth.sizes is not None:
        width, height = found.truth.sizes[image].tolist()
        return max(width, 1), max(height, 1)
    tables = [found.problem.objects, *(one.assessment.problem.detections for one in files)]
    corners = np.concatenate([part.corners[part.image == image] for part in tables])[:, 2:]
    width, height = np.ceil(corners.max(axis=0, initial=1)).astype(int).tolist()
    return width, height


def browser_data(
    files: Sequence[Scored], layers: Layers, order: Int[np.ndarray, " images"], *, most: int
) -> tuple[dict[str, Any], list[str]]:
    """Return what the script draws from, and what it had to leave out, in sentences.

    The images' boxes take ``most`` characters at most; those of the first images stay.

    Boxes are flat lists, so many numbers each: objects ``x y width height class`` and, per file,
    the score above which they are missed (null: nobody has to find it); a file's boxes ``x y width
    height class score kind object's class``; raters' and fused labels, by number of the layer where
    that one looked, ``x y width height class score``.
    """
    truth = files[0].assessment.truth
    floor, notes = _floor(files)
    columns = [_objects(files), *(_boxes(one, floor) for one in files)]
    columns += [_drawn(layer.boxes) for layer in layers.layers]
    flat = [_flat(table, boxes, len(truth.ids)) for table, boxes in columns]
    confusions = [_confusions(one) for one in files]
    others = flat[1 + len(files) :]
    images, room = [], most
    for k in order.tolist():
        width, height = size_of(files, k)
        one = {
            "name": plain(truth.names[k]),
            "place": k,
            "size": [width, height],
            "objects": flat[0][k],
            "boxes": [part[k] for part in flat[1 : 1 + len(files)]],
            "others": {
                str(j): others[j][k] for j, layer in enumerate(layers.layers) if layer.looked[k]
            },
            "confused": [pairs.get(k, []) for pairs in confusions],
        }
        room -= len(orjson.dumps(one))
        if room < 0 and images:
            notes.append(
                f"The browser holds the {len(images):,} images with most mistakes; for the other "
                f"{len(order) - len(images):,} this page has no room."
            )
            break
        images.append(one)
    return {
        "classes": list(map(plain, truth.classes.names)),
        "kinds": KINDS,
        "files": [
            {"mark": one.mark, "score": _rounded(one, np.array([one.score]))[0]} for one in files
        ],
        "layers": [{"kind": layer.kind, "name": plain(layer.name)} for layer in layers.layers],
        "images": images,
    }, notes


def _floor(files: Sequence[Scored]) -> tuple[float, list[str]]:
    """Return the least score of a box in the browser, and what to say about it."""
    scores = np.concatenate([one.assessment.problem.detections.score for one in files])
    least = min(one.score for one in files)
    if len(scores) <= _MOST_BOXES:
        return -np.inf, []
    floor = min(float(np.sort(scores)[-_MOST_BOXES]), least)
    beyond = int(np.count_nonzero(scores < floor))
    if beyond == 0:
        return floor, []
    return floor, [
        f"The browser leaves out {beyond:,} of the {len(scores):,} boxes: those that score less "
        f"than {floor:.4f}."
    ]


def _rounded(one: Scored, scores: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return scores with four decimals, on the same side of the working point as before."""
    short = np.round(np.clip(scores, _NEVER, -_NEVER), 4)
    limit = np.round(one.score, 4)
    return np.where(scores >= one.score, np.maximum(short, limit), np.minimum(short, limit - 1e-4))


def _objects(files: Sequence[Scored]) -> tuple[list[list[Any]], Boxes]:
    problem = files[0].assessment.problem
    rows = _corners(problem.objects)
    for one in files:
        until = _rounded(one, one.verdicts.found_until).tolist()
        for row, score, asked in zip(rows, until, problem.to_be_found.tolist(), strict=True):
            row.append(_short(score) if asked else None)
    return rows, problem.objects


def _boxes(one: Scored, floor: float) -> tuple[list[list[Any]], Boxes]:
    problem = one.assessment.problem
    kind = np.full(len(problem.detections), _NOT_COUNTED)
    partner = np.full(len(problem.detections), -1)
    kind[one.verdicts.row] = one.verdicts.kind
    partner[one.verdicts.row] = np.append(problem.objects.label, -1)[one.verdicts.object]
    kept = np.flatnonzero(problem.detections.score >= floor)
    boxes = problem.detections.select(kept)
    rows = _corners(boxes)
    more = (_rounded(one, boxes.score), kind[kept], partner[kept])
    for row, score, k, label in zip(rows, *(part.tolist() for part in more), strict=True):
        row += [_short(score), k, label]
    return rows, boxes


def _drawn(boxes: Boxes) -> tuple[list[list[Any]], Boxes]:
    rows = _corners(boxes)
    for row, score in zip(rows, np.round(boxes.score, 3).tolist(), strict=True):
        row.append(_short(score))
    return rows, boxes


def _corners(boxes: Boxes) -> list[list[Any]]:
    """Return ``x y width height class`` of every box, to a tenth of a pixel."""
    places = np.round(boxes.bbox, 1).tolist()
    return [
        [*map(_short, place), label]
        for place, label in zip(places, boxes.label.tolist(), strict=True)
    ]


def _short(value: float) -> float:
    """Return a number that JSON writes without a needless ``.0``."""
    return int(value) if value == int(value) else round(value, 4)


def _flat(rows: list[list[Any]], boxes: Boxes, images: int) -> list[list[Any]]:
    """Return one flat list of numbers for every image."""
    starts = np.searchsorted(boxes.image, np.arange(images + 1)).tolist()
    return [[value for row in rows[a:b] for value in row] for a, b in pairwise(starts)]


def _confusions(one: Scored) -> dict[int, list[list[int]]]:
    """Return by image the wrong names of the confusion matrix, as pairs of classes."""
    found = one.assessment
    if found.confusion is None:
        return {}
    pairs, objects = found.confusion.pairing.pairs, found.problem.objects
    true, given = objects.label[pairs.object], found.problem.detections.label[pairs.detection]
    pairs_of: dict[int, list[list[int]]] = {}
    for k in np.flatnonzero(true != given).tolist():
        image = int(objects.image[pairs.object[k]])
        pairs_of.setdefault(image, []).append([int(true[k]), int(given[k])])
    return pairs_of
