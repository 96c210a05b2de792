"""Every figure of docs/inference.md: methods x presets, grouping, few raters, calibration, speed.

python benchmarks/inference.py [--quick] [--shared FOLDER]
    [--only grouping|presets|few-raters|calibration|agreeing|dependence|speed|vindr]
    [--presets "hard;students"]

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
from inference_crowds import CROWDED, PRESETS, crowd_of, digits_of, scenes, tables
from inference_dependence import dependence
from inference_studies import agreeing, calibration, few_raters

from annotators.alpha import agreement
from annotators.crowd_files import read_crowd
from annotators.infer.methods.wbf import WbfOptions, wbf
from annotators.infer.parts.grouping import IOU, group_boxes
from annotators.infer.parts.result import Raters
from annotators.infer.registry import InferenceOptions, infer
from annotators.recovery import recovery
from evaluation.quality import quality_of
from medmnist_det.labels import Error, Labels, LabelSet, stack
from medmnist_det.scenes.composer import SceneOptions
from medmnist_det.scenes.digits import Digits

STUDIES = (
    "dependence",
    "grouping",
    "speed",
    "vindr",
    "calibration",
    "agreeing",
    "few-raters",
    "presets",
)
METHODS = ("majority-vote", "wbf", "wbf-agnostic", "dawid-skene", "bayes-truth")


def grouping(digits: Digits, images: int) -> None:
    print("\nTrue objects grouped exactly right (of those that anybody drew), by the IoU asked for")
    limits = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
    print(f"{'':38}" + "".join(f"{limit:>8.2f}" for limit in limits))
    for what, options in (("default scenes", SceneOptions()), ("crowded scenes", CROWDED)):
        true, looks = scenes(digits, images if what[0] == "d" else images // 3, 0, options)
        for name, preset, p in PRESETS:
            labels = crowd_of(true, looks, preset, 0, p)[0].labels
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
    print("of boxes under the right class; best single rater: each number of the rater best in it;")
    print(
        "matrix: sum of squared errors of all entries of the class rows, misses included, / (R L)"
    )
    head = ("precision", "recall", "class", "mean IoU", "F", "matrix", "miss", "bias", "skill")
    print(f"{'':34}" + "".join(f"{name:>17}" for name in head))
    for name, preset, p in PRESETS:
        print(name)
        rows: dict[str, list[list[float]]] = {}
        for seed in range(seeds):
            true, looks = scenes(digits, images, seed)
            table, known = crowd_of(true, looks, preset, seed, p)
            for method, row in _measure(true, table, known):
                rows.setdefault(method, []).append(row)
        for method, values in rows.items():
            column = np.array(values, dtype=np.float64).T
            cells = [_cell(one, "e" if k == 5 else "f") for k, one in enumerate(column)]
            print(f"    {method:30}" + "".join(f"{cell:>17}" for cell in cells))
        better = [
            a[2] > b[2] for a, b in zip(rows["dawid-skene"], rows["majority-vote"], strict=True)
        ]
        print(f"    more right names than by majority vote in {sum(better)} of {seeds} seeds")


def _measure(true: LabelSet, label_set: LabelSet, known: Raters) -> list[tuple[str, list[float]]]:
    rows = [("best single rater", _best_single(true, label_set))]
    for method in METHODS:
        found = infer(method, label_set, truth=known)
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


def _best_single(true: LabelSet, label_set: LabelSet) -> list[float]:
    """Each number of the rater that is best in it, on the images that the rater looked at."""
    best = np.zeros(5)
    for k in range(len(label_set.raters or ())):
        seen = np.zeros(len(true.images), dtype=bool)
        seen[label_set.labels.assigned[label_set.labels.assigned[:, 1] == k, 0]] = True  # type: ignore[index]
        mine = replace(label_set, labels=label_set.labels.of_rater(k)).keep_images(seen).labels
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
    true, looks = scenes(digits, min(images, 5000), 0)
    copies = images // len(true.images)
    table, _ = crowd_of(true, looks, "paper", 0, None)
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


def _library(label_set: LabelSet, *, by_class: bool) -> Callable[[], None]:
    """Return what fuses all images by ensemble_boxes, arrays at hand."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ensemble_boxes import weighted_boxes_fusion
    labels = label_set.labels
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
            start = time.process_time()
            found = infer(method, table, InferenceOptions())
            seconds = time.process_time() - start
            sure = float(found.labels.confidence.mean())
            print(
                f"{method:14} {len(found.labels):7,} labels, mean confidence {sure:.3f}, "
                f"{seconds:5.2f} CPU s  {found.facts or ''} {' '.join(found.warnings)}"
            )
            if found.raters is not None:
                _print_raters(table, found.raters)
        start = time.process_time()
        report = agreement(table)
        print(
            f"alpha {report.alpha:.3f}, mean over images {report.mean_of_images:.3f}; "
            f"{report.objects:,} units, {report.empty_images:,} empty images; "
            f"{time.process_time() - start:.2f} CPU s"
        )
        print("by class " + ", ".join(f"{k}: {a:.2f}" for k, a in enumerate(report.of_class)))
        pairs = report.pairwise[np.triu_indices(len(report.pairwise), 1)]
        print(f"pairs of raters: {np.nanmin(pairs):.2f} to {np.nanmax(pairs):.2f}")


def _print_raters(label_set: LabelSet, raters: Raters) -> None:
    for k in np.argsort(-raters.skill, kind="stable"):
        if raters.objects is not None and raters.objects[k] > 100:
            print(
                f"    {(label_set.raters or ())[k]}: skill {raters.skill[k]:.2f}, misses "
                f"{raters.miss[k]:.2f}, extra boxes an image {raters.spurious[k]:.2f}"
            )


def main(arguments: Sequence[str] | None = None) -> None:
    import tempfile

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a fifth of the images, two seeds")
    parser.add_argument("--only", choices=STUDIES)
    parser.add_argument("--presets", help="names as in the tables, with semicolons; else all")
    beside = Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--shared", type=Path, default=beside)
    options = parser.parse_args(arguments)
    if options.presets:
        wanted = options.presets.split(";")
        PRESETS[:] = [one for one in PRESETS if one[0] in wanted]
    digits = digits_of(options.shared)
    print(f"digits: {digits.source}; grouping at IoU {IOU} unless said otherwise")
    images, seeds = (1000, 2) if options.quick else (5000, 5)
    if options.only in (None, "grouping"):
        grouping(digits, images)
    if options.only in (None, "speed"):
        speed(digits, 20 * images)
    if options.only in (None, "vindr"):
        with tempfile.TemporaryDirectory() as folder:
            vindr(options.shared, Path(folder))
    if options.only in (None, "calibration"):
        calibration(digits, images, seeds)
    if options.only in (None, "agreeing"):
        agreeing(digits, images, seeds)
    if options.only in (None, "few-raters"):
        few_raters(digits, 3 * images // 5, 2 * seeds)
    if options.only in (None, "dependence"):
        dependence(digits, images, seeds)
    if options.only in (None, "presets"):
        presets(digits, images, seeds)


if __name__ == "__main__":
    main()
