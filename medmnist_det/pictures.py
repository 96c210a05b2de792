"""Pictures to look at first: scenes with everybody's boxes, and the annotators' matrices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medmnist_det.drawing import (
    COLOURS,
    WRONG,
    drawn,
    heat_map,
    panels,
    per_cent,
    save,
    shorten,
    side_of,
)
from medmnist_det.errors import InputError
from medmnist_det.files import inside, read_json
from medmnist_det.folder import Folder
from medmnist_det.formats.png import read_grey
from medmnist_det.labels import CROWD_SPLITS, Error, LabelSet, Split

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Labels that are drawn like a rater's, and what they are called.
Other = tuple[str, LabelSet]

#: Annotators that fit beside the truth in one picture.
MOST_SHOWN = len(COLOURS) - 1

_DARK, _FAINT = "#1b1b1f", "#cccccc"
_MISSED = "#666666"


def draw_scenes(
    path: Path,
    folder: Folder,
    split: Split,
    scenes: int = 3,
    raters: Sequence[int] | None = None,
    others: Sequence[Other] = (),
) -> None:
    """Write one picture of a few scenes (:func:`scenes_figure`). Raises InputError."""
    save(path, scenes_figure(folder, split, scenes, raters, others))


@drawn
def scenes_figure(
    folder: Folder,
    split: Split,
    scenes: int = 3,
    raters: Sequence[int] | None = None,
    others: Sequence[Other] = (),
) -> Figure:
    """Return a picture of a few scenes: a row a scene, with the truth and each rater's boxes.

    The scenes are spread over the split, among those with three to six objects where there are
    some. Wrong classes, spurious boxes and misses are marked. ``raters`` are rows of the raters'
    table; by default the :data:`MOST_SHOWN` who looked at most of these scenes. ``others`` take the
    raters' place: labels of one rater each, with the error behind every box. Raises InputError for
    a split without an object.
    """
    truth = folder.truth(split)
    chosen = _choose(truth, scenes)
    if not chosen:
        raise InputError(f"{folder.path}: no {split} image holds an object; show another --split")
    columns: list[tuple[str, LabelSet, int | None]] = [("truth", truth, None)]
    caption = _KEY
    if others:
        columns += [(name, labels, 0) for name, labels in others]
    elif split in CROWD_SPLITS:
        crowd = folder.crowd_with_provenance(split)
        shown = _busiest(crowd, chosen) if raters is None else raters
        names = crowd.raters or ()
        columns += [(f"rater {names[k]}", crowd, k) for k in shown]
        if len(shown) < len(names):
            caption += f";  {len(shown)} of {len(names)} raters"
    figure, axes = panels(len(chosen), len(columns), 3.1, 3.1, _DARK)
    for row, image in enumerate(chosen):
        pixels = read_grey(inside(folder.images(split), truth.images.names[image]))
        for column, (name, labels, rater) in enumerate(columns):
            panel, colour = axes[row][column], COLOURS[column]
            _ground(panel, pixels, colour)
            if row == 0:
                panel.set_title(
                    shorten(name, 24), loc="center", color=colour, fontweight="bold", fontsize=13
                )
            if column == 0:
                panel.set_ylabel(shorten(truth.images.names[image], 32), color=_FAINT, fontsize=9)
            if rater is None:
                _draw_truth(panel, labels, image, colour)
            else:
                _draw_rater(panel, labels, truth, image, rater, colour)
    figure.supxlabel(caption, color=_FAINT, fontsize=10)
    return figure


_KEY = "red: wrong class (true class in brackets) or a spurious box (dashed);  dotted: missed"


def _ground(panel: Any, pixels: np.ndarray, colour: str) -> None:
    panel.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    panel.grid(visible=False)
    panel.set_xticks([])
    panel.set_yticks([])
    for side in panel.spines.values():
        side.set(visible=True, edgecolor=colour)


def _busiest(crowd: LabelSet, images: list[int]) -> list[int]:
    """Return the raters who looked at most of the images, as many as fit, in their own order."""
    pairs = crowd.labels.assigned
    every = np.arange(len(crowd.raters or ()))
    looked = np.zeros(len(every))
    if pairs is not None:
        looked = np.bincount(pairs[np.isin(pairs[:, 0], images), 1], minlength=len(every))
    return sorted(np.argsort(-looked, kind="stable")[:MOST_SHOWN].tolist())


def _choose(truth: LabelSet, scenes: int) -> list[int]:
    count = np.diff(truth.labels.starts)
    good = np.flatnonzero((count >= 3) & (count <= 6))
    if not good.size:
        good = np.flatnonzero(count)
    evenly = np.linspace(0, len(good) - 1, min(scenes, len(good))).astype(np.int64)
    return good[evenly].tolist()


def _draw_truth(panel: Any, truth: LabelSet, image: int, colour: str) -> None:
    labels = truth.labels
    for k in range(*labels.starts[image : image + 2].tolist()):
        _draw_box(panel, labels.box[k], colour, truth.classes.names[labels.label[k]], colour)


def _draw_rater(
    panel: Any, crowd: LabelSet, truth: LabelSet, image: int, rater: int, colour: str
) -> None:
    labels, names = crowd.labels, crowd.classes.names
    if labels.assigned is not None and not (labels.assigned == (image, rater)).all(axis=1).any():
        panel.text(
            0.5, 0.5, "not assigned", color="#888888", ha="center", transform=panel.transAxes
        )
        return
    found = set()
    for k in range(*labels.starts[image : image + 2].tolist()):
        if labels.rater is None or labels.error is None or labels.true_object is None:
            raise ValueError("crowd labels come without provenance")
        if labels.rater[k] != rater:
            continue
        name, error, true = names[labels.label[k]], labels.error[k], int(labels.true_object[k])
        found.add(true)
        if error == Error.SPURIOUS:
            _draw_box(panel, labels.box[k], WRONG, name, WRONG, dashes="--")
        elif error == Error.CLASS:
            right = names[truth.labels.label[true]]
            _draw_box(panel, labels.box[k], colour, f"{name} ({right})", WRONG)
        else:
            _draw_box(panel, labels.box[k], colour, name, colour)
    for k in set(range(*truth.labels.starts[image : image + 2].tolist())) - found:
        missed = names[truth.labels.label[k]]
        _draw_box(panel, truth.labels.box[k], "#ffffff", f"missed {missed}", _MISSED, dashes=":")


def _draw_box(
    panel: Any, box: np.ndarray, colour: str, text: str, tag: str, dashes: str = "-"
) -> None:
    from matplotlib.patches import Rectangle

    x_min, y_min, x_max, y_max = box - 0.5  # matplotlib counts from the middle of the first pixel
    panel.add_patch(
        Rectangle(
            (x_min, y_min),
            x_max - x_min,
            y_max - y_min,
            fill=False,
            edgecolor=colour,
            linewidth=1.6,
            linestyle=dashes,
        )
    )
    above = y_min > 22
    panel.text(
        x_min,
        y_min if above else y_max,
        shorten(text, 40),
        color="#ffffff" if tag in (WRONG, _MISSED) else "#000000",
        fontsize=8.5,
        fontweight="bold",
        va="bottom" if above else "top",
        bbox={"facecolor": tag, "edgecolor": "none", "pad": 1.2},
        clip_on=True,
        zorder=4 if tag == WRONG else 3,  # no other tag may hide an error
    )


def draw_matrices(path: Path, annotators: Path) -> None:
    """Write one picture of the annotators of an ``annotators.json``. Raises InputError."""
    save(path, matrices_figure(read_json(annotators)))


@drawn
def matrices_figure(described: dict[str, Any]) -> Figure:
    """Return a picture of the annotators' transition matrices, the first :data:`MOST_SHOWN`.

    ``described`` is the content of an ``annotators.json``. Rows are true classes, columns what is
    reported; cells are per cent, and empty below a half.
    """
    classes, raters = described["classes"], described["annotators"]
    shown = raters[:MOST_SHOWN]
    columns = min(3, len(shown))
    side = side_of(len(classes))
    figure, axes = panels(-(-len(shown) // columns), columns, side, side + 0.35)
    for panel in axes.flat[len(shown) :]:
        panel.set_axis_off()
    image: Any = None
    for place, (panel, one) in enumerate(zip(axes.flat, shown, strict=False)):
        matrix = np.array(one["matrix"])
        image = heat_map(panel, matrix, classes, classes, per_cent)
        panel.set_title(
            f"rater {shorten(one['rater_id'], 24)} \N{MIDDLE DOT} {one['family']}, "
            f"p = {one['proficiency']:g}\nmean diagonal {np.diagonal(matrix)[:-1].mean():.3f}"
        )
        panel.set_xlabel("reported")
        if place % columns == 0:
            panel.set_ylabel("true")
    figure.colorbar(image, ax=axes, shrink=0.5, label="probability (cells: %)")
    if len(raters) > len(shown):
        figure.supxlabel(f"{len(shown)} of {len(raters)} annotators", fontsize=10)
    return figure
