"""Pictures to look at first: scenes with everybody's boxes, and the annotators' matrices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medmnist_det.errors import InputError
from medmnist_det.files import inside, naming, read_json
from medmnist_det.folder import Folder
from medmnist_det.formats.png import read_grey
from medmnist_det.labels import CROWD_SPLITS, Error, LabelSet, Split

# Okabe and Ito's colours, told apart by everybody; the first is the truth's.
_COLOURS = ("#009e73", "#56b4e9", "#e69f00", "#cc79a7", "#f0e442", "#0072b2", "#d55e00")
_WRONG = "#ff3b30"

#: Annotators that fit beside the truth in one picture.
MOST_SHOWN = len(_COLOURS) - 1


def draw_scenes(
    path: Path, folder: Folder, split: Split, scenes: int = 3, raters: Sequence[int] | None = None
) -> None:
    """Write one picture of a few scenes: a row a scene, with the truth and each rater's boxes.

    The scenes are spread over the split, among those with three to six objects where there are
    some. Wrong classes, spurious boxes and misses are marked. ``raters`` are rows of the raters'
    table; by default the :data:`MOST_SHOWN` who looked at most of these scenes. Raises InputError
    for a split without an object.
    """
    truth = folder.truth(split)
    chosen = _choose(truth, scenes)
    if not chosen:
        raise InputError(f"{folder.path}: no {split} image holds an object; show another --split")
    columns: list[tuple[str, LabelSet, int | None]] = [("truth", truth, None)]
    if split in CROWD_SPLITS:
        crowd = folder.crowd_with_provenance(split)
        shown = _busiest(crowd, chosen) if raters is None else raters
        columns += [(f"rater {(crowd.raters or ())[k]}", crowd, k) for k in shown]
    figure, axes = _figure(len(chosen), len(columns), 3.1, 3.1)
    for row, image in enumerate(chosen):
        pixels = read_grey(inside(folder.images(split), truth.images.names[image]))
        for column, (name, table, rater) in enumerate(columns):
            panel = axes[row][column]
            panel.imshow(pixels, cmap="gray", vmin=0, vmax=255)
            panel.set_xticks([])
            panel.set_yticks([])
            colour = _COLOURS[column]
            if row == 0:
                panel.set_title(name, color=colour, fontweight="bold", fontsize=13)
            if column == 0:
                panel.set_ylabel(truth.images.names[image], color="#cccccc", fontsize=9)
            for side in panel.spines.values():
                side.set_edgecolor(colour)
            if rater is None:
                _draw_truth(panel, table, image, colour)
            else:
                _draw_rater(panel, table, truth, image, rater, colour)
    figure.text(
        0.5,
        0.004,
        "red: wrong class (true class in brackets) or a spurious box (dashed);  dotted: missed",
        color="#cccccc",
        ha="center",
        va="bottom",
        fontsize=10,
    )
    _save(path, figure)


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


def _draw_truth(panel: Any, table: LabelSet, image: int, colour: str) -> None:
    labels = table.labels
    for k in range(*labels.starts[image : image + 2].tolist()):
        _draw_box(panel, labels.box[k], colour, table.classes.names[labels.label[k]], colour)


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
            _draw_box(panel, labels.box[k], _WRONG, name, _WRONG, dashes="--")
        elif error == Error.CLASS:
            right = names[truth.labels.label[true]]
            _draw_box(panel, labels.box[k], colour, f"{name} ({right})", _WRONG)
        else:
            _draw_box(panel, labels.box[k], colour, name, colour)
    for k in set(range(*truth.labels.starts[image : image + 2].tolist())) - found:
        missed = names[truth.labels.label[k]]
        _draw_box(panel, truth.labels.box[k], "#ffffff", f"missed {missed}", "#666666", dashes=":")


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
        text,
        color="#ffffff" if tag in (_WRONG, "#666666") else "#000000",
        fontsize=8.5,
        fontweight="bold",
        va="bottom" if above else "top",
        bbox={"facecolor": tag, "edgecolor": "none", "pad": 1.2},
        clip_on=True,
        zorder=4 if tag == _WRONG else 3,  # no other tag may hide an error
    )


def draw_matrices(path: Path, annotators: Path) -> None:
    """Write one picture of the annotators' transition matrices, the first :data:`MOST_SHOWN`.

    ``annotators`` is an ``annotators.json``. Cells are per cent; empty cells are below a half.
    Raises InputError.
    """
    described = read_json(annotators)
    classes, people = described["classes"], described["annotators"]
    shown = people[:MOST_SHOWN]
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    side = max(4.2, 0.36 * len(classes))
    figure, axes = _figure(rows, columns, side, side + 0.35, background="#ffffff")
    for k, panel in enumerate(panel for line in axes for panel in line):
        if k >= len(shown):
            panel.set_axis_off()
            continue
        _draw_matrix(panel, np.array(shown[k]["matrix"]), classes, k % columns == 0)
        one = shown[k]
        mean = np.diagonal(one["matrix"])[:-1].mean()
        panel.set_title(
            f"rater {one['rater_id']} \N{MIDDLE DOT} {one['family']}, p = {one['proficiency']:g}\n"
            f"mean diagonal {mean:.3f}",
            fontsize=11,
        )
    if len(people) > len(shown):
        figure.text(
            0.5, 0.004, f"{len(shown)} of {len(people)} annotators", ha="center", fontsize=10
        )
    _save(path, figure)


def _draw_matrix(panel: Any, matrix: np.ndarray, classes: list[str], first: bool) -> None:
    last = len(matrix) - 1
    panel.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
    below = [name.replace("_", "\n") if name == "no_obj" else name for name in classes]
    panel.set_xticks(range(last + 1), below, fontsize=9, rotation=0 if last < 12 else 90)
    panel.set_yticks(range(last + 1), classes, fontsize=9)
    panel.set_xlabel("reported", fontsize=10)
    if first:
        panel.set_ylabel("true", fontsize=10)
    # no_obj is no class: lines part misses (column) and hallucinations (row) from confusions.
    panel.axhline(last - 0.5, color="#333333", linewidth=1)
    panel.axvline(last - 0.5, color="#333333", linewidth=1)
    panel.tick_params(length=0)
    if last > 20:
        return
    for (row, column), value in np.ndenumerate(matrix):
        if value >= 0.005:
            colour = "#ffffff" if value > 0.55 else "#1a1a1a"
            panel.text(
                column,
                row,
                f"{100 * value:.0f}",
                ha="center",
                va="center",
                color=colour,
                fontsize=8,
            )


def _figure(
    rows: int, columns: int, width: float, height: float, background: str = "#1b1b1f"
) -> tuple[Any, Any]:
    """Return a figure and its panels without the global state of pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(
        (width * columns, height * rows), dpi=110, facecolor=background, layout="constrained"
    )
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(rect=(0, 0.03, 1, 0.97))  # type: ignore[union-attr]
    return figure, figure.subplots(rows, columns, squeeze=False)


def _save(path: Path, figure: Any) -> None:
    with naming(path):
        figure.savefig(path, facecolor=figure.get_facecolor())
