"""The command line: parses, calls, prints. Only this file knows Typer.

Commands import what they need inside their bodies, so that ``--help`` answers at once. For the same
reason annotations are no texts here (``from __future__ import annotations``): Typer would evaluate
each of them four times.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup

from medmnist_det.errors import InputError
from medmnist_det.terminal.console import err, naming_output, progress, say, stages, tell, training
from medmnist_det.terminal.console import out as stdout
from medmnist_det.terminal.option_text import numbers, whole_numbers, words


class _ListsMethods(TyperCommand):
    """Names all methods in the help of ``--method``, which takes a look at all packages."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from annotators.infer import registry as labels
        from annotators.learn import registry as detectors

        known = detectors if self.name == "train-reference" else labels
        for option in self.params:
            if option.name == "method":
                option.help = option.help.replace("METHODS", ", ".join(known.methods()))  # type: ignore[attr-defined]
        super().format_help(ctx, formatter)


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


def _version(wanted: bool) -> None:
    if wanted:
        from medmnist_det import __version__

        say(f"medmnist-det {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Object detection from annotators who disagree: synthetic digit scenes with known truth.",
)


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


def _data_folder(param: typer.CallbackParam, ctx: typer.Context, value: Path) -> Path:
    """Return the folder that was named, or else the one that is meant here."""
    if _was_given(param, ctx):
        return value
    from medmnist_det.folder import usual_folder

    return usual_folder()


def _beside(param: typer.CallbackParam, ctx: typer.Context, value: Path | None) -> Path | None:
    """Return the place that was named, or else the usual one, which is never in a data set."""
    if value is None or _was_given(param, ctx):
        return value
    from medmnist_det.folder import beside

    return beside(value)


def _was_given(param: typer.CallbackParam, ctx: typer.Context) -> bool:
    source = ctx.get_parameter_source(param.name or "")
    return source is None or source.name != "DEFAULT"


_Format = Literal["yolo", "voc", "csv"]
_Split = Literal["train", "val", "test"]

_EACH = "One value, or one for each annotator with commas between them."
_Data = Annotated[
    Path,
    typer.Option(
        help="Folder of the data set.",
        callback=_data_folder,
        show_default="med-mnist, or this folder where it is a data set",
    ),
]
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
_Formats = Annotated[
    str, typer.Option(help="Of the pictures: png, pdf, svg, or several with commas between them.")
]
_Digits = Annotated[
    Literal["auto", "mnist", "optdigits"],
    typer.Option(help="auto: MNIST where it can be had, else optdigits."),
]
_DigitsRoot = Annotated[
    Path | None, typer.Option(help="Folder with MNIST's idx files; no network is touched.")
]
_Preset = Annotated[
    str,
    typer.Option(
        help="paper, paper-code, experts-and-novices, crowd, radiology, adversary or sparse."
    ),
]


@app.command()
def generate(
    out: Annotated[
        Path,
        typer.Option(
            help="Folder to make the data set in.",
            callback=_data_folder,
            show_default="med-mnist, or this folder where it is a data set",
        ),
    ] = Path("med-mnist"),
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
    digits: _Digits = "auto",
    digits_root: _DigitsRoot = None,
) -> None:
    """Make a data set: scenes of digits, their truth, and what the annotators drew.

    Example: medmnist-det generate --annotators 3 --proficiency 0.8
    """
    from medmnist_det.folder import Layout
    from medmnist_det.front.generating import made, planned
    from medmnist_det.scenes.digits import load_digits
    from medmnist_det.terminal.summary import summary

    plan, simulated = planned(
        preset=preset, annotators=annotators, proficiency=proficiency, family=family,
        box_noise=box_noise, spurious=spurious, coverage=coverage, train=train, val=val, test=test,
        canvas=canvas, side=side, count=count, empty=empty, max_iou=max_iou,
        background=background, seed=seed,
    )  # fmt: skip
    with err.status("Fetching digits ..."):
        pool = load_digits(digits, digits_root)
    tell("digits", (pool.origin,))
    already = Layout(path=out).manifest_file.is_file()
    folder = made(out, plan, pool, simulated, workers=workers, stage=progress)
    stdout().print(summary(folder))
    if already:
        say(f"{out}: all of it was there already, and is intact; nothing was written")
    tell("note", simulated.notes)


