"""Training the bundled detector, and its scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from annotators.aggregation import fuse_missing
from annotators.infer.methods.wbf import wbf
from annotators.learn.registry import teacher_of
from evaluation.assessment import Assessment, Options, assess
from evaluation.evaluator import headline
from evaluation.read.source import open_truth
from evaluation.show.json_file import write_json
from medmnist_det.arguments import called_from_python
from medmnist_det.errors import InputError
from medmnist_det.folder import Folder
from medmnist_det.front.intake import tell
from medmnist_det.front.scores import Evaluated
from medmnist_det.reference.run import Training, run
from medmnist_det.runs import PREDICTIONS, SCORES
from medmnist_det.stages import Stage, silent


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A finished run: where it lies, and what it scores on the test split."""

    #: Holds ``checkpoint.pt``, ``history.json``, ``curves.png``, ``preds.json``, ``scores.json``.
    folder: Path
    scores: Evaluated

    @property
    def predictions(self) -> Path:
        """What the detector finds in the test split, as COCO results."""
        return self.folder / PREDICTIONS

    def __repr__(self) -> str:
        return f"Trained: {str(self.folder)!r}; {self.scores!r}"


@called_from_python(data="data")
def train(
    data: str | Path | Any = "med-mnist",
    method: str | None = None,
    *,
    model: Literal["n", "s"] | None = None,
    epochs: int | None = None,
    batch: int | None = None,
    lr: float | None = None,
    confidence: Literal["count", "share"] | None = None,
    normalise_weights: bool | None = None,
    weigh_objectness: bool | None = None,
    refine: bool | None = None,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    precision: Literal["auto", "bfloat16", "float32"] = "auto",
    compile: bool = False,  # noqa: A002
    seed: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: Stage = silent,
    training: Training = silent,
) -> Trained:
    """Train the bundled detector on a data set, predict its test split and score it.

    ``data`` is a data set's folder, or what :func:`open` returns. Other arguments are the options
    of ``medmnist-det train-reference``; what is None is what is usual for the device. Labels that
    ``method`` needs are fused first where need be. ``progress`` and ``training`` show how far it
    is (``medmnist_det.terminal.progress`` and ``.training``). For several GPUs take the command
    with torchrun. Raises ValueError, or TypeError, that names the argument.
    """
    if not isinstance(data, str | Path | Folder):
        raise TypeError(f"data is of type {type(data).__name__}; give the folder of a data set")
    options = {
        "method": method, "model": model, "epochs": epochs, "batch": batch, "lr": lr,
        "confidence": confidence, "normalise_weights": normalise_weights,
        "weigh_objectness": weigh_objectness, "refine": refine, "precision": precision,
        "seed": seed,
    }  # fmt: skip
    path = data.path if isinstance(data, Folder) else Path(data)
    found = trained(
        path, None if out is None else Path(out), options, device=device, compile=compile,
        resume=resume, tell=lambda kind, sentences: tell(sentences if kind == "warning" else ()),
        stage=progress, training=training,
    )  # fmt: skip
    if found is None:
        raise InputError("train() is for one process; under torchrun use the command")
    folder, assessment = found
    return Trained(folder=folder, scores=Evaluated(assessment, open_truth(path, "test", None)))


def trained(
    data: Path,
    out: Path | None,
    options: Mapping[str, Any],
    *,
    device: str,
    compile: bool,  # noqa: A002
    resume: bool,
    tell: Callable[[str, tuple[str, ...]], None],
    stage: Stage,
    training: Training,
) -> tuple[Path, Assessment] | None:
    """Train, predict, score; return the run's folder and the scores, which also lie in it.

    None in any but the first of several processes. ``tell`` takes sentences about fused labels
    that were made, by kind. Raises InputError.
    """

    def aggregate(folder: Folder, method: str) -> None:
        for kind, sentence in fuse_missing(folder, method):
            tell(kind, (sentence,))

    folder = run(
        data, out, options, device=device, compile=compile, resume=resume, teachers=teacher_of,
        aggregate=aggregate, score=headline, fuse=lambda crowd: wbf(crowd).labels,
        stage=stage, training=training, note=lambda sentence: tell("note", (sentence,)),
    )  # fmt: skip
    if folder is None:
        return None
    found = assess(open_truth(data, "test", None), folder / PREDICTIONS, Options())
    write_json(folder / SCORES, found)
    return folder, found
