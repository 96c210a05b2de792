"""What every part of the reference's way of finding edges is worth, on the val truth of some seeds.

    python benchmarks/ablation.py --digits-root ../shared/data --out ablation
    python benchmarks/ablation.py --digits-root ../shared/data --out ablation --trainings usual,l1

EARL, `n`, 2,500 images, 10 epochs (the benchmark's quick budget), on one thread. One training a
seed is read in several ways; other ways of learning need a training each. What is done is kept in
--out and not done again: a training that was stopped goes on. Writes table.md there. Four minutes
of CPU time a seed for `usual`, half of that for each of the others.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torchvision.ops import nms

import medmnist_det
from annotators.aggregation import fuse_missing
from annotators.learn.plain import Earl
from evaluation import score
from evaluation.benchmark.budgets import BUDGETS
from medmnist_det.folder import Folder
from medmnist_det.reference import checkpoint, learner, loss, prediction, refine
from medmnist_det.reference.device import CPU, one_thread
from medmnist_det.reference.model import SIZES, Detector, Size
from medmnist_det.reference.recipe import recipe_of
from medmnist_det.reference.resume import begun_in
from medmnist_det.reference.run import train_folder, unheard

QUICK = BUDGETS["quick"]
METRICS = "mAP@0.4", "mAP@[.5:.95]"
SHOWN_SIZES = "0 to 16 px", "16 to 24 px", "24 to 32 px", "64 to 96 px"

#: An object, the name of what it holds, and what it holds instead.
Change = tuple[Any, str, Any]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A way of reading what a training gave."""

    name: str
    changes: tuple[Change, ...] = ()
    refined: bool = True


@dataclass(frozen=True, kw_only=True)
class Training:
    """A way of learning, and what is read of it."""

    changes: tuple[Change, ...] = ()
    rows: list[Row] = field(default_factory=list)


class FineSize(Size):
    """A network whose finest scale has a stride of 4."""

    @property
    def strides(self) -> tuple[int, ...]:
        """Pixels between neighbouring cells of every scale."""
        return tuple(4 << k for k in range(len(self.widths)))


class FineDetector(Detector):
    """A detector whose first stage keeps the resolution, a quarter of the image's."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.stages[0][0][0].stride = (1, 1)  # type: ignore[index]


_FINE = FineSize(stem=16, widths=(32, 64, 128), depths=(1, 2, 3), refiner=SIZES["n"].refiner)


def _mean_loss(logits: torch.Tensor, region: torch.Tensor, box: torch.Tensor) -> torch.Tensor:
    """Return how far the means of the places are from the edges, in sides of the lesson."""
    with patch.object(refine, "_SHARPNESS", 1.0):
        away = (refine.edges(logits, region) - box).abs()
    return (away / (box[:, 2:] - box[:, :2]).clamp(min=1.0).repeat(1, 2)).mean(dim=1)


def _twice(once: Callable[..., Any]) -> Callable[..., Any]:
    def refined(model: Detector, image: Any, box: Any, *rest: Any) -> Any:
        return once(model, image, once(model, image, box, *rest)[0], *rest)

    return refined


def _own(what: str, voted: Callable[..., Any]) -> Callable[..., Any]:
    """Return a voting in which an object's surest cell alone says ``what``."""

    def chosen(box: Any, objectness: Any, classes: Any, overlap: float) -> Any:
        others, sure, named = voted(box, objectness, classes, overlap)
        own = nms(box, objectness, overlap)
        return (box[own], sure, named) if what == "box" else (others, sure, classes[own])

    return chosen


def _power(value: float) -> Change:
    return refine, "_SHARPNESS", value


def _scatter(factor: float) -> Change:
    return prediction, "_STRICTNESS", factor


BUILT_IN = "as built in: power 4, scatter factor 4"
TRAININGS = {
    "usual": Training(
        rows=[
            Row(name=BUILT_IN),
            Row(name="without the refinement", refined=False),
            Row(name="read at the mean (power 1)", changes=(_power(1.0),)),
            Row(name="power 2", changes=(_power(2.0),)),
            Row(name="power 8", changes=(_power(8.0),)),
            Row(name="scatter factor 0", changes=(_scatter(0.0),)),
            Row(name="scatter factor 8", changes=(_scatter(8.0),)),
            Row(name="power 1, scatter factor 0", changes=(_power(1.0), _scatter(0.0))),
            Row(
                name="applied twice",
                changes=((prediction, "_refined", _twice(prediction._refined)),),
            ),
            Row(
                name="boxes of the surest cell, no voting",
                changes=((prediction, "voted", _own("box", prediction.voted)),),
            ),
            Row(
                name="classes of the surest cell, no voting",
                changes=((prediction, "voted", _own("classes", prediction.voted)),),
            ),
            Row(
                name="boxes of the surest cell, without the refinement",
                changes=((prediction, "voted", _own("box", prediction.voted)),),
                refined=False,
            ),
        ]
    ),
    "stride-4": Training(
        changes=(
            (learner, "Detector", FineDetector),
            (checkpoint, "Detector", FineDetector),
            (SIZES, "n", _FINE),
        ),
        rows=[
            Row(name="a scale of stride 4 beside 8 and 16"),
            Row(name="a scale of stride 4, without the refinement", refined=False),
        ],
    ),
    "l1": Training(
        changes=((loss, "place_loss", _mean_loss),),
        rows=[
            Row(
                name="L1 on the mean instead of cross entropy; power 1, scatter factor 0",
                changes=(_power(1.0), _scatter(0.0)),
            ),
        ],
    ),
    "not-nudged": Training(
        changes=((loss, "_NUDGE", 0.0),), rows=[Row(name="regions not nudged in training")]
    ),
}


