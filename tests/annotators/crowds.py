"""Crowds for tests: written out by hand, drawn by hypothesis, or simulated without images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from annotators.infer.parts.result import Raters
from annotators.simulate.annotator import Annotator, draw_annotators
from annotators.simulate.crowd import simulate
from annotators.simulate.options import AnnotatorOptions
from medmnist_det.labels import Classes, Images, Labels, LabelSet

#: image, rater, class, (x_min, y_min, x_max, y_max)
Row = tuple[int, int, int, tuple[float, float, float, float]]

SIDE = 320


def crowd(
    rows: Sequence[Row],
    *,
    images: int = 1,
    raters: int = 3,
    classes: int = 3,
    assigned: Sequence[tuple[int, int]] | None = None,
    score: Sequence[float] | None = None,
) -> LabelSet:
    """Return crowd labels; all raters are assigned to all images unless ``assigned`` says else."""
    pairs = assigned or [(i, r) for i in range(images) for r in range(raters)]
    labels = Labels.unsorted(
        images=images,
        image=np.array([row[0] for row in rows], dtype=np.int64),
        rater=np.array([row[1] for row in rows], dtype=np.int64),
        label=np.array([row[2] for row in rows], dtype=np.int64),
        box=np.array([row[3] for row in rows], dtype=np.float64).reshape(-1, 4),
        score=None if score is None else np.array(score),
        assigned=np.array(sorted(pairs)),
    )
    return LabelSet(
        images=tables(images),
        classes=names(classes),
        labels=labels,
        raters=tuple(range(1, raters + 1)),
    )


def tables(images: int) -> Images:
    size = np.full(images, SIDE)
    ids = tuple(range(1, images + 1))
    return Images(ids=ids, names=tuple(f"{k}.png" for k in ids), width=size, height=size)


def names(classes: int) -> Classes:
    return Classes(ids=tuple(range(1, classes + 1)), names=tuple(map(str, range(classes))))


def truth(images: int = 600, *, seed: int = 0, classes: int = 10, most: int = 6) -> LabelSet:
    """Return true boxes on a grid of places, so that they do not overlap; half the images empty."""
    rng = np.random.default_rng(seed)
    count = rng.integers(1, most + 1, images) * (rng.random(images) < 0.5)
    image = np.repeat(np.arange(images), count)
    place = np.concatenate([rng.permutation(9)[:k] for k in count]) if count.any() else np.zeros(0)
    side = rng.uniform(20, 60, (len(image), 2))
    corner = np.stack([place % 3, place // 3], axis=1) * 105 + rng.uniform(5, 40, (len(image), 2))
    labels = Labels(
        images=images,
        image=image,
        box=np.concatenate([corner, corner + side], axis=1),
        label=rng.integers(0, classes, len(image)),
    )
    return LabelSet(images=tables(images), classes=names(classes), labels=labels)


def simulated(
    true: LabelSet, options: Sequence[AnnotatorOptions], seed: int = 0
) -> tuple[LabelSet, Raters]:
    """Return what simulated annotators draw, and the annotators as they are."""
    annotators = draw_annotators(options, len(true.classes), seed)
    labels = simulate(true.labels, true.images, annotators, seed, "train")
    label_set = LabelSet(
        images=true.images,
        classes=true.classes,
        labels=labels,
        raters=tuple(range(1, len(annotators) + 1)),
    )
    return label_set, known(annotators)


def known(annotators: Sequence[Annotator]) -> Raters:
    classes = len(annotators[0].matrix) - 1
    return Raters(
        matrix=np.stack([one.matrix for one in annotators]),
        spurious=np.array([one.options.spurious for one in annotators]),
        prior=np.full(classes, 1 / classes),
        box_bias=np.stack([one.box_law.mean for one in annotators]),
        box_spread=np.stack([one.box_law.std for one in annotators]),
    )


def shuffled(label_set: LabelSet, seed: int) -> LabelSet:
    """Return the same labels with the boxes of every image in another order."""
    from dataclasses import replace

    labels = label_set.labels
    order = np.lexsort((np.random.default_rng(seed).random(len(labels)), labels.image))
    return replace(label_set, labels=labels.select(order))


@st.composite
def small_crowds(draw: st.DrawFn, *, scored: bool = False) -> LabelSet:
    """Draw crowds with overlaps, ties and empty images: whole coordinates on a small canvas."""
    images, raters = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    corner = st.integers(0, 12)
    row = st.tuples(
        st.integers(0, images - 1), st.integers(0, raters - 1), st.integers(0, 2),
        st.tuples(corner, corner, st.integers(1, 10), st.integers(1, 10)),
    )  # fmt: skip
    drawn = draw(st.lists(row, max_size=14, unique=True))
    rows: list[Row] = [
        (i, r, c, (x * 10, y * 10, (x + w) * 10, (y + h) * 10)) for i, r, c, (x, y, w, h) in drawn
    ]
    score = None
    if scored:
        score = draw(
            st.lists(st.integers(1, 1000), min_size=len(rows), max_size=len(rows), unique=True)
        )
        score = [value / 1000 for value in score]
    return crowd(rows, images=images, raters=raters, score=score)
