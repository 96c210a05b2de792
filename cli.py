"""The command line: parses, calls, prints. Only this file knows Typer.

Commands import what they need inside their bodies, so that ``--help`` answers at once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from medmnist_det.errors import InputError


class _Group(TyperGroup):
    """Shows what the user can mend as one sentence and exits with code 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            _err.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(2) from error


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Object detection from annotators who disagree: synthetic digit scenes with known truth.",
)

_out = Console()
_err = Console(stderr=True)


@app.callback()
def _main() -> None:
    # Typer drops the name of an only command; with a callback it stays.
    pass


class _Engine(StrEnum):
    HOTCOCO = "hotcoco"
    PYCOCOTOOLS = "pycocotools"


@app.command()
def evaluate(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="PREDICTIONS [OTHER]",
            help="COCO results, a COCO file with annotations (either may be gzipped), or a folder "
            "of YOLO text files with scores. A second one is compared with the first.",
            show_default=False,
        ),
    ],
    data: Annotated[Path, typer.Option(help="Data folder that holds the truth.")] = Path(
        "med-mnist"
    ),
    split: Annotated[
        str, typer.Option(help="Which truth of the folder: train, val, test.")
    ] = "test",
    truth: Annotated[
        Path | None, typer.Option(help="Any COCO file as truth, instead of --data and --split.")
    ] = None,
    rater: Annotated[
        str | None, typer.Option(help="Score the labels of this rater of a crowd file.")
    ] = None,
    iou: Annotated[
        list[str] | None,
        typer.Option(
            help="IoU threshold (0.4) or first:last:step (0.5:0.95:0.05); may be repeated.",
            show_default="0.4 and 0.5:0.95:0.05",
        ),
    ] = None,
    engine: Annotated[
        _Engine, typer.Option(help="hotcoco is fast; pycocotools is the definition. Same numbers.")
    ] = _Engine.HOTCOCO,
    bootstrap: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Resamples of the images for the intervals; 0 for none.",
            show_default="1000 for up to 50,000 boxes",
        ),
    ] = None,
    errors: Annotated[
        bool | None,
        typer.Option(
            "--errors/--no-errors",
            help="Error budget, confusions and object sizes.",
            show_default="on for up to 50,000 boxes",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resamples.")] = 0,
    json: Annotated[
        Path | None, typer.Option(help="Write every number, and the curves, to this file.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write one self-contained HTML page to this file.")
    ] = None,
    plots: Annotated[Path | None, typer.Option(help="Write the figures into this folder.")] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Where the report finds the images.",
            show_default="in the data folder, or beside --truth",
        ),
    ] = None,
) -> None:
    """Score boxes against the truth: mAP with intervals, COCO's twelve, and why points are lost.

    Example: medmnist-det evaluate preds.json --report report.html
    """
    from evaluation.assessment import Options, assess, compare
    from evaluation.dataset import open_truth
    from evaluation.export import write_json
    from evaluation.metrics import HEADLINE, parse_metric
    from evaluation.tables import tables

    if len(files) > 2:
        raise InputError(f"{len(files)} files: give one to score, or two to compare")
    if len(files) == 2 and (report or plots):
        raise InputError("--report and --plots describe one file: give one, or leave them out")
    options = Options(
        metrics=tuple(parse_metric(text) for text in iou) if iou else HEADLINE,
        engine=engine.value,  # type: ignore[arg-type]
        bootstrap=bootstrap,
        seed=seed,
        errors=True if report or plots else errors,
    )
    source = open_truth(data, split, truth, images)
    with _progress() as progress:
        found = [assess(source, path, options, rater=rater, progress=progress) for path in files]
    for warning in dict.fromkeys(line for one in found for line in one.warnings):
        _err.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=True)
    result = found[0] if len(found) == 1 else compare(*found)
    _out.print(tables(result))
    if json is not None:
        write_json(json, result)
    if plots is not None:
        from evaluation.figures import write_figures

        write_figures(plots, found[0])
    if report is not None:
        from evaluation.report import write_report

        write_report(report, found[0], source.images)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Give a function to report (task, steps, steps done) to; a bar shows after two seconds."""
    start, bar = time.monotonic(), None

    def tell(task: str, steps: int, done: int) -> None:
        nonlocal bar
        if bar is None and _err.is_terminal and time.monotonic() - start > 2:
            from rich.progress import Progress

            bar = Progress(console=_err, transient=True)
            bar.add_task("")
            bar.start()
        if bar is not None:
            description = escape(task)
            bar.update(
                bar.task_ids[0], description=description, total=steps or None, completed=done
            )

    try:
        yield tell
    finally:
        if bar is not None:
            bar.stop()


@app.command()
def aggregate(
    method: Annotated[
        str,
        typer.Option(
            help="all, rater:K, majority-vote, wbf, wbf-agnostic, dawid-skene, or bayes-truth "
            "(privileged: reads the simulator's matrices)."
        ),
    ] = "dawid-skene",
    data: Annotated[Path, typer.Option(help="Data folder with crowd labels.")] = Path("med-mnist"),
    crowd: Annotated[
        Path | None,
        typer.Option(help="Any COCO file with a rater per annotation, or VinDr-CXR CSV, instead."),
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(help="train or val; may be repeated.", show_default="both"),
    ] = None,
    readers: Annotated[
        str | None,
        typer.Option(help="Only images read by all of these, and their labels: R08,R09,R10."),
    ] = None,
    iou: Annotated[
        float | None,
        typer.Option(help="IoU from which boxes mean one object.", show_default="0.1; 0.4 for wbf"),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="WBF: a weight per rater, as in 1,0.5,2.")
    ] = None,
    iterations: Annotated[int, typer.Option(min=1, help="Most rounds of EM.")] = 1000,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for METHOD/SPLIT.json.", show_default="fused in the data folder, or here"
        ),
    ] = None,
    plots: Annotated[
        Path | None, typer.Option(help="Draw the raters' matrices into this folder.")
    ] = None,
) -> None:
    """Fuse the labels of several raters into one label set with confidences.

    Example: medmnist-det aggregate --method dawid-skene --plots plots
    """
    from annotators.infer.methods import InferenceOptions, folder_name, infer
    from annotators.infer.save import write_fused
    from annotators.sources import open_crowds
    from annotators.tables import measures, raters_tables, summary

    options = InferenceOptions(
        iou=iou, weights=_numbers("--weights", weights), iterations=iterations
    )
    names = tuple(readers.split(",")) if readers else ()
    place = out or (Path("fused") if crowd else data / "fused")
    for source in open_crowds(data, crowd, tuple(split or ()), names):
        for note in source.crowd.notes:
            _warn("note", note)
        table = source.crowd.labels
        found = infer(method, table, options, source.raters)
        for warning in found.warnings:
            _warn("warning", warning)
        folder = place / folder_name(method)
        path = write_fused(folder, source.name, method, table, source.crowd.ids, found)
        _out.print(summary(table, found, method, str(source.path)))
        if source.truth is not None:
            from evaluation.label_quality import quality_of
            from evaluation.tables import quality_rows

            rows = quality_rows(quality_of(source.truth, found.labels))
            _out.print(measures("\nLabel quality", rows))
        if found.raters is not None:
            known = source.raters if method != "bayes-truth" else None
            _out.print(raters_tables(table, found, known))
            if known is not None:
                from evaluation.recovery import recovery, recovery_rows

                errors = recovery(
                    matrix=found.raters.matrix,
                    true_matrix=known.matrix,
                    spurious=found.raters.spurious,
                    true_spurious=known.spurious,
                    prior=found.raters.prior,
                    box_bias=found.raters.box_bias,
                    true_box_bias=known.box_bias,
                )
                _out.print(measures("Recovery of the raters", recovery_rows(errors)))
            if plots is not None:
                from annotators.plots import draw_matrices

                picture = plots / f"{folder_name(method)}-{source.name}-matrices.png"
                draw_matrices(picture, found.raters, table.raters or (), table.classes.names, known)
                _out.print(f"drawn: {picture}", markup=False, highlight=False)
        _out.print(f"written: {path}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def agreement(
    data: Annotated[Path, typer.Option(help="Data folder with crowd labels.")] = Path("med-mnist"),
    crowd: Annotated[
        Path | None,
        typer.Option(help="Any COCO file with a rater per annotation, or VinDr-CXR CSV, instead."),
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(help="train or val; may be repeated.", show_default="both"),
    ] = None,
    readers: Annotated[
        str | None,
        typer.Option(help="Only images read by all of these, and their labels: R08,R09,R10."),
    ] = None,
    iou: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="IoU above which boxes are about one place.")
    ] = 0.5,
    map_iou: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="IoU from which a box counts in the mAP.")
    ] = 0.4,
    json: Annotated[
        Path | None, typer.Option(help="Write every number, those of each image too, to this file.")
    ] = None,
    plots: Annotated[
        Path | None, typer.Option(help="Draw who agrees with whom into this folder.")
    ] = None,
) -> None:
    """Say how far raters agree: Krippendorff's alpha for boxes, and the mAP of rater on rater.

    Example: medmnist-det agreement --split train --plots plots
    """
    from annotators.agreement import agreement as agree
    from annotators.ceiling import ceiling, write_agreement
    from annotators.sources import open_crowds
    from annotators.tables import agreement_tables
    from evaluation.evaluator import score
    from evaluation.metrics import Metric

    metrics = (Metric(f"mAP@{map_iou:g}", (map_iou,)),)

    def mean_ap(truth: Any, predictions: Any) -> float | None:
        return score(truth, predictions, metrics=metrics).headline[0].value

    names = tuple(readers.split(",")) if readers else ()
    for source in open_crowds(data, crowd, tuple(split or ()), names):
        for note in source.crowd.notes:
            _warn("note", note)
        table = source.crowd.labels
        found = agree(table, iou=iou)
        scored = ceiling(table, mean_ap, source.truth)
        _out.print(f"{source.path}: {len(table.labels):,} boxes", markup=False, highlight=False)
        _out.print(agreement_tables(table, found, scored))
        if json is not None:
            write_agreement(json, table, found, scored)
        if plots is not None:
            from annotators.plots import draw_heat_map

            for what, values in (("alpha", found.pairwise), ("mAP", scored.against)):
                if values is not None:
                    picture = plots / f"agreement-{source.name}-{what}.png"
                    title = "row against column" if what == "mAP" else "every two raters"
                    draw_heat_map(picture, values, table.raters or (), f"{what}, {title}", what)
                    _out.print(f"drawn: {picture}", markup=False, highlight=False)


def _warn(kind: str, sentence: str) -> None:
    _err.print(f"{kind}: {sentence}", markup=False, highlight=False, soft_wrap=True)


def _numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    try:
        return tuple(map(float, text.split(","))) if text else None
    except ValueError:
        raise InputError(f"{option} {text!r}: give numbers with commas, as in 1,0.5,2") from None
