"""Every figure of docs/inference.md: grouping, methods x presets, speed, and real radiologists.

python benchmarks/inference.py [--quick] [--only grouping|presets|speed|vindr] [--shared FOLDER]

Truth inference only: scenes are composed as in generate, but no image is rendered or written.
"""

from __future__ import annotations

import argparse
import resource
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from annotators.alpha import agreement
from annotators.crowd_files import read_crowd
from annotators.infer.methods.wbf import WbfOptions, wbf
from annotators.infer.parts.grouping import IOU, group_boxes
from annotators.infer.parts.result import Raters
from annotators.infer.registry import InferenceOptions, infer
from annotators.recovery import recovery
from annotators.simulate.crowd import draw_annotators, simulate
from annotators.simulate.options import Preset, crowd_options
from evaluation.quality import quality_of
from medmnist_det.generation import DIGIT_CLASSES
from medmnist_det.labels import Error, Images, Labels, LabelSet, stack
from medmnist_det.scenes.composer import BLOCK, SceneOptions, compose_block
from medmnist_det.scenes.digits import Digits, load_digits

METHODS = ("majority-vote", "wbf", "wbf-agnostic", "dawid-skene", "bayes-truth")
CROWDED = SceneOptions(empty=0.0, count=(10, 20), side=(25, 80), max_iou=0.5)


