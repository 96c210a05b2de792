"""Truth -> crowd: what simulated annotators draw, with the error behind every box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.simulate.annotator import Annotator, draw_annotators
from annotators.simulate.assignment import Block, Team, assign, blocks_of
from annotators.simulate.box_noise import gaussian_noise, iou_noise, sized_noise
from annotators.simulate.copying import copy, copying_order
from annotators.simulate.difficulty import WEIGHTS
from annotators.simulate.expected import expected
from annotators.simulate.matrices import dominant
from annotators.simulate.options import AnnotatorOptions
from annotators.simulate.outcomes import reported, spread_factor
from annotators.simulate.partition import merge, split_up
from annotators.simulate.rates import realised
from annotators.simulate.shared import Shared
from annotators.simulate.spurious import hallucinate
from medmnist_det.labels import Error, Images, Labels
from medmnist_det.provenance import Marks
from medmnist_det.scenes.looks import Looks
from medmnist_det.streams import stream

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    #: Boxes of one rater in columns: image, box, label, true_object and error.
    Part = dict[str, np.ndarray]


def simulate(
    truth: Labels,
    images: Images,
    annotators: Sequence[Annotator],
    seed: int,
    split: str,
    teams: Sequence[Team] = (),
    looks: Looks | None = None,
) -> Labels:
    """Return what the annotators draw on the images of a split: the labels of :func:`annotate`."""
    return annotate(truth, images, annotators, seed, split, teams, looks).labels


def annotate(
    truth: Labels,
    images: Images,
    annotators: Sequence[Annotator],
    seed: int,
    split: str,
    teams: Sequence[Team] = (),
    looks: Looks | None = None,
) -> Marks:
    """Return what the annotators draw on the images of a split, and what is behind it.

    The labels carry their rater, the true object behind every box and the kind of error, and who
    was assigned to which image. Boxes of one image and rater are sorted by position, so that their
    order says nothing about the truth. What annotator k does with an image depends on the seed, the
    split, the block of images around it, the assignment and how hard objects are, not on the other
    annotators but the one who is copied. ``looks`` are those of the true objects, where their
    digits are known. Raises InputError for annotators who copy in a circle, and for family
    ``instance`` without looks.
    """
    assigned = assign(annotators, len(images), seed, split, teams)
    shared = Shared(
        truth=truth, images=images, annotators=annotators, assigned=assigned, seed=seed,
        split=split, looks=looks,
    )  # fmt: skip
    order = copying_order([one.options for one in annotators])
    blocks = [_together(shared, order, block) for block in blocks_of(truth)]
    columns = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    behind = shared.behind()
    if (copied := columns.pop("copied", None)) is not None:
        behind["copied"] = copied.tolist()
    if (merged := columns.pop("merged", None)) is not None:
        behind["merged_annotation_id"] = [
            None if other == len(truth) else other + 1 for other in merged.tolist()
        ]
    labels = Labels(images=len(images), assigned=np.argwhere(assigned), **columns)  # type: ignore[arg-type]
    return Marks(labels=labels, behind=behind)


def _together(shared: Shared, order: Sequence[int], block: Block) -> Part:
    """Return what everybody draws on a block of images, sorted by image, rater and place."""
    parts: dict[int, Part] = {}
    for rater in order:
        options = shared.annotators[rater].options
        part = _alone(shared, rater, block)
        if options.copies and options.copies_from is not None:
            other = options.copies_from - 1
            rng = stream(shared.seed, "copy", shared.split, rater, block.number)
            both = shared.assigned[block.images, rater] & shared.assigned[block.images, other]
            part = copy(part, parts[other], block, both, options, rng)
        parts[rater] = part
    everybody = [parts[rater] for rater in range(len(order))]
    columns = {name: np.concatenate([part[name] for part in everybody]) for name in everybody[0]}
    boxes = [len(part["image"]) for part in everybody]
    columns["rater"] = np.repeat(np.arange(len(everybody)), boxes)
    rows = _by_place(columns, len(everybody), shared.sizes)
    return {name: column.take(rows, axis=0) for name, column in columns.items()}


def _by_place(
    columns: Part, raters: int, sizes: Float[np.ndarray, "images 2"]
) -> Int[np.ndarray, " n"]:
    """Return the order of rows by image, rater and left edge (in 2**-28 of the image's width)."""
    place = columns["box"][:, 0] / sizes[columns["image"], 0] * (2**28 - 1)
    key = (columns["image"] * raters + columns["rater"]) << 28 | place.astype(np.int64)
    return np.argsort(key, kind="stable")


def _alone(shared: Shared, rater: int, block: Block) -> Part:
    """Return what a rater draws who copies from nobody."""
    annotator, seed, split = shared.annotators[rater], shared.seed, shared.split
    options, objects = annotator.options, len(shared.truth)
    looked = shared.assigned[block.images, rater]
    rng = stream(seed, "annotate", split, rater, block.number)
    rows = np.arange(block.objects.start, block.objects.stop)
    rows = rows[looked[shared.truth.image[rows] - block.images.start]]
    found = _see_objects(shared, rater, rows, rng)
    if options.merges or options.splits:
        parts = stream(seed, "parts", split, rater, block.number)
        found = merge(found, shared.truth, shared.pairs, block, options.merges, parts)
        found = split_up(found, options.splits, parts)
    seen = block.images.start + np.flatnonzero(looked)
    matrix, law = annotator.matrix, annotator.spurious_law
    nothing = hallucinate(law, matrix, options.spurious, shared.sizes, seen, objects, rng)
    part = {name: np.concatenate([found[name], nothing[name]]) for name in nothing}
    if shared.anybody("merges"):
        merged = found.get("merged", np.full(len(found["image"]), objects))
        part["merged"] = np.concatenate([merged, nothing["true_object"]])
    if shared.anybody("copies"):
        part["copied"] = np.zeros(len(part["image"]), dtype=bool)
    return part


def _see_objects(
    shared: Shared, rater: int, rows: Int[np.ndarray, " n"], rng: np.random.Generator
) -> Part:
    """Return the boxes that a rater draws for the true objects of ``rows``."""
    annotator, truth = shared.annotators[rater], shared.truth
    around = shared.circumstances(rater, rows)
    label = truth.label[rows]
    name = reported(annotator, label, around, rng)
    drawn = name < len(annotator.matrix) - 1
    scale = spread_factor(annotator, around)
    scale = None if scale is None else scale[drawn]
    rows, label, name = rows[drawn], label[drawn], name[drawn]
    image = truth.image[rows]
    # ``take`` copies whole rows: ten times as fast as indexing here.
    boxes, frames = truth.box.take(rows, axis=0), shared.sizes.take(image, axis=0)
    return {
        "image": image,
        "box": _misplace(annotator, boxes, frames, rng, scale),
        "label": name,
        "true_object": rows,
        "error": np.where(name == label, Error.NONE, Error.CLASS),
    }


def _misplace(
    annotator: Annotator,
    boxes: np.ndarray,
    sizes: np.ndarray,
    rng: np.random.Generator,
    scale: np.ndarray | None,
) -> Float[np.ndarray, "n 4"]:
    p = annotator.options.proficiency
    match annotator.options.box_noise:
        case "iou":
            return iou_noise(boxes, sizes, p, rng, scale)
        case "gaussian":
            return gaussian_noise(boxes, sizes, p, rng, scale)
        case "biased" | "sized":
            return sized_noise(boxes, sizes, annotator.box_law, rng, scale)


@dataclass(frozen=True, kw_only=True, eq=False)
class SimulatedCrowd:
    """Annotators with their seed: what ``generate`` and ``annotate`` take as a crowd."""

    annotators: tuple[Annotator, ...]
    seed: int
    class_names: tuple[str, ...]
    #: Who reads together; empty: everybody by coverage.
    teams: tuple[Team, ...] = ()

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
        return [annotator.describe_options() for annotator in self.annotators]

    def annotate(
        self, truth: Labels, images: Images, split: str, looks: Looks | None = None
    ) -> Marks:
        """Return crowd labels for the true labels of a split, and what is behind them."""
        return annotate(truth, images, self.annotators, self.seed, split, self.teams, looks)

    def describe(
        self,
        truth: Mapping[str, Labels],
        crowd: Mapping[str, Labels],
        looks: Mapping[str, Looks] | None = None,
    ) -> dict[str, Any]:
        """Return the simulator's truth: matrices, box noise, and the rates that came out.

        Where an annotator's own laws do not say what it reports in the mean, ``reported`` does:
        over the first split that has objects.
        """
        raters = len(self.annotators)
        came_out = {split: realised(truth[split], crowd[split], raters) for split in crowd}
        described: dict[str, Any] = {"classes": [*self.class_names, "no_obj"]}
        if self.teams:
            teams = [([k + 1 for k in team.raters], team.share) for team in self.teams]
            described["teams"] = [{"raters": ids, "share": share} for ids, share in teams]
        if any(one.options.difficulty for one in self.annotators):
            described["difficulty"] = {"weights": WEIGHTS}
        means = self._expected(truth, crowd, looks or {})
        described["annotators"] = [
            {"rater_id": rater}
            | annotator.describe()
            | ({"reported": means[k]} if means[k] else {})
            | {"realised": {split: rates[k] for split, rates in came_out.items()}}
            for k, (rater, annotator) in enumerate(zip(self.raters, self.annotators, strict=True))
        ]
        return described

    def _expected(
        self, truth: Mapping[str, Labels], crowd: Mapping[str, Labels], looks: Mapping[str, Looks]
    ) -> list[dict[str, Any]]:
        split = next((one for one in crowd if len(truth[one])), None)
        if split is None or crowd[split].assigned is None:
            return [{} for _ in self.annotators]
        assigned = crowd[split].looked(len(self.annotators))
        # Sizes of images make no difference to these means.
        images = Images(ids=(), names=(), width=np.zeros(0), height=np.zeros(0))
        shared = Shared(
            truth=truth[split], images=images, annotators=self.annotators, assigned=assigned,
            seed=self.seed, split=split, looks=looks.get(split),
        )  # fmt: skip
        return expected(shared)
