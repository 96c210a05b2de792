"""The command line: parses, calls, prints. Only this file knows Typer.

Commands import what they need inside their bodies, so that ``--help`` answers at once. For the same
reason annotations are no texts here (``from __future__ import annotations``): Typer would evaluate
each of them four times.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from medmnist_det.errors import InputError
from medmnist_det.terminal.console import err, naming_output, progress, say, stages, tell, training
from medmnist_det.terminal.console import out as stdout
from medmnist_det.terminal.option_text import numbers, pair, words

if TYPE_CHECKING:
    from annotators.simulate.options import AnnotatorOptions
    from medmnist_det.folder import Folder


class _Group(TyperGroup):
    """Shows what the user can mend as one sentence and exits with code 2."""

    def main(self, *args: Any, **options: Any) -> Any:
        try:
            with naming_output():  # around everything: help is printed before a command begins
                return super().main(*args, **options)
        except InputError as error:
            tell("error", (str(error),))
            raise SystemExit(2) from error

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            tell("error", (str(error),))
            raise typer.Exit(2) from error
        except OSError as error:
            from medmnist_det.files import is_refusal, refusal

            # A name that is too long, too many open files: where nothing else names the file.
            if not is_refusal(error):
                raise
            tell("error", (str(refusal(error.filename or "this machine", error)),))
            raise typer.Exit(2) from error
        except KeyboardInterrupt as stop:
            err.print(f"stopped: {str(stop) or 'run the same command again'}")
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Object detection from annotators who disagree: synthetic digit scenes with known truth.",
)


_Format = Literal["yolo", "voc", "csv"]
_Split = Literal["train", "val", "test"]

_EACH = "One value, or one for each annotator with commas between them."
_Data = Annotated[Path, typer.Option(help="Folder of the data set.")]
_Annotators = Annotated[int | None, typer.Option(help="Number of annotators, 1 to 1000.")]
_Proficiency = Annotated[str | None, typer.Option(help=f"The paper's p, 0 to 1. {_EACH}")]
_Family = Annotated[
    str | None,
    typer.Option(
        help="Transition matrices: random, uniform, hammer-spammer, pairwise-flipper, structured, "
        f"ordered, adversarial, average. {_EACH}"
    ),
]
_BoxNoise = Annotated[
    str | None, typer.Option(help=f"Misplaced boxes: iou, gaussian, biased. {_EACH}")
]
_Spurious = Annotated[str | None, typer.Option(help=f"Mean spurious boxes an image. {_EACH}")]
_Coverage = Annotated[
    str | None, typer.Option(help=f"Share of images that the annotator labels. {_EACH}")
]
_Seed = Annotated[int, typer.Option(help="The same seed gives the same data everywhere.")]
_SplitOption = Annotated[_Split, typer.Option(help="train, val or test.")]
_Preset = Annotated[
    str,
    typer.Option(
        help="paper, paper-code, experts-and-novices, crowd, radiology, adversary or sparse."
    ),
]


@app.command()
def generate(
    out: Annotated[Path, typer.Option(help="Folder to make the data set in.")] = Path("med-mnist"),
    preset: _Preset = "paper",
    annotators: _Annotators = None,
    proficiency: _Proficiency = None,
    family: _Family = None,
    box_noise: _BoxNoise = None,
    spurious: _Spurious = None,
    coverage: _Coverage = None,
    train: Annotated[int | None, typer.Option(help="Training images.")] = None,
    val: Annotated[int | None, typer.Option(help="Validation images.")] = None,
    test: Annotated[int | None, typer.Option(help="Test images.")] = None,
    canvas: Annotated[int, typer.Option(help="Side of an image in pixels.")] = 320,
    side: Annotated[
        str | None,
        typer.Option(help="Smallest,largest cell of a digit in pixels; in proportion by default."),
    ] = None,
    count: Annotated[str, typer.Option(help="Fewest,most digits of an image with any.")] = "1,9",
    empty: Annotated[float, typer.Option(help="Share of images without a digit.")] = 0.55,
    max_iou: Annotated[float, typer.Option(help="Digits overlap less than this.")] = 0.25,
    background: Annotated[
        Literal["black", "noise", "texture"],
        typer.Option(help="What lies behind the digits; the labels stay the same."),
    ] = "black",
    seed: _Seed = 0,
    workers: Annotated[
        int | None, typer.Option(help="Processes; all cores by default. Changes only the time.")
    ] = None,
    digits: Annotated[
        Literal["auto", "mnist", "optdigits"],
        typer.Option(help="auto: MNIST where it can be had, else optdigits."),
    ] = "auto",
    digits_root: Annotated[
        Path | None, typer.Option(help="Folder with MNIST's idx files; no network is touched.")
    ] = None,
) -> None:
    """Make a data set: scenes of digits, their truth, and what the annotators drew.

    Example: medmnist-det generate --annotators 3 --proficiency 0.8
    """
    from annotators.simulate.crowd import SimulatedCrowd, draw_annotators
    from annotators.simulate.options import PRESET_IMAGES
    from medmnist_det.folder import Layout
    from medmnist_det.generation import DIGIT_CLASSES, Plan
    from medmnist_det.generation import generate as make
    from medmnist_det.scenes.composer import SceneOptions, default_side
    from medmnist_det.scenes.digits import load_digits
    from medmnist_det.scenes.workers import default_workers
    from medmnist_det.terminal.summary import summary

    crowd = _crowd(preset, annotators, proficiency, family, box_noise, spurious, coverage)
    scenes = SceneOptions(
        canvas=canvas,
        side=default_side(canvas) if side is None else pair("--side", side),
        count=pair("--count", count),
        empty=empty,
        max_iou=max_iou,
        background=background,
    )
    usual = PRESET_IMAGES[preset]
    plan = Plan(
        scenes=scenes,
        images={
            "train": usual["train"] if train is None else train,
            "val": usual["val"] if val is None else val,
            "test": usual["test"] if test is None else test,
        },
        seed=seed,
    )
    names = DIGIT_CLASSES.names
    simulated = SimulatedCrowd(
        annotators=draw_annotators(crowd, len(names), seed), seed=seed, class_names=names
    )
    with err.status("Fetching digits ..."):
        pool = load_digits(digits, digits_root)
    tell("digits", (pool.origin,))
    total = sum(plan.images.values())
    workers = default_workers(total) if workers is None else workers
    already = Layout(path=out).manifest_file.is_file()
    with progress("Composing", total) as advance:
        folder = make(out, plan, pool, simulated, workers=workers, progress=advance)
    if already:
        _check(folder)
    stdout().print(summary(folder))
    tell("note", simulated.notes)


@app.command()
def annotate(
    truth: Annotated[Path, typer.Argument(help="A COCO file with true boxes of any classes.")],
    out: Annotated[Path, typer.Option(help="Folder for crowd.json and what is behind it.")] = Path(
        "crowd"
    ),
    preset: _Preset = "paper",
    annotators: _Annotators = None,
    proficiency: _Proficiency = None,
    family: _Family = None,
    box_noise: _BoxNoise = None,
    spurious: _Spurious = None,
    coverage: _Coverage = None,
    seed: _Seed = 0,
) -> None:
    """Let simulated annotators label any COCO data set.

    Example: medmnist-det annotate truth.json --seed 1

    Writes crowd.json (COCO with a rater_id per annotation), provenance.json
    (the truth behind every box) and annotators.json (their matrices).
    """
    from annotators.simulate.crowd import SimulatedCrowd, draw_annotators
    from medmnist_det.formats.coco import read_coco
    from medmnist_det.labelling import annotate as make
    from medmnist_det.terminal.summary import annotator_table

    crowd = _crowd(preset, annotators, proficiency, family, box_noise, spurious, coverage)
    label_set = read_coco(truth)
    simulated = SimulatedCrowd(
        annotators=draw_annotators(crowd, len(label_set.classes), seed),
        seed=seed,
        class_names=label_set.classes.names,
    )
    with err.status("Annotating ..."):
        left_out, described = make(out, label_set, simulated)
    if left_out:
        err.print(f"left out: {left_out} iscrowd regions, which are no single objects")
    stdout().print(annotator_table(described))
    tell("note", simulated.notes)


@app.command()
def verify(data: _Data = Path("med-mnist")) -> None:
    """Check every image and label of a data set against its manifest.

    Says whether it is a frozen edition, the same for everybody.
    """
    from medmnist_det.folder import Folder

    folder = Folder.open(data)
    fingerprint = _check(folder)
    edition = f"frozen edition: {folder.edition}" if folder.edition else "no frozen edition"
    say(f"{data}: intact, {fingerprint} ({edition})")


@app.command()
def show(
    data: _Data = Path("med-mnist"),
    split: _SplitOption = "train",
    scenes: Annotated[int, typer.Option(min=1, max=20, help="Number of scenes.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path(),
) -> None:
    """Draw scenes.png (the truth and each rater's boxes) and matrices.png (who confuses what)."""
    from medmnist_det.files import make_folder
    from medmnist_det.folder import Folder
    from medmnist_det.pictures import draw_matrices, draw_scenes

    folder = Folder.open(data)
    make_folder(out)
    with err.status("Drawing ..."):
        draw_scenes(out / "scenes.png", folder, split, scenes)
        draw_matrices(out / "matrices.png", folder.annotators_file)
    say(f"{out / 'scenes.png'}")
    say(f"{out / 'matrices.png'}")


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="A new folder.")],
    to: Annotated[_Format, typer.Option("--format", help="yolo, voc or csv.")] = "yolo",
    data: _Data = Path("med-mnist"),
    labels: Annotated[
        str, typer.Option(help="truth, crowd, rater:K or fused:METHOD, of every split that has it.")
    ] = "truth",
) -> None:
    """Write a data set for other tools.

    Example: medmnist-det export yolo-set --labels rater:2

    YOLO and VOC come with the images; only CSV says who drew a box.
    """
    from medmnist_det.folder import Folder
    from medmnist_det.formats.export import export_folder
    from medmnist_det.guards import refuse_overwrite

    folder = Folder.open(data)
    refuse_overwrite(out, [data], "OUT")
    with err.status("Writing ..."):
        found = export_folder(folder, out, to, labels)
    for split, one in found.items():
        say(f"{out}: {split}, {one.boxes:,} boxes on {one.images:,} images")
        if one.left_out:
            left_out = f"{one.left_out:,} {split} images that nobody looked at for {labels}"
            tell("note", (f"left out: {left_out}",))


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="A CSV file, or a folder as 'export' makes them.")],
    out: Annotated[Path, typer.Argument(help="The COCO file to write.")],
    of: Annotated[_Format, typer.Option("--format", help="yolo, voc or csv.")] = "yolo",
    split: _SplitOption = "train",
    like: Annotated[
        Path | None,
        typer.Option(help="A COCO file whose images, classes and ids the labels belong to."),
    ] = None,
) -> None:
    """Read labels of other tools into a COCO file, the way back from 'export'.

    Example: medmnist-det import yolo-set train.json --split train

    CSV may be VinDr-CXR's.
    """
    from medmnist_det.formats.coco import read_coco, write_coco
    from medmnist_det.formats.export import read_labels, repeats
    from medmnist_det.guards import refuse_overwrite

    refuse_overwrite(out, [source, like], "OUT")
    label_set = read_labels(source, of, split, None if like is None else read_coco(like))
    write_coco(out, label_set)
    raters = f", {len(label_set.raters)} raters" if label_set.raters else ""
    say(f"{out}: {len(label_set.images):,} images, {len(label_set.labels):,} boxes{raters}")
    tell("note", filter(None, (repeats(label_set),)))


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
        Literal["hotcoco", "pycocotools"],
        typer.Option(help="hotcoco is fast; pycocotools is the definition. Same numbers."),
    ] = "hotcoco",
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
    from evaluation.metrics import HEADLINE, parse_metric
    from evaluation.read.source import open_truth
    from evaluation.show.json_file import write_json
    from evaluation.show.score_tables import tables
    from medmnist_det.folder import Layout
    from medmnist_det.guards import refuse_overwrite

    if len(files) > 2:
        raise InputError(f"{len(files)} files: give one to score, or two to compare")
    if len(files) == 2 and (report or plots):
        raise InputError("--report and --plots describe one file: give one, or leave them out")
    inputs = [*files, truth or Layout(path=data).truth_file(split)]
    for option, place in (("--json", json), ("--report", report), ("--plots", plots)):
        if place is not None:
            refuse_overwrite(place, inputs, option)
            inputs.append(place)
    options = Options(
        metrics=tuple(parse_metric(text) for text in iou) if iou else HEADLINE,
        engine=engine,
        bootstrap=bootstrap,
        seed=seed,
        errors=True if report or plots else errors,
    )
    source = open_truth(data, split, truth, images)
    with stages() as told:
        if len(files) == 2:
            result = compare(source, (files[0], files[1]), options, rater=rater, progress=told)
            found = [result.first, result.second]
        else:
            result = assess(source, files[0], options, rater=rater, progress=told)
            found = [result]
    tell("warning", dict.fromkeys(line for one in found for line in one.warnings))
    stdout().print(tables(result), crop=False)
    if json is not None:
        write_json(json, result)
    if plots is not None:
        from evaluation.show.figures import write_figures

        write_figures(plots, found[0])
    if report is not None:
        from evaluation.show.report import write_report

        write_report(report, found[0], source.images)


