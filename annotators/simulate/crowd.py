"""Truth -> crowd: what simulated annotators draw, with the error behind every box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.simulate.box_noise import biased_noise, gaussian_noise, iou_noise
from annotators.simulate.matrices import dominant, transition_matrix
from annotators.simulate.options import AnnotatorOptions
from medmnist_det.boxes import GRID, paired_iou, snap
from medmnist_det.labels import Error, Images, Labels
from medmnist_det.streams import stream

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from annotators.simulate.matrices import Matrix

# Images that share a stream of random numbers.
_BLOCK = 4096


@dataclass(frozen=True, kw_only=True, eq=False)
class Annotator:
    """One simulated annotator, fully known."""

    options: AnnotatorOptions
    #: Class transition matrix over L classes and ``no_obj`` (:mod:`annotators.simulate.matrices`).
    matrix: Matrix
    #: Mean and std of the relative errors of boxes, for ``box_noise="biased"`` (else unused).
    bias_mean: Float[np.ndarray, " 4"]
    bias_std: Float[np.ndarray, " 4"]

    def describe(self) -> dict[str, Any]:
        """Return everything about the annotator as plain JSON values."""
        described = asdict(self.options) | {"matrix": self.matrix.tolist()}
        if self.options.box_noise == "biased":
            described |= {"bias_mean": self.bias_mean.tolist(), "bias_std": self.bias_std.tolist()}
        return described


def draw_annotators(
    options: Sequence[AnnotatorOptions], classes: int, seed: int
) -> tuple[Annotator, ...]:
    """Draw the matrices and habits of all annotators; annotator k does not depend on the others.

    Raises InputError where a matrix family is not defined for that number of classes.
    """
    annotators = []
    for k, one in enumerate(options):
        rng = stream(seed, "annotator", k)
        matrix = transition_matrix(one.family, classes, one.proficiency, one.spurious, rng)
        # Half of the variance is the annotator's habit, half differs from box to box. At this scale
        # the mean IoU with the true box comes out near p.
        spread = np.full(4, (1 - one.proficiency) / 5 / np.sqrt(2))
        habit = spread * rng.standard_normal(4)
        annotators.append(Annotator(options=one, matrix=matrix, bias_mean=habit, bias_std=spread))
    return tuple(annotators)


def simulate(
    truth: Labels, images: Images, annotators: Sequence[Annotator], seed: int, split: str
) -> Labels:
    """Return what the annotators draw on the images of a split.

    The labels carry their rater, the true object behind every box and the kind of error, and who
    was assigned to which image. Boxes of one image and rater are sorted by position, so that their
    order says nothing about the truth. What annotator k does with an image depends on the seed, the
    split, the block of images around it and the assignment, not on the other annotators.
    """
    assigned = _assign(annotators, len(images), seed, split)
    sizes = np.stack([images.width, images.height], axis=1).astype(np.float64)
    starts = truth.starts
    blocks: list[dict[str, np.ndarray]] = []
    for block, first in enumerate(range(0, max(1, len(images)), _BLOCK)):
        last = min(first + _BLOCK, len(images))
        parts: list[dict[str, np.ndarray]] = []
        for rater, annotator in enumerate(annotators):
            looked = assigned[first:last, rater]
            rows = np.arange(starts[first], starts[last])
            rows = rows[looked[truth.image[rows] - first]]
            rng = stream(seed, "annotate", split, rater, block)
            parts.append(_see_objects(annotator, truth, sizes, rows, rng))
            seen = first + np.flatnonzero(looked)
            parts.append(_hallucinate(annotator, sizes, seen, len(truth), rng))
            for part in parts[-2:]:
                part["rater"] = np.full(len(part["image"]), rater)
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        order = _by_place(columns, len(annotators), sizes)
        blocks.append({name: column.take(order, axis=0) for name, column in columns.items()})
    return Labels(
        images=len(images),
        assigned=np.argwhere(assigned),
        **{name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]},  # type: ignore[arg-type]
    )


def _by_place(
    columns: dict[str, np.ndarray], raters: int, sizes: Float[np.ndarray, "images 2"]
) -> Int[np.ndarray, " n"]:
    """Return the order of rows by image, rater and left edge (in 2**-28 of the image's width)."""
    place = columns["box"][:, 0] / sizes[columns["image"], 0] * (2**28 - 1)
    key = (columns["image"] * raters + columns["rater"]) << 28 | place.astype(np.int64)
    return np.argsort(key, kind="stable")


def _assign(
    annotators: Sequence[Annotator], images: int, seed: int, split: str
) -> np.ndarray:  # (images, R) bool
    """Say who is assigned to which image: systematic sampling with the annotators in random order.

    Every annotator gets an image with the probability that its coverage says, and the number of
    annotators of an image is as even as can be: the sum of the coverages, rounded down or up. So
    17 annotators with a coverage of 3/17 give exactly 3 an image.
    """
    coverage = np.array([annotator.options.coverage for annotator in annotators])
    assigned = np.ones((images, len(annotators)), dtype=bool)
    if (coverage == 1).all():
        return assigned
    for block, first in enumerate(range(0, images, _BLOCK)):
        rng = stream(seed, "assign", split, block)
        order = np.argsort(rng.random((_BLOCK, len(annotators))), axis=1, kind="stable")
        # Whole 2**-40ths, so that coverages that should add up to a whole number do.
        total = np.round(np.cumsum(coverage[order], axis=1) * 2**40) / 2**40
        total = np.where(abs(total - np.round(total)) < 1e-9, np.round(total), total)
        crossed = np.floor(total - rng.random((_BLOCK, 1)))
        chosen = np.diff(crossed, axis=1, prepend=-1) > 0
        part = assigned[first : first + _BLOCK]
        np.put_along_axis(part, order[: len(part)], chosen[: len(part)], axis=1)
    return assigned


def _see_objects(
    annotator: Annotator,
    truth: Labels,
    sizes: Float[np.ndarray, "images 2"],
    rows: Int[np.ndarray, " n"],
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Return the boxes that an annotator draws for the true objects of ``rows``."""
    classes = len(annotator.matrix) - 1
    label = truth.label[rows]
    # The first class whose cumulative probability exceeds the draw; none: no_obj, the last column.
    cumulative = np.full((classes, classes + 1), np.inf)
    np.cumsum(annotator.matrix[:classes, :classes], axis=1, out=cumulative[:, :-1])
    below = rng.random(len(rows))[:, None] >= cumulative.take(label, axis=0)
    reported = below.argmin(axis=1)
    drawn = reported < classes
    rows, label, reported = rows[drawn], label[drawn], reported[drawn]
    image = truth.image[rows]
    # ``take`` copies whole rows: ten times as fast as indexing here.
    boxes, frames = truth.box.take(rows, axis=0), sizes.take(image, axis=0)
    return {
        "image": image,
        "box": _misplace(annotator, boxes, frames, rng),
        "label": reported,
        "true_object": rows,
        "error": np.where(reported == label, Error.NONE, Error.CLASS),
    }


def _misplace(
    annotator: Annotator, boxes: np.ndarray, sizes: np.ndarray, rng: np.random.Generator
) -> Float[np.ndarray, "n 4"]:
    p = annotator.options.proficiency
    match annotator.options.box_noise:
        case "iou":
            return iou_noise(boxes, sizes, p, rng)
        case "gaussian":
            return gaussian_noise(boxes, sizes, p, rng)
        case "biased":
            return biased_noise(boxes, sizes, annotator.bias_mean, annotator.bias_std, rng)


def _hallucinate(
    annotator: Annotator,
    sizes: Float[np.ndarray, "images 2"],
    seen: Int[np.ndarray, " k"],
    objects: int,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Return spurious boxes on the images that an annotator has seen.

    Their number is Poisson, their sides are uniform from 1/20 to 1/4 of the image's, their place is
    uniform, and their class follows the last row of the matrix.
    """
    image = np.repeat(seen, rng.poisson(annotator.options.spurious, len(seen)))
    side = (0.05 + 0.2 * rng.random((len(image), 2))) * sizes[image]
    side = np.maximum(snap(side), 1 / GRID)
    corner = snap(rng.random((len(image), 2)) * (sizes[image] - side))
    law = annotator.matrix[-1, :-1]
    cumulative = np.cumsum(law) / max(law.sum(), 1e-300)
    return {
        "image": image,
        "box": np.concatenate([corner, corner + side], axis=1),
        "label": np.searchsorted(cumulative[:-1], rng.random(len(image)), side="right"),
        "true_object": np.full(len(image), objects),
        "error": np.full(len(image), int(Error.SPURIOUS)),
    }


@dataclass(frozen=True, kw_only=True, eq=False)
class SimulatedCrowd:
    """Annotators with their seed: what ``generate`` and ``annotate`` take as a crowd."""

    annotators: tuple[Annotator, ...]
    seed: int
    class_names: tuple[str, ...]

    @classmethod
    def of(
        cls, options: Sequence[AnnotatorOptions], class_names: tuple[str, ...], seed: int
    ) -> SimulatedCrowd:
        """Return annotators drawn with the seed that they draw with. Raises InputError."""
        drawn = draw_annotators(options, len(class_names), seed)
        return cls(annotators=drawn, seed=seed, class_names=class_names)

    @property
    def raters(self) -> tuple[int, ...]:
        """Ids of the annotators in files: 1..R."""
        return tuple(range(1, len(self.annotators) + 1))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the annotators: whose matrices are not diagonally dominant."""
        everybody = zip(self.raters, self.annotators, strict=True)
        odd = [str(rater) for rater, one in everybody if not dominant(one.matrix).all()]
        names = f"{', '.join(odd[:10])}{' ...' * (len(odd) > 10)}"
        sentence = f"rater {names} reports some class less often than another name for it"
        return (f"{sentence} (not diagonally dominant)",) if odd else ()

    def describe_options(self) -> list[dict[str, Any]]:
        """Return the options of every annotator as plain JSON values."""
        return [asdict(annotator.options) for annotator in self.annotators]

    def annotate(self, truth: Labels, images: Images, split: str) -> Labels:
        """Return crowd labels with provenance for the true labels of a split."""
        return simulate(truth, images, self.annotators, self.seed, split)

    def describe(self, truth: Mapping[str, Labels], crowd: Mapping[str, Labels]) -> dict[str, Any]:
        """Return the simulator's truth: matrices, box noise, and the rates that came out."""
        raters = len(self.annotators)
        came_out = {split: realised(truth[split], crowd[split], raters) for split in crowd}
        return {
            "classes": [*self.class_names, "no_obj"],
            "annotators": [
                {"rater_id": rater}
                | annotator.describe()
                | {"realised": {split: rates[k] for split, rates in came_out.items()}}
                for k, (rater, annotator) in enumerate(
                    zip(self.raters, self.annotators, strict=True)
                )
            ],
        }


def realised(truth: Labels, crowd: Labels, raters: int) -> list[dict[str, float | int | None]]:
    """Return what each annotator did, from the provenance of its boxes.

    Images and objects that it saw, boxes drawn, objects missed, objects under a wrong class,
    spurious boxes, and the mean IoU with the true boxes (None where it drew no true object).
    """
    if crowd.rater is None or crowd.assigned is None or crowd.true_object is None:
        raise ValueError("these labels come without raters or without provenance")
    if crowd.error is None:
        raise ValueError("these labels come without raters or without provenance")
    objects = np.diff(truth.starts)
    looked = crowd.assigned[:, 1]
    images = np.bincount(looked, minlength=raters)
    seen = np.bincount(looked, objects[crowd.assigned[:, 0]], minlength=raters).astype(np.int64)
    real = crowd.error != Error.SPURIOUS
    who = crowd.rater[real]
    boxes = np.bincount(crowd.rater, minlength=raters)
    found = np.bincount(who, minlength=raters)
    wrong = np.bincount(crowd.rater[crowd.error == Error.CLASS], minlength=raters)
    overlap = paired_iou(crowd.box[real], truth.box[crowd.true_object[real]])
    total = np.bincount(who, overlap, minlength=raters)
    return [
        {
            "images": int(images[k]),
            "objects": int(seen[k]),
            "boxes": int(boxes[k]),
            "missed": int(seen[k] - found[k]),
            "wrong_class": int(wrong[k]),
            "spurious": int(boxes[k] - found[k]),
            "mean_iou": float(total[k] / found[k]) if found[k] else None,
        }
        for k in range(raters)
    ]