def changed(changes: tuple[Change, ...]) -> ExitStack:
    """Make changes until the end of a with statement."""
    stack = ExitStack()
    for where, name, value in changes:
        one = {name: value}
        stack.enter_context(
            patch.dict(where, one) if isinstance(where, dict) else patch.multiple(where, **one)
        )
    return stack


def data_of(out: Path, seed: int, digits_root: Path | None) -> Folder:
    """Return the data set of a seed, as the benchmark makes it, with the boxes EARL learns from."""
    folder = medmnist_det.generate(
        out / f"data-{seed}", train=QUICK.train, val=QUICK.val, test=QUICK.test, seed=seed,
        digits="optdigits" if digits_root is None else "mnist", digits_root=digits_root,
    )  # fmt: skip
    fuse_missing(folder, "wbf-agnostic")  # what EARL learns from
    return folder


def measure(name: str, seed: int, folder: Folder, out: Path) -> None:
    """Train in one way, unless that is done, and score every way of reading it."""
    training = TRAININGS[name]
    recipe = recipe_of({"epochs": QUICK.epochs, "model": QUICK.model, "seed": seed}, CPU)
    place, table = out / "runs" / f"{name}-{seed}", folder.truth("val")
    with changed(training.changes), one_thread():
        clock = time.process_time()
        trained = train_folder(
            folder,
            recipe,
            place,
            teacher=Earl(recipe),
            begun=begun_in(place, recipe, unheard),
        )
        print(f"{name}, seed {seed}: trained, {time.process_time() - clock:.0f} s CPU", flush=True)
        for row in training.rows:
            file = scores_file(out, row, seed)
            if file.is_file():
                continue
            detector, clock = trained.detector(), time.process_time()
            if not row.refined:
                detector.refiner = None
            with changed(row.changes):
                labels = prediction.predict_files(
                    detector, folder.images("val"), table.images, precision=recipe.precision
                )
            found = score(table, labels)
            means = zip(found.metrics, found.headline, strict=True)
            scores = {one.name: mean.value for one, mean in means}
            scores |= {one.name: one.ap[1].value for one in found.sizes}
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(scores, indent=2))
            spent = time.process_time() - clock
            print(
                f"{row.name}, seed {seed}: {scores[METRICS[1]]:.4f}, {spent:.0f} s CPU", flush=True
            )


def scores_file(out: Path, row: Row, seed: int) -> Path:
    return out / "scores" / f"{row.name}-{seed}.json".replace(" ", "-")


def table_of(out: Path, seeds: list[int]) -> str:
    """Return a table in Markdown of the rows of which every seed is there.

    The last columns are of digits of a size; they and the differences are of mAP@[.5:.95].
    """
    header = ["", *METRICS, "more than as built in, by seed", *SHOWN_SIZES]
    lines = [header, ["---"] * len(header)]
    usual: list[dict[str, float]] = []
    for row in (row for training in TRAININGS.values() for row in training.rows):
        files = [scores_file(out, row, seed) for seed in seeds]
        if not all(file.is_file() for file in files):
            continue
        found = [json.loads(file.read_text()) for file in files]
        usual = usual or found
        apart = [a[METRICS[1]] - b[METRICS[1]] for a, b in zip(found, usual, strict=True)]
        by_seed = " ".join(f"{one:+.4f}".replace("0.", ".") for one in apart)
        cells = [spread([one[name] for one in found]) for name in METRICS]
        means = [f"{statistics.mean(one[name] for one in found):.3f}" for name in SHOWN_SIZES]
        lines.append([row.name, *cells, "" if found is usual else by_seed, *means])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).replace(" 0.", " .")


def spread(values: list[float]) -> str:
    mean = f"{statistics.mean(values):.4f}"
    return (
        mean if len(values) == 1 else f"{mean} ({statistics.stdev(values):.4f})".replace("(0", "(")
    )


def main() -> None:
    """Do what is not done yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--digits-root", type=Path, help="MNIST's idx files; else optdigits")
    parser.add_argument("--out", type=Path, default=Path("ablation"))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--trainings", default=",".join(TRAININGS))
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    for name in options.trainings.split(","):
        for seed in seeds:
            folder = data_of(options.out, seed, options.digits_root)
            measure(name, seed, folder, options.out)
    table = table_of(options.out, seeds)
    (options.out / "table.md").write_text(table)
    print(f"{table}{time.process_time() / 60:.1f} minutes of CPU time")


if __name__ == "__main__":
    main()