@app.command()
def annotate(
    truth: Annotated[Path, typer.Argument(help="A COCO file with true boxes of any classes.")],
    out: Annotated[
        Path,
        typer.Option(help="Folder for crowd.json and what is behind it.", callback=_beside),
    ] = Path("crowd"),
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
    from medmnist_det.formats.coco import read_coco
    from medmnist_det.front.generating import simulated as crowd_of
    from medmnist_det.labelling import ANNOTATORS, CROWD, PROVENANCE
    from medmnist_det.labelling import annotate as make
    from medmnist_det.runs import refuse_absent
    from medmnist_det.terminal.inventory import command
    from medmnist_det.terminal.summary import annotator_table

    refuse_absent(truth, ("*.json", "*/truth/*.json"))
    label_set = read_coco(truth)
    simulated = crowd_of(
        label_set.classes.names, seed, preset=preset, annotators=annotators,
        proficiency=proficiency, family=family, box_noise=box_noise, spurious=spurious,
        coverage=coverage,
    )  # fmt: skip
    with err.status("Annotating ..."):
        drawn = make(out, label_set, simulated)
    if drawn.left_out:
        err.print(f"left out: {drawn.left_out} iscrowd regions, which are no single objects")
    stdout().print(annotator_table(drawn.annotators))
    tell("note", simulated.notes)
    say(f"written: {out / CROWD}, and beside it {PROVENANCE} and {ANNOTATORS}")
    say(f"next: {command('aggregate', '--crowd', out / CROWD)}")


@app.command()
def info(data: _Data = Path("med-mnist")) -> None:
    """Say what is in a data folder, what was made of it, and what to run next.

    Example: medmnist-det info
    """
    from medmnist_det.folder import Folder, beside
    from medmnist_det.runs import RUNS, runs_in
    from medmnist_det.terminal.inventory import inventory

    stdout().print(inventory(Folder.open(data), runs_in(beside(RUNS))))


@app.command()
def croissant(data: _Data = Path("med-mnist")) -> None:
    """Write croissant.json into the data folder: metadata with which others find and load it.

    Example: medmnist-det croissant
    """
    from medmnist_det.croissant import write_croissant
    from medmnist_det.folder import Folder
    from medmnist_det.front.generating import check

    folder = Folder.open(data)
    # The hashes of files that were changed must not stand beside the old fingerprint.
    check(folder, progress, metadata=False)
    write_croissant(folder)
    say(f"written: {folder.croissant_file}")


@app.command()
def verify(data: _Data = Path("med-mnist")) -> None:
    """Check every image and label of a data set against its manifest.

    Says whether it is a frozen edition, the same for everybody.
    """
    from medmnist_det.folder import Folder
    from medmnist_det.front.generating import check

    folder = Folder.open(data)
    fingerprint = check(folder, progress)
    edition = f"frozen edition: {folder.edition}" if folder.edition else "no frozen edition"
    say(f"{data}: intact, {fingerprint} ({edition})")


@app.command()
def show(
    data: _Data = Path("med-mnist"),
    split: Annotated[
        _Split | None,
        typer.Option(help="train, val or test.", show_default="train; test with a file"),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            help="fused:METHOD, or a file as for evaluate, in the raters' place; may be repeated.",
            show_default="every rater's",
        ),
    ] = None,
    scenes: Annotated[int, typer.Option(min=1, max=20, help="Number of scenes.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder for the pictures.", callback=_beside)] = Path(),
    formats: _Formats = "png",
) -> None:
    """Draw scenes (truth and raters), matrices (who confuses what) and boxes (their errors).

    With --labels scenes only, with these labels in the raters' place.

    Example: medmnist-det show --labels fused:dawid-skene --labels fused:majority-vote
    """
    from evaluation.judged import judged_labels
    from medmnist_det.drawing import formats_of
    from medmnist_det.folder import Folder
    from medmnist_det.pictures import MOST_SHOWN, write_pictures
    from medmnist_det.runs import refuse_absent_predictions

    kinds, folder, shown = formats_of(formats), Folder.open(data), list(dict.fromkeys(labels or ()))
    if len(shown) > MOST_SHOWN:
        raise InputError(f"--labels is given {len(shown)} times: {MOST_SHOWN} fit in one picture")
    named = [which for which in shown if not which.startswith("fused:")]
    for which in named:
        refuse_absent_predictions(Path(which))
    split = split or ("test" if named else "train")
    with err.status("Drawing ..."):
        found = [(which, *judged_labels(folder, split, which)) for which in shown]
        others = {which: judged for which, judged, _ in found}
        written = write_pictures(out, folder, split, scenes, kinds, others=others)
    tell("note", [sentence for _, _, sentence in found if sentence])
    for path in written:
        say(f"{path}")


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
    data: _Data = Path("med-mnist"),
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
        Path | None,
        typer.Option(
            help="Write every number, and the curves, to this file; - for standard output, which "
            "then gets nothing else."
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write one self-contained HTML page to this file.")
    ] = None,
    plots: Annotated[Path | None, typer.Option(help="Write the figures into this folder.")] = None,
    formats: _Formats = "png,pdf",
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
    from evaluation.show.json_file import as_json, write_json
    from evaluation.show.score_tables import tables
    from medmnist_det.drawing import formats_of
    from medmnist_det.folder import Layout
    from medmnist_det.guards import refuse_overwrite
    from medmnist_det.runs import refuse_absent_predictions

    if len(files) > 2:
        raise InputError(f"{len(files)} files: give one to score, or two to compare")
    kinds = formats_of(formats)
    for file in files:
        refuse_absent_predictions(file)
    inputs = [*files, truth or Layout(path=data).truth_file(split)]
    for option, place in (("--json", json), ("--report", report), ("--plots", plots)):
        if place is not None and place != Path("-"):
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
    if json == Path("-"):
        typer.echo(as_json(result), nl=False)
    else:
        stdout().print(tables(result), crop=False)
        if json is not None:
            write_json(json, result)
    if plots is not None:
        from evaluation.show.figures import write_figures

        for path in write_figures(plots, result, kinds):
            # Standard output is the JSON's alone.
            (err.print if json == Path("-") else say)(f"drawn: {path}")
    if report is not None:
        from evaluation.read.layers import read_layers
        from evaluation.show.page.report import write_report

        layers = read_layers(source, found[0].truth)
        tell("warning", layers.warnings)
        write_report(report, result, images=source.images, layers=layers)


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


