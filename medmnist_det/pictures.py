"""Pictures to look at first: scenes with everybody's boxes, and what the annotators do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medmnist_det.boxes import paired_iou
from medmnist_det.drawing import (
    BLUE,
    INK,
    captioned,
    drawn,
    evenly,
    name_rows,
    panel,
    panels,
    rows_high,
    sampled,
    save_all,
    shorten,
)
from medmnist_det.errors import InputError
from medmnist_det.files import inside, read_json
from medmnist_det.folder import Folder
from medmnist_det.formats.png import read_grey
from medmnist_det.heat_maps import heat_map, per_cent, room_for, side_of
from medmnist_det.labels import CROWD_SPLITS, Error, Labels, LabelSet, Split
from medmnist_det.sheets import MOST_SHOWN, Row, sheet_figure

if TYPE_CHECKING:
    from jaxtyping import Float
    from matplotlib.figure import Figure

# Raters by name in one picture of box errors.
_MOST_ROWS = 40


def write_pictures(
    out: Path,
    folder: Folder,
    split: Split,
    scenes: int = 3,
    formats: Sequence[str] = ("png",),
    others: Mapping[str, LabelSet] | None = None,
) -> list[Path]:
    """Write scenes, matrices and, where raters looked at the split, their box errors.

    With ``others`` scenes only (:func:`scenes_figure`). Return the paths. Raises InputError.
    """
    made = {"scenes": scenes_figure(folder, split, scenes, others=others)}
    if not others:
        made["matrices"] = matrices_figure(read_json(folder.annotators_file))
        if split in CROWD_SPLITS:
            made["boxes"] = boxes_figure(folder.truth(split), folder.crowd_with_provenance(split))
    written = [save_all(out, name, figure, formats) for name, figure in made.items()]
    return [path for paths in written for path in paths]


def scenes_figure(
    folder: Folder,
    split: Split,
    scenes: int = 3,
    others: Mapping[str, LabelSet] | None = None,
) -> Figure:
    """Return a picture of a few scenes: a row a scene, with the truth and its raters' boxes.

    The scenes are spread over the split, among those with three to six objects where there are
    some. Of a scene those raters are shown who looked at it: of more than :data:`MOST_SHOWN` so
    many from the best to the worst. ``others`` take the raters' place: by name, labels of one rater
    each with the error behind every box. Raises InputError for a split without an object.
    """
    truth = folder.truth(split)
    chosen = _choose(truth, scenes)
    if not chosen:
        raise InputError(f"{folder.path}: no {split} image holds an object; show another --split")
    crowd, caption, looked = None, "The truth.", [list[int]() for _ in chosen]
    if others:
        crowd, caption = _side_by_side(others), _KEY
        looked = [[*range(len(others))] for _ in chosen]
    elif split in CROWD_SPLITS:
        crowd, caption = folder.crowd_with_provenance(split), f"{_KEY} {_WHO}"
        ranks = np.argsort(-_skills(read_json(folder.annotators_file)), kind="stable")
        looked = [_looked(crowd, image, ranks) for image in chosen]
    shown = [[some[k] for k in evenly(len(some), MOST_SHOWN)] for some in looked]
    rows = [
        Row(
            image=image,
            pixels=read_grey(inside(folder.images(split), truth.images.names[image])),
            raters=sorted(some) if len(some) == len(every) else some,
            title=_title(truth.images.names[image], len(some), len(every)),
        )
        for image, some, every in zip(chosen, shown, looked, strict=True)
    ]
    return sheet_figure(rows, truth, crowd, caption, kind="" if others else "rater ")


def _side_by_side(others: Mapping[str, LabelSet]) -> LabelSet:
    """Return the labels of several, each of one rater, as those of one crowd of that many."""
    sets = list(others.values())
    columns = {
        name: np.concatenate([np.asarray(getattr(one.labels, name)) for one in sets])
        for name in ("image", "box", "label", "true_object", "error")
    }
    rater = np.repeat(np.arange(len(sets)), [len(one.labels) for one in sets])
    labels = Labels.unsorted(images=sets[0].labels.images, rater=rater, **columns)
    return replace(sets[0], labels=labels, raters=tuple(others))


_KEY = (
    "Dashed: the truth. Solid: what was drawn, with the class reported; where that is wrong, "
    "in vermilion, the true class follows in brackets. no_obj: reported for an object that was "
    "missed, true of a box where nothing is."
)
_WHO = "Raters who did not look at an image are not shown."


def _title(name: str, shown: int, looked: int) -> str:
    said = sampled(shown, looked, "raters who looked")
    return f"{shorten(name, 32)}: {said}" if said else name


def _choose(truth: LabelSet, scenes: int) -> list[int]:
    count = np.diff(truth.labels.starts)
    good = np.flatnonzero((count >= 3) & (count <= 6))
    if not good.size:
        good = np.flatnonzero(count)
    return good[evenly(len(good), scenes)].tolist()


def _looked(crowd: LabelSet, image: int, ranks: np.ndarray) -> list[int]:
    """Return the raters who looked at an image, best first."""
    pairs = crowd.labels.assigned
    there = set(range(len(crowd.raters or ())))
    if pairs is not None:
        there = set(pairs[pairs[:, 0] == image, 1].tolist())
    return [rater for rater in ranks.tolist() if rater in there]


def _skills(described: dict[str, Any]) -> Float[np.ndarray, " R"]:
    """Return the mean diagonal of every annotator's matrix: how well it names what is there."""
    matrices = [_matrix(one) for one in described["annotators"]]
    return np.array([np.diagonal(matrix)[:-1].mean() for matrix in matrices])