def _crowd(
    preset: str,
    annotators: int | None,
    proficiency: str | None,
    family: str | None,
    box_noise: str | None,
    spurious: str | None,
    coverage: str | None,
) -> tuple["AnnotatorOptions", ...]:
    """Return the annotators that the options describe."""
    from annotators.simulate.options import crowd_options

    return crowd_options(
        preset,  # type: ignore[arg-type]
        annotators=annotators,
        proficiency=numbers("--proficiency", proficiency),
        family=words(family),
        box_noise=words(box_noise),
        spurious=numbers("--spurious", spurious),
        coverage=numbers("--coverage", coverage),
    )


def _check(folder: "Folder") -> str:
    from medmnist_det.verification import verify as check

    images = sum(count["images"] for count in folder.manifest["counts"].values())
    with progress("Checking", images) as advance:
        return check(folder, advance)


_Crowd = Annotated[
    Path | None,
    typer.Option(help="Any COCO file with a rater per annotation, or VinDr-CXR CSV, instead."),
]
_Splits = Annotated[
    list[str] | None, typer.Option(help="train or val; may be repeated.", show_default="both")
]
_Raters = Annotated[
    str | None, typer.Option(help="Only images read by all of these, and their labels: R08,R09.")
]


@app.command()
def aggregate(
    method: Annotated[
        str,
        typer.Option(
            help="all, rater:K, majority-vote, wbf, wbf-agnostic, dawid-skene, or bayes-truth "
            "(privileged: reads the simulator's matrices)."
        ),
    ] = "dawid-skene",
    data: _Data = Path("med-mnist"),
    crowd: _Crowd = None,
    split: _Splits = None,
    raters: _Raters = None,
    iou: Annotated[
        float | None,
        typer.Option(help="IoU from which boxes mean one object.", show_default="0.1; 0.4 for wbf"),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="WBF: a weight per rater, as in 1,0.5,2.")
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Most rounds of EM.", show_default="1000")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for METHOD/SPLIT.json.", show_default="fused in the data folder, or here"
        ),
    ] = None,
    plots: Annotated[
        Path | None, typer.Option(help="Draw the estimated raters' matrices into this folder.")
    ] = None,
) -> None:
    """Fuse the labels of several raters into one label set with confidences.

    Example: medmnist-det aggregate --method dawid-skene --plots plots
    """
    from annotators.aggregation import aggregate as fuse
    from annotators.infer.registry import InferenceOptions, folder_name
    from annotators.rater_plots import draw_matrices
    from annotators.rater_tables import aggregated, known_raters
    from annotators.sources import open_crowds
    from evaluation.quality import quality_of
    from evaluation.show.score_tables import quality_rows
    from medmnist_det.folder import Layout

    if raters and crowd is None and out is None:
        raise InputError(
            "--raters leaves images out, and the labels in the data folder are of all images: "
            "name another folder with --out"
        )
    shares = numbers("--weights", weights)
    options = InferenceOptions(
        iou=iou, weights=None if shares is None else tuple(shares), iterations=iterations
    )
    layout, name = Layout(path=data if crowd is None else Path()), folder_name(method)
    for source in open_crowds(data, crowd, tuple(split or ()), tuple(words(raters) or ())):
        with err.status("Aggregating ..."):
            found, path = fuse(source, method, options, (out or layout.fused_folder) / name)
        tell("note", source.crowd.notes)
        tell("warning", found.warnings)
        known = source.truth
        quality = None if known is None else quality_rows(quality_of(known, found.labels))
        stdout().print(aggregated(source, found, method, quality))
        if plots is not None and found.raters is None:
            tell("note", (f"{method} estimates no raters: there is no matrix to draw",))
        elif plots is not None and found.raters is not None:
            labels, picture = source.crowd.labels, plots / f"{name}-{source.name}-matrices.png"
            names, classes = labels.raters or (), labels.classes.names
            draw_matrices(picture, found.raters, names, classes, known_raters(source, method))
            say(f"drawn: {picture}")
        say(f"written: {path}")


