"""The crowds on which inference is measured: scenes as in generate, but no image is rendered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from annotators.infer.parts.grouping import Groups
from annotators.infer.parts.result import Raters
from annotators.known import known_raters
from annotators.simulate.crowd import SimulatedCrowd
from annotators.simulate.presets import Preset, crowd_options
from medmnist_det.generation import DIGIT_CLASSES
from medmnist_det.labels import Error, Images, LabelSet, stack
from medmnist_det.scenes.composer import BLOCK, SceneOptions, compose_block
from medmnist_det.scenes.digits import Digits, load_digits
from medmnist_det.scenes.looks import Looks

CROWDED = SceneOptions(empty=0.0, count=(10, 20), side=(25, 80), max_iou=0.5)


def scenes(
    digits: Digits, images: int, seed: int, options: SceneOptions | None = None
) -> tuple[LabelSet, Looks]:
    options = options or SceneOptions()
    parts = [
        compose_block(options, digits, seed, "train", k, min(BLOCK, images - k * BLOCK))
        for k in range(-(-images // BLOCK))
    ]
    labels = stack([part.labels for part in parts])
    looks = Looks.of(digits, "train", np.concatenate([part.digit for part in parts]))
    return LabelSet(images=tables(images), classes=DIGIT_CLASSES, labels=labels), looks


def tables(images: int) -> Images:
    ids = tuple(range(1, images + 1))
    side = np.full(images, 320)
    return Images(ids=ids, names=tuple(map(str, ids)), width=side, height=side)


def crowd_of(
    true: LabelSet, looks: Looks, preset: Preset, seed: int, p: float | None
) -> tuple[LabelSet, Raters]:
    options = crowd_options(preset, proficiency=None if p is None else [p])
    crowd = SimulatedCrowd.of(options, true.classes.names, seed)
    labels = crowd.annotate(true.labels, true.images, "train", looks).labels
    described = crowd.describe({"train": true.labels}, {"train": labels}, {"train": looks})
    return replace(true, labels=labels, raters=crowd.raters), known_raters(described)


PRESETS: list[tuple[str, Preset, float | None]] = [
    ("paper, p = .8", "paper", None),
    ("paper, p = .6", "paper", 0.6),
    ("paper, p = .9", "paper", 0.9),
    ("paper-code", "paper-code", None),
    ("adversary", "adversary", None),
    ("experts-and-novices", "experts-and-novices", None),
    ("crowd", "crowd", None),
    ("radiology", "radiology", None),
    ("hard", "hard", None),
    ("students", "students", None),
    ("tired", "tired", None),
    ("sparse", "sparse", None),
]


def digits_of(shared: Path) -> Digits:
    source = "mnist" if (shared / "MNIST").is_dir() else "optdigits"
    return load_digits(source, shared) if source == "mnist" else load_digits(source)


def class_of_groups(true: LabelSet, crowd: LabelSet, groups: Groups) -> np.ndarray:
    """Return the true class of the object that each group is, -1 for none.

    A group is the object that most of its boxes were drawn for; of several groups of one object
    that of the most boxes counts, the others are none.
    """
    labels, none = crowd.labels, len(true.labels)
    if labels.true_object is None:
        raise ValueError("these labels come without provenance")
    source = np.where(labels.error == Error.SPURIOUS, none, labels.true_object)[groups.row]
    owner = np.repeat(np.arange(len(groups)), groups.size)
    key, count = np.unique(owner * (none + 1) + source, return_counts=True)
    group, thing = np.divmod(key, none + 1)
    order = np.lexsort((thing, -count, group))
    thing = thing[order[np.diff(group[order], prepend=-1) > 0]]
    order = np.lexsort((-groups.size, thing))
    first = order[np.diff(thing[order], prepend=-1) > 0]
    found = np.full(len(groups), -1)
    first = first[thing[first] < none]
    found[first] = true.labels.label[thing[first]]
    return found