def scenes(digits: Digits, images: int, seed: int, options: SceneOptions) -> LabelSet:
    parts = [
        compose_block(options, digits, seed, "train", k, min(BLOCK, images - k * BLOCK)).labels
        for k in range(-(-images // BLOCK))
    ]
    return LabelSet(images=tables(images), classes=DIGIT_CLASSES, labels=stack(parts))


def tables(images: int) -> Images:
    ids = tuple(range(1, images + 1))
    side = np.full(images, 320)
    return Images(ids=ids, names=tuple(map(str, ids)), width=side, height=side)


def crowd_of(true: LabelSet, preset: Preset, seed: int, p: float | None) -> tuple[LabelSet, Raters]:
    options = crowd_options(preset, proficiency=None if p is None else [p])
    drawn = draw_annotators(options, len(true.classes), seed)
    labels = simulate(true.labels, true.images, drawn, seed, "train")
    habits = [one.bias_mean if one.options.box_noise == "biased" else np.zeros(4) for one in drawn]
    raters = Raters(
        matrix=np.stack([one.matrix for one in drawn]),
        spurious=np.array([one.options.spurious for one in drawn]),
        prior=np.full(len(true.classes), 1 / len(true.classes)),
        box_bias=np.stack(habits),
        box_spread=None,
    )
    names = tuple(range(1, len(drawn) + 1))
    return replace(true, labels=labels, raters=names), raters


PRESETS: tuple[tuple[str, Preset, float | None], ...] = (
    ("paper, p = .8", "paper", None),
    ("paper, p = .6", "paper", 0.6),
    ("paper, p = .9", "paper", 0.9),
    ("paper-code", "paper-code", None),
    ("adversary", "adversary", None),
    ("experts-and-novices", "experts-and-novices", None),
    ("crowd", "crowd", None),
    ("radiology", "radiology", None),
    ("sparse", "sparse", None),
)


def grouping(digits: Digits, images: int) -> None:
    print("\nTrue objects grouped exactly right (of those that anybody drew), by the IoU asked for")
    limits = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
    print(f"{'':38}" + "".join(f"{limit:>8.2f}" for limit in limits))
    for what, options in (("default scenes", SceneOptions()), ("crowded scenes", CROWDED)):
        true = scenes(digits, images if what[0] == "d" else images // 3, 0, options)
        for name, preset, p in PRESETS:
            labels = crowd_of(true, preset, 0, p)[0].labels
            shares = [exactly_right(labels, iou) for iou in limits]
            print(f"{what}, {name:22}" + "".join(f"{share:8.4f}" for share in shares))


def exactly_right(labels: Labels, iou: float) -> float:
    if labels.true_object is None or labels.error is None:
        raise ValueError("these labels come without provenance")
    groups = group_boxes(labels, iou=iou)
    found = np.where(
        labels.error == Error.SPURIOUS, -1 - np.arange(len(labels)), labels.true_object
    )
    owner = np.unique(found, return_inverse=True)[1]
    pair = np.unique(owner * len(groups) + groups.group)
    of_object, of_group = np.divmod(pair, len(groups))
    whole = np.bincount(of_object) == 1
    pure = np.bincount(of_group, minlength=len(groups)) == 1
    right = np.zeros(len(whole), dtype=bool)
    right[of_object] = pure[of_group]
    real = np.zeros(len(whole), dtype=bool)
    real[owner[labels.error != Error.SPURIOUS]] = True
    return float((right & whole)[real].mean())


def presets(digits: Digits, images: int, seeds: int) -> None:
    print(
        f"\nLabel quality on {images:,} train images: mean (standard deviation) over {seeds} seeds"
    )
    print("objects: IoU >= .4; class: of found objects; F: harmonic mean of precision and recall")
    print("of boxes under the right class; best single rater: each number of the rater best in it")
    head = ("precision", "recall", "class", "mean IoU", "F", "matrix", "miss", "bias", "skill")
    print(f"{'':34}" + "".join(f"{name:>15}" for name in head))
    for name, preset, p in PRESETS:
        print(name)
        rows: dict[str, list[list[float]]] = {}
        for seed in range(seeds):
            true = scenes(digits, images, seed, SceneOptions())
            table, known = crowd_of(true, preset, seed, p)
            for method, row in _measure(true, table, known):
                rows.setdefault(method, []).append(row)
        for method, values in rows.items():
            column = np.array(values, dtype=np.float64).T
            cells = [_cell(one, "e" if k == 5 else "f") for k, one in enumerate(column)]
            print(f"    {method:30}" + "".join(f"{cell:>15}" for cell in cells))


def _measure(true: LabelSet, table: LabelSet, known: Raters) -> list[tuple[str, list[float]]]:
    rows = [("best single rater", _best_single(true, table))]
    for method in METHODS:
        found = infer(method, table, truth=known)
        row = _quality(true, found.labels)
        if found.raters is not None and method != "bayes-truth":
            error = recovery(found.raters.columns(), known.columns())
            row += [error.matrix, error.miss, error.box_bias or 0.0]
            row.append(np.nan if error.skill is None else error.skill)
        rows.append((method, row + [np.nan] * (9 - len(row))))
    return rows


def _quality(true: LabelSet, labels: Labels) -> list[float]:
    one = quality_of(true, labels)
    precision, recall = one.precision or 0.0, one.recall or 0.0
    named = one.class_accuracy or 0.0
    score = 2 * named * precision * recall / max(precision + recall, 1e-9)
    return [precision, recall, named, one.mean_iou or 0.0, score]


def _best_single(true: LabelSet, table: LabelSet) -> list[float]:
    """Each number of the rater that is best in it, on the images that the rater looked at."""
    best = np.zeros(5)
    for k in range(len(table.raters or ())):
        seen = np.zeros(len(true.images), dtype=bool)
        seen[table.labels.assigned[table.labels.assigned[:, 1] == k, 0]] = True  # type: ignore[index]
        mine = replace(table, labels=table.labels.of_rater(k)).keep_images(seen).labels
        best = np.maximum(best, _quality(true.keep_images(seen), mine))
    return [*best.tolist(), *[np.nan] * 4]


def _cell(values: np.ndarray, form: str) -> str:
    if np.isnan(values).all():
        return ""
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    if form == "e":
        return f"{values.mean():.1e} ({spread:.0e})"
    return f"{values.mean():.4f} ({spread:.4f})".replace("0.", ".")


def speed(digits: Digits, images: int) -> None:
    true = scenes(digits, min(images, 5000), 0, SceneOptions())
    copies = images // len(true.images)
    table, _ = crowd_of(true, "paper", 0, None)
    labels = stack([table.labels] * copies)
    images = labels.images
    many = replace(table, images=tables(images), labels=labels)
    print(f"\nSpeed: {images:,} images x 3 raters, {len(labels):,} boxes, after a warm-up")
    for name, by_class in (("wbf", True), ("wbf-agnostic", False)):
        options, library = WbfOptions(by_class=by_class), _library(table, by_class=by_class)
        wbf(many, options)
        # In turns, so that whatever else the machine does is on both; medians of 5.
        pairs = [(_seconds(lambda o=options: wbf(many, o)), _seconds(library)) for _ in range(5)]
        ours, theirs = np.median(np.array(pairs) / (images, len(true.images)), axis=0)
        print(
            f"{name:14} {ours * images:7.2f} s   {1e6 * ours:6.2f} us an image; ensemble_boxes "
            f"{1e6 * theirs:.0f} us on {len(true.images):,} of them: "
            f"{theirs / ours:.0f} times as fast"
        )
    for method in ("majority-vote", "dawid-skene"):
        print(f"{method:14} {_best(lambda method=method: infer(method, many)):7.2f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory of the whole process, crowd included: {peak:.2f} GiB")


def _best(function: Callable[[], Any]) -> float:
    return min([_seconds(function) for _ in range(4)][1:])


def _seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _library(table: LabelSet, *, by_class: bool) -> Callable[[], None]:
    """Return what fuses all images by ensemble_boxes, arrays at hand."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ensemble_boxes import weighted_boxes_fusion
    labels = table.labels
    cases = []
    for first, last in zip(labels.starts, labels.starts[1:], strict=False):
        part = labels.select(np.arange(first, last))
        mine = [part.rater == k for k in range(3)]
        cases.append(
            (
                [part.box[rows] / 320 for rows in mine],
                [part.confidence[rows] for rows in mine],
                [part.label[rows] * by_class for rows in mine],
            )
        )

    def run() -> None:
        for boxes, scores, names in cases:
            weighted_boxes_fusion(boxes, scores, names, iou_thr=0.4)

    return run


def vindr(shared: Path, folder: Path) -> None:
    files = [
        shared / "reference" / "VinCXR" / f"full_allboxes_{part}.csv" for part in ("train", "val")
    ]
    if not all(file.is_file() for file in files):
        print("\nVinDr-CXR: no files below --shared, left out")
        return
    joined = folder / "vindr.csv"
    lines = [file.read_text().splitlines(keepends=True) for file in files]
    joined.write_text("".join([*lines[0], *lines[1][1:]]))
    for name, readers in (("all readers", ()), ("Rads-VinDr", ("R08", "R09", "R10"))):
        table = read_crowd(joined, readers).labels
        print(f"\nVinDr-CXR, {name}: {len(table.images):,} images, {len(table.labels):,} boxes")
        for method in ("all", "majority-vote", "wbf", "wbf-agnostic", "dawid-skene"):
            start = time.perf_counter()
            found = infer(method, table, InferenceOptions())
            seconds = time.perf_counter() - start
            sure = float(found.labels.confidence.mean())
            print(
                f"{method:14} {len(found.labels):7,} labels, mean confidence {sure:.3f}, "
                f"{seconds:5.2f} s  {found.facts or ''} {' '.join(found.warnings)}"
            )
            if found.raters is not None:
                _print_raters(table, found.raters)
        start = time.perf_counter()
        report = agreement(table)
        print(
            f"alpha {report.alpha:.3f}, mean over images {report.mean_of_images:.3f}; "
            f"{report.objects:,} units, {report.empty_images:,} empty images; "
            f"{time.perf_counter() - start:.2f} s"
        )
        print("by class " + ", ".join(f"{k}: {a:.2f}" for k, a in enumerate(report.of_class)))
        pairs = report.pairwise[np.triu_indices(len(report.pairwise), 1)]
        print(f"pairs of raters: {np.nanmin(pairs):.2f} to {np.nanmax(pairs):.2f}")


def _print_raters(table: LabelSet, raters: Raters) -> None:
    for k in np.argsort(-raters.skill, kind="stable"):
        if raters.objects is not None and raters.objects[k] > 100:
            print(
                f"    {(table.raters or ())[k]}: skill {raters.skill[k]:.2f}, misses "
                f"{raters.miss[k]:.2f}, extra boxes an image {raters.spurious[k]:.2f}"
            )


def digits_of(shared: Path) -> Digits:
    source = "mnist" if (shared / "MNIST").is_dir() else "optdigits"
    print(f"digits: {source}; grouping at IoU {IOU} unless said otherwise")
    return load_digits(source, shared) if source == "mnist" else load_digits(source)


def main(arguments: Sequence[str] | None = None) -> None:
    import tempfile

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a fifth of the images, two seeds")
    parser.add_argument("--only", choices=("grouping", "presets", "speed", "vindr"))
    beside = Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--shared", type=Path, default=beside)
    options = parser.parse_args(arguments)
    digits = digits_of(options.shared)
    images, seeds = (1000, 2) if options.quick else (5000, 5)
    if options.only in (None, "grouping"):
        grouping(digits, images)
    if options.only in (None, "speed"):
        speed(digits, 20 * images)
    if options.only in (None, "vindr"):
        with tempfile.TemporaryDirectory() as folder:
            vindr(options.shared, Path(folder))
    if options.only in (None, "presets"):
        presets(digits, images, seeds)


if __name__ == "__main__":
    main()