@app.command()
def agreement(
    data: _Data = Path("med-mnist"),
    crowd: _Crowd = None,
    split: _Splits = None,
    raters: _Raters = None,
    iou: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="IoU above which boxes are about one place.")
    ] = 0.5,
    map_iou: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="IoU from which a box counts in the mAP.")
    ] = 0.4,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for every number, those of each image too, as JSON."),
    ] = None,
    plots: Annotated[
        Path | None, typer.Option(help="Draw who agrees with whom into this folder.")
    ] = None,
) -> None:
    """Say how far raters agree: Krippendorff's alpha for boxes, and the mAP of rater on rater.

    Example: medmnist-det agreement --split train --plots plots
    """
    from annotators.alpha import agreement as agree
    from annotators.ceiling import ceiling, write_agreement
    from annotators.rater_tables import agreement_tables
    from annotators.sources import open_crowds
    from evaluation.evaluator import score
    from evaluation.metrics import Metric

    metrics = (Metric(f"mAP@{map_iou:g}", (map_iou,)),)

    def mean_ap(truth: Any, predictions: Any) -> float | None:
        return score(truth, predictions, metrics=metrics).headline[0].value

    for source in open_crowds(data, crowd, tuple(split or ()), tuple(words(raters) or ())):
        label_set, names = source.crowd.labels, source.crowd.labels.raters or ()
        found = agree(label_set, iou=iou)
        scored = ceiling(label_set, mean_ap, source.truth)
        tell("note", source.crowd.notes)
        say(f"{source.path}: {len(label_set.labels):,} boxes of {len(names)} raters")
        stdout().print(agreement_tables(label_set, found, scored))
        if out is not None:
            path = out / f"agreement-{source.name}.json"
            write_agreement(path, label_set, found, scored)
            say(f"written: {path}")
        if plots is not None:
            from annotators.rater_plots import draw_heat_map

            for what, values in (("alpha", found.pairwise), ("mAP", scored.against)):
                if values is not None:
                    picture = plots / f"agreement-{source.name}-{what}.png"
                    draw_heat_map(picture, values, names, what)
                    say(f"drawn: {picture}")


_Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="auto takes the fastest there is.")
]


@app.command()
def train_reference(
    method: Annotated[
        str | None,
        typer.Option(
            help="oracle, baseline (all boxes), rater:K, wbf, earl, majority-vote, dawid-skene or "
            "ensemble (a detector for every rater, fused).",
            show_default="earl",
        ),
    ] = None,
    data: _Data = Path("med-mnist"),
    model: Annotated[
        Literal["n", "s"] | None,
        typer.Option(help="n: small; s: as large as YOLOv5-S.", show_default="s on CUDA, else n"),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="Times to see every image with a box.", show_default="32; 50 for s"),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Images of a step.", show_default="16; 64 for s")
    ] = None,
    lr: Annotated[
        float | None, typer.Option(help="Peak of the learning rate.", show_default="0.003")
    ] = None,
    confidence: Annotated[
        Literal["count", "share"] | None,
        typer.Option(
            help="EARL's weight of a box: raters who drew it, or their share of those who looked.",
            show_default="count",
        ),
    ] = None,
    normalise_weights: Annotated[
        bool | None,
        typer.Option("--normalise-weights", help="EARL: weights of mean 1.", show_default="no"),
    ] = None,
    weigh_objectness: Annotated[
        bool | None,
        typer.Option(
            "--weigh-objectness", help="Weights count in objectness, too.", show_default="no"
        ),
    ] = None,
    refine: Annotated[
        bool | None,
        typer.Option(
            "--refine/--no-refine",
            help="Look at every box's own region once more, closely, and move its edges.",
            show_default="refine",
        ),
    ] = None,
    device: _Device = "auto",
    precision: Annotated[
        Literal["auto", "bfloat16", "float32"],
        typer.Option(help="Of the network's arithmetic; auto takes what is fast on the device."),
    ] = "auto",
    compile: Annotated[  # noqa: A002
        bool, typer.Option("--compile", help="Compile the network first (needs a C++ compiler).")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(help="Of all that is random.", show_default="0")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the run.", show_default="runs/METHOD-MODEL-SEED"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is in --out.")] = False,
) -> None:
    """Train the bundled YOLO-style detector, predict the test split and score it.

    Example: medmnist-det train-reference --method dawid-skene

    Labels are aggregated first where need be. The run's folder gets
    checkpoint.pt, history.json, curves.png, preds.json and scores.json.

    Several GPUs: torchrun --nproc-per-node 2 --no-python medmnist-det train-reference
    """
    from annotators.aggregation import fuse_missing
    from annotators.infer.methods.wbf import wbf
    from evaluation.assessment import Options, assess
    from evaluation.evaluator import headline
    from evaluation.read.source import open_truth
    from evaluation.show.json_file import write_json
    from evaluation.show.score_tables import tables
    from medmnist_det.reference.run import run

    def aggregate(folder: "Folder", method: str) -> None:
        for kind, sentence in fuse_missing(folder, method):
            tell(kind, (sentence,))

    options = {
        "method": method,
        "model": model,
        "epochs": epochs,
        "batch": batch,
        "lr": lr,
        "confidence": confidence,
        "normalise_weights": normalise_weights,
        "weigh_objectness": weigh_objectness,
        "refine": refine,
        "precision": precision,
        "seed": seed,
    }
    folder = run(
        data, out, options, device=device, compile=compile, resume=resume,
        aggregate=aggregate, score=headline, fuse=lambda crowd: wbf(crowd).labels,
        stage=progress, training=training, note=lambda sentence: tell("note", (sentence,)),
    )  # fmt: skip
    if folder is None:
        return
    found = assess(open_truth(data, "test", None), folder / "preds.json", Options())
    write_json(folder / "scores.json", found)
    stdout().print(tables(found), crop=False)
    say(f"written: {folder}")