@app.command(cls=_ListsMethods)
def aggregate(
    method: Annotated[
        str,
        typer.Option(
            help="METHODS, or your own: module:function. bayes-truth is privileged: it reads the "
            "simulator's matrices."
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
        Path | None, typer.Option(help="Draw the raters as estimated into this folder.")
    ] = None,
    formats: _Formats = "png,pdf",
) -> None:
    """Fuse the labels of several raters into one label set with confidences.

    Example: medmnist-det aggregate --method dawid-skene --plots plots
    """
    from annotators.aggregation import aggregate as fuse
    from annotators.infer.registry import InferenceOptions, folder_name
    from annotators.rater_plots import write_rater_plots
    from annotators.rater_tables import aggregated, known_raters
    from annotators.sources import open_crowds
    from evaluation.quality import quality_of
    from evaluation.show.score_tables import quality_rows
    from medmnist_det.drawing import formats_of
    from medmnist_det.folder import Layout

    if raters and crowd is None and out is None:
        raise InputError(
            "--raters leaves images out, and the labels in the data folder are of all images: "
            "name another folder with --out"
        )
    shares, kinds = numbers("--weights", weights), formats_of(formats)
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
            tell("note", (f"{method} estimates no raters: there is nothing to draw",))
        elif plots is not None and found.raters is not None:
            crowd_labels, true = source.crowd.labels, known_raters(source, method)
            begin = f"{name}-{source.name}"
            for picture in write_rater_plots(plots, begin, found.raters, crowd_labels, true, kinds):
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
        Path | None,
        typer.Option(help="Draw who agrees with whom, and the most disputed images."),
    ] = None,
    formats: _Formats = "png,pdf",
) -> None:
    """Say how far raters agree: Krippendorff's alpha for boxes, and the mAP of rater on rater.

    Example: medmnist-det agreement --split train --plots plots
    """
    from annotators.ceiling import write_agreement
    from annotators.rater_tables import agreement_tables
    from annotators.sources import open_crowds
    from medmnist_det.drawing import formats_of
    from medmnist_det.front.agreeing import agreed

    kinds = formats_of(formats)

    for source in open_crowds(data, crowd, tuple(split or ()), tuple(words(raters) or ())):
        label_set, names = source.crowd.labels, source.crowd.labels.raters or ()
        found, scored = agreed(source, iou, map_iou)
        tell("note", source.crowd.notes)
        say(f"{source.path}: {len(label_set.labels):,} boxes of {len(names)} raters")
        stdout().print(agreement_tables(label_set, found, scored))
        if out is not None:
            path = out / f"agreement-{source.name}.json"
            write_agreement(path, label_set, found, scored)
            say(f"written: {path}")
        if plots is not None:
            from annotators.agreement_plots import disputed_figure, write_agreement_plots

            maps = {
                "alpha": (found.pairwise, f"IoU above {iou:g}"),
                "mAP": (scored.against, f"IoU {map_iou:g} or more"),
            }
            disputed = disputed_figure(label_set, found.of_image, source.images, source.truth)
            begin = f"agreement-{source.name}"
            for path in write_agreement_plots(plots, begin, label_set, maps, disputed, kinds):
                say(f"drawn: {path}")


_Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="auto takes the fastest there is.")
]


@app.command(cls=_ListsMethods)
def train_reference(
    method: Annotated[
        str | None,
        typer.Option(
            help="METHODS, or your own: module:Class.",
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
    from evaluation.show.score_tables import tables
    from medmnist_det.front.learned import show_raters
    from medmnist_det.front.training import trained

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
    run = trained(
        data, out, options, device=device, compile=compile, resume=resume, tell=tell,
        stage=progress, training=training,
    )  # fmt: skip
    if run is None:
        return
    folder, found = run
    raters = show_raters(data, folder)
    if raters is not None:
        stdout().print(raters[0], crop=False)
        for picture in raters[1]:
            say(f"drawn: {picture}")
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
    out: Annotated[
        Path, typer.Option(help="The COCO results list to write.", callback=_beside)
    ] = Path("preds.json"),
    batch: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 64,
    device: _Device = "auto",
) -> None:
    """Write what a trained detector finds as COCO results.

    Example: medmnist-det predict --checkpoint runs/earl-n-0/checkpoint.pt

    Of a folder of images, those with a whole number as name (000012.png) get it
    as image_id; if any has another name, all get their file names.
    """
    from medmnist_det.folder import Layout, beside
    from medmnist_det.guards import refuse_overwrite
    from medmnist_det.reference.run import predict_folder
    from medmnist_det.runs import CHECKPOINT, RUNS, refuse_absent

    refuse_absent(
        checkpoint, (f"{beside(RUNS)}/*/{CHECKPOINT}", f"{beside(RUNS)}/*/*/{CHECKPOINT}")
    )
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


@app.command()
def benchmark(
    ctx: typer.Context,
    methods: Annotated[
        str,
        typer.Option(
            help="Methods of train-reference with commas between them; with options of their own "
            "as in earl+normalise-weights or earl+confidence=share."
        ),
    ] = "baseline,earl,dawid-skene,oracle",
    presets: Annotated[str, typer.Option(help="Presets of generate, with commas.")] = "paper",
    seeds: Annotated[
        str | None,
        typer.Option(
            help="Of data and training, with commas. 0 to 4 are for tuning.",
            show_default="20,21,22; 20,21 for quick",
        ),
    ] = None,
    budget: Annotated[
        Literal["quick", "standard", "paper"],
        typer.Option(help="What a cell may cost: about 2, 4 or 15 minutes of a core."),
    ] = "quick",
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            help="An option of the annotators and its values, as in proficiency=.5,.7,.9; "
            "annotators, proficiency, family, box-noise, spurious or coverage; may be repeated.",
            show_default=False,
        ),
    ] = None,
    predictions: Annotated[
        list[str] | None,
        typer.Option(
            help="name=preds.json@FINGERPRINT: another detector's results on one of the data sets; "
            "may be repeated.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        Literal["val", "test"], typer.Option(help="Truth to score on: val for tuning.")
    ] = "test",
    images: Annotated[
        str | None,
        typer.Option(help="Training images, or train,val,test, instead of the budget's."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Instead of the budget's.")] = None,
    model: Annotated[
        Literal["n", "s"] | None, typer.Option(help="Instead of the budget's.")
    ] = None,
    canvas: Annotated[
        int | None, typer.Option(help="Side of an image, instead of the budget's.")
    ] = None,
    digits: _Digits = "auto",
    digits_root: _DigitsRoot = None,
    device: _Device = "auto",
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=256, help="Cells at a time, one thread each.", show_default="a core each"
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder of cells, trainings and tables.", callback=_beside)
    ] = Path("benchmark"),
    from_: Annotated[
        Path | None,
        typer.Option("--from", help="Train nothing: tables of all cells of this folder."),
    ] = None,
) -> None:
    """Train and score methods on the same data, seed by seed, and put them into one table.

    Example: medmnist-det benchmark --methods baseline,dawid-skene,oracle

    Killed or stopped, the same command goes on; one method or seed more costs
    only what is missing. The folder gets cells/ (a small file each), runs/
    (checkpoints, predictions), data/, table.md, .csv, .json, .tex and figures/.
    """
    import shlex
    import sys

    from evaluation.benchmark.budgets import budget_of
    from evaluation.benchmark.cells import read_cells, refuse_mixed
    from evaluation.benchmark.figures import write_figures
    from evaluation.benchmark.files import shown, write_tables
    from evaluation.benchmark.table import blocks

    if from_ is not None:
        given_out = ctx.get_parameter_source("out")
        if given_out is not None and given_out.name != "DEFAULT":
            raise InputError(
                "--out: with --from the tables are written beside its cells; leave it out"
            )
        cells, specs = read_cells(from_ / "cells"), ()
        refuse_mixed((cell for cell in cells if cell.error is None), from_ / "cells")
        if not cells:
            raise InputError(f"{from_}: has no cells; name a folder that benchmark made")
        out = from_
    else:
        from medmnist_det.front.benchmark import benchmark as make
        from medmnist_det.front.given import given_of, score_given
        from medmnist_det.front.plan import Asked, seeds_of, settings_of, specs_of
        from medmnist_det.front.processes import default_workers, processes
        from medmnist_det.runs import refuse_absent_predictions
        from medmnist_det.terminal.cells import cells as display

        given = [given_of(text) for text in predictions or ()]
        for one in given:
            refuse_absent_predictions(one.file)
        numbers_of = None if images is None else whole_numbers("--images", images)
        cost = budget_of(budget, images=numbers_of, epochs=epochs, model=model, canvas=canvas)
        settings = settings_of(words(presets) or [], sweep or [])
        specs = specs_of(words(methods) or [], settings, seeds_of(seeds, cost), cost, split)
        asked = Asked(
            specs=specs, digits=digits, digits_root=digits_root, device=device,
            command=shlex.join(["medmnist-det", *sys.argv[1:]]),
        )  # fmt: skip
        workers = workers or default_workers(device)
        with display() as watch, processes(workers) as executor:
            cells = make(asked, out, executor, workers=workers, watch=watch)
        others, warnings = score_given(given, asked, out, cells)
        tell("warning", warnings)
        cells += others
    found = blocks(cells, specs)
    stdout().print(shown(found))
    written = [*write_tables(out, found), *write_figures(out / "figures", found)]
    say(f"written: {out}, {len(written)} files of tables and figures")
    if failed := [cell for cell in cells if cell.error is not None]:
        tell("failed", (f"{cell.spec.name}: {cell.why}" for cell in failed))
        raise typer.Exit(1)
