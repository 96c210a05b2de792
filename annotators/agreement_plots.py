"""Pictures of agreement: every two raters, and the images on which raters agree least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medmnist_det.drawing import captioned, drawn, evenly, panel, save_all, shorten
from medmnist_det.errors import InputError
from medmnist_det.files import inside, regular
from medmnist_det.formats.png import read_grey
from medmnist_det.heat_maps import heat_map, room_for, side_of, two_decimals
from medmnist_det.labels import LabelSet
from medmnist_det.sheets import MOST_SHOWN, Row, sheet_figure

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from matplotlib.figure import Figure

# Images in a picture of the most disputed.
_MOST_IMAGES = 5
# Pairs of raters up to which cells say on how many images they rest.
_MOST_COUNTED = 12


def write_agreement_plots(
    folder: Path,
    name: str,
    crowd: LabelSet,
    maps: Mapping[str, tuple[Float[np.ndarray, "R R"] | None, str]],
    disputed: Figure | None,
    formats: Sequence[str] = ("png", "pdf"),
) -> list[Path]:
    """Write a map of every two raters for each value and its rule, and the disputed images.

    A value that is None is not drawn. Return the paths of the pictures, which begin with ``name``.
    Raises InputError.
    """
    names, images, written = crowd.raters or (), common_images(crowd), []
    for what, (values, rule) in maps.items():
        if values is not None:
            figure = pairs_figure(values, images, names, what, rule)
            written += save_all(folder, f"{name}-{what}", figure, formats)
    if disputed is not None:
        written += save_all(folder, f"{name}-disputed", disputed, formats)
    return written


def common_images(labels: LabelSet) -> Int[np.ndarray, "R R"]:
    """Return how many images every two raters both looked at; all of them where nobody says."""
    looked = labels.labels.looked(len(labels.raters or ())).astype(np.float32)
    return (looked.T @ looked).round().astype(np.int64)


@drawn
def pairs_figure(
    values: Float[np.ndarray, "R R"],
    images: Int[np.ndarray, "R R"],
    names: Sequence[int | str],
    what: str,
    rule: str,
) -> Figure:
    """Return a picture of a value for every two raters, ``what`` by name; NaN cells are grey.

    Rows are who is scored, columns whom by, where that makes a difference. ``images`` are those
    that both looked at; ``rule`` says which IoU counts. Raters without any value are left out.
    """
    finite = np.isfinite(values)
    kept = np.flatnonzero(finite.any(axis=0) | finite.any(axis=1))
    kept = kept if len(kept) else np.arange(len(names))
    ticks = [str(names[k]) for k in kept.tolist()]
    values, images = values[np.ix_(kept, kept)], images[np.ix_(kept, kept)]
    known = np.isfinite(values)
    texts, counted = _pair_texts(values, images)
    side, room = side_of(len(ticks)) * (1.0 if texts is None else 1.4), room_for(ticks)
    figure, axes = panel(max(side + room + 1.4, 5.2), max(side + room + 1.2, 3.6))
    image = heat_map(axes, values, ticks, ticks, two_decimals, texts=texts)
    same = np.array_equal(known, known.T) and np.allclose(values[known], values.T[known])
    of_whom = "every two raters" if same else "row scored, column taken as the truth"
    axes.set_title(f"{what}, {rule}\n{of_whom}")
    axes.set(xlabel="rater", ylabel="rater")
    figure.colorbar(image, ax=axes, shrink=0.8, label=what)
    chance = "what chance gives" if what == "alpha" else "no box in common"
    captioned(figure, counted, f"white: 0, {chance}; grey: nothing to compare")
    return figure


def _pair_texts(
    values: Float[np.ndarray, "r r"], images: Int[np.ndarray, "r r"]
) -> tuple[list[list[str]] | None, str]:
    """Return what stands in the cells where their images differ, and what the caption says."""
    known = np.isfinite(values)
    counts = images[known]
    if len(counts) == 0:
        return None, ""
    low, high = int(counts.min()), int(counts.max())
    if low == high:
        return None, f"{low:,} images in every cell"
    if len(values) > _MOST_COUNTED:
        return None, f"{low:,} to {high:,} images in a cell, median {np.median(counts):,.0f}"
    cells = zip(values.tolist(), images.tolist(), strict=True)
    texts = [
        [f"{two_decimals(v) or '0'}\n{n:,}" for v, n in zip(*one, strict=True)] for one in cells
    ]
    return texts, "below each value: the images that both looked at"


def disputed_figure(
    crowd: LabelSet,
    alpha: Float[np.ndarray, " images"],
    pictures: Path | None,
    truth: LabelSet | None = None,
) -> Figure | None:
    """Return a sheet of the images on which raters agree least; None where all agree on all.

    ``alpha`` is each image's own. Of more than six raters of an image so many are shown, from the
    one with most boxes to the one with fewest. A picture that ``pictures`` does not hold is black.
    """
    order = np.argsort(np.where(np.isfinite(alpha), alpha, 1.0), kind="stable")[:_MOST_IMAGES]
    chosen = [int(image) for image in order if np.isfinite(alpha[image]) and alpha[image] < 1]
    if not chosen:
        return None
    rows = []
    for image in chosen:
        name, looked = crowd.images.names[image], _looked(crowd, image)
        shown = [looked[k] for k in evenly(len(looked), MOST_SHOWN)]
        some = f", {len(shown)} of {len(looked)} raters" if len(shown) < len(looked) else ""
        title = f"{shorten(name, 32)}: alpha {alpha[image]:.2f}{some}"
        rows.append(Row(image=image, pixels=_pixels(pictures, name), raters=shown, title=title))
    said = "Dashed: the truth. " if truth is not None else ""
    caption = (
        f"{said}The {len(rows)} images with the lowest alpha of their own. Raters stand from the "
        "one who drew most boxes to the one who drew fewest; an empty panel is a rater who looked "
        "and drew nothing."
    )
    return sheet_figure(rows, truth, crowd, caption)


def _looked(crowd: LabelSet, image: int) -> list[int]:
    labels = crowd.labels
    if labels.rater is None:
        raise ValueError("these labels do not say who drew them")
    drawn_there = labels.rater[labels.image == image]
    boxes = np.bincount(drawn_there, minlength=len(crowd.raters or ()))
    pairs = labels.assigned
    there = np.unique(drawn_there) if pairs is None else pairs[pairs[:, 0] == image, 1]
    return there[np.argsort(-boxes[there], kind="stable")].tolist()


def _pixels(folder: Path | None, name: str) -> np.ndarray | None:
    """Return a picture; None where the folder does not hold one of that name."""
    if folder is None:
        return None
    try:
        return read_grey(regular(inside(folder, name)))
    except (OSError, InputError):
        return None