def _matrix(one: dict[str, Any]) -> Float[np.ndarray, "n n"]:
    """Return what an annotator reports in the mean: its matrix, or what copies and looks make."""
    return np.array(one.get("reported", one)["matrix"])


def _copying(one: dict[str, Any]) -> str:
    """Return whom an annotator copies, behind a comma; "" for nobody."""
    return f", copies rater {one['copies_from']}" if "copies" in one else ""


@drawn
def matrices_figure(described: dict[str, Any]) -> Figure:
    """Return a picture of the annotators' transition matrices: what they report in the mean.

    ``described`` is the content of an ``annotators.json``. Rows are true classes, columns what is
    reported; cells are per cent, and empty below a half. Of more than :data:`MOST_SHOWN` annotators
    so many are shown from the best mean diagonal to the worst.
    """
    classes, raters, skills = described["classes"], described["annotators"], _skills(described)
    shown = list(range(len(raters)))
    if len(raters) > MOST_SHOWN:
        order = np.argsort(-skills, kind="stable")
        shown = [int(order[k]) for k in evenly(len(raters), MOST_SHOWN)]
    columns, side, names = min(3, len(shown)), side_of(len(classes)), room_for(classes)
    rows = -(-len(shown) // columns)
    figure, axes = panels(rows, columns, max(side + names, 3.2), side + names + 0.5)
    for axis in axes.flat[len(shown) :]:
        axis.set_axis_off()
    image: Any = None
    for place, (axis, k) in enumerate(zip(axes.flat, shown, strict=False)):
        one = raters[k]
        image = heat_map(axis, _matrix(one), classes, classes, per_cent)
        axis.set_title(
            f"rater {shorten(one['rater_id'], 24)}\n{one['family']}, p = {one['proficiency']:g}"
            f"{_copying(one)}\nmean diagonal {skills[k]:.3f}",
            fontsize=10,
        )
        axis.set_xlabel("reported class")
        if place % columns == 0:
            axis.set_ylabel("true class")
    figure.colorbar(image, ax=axes, shrink=0.6, label="probability (cells: %)")
    captioned(figure, sampled(len(shown), len(raters), "annotators"))
    return figure


@drawn
def boxes_figure(truth: LabelSet, crowd: LabelSet) -> Figure:
    """Return a picture of how well every rater's boxes lie on the objects they were drawn for.

    A dot is the median IoU with the true object, a thick line holds half of the boxes, a thin one
    nine tenths. Raters stand from the best to the worst median; of more than 40 so many are shown.
    A rater without a box on an object is left out.
    """
    labels = crowd.labels
    if labels.rater is None or labels.error is None or labels.true_object is None:
        raise ValueError("crowd labels come without provenance")
    real = np.flatnonzero(labels.error != Error.SPURIOUS)
    iou = paired_iou(labels.box[real], truth.labels.box[labels.true_object[real]])
    of = labels.rater[real]
    spread = {
        k: np.quantile(iou[of == k], [0.05, 0.25, 0.5, 0.75, 0.95]) for k in np.unique(of).tolist()
    }
    order = sorted(spread, key=lambda k: -spread[k][2])
    shown = [order[k] for k in evenly(len(order), _MOST_ROWS)]
    figure, axes = panel(6.4, rows_high(len(shown)))
    names = crowd.raters or ()
    rows = [f"{names[k]}  (n = {np.count_nonzero(of == k):,})" for k in shown]
    name_rows(axes, rows)
    for row, k in enumerate(shown):
        low, first, middle, third, high = spread[k].tolist()
        axes.plot([low, high], [row, row], color=BLUE, lw=1)
        axes.plot([first, third], [row, row], color=BLUE, lw=4, solid_capstyle="butt")
        axes.plot([middle], [row], "o", color="#ffffff", markeredgecolor=INK, markersize=6)
    axes.set(xlim=(0, 1), xlabel="IoU of a drawn box with its object", ylabel="rater (n: boxes)")
    axes.set_title("Box errors by rater")
    said = "dot: median; thick line: half of the boxes; thin line: nine tenths"
    captioned(figure, said, sampled(len(shown), len(order), "raters"))
    return figure