@app.command()
def predict(
    checkpoint: Annotated[Path, typer.Option(help="A checkpoint.pt of train-reference.")],
    images: Annotated[
        Path | None,
        typer.Option(help="Any folder of images instead of the data set's.", show_default=False),
    ] = None,
    data: _Data = Path("med-mnist"),
    split: _SplitOption = "test",
    out: Annotated[Path, typer.Option(help="The COCO results list to write.")] = Path("preds.json"),
    batch: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 64,
    device: _Device = "auto",
) -> None:
    """Write what a trained detector finds as COCO results.

    Example: medmnist-det predict --checkpoint runs/earl-n-0/checkpoint.pt

    Of a folder of images, those with a whole number as name (000012.png) get it
    as image_id; if any has another name, all get their file names.
    """
    from medmnist_det.folder import Layout
    from medmnist_det.guards import refuse_overwrite
    from medmnist_det.reference.run import predict_folder

    layout = Layout(path=data)
    inputs = [checkpoint, layout.manifest_file, layout.truth_file(split), layout.images(split)]
    if images is not None:  # results may lie among pictures, but may not be one of them
        there = images.iterdir() if images.is_dir() else ()
        inputs = [checkpoint, *(file for file in there if file.suffix.lower() != ".json")]
    refuse_overwrite(out, inputs)
    labels = predict_folder(
        checkpoint, out, data=data, split=split, images=images, batch=batch, device=device,
        stage=progress,
    )  # fmt: skip
    say(f"{out}: {len(labels):,} boxes on {labels.images:,} images")
