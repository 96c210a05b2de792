"""Checkpoints: tensors and JSON, never pickled classes; loading them runs nobody's code."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from medmnist_det.errors import InputError
from medmnist_det.files import naming, write_atomically
from medmnist_det.labels import Classes
from medmnist_det.reference.model import SIZES, Detector

if TYPE_CHECKING:
    from torch import Tensor

#: What the file is called in the folder of a training.
CHECKPOINT = "checkpoint.pt"

#: Version of the file's layout. Readers refuse others.
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A detector, and all that training needs to go on exactly as if it had never stopped."""

    #: Plain values: ``size``, ``classes``, ``recipe``, ``data``, ``history`` ...
    about: dict[str, Any]
    #: Weights to predict with: their moving average over training.
    average: dict[str, Tensor]
    #: Weights to go on with, and the optimiser's moments of every parameter.
    weights: dict[str, Tensor]
    moments: dict[str, dict[str, Tensor]]

    @property
    def epoch(self) -> int:
        """Epochs that are done."""
        return len(self.about["history"])

    @property
    def classes(self) -> Classes:
        """The classes that the detector knows."""
        return Classes(
            ids=tuple(self.about["classes"]["ids"]), names=tuple(self.about["classes"]["names"])
        )

    def detector(self) -> Detector:
        """Return the detector with its averaged weights, on the CPU, ready to predict."""
        model = Detector(SIZES[self.about["size"]], self.average["anchors"], len(self.classes))
        model.load_state_dict(self.average)
        return model.eval()


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically: whoever is killed here still has the one before."""
    content = {
        "format": FORMAT,
        "about": json.dumps(checkpoint.about),
        "average": checkpoint.average,
        "weights": checkpoint.weights,
        "moments": checkpoint.moments,
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(path, [buffer.getvalue()])


def load_checkpoint(path: Path) -> Checkpoint:
    """Return what is in a checkpoint, on the CPU.

    Raises InputError for a file that is absent, cut short, of another version or no checkpoint.
    """
    with naming(path):
        data = path.read_bytes()
    try:
        # torch itself would take weights with flipped bits.
        spoilt = zipfile.ZipFile(io.BytesIO(data)).testzip()
        if spoilt is not None:
            raise ValueError(f"{spoilt} has changed since it was written")
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        version = content.get("format")
    except (
        RuntimeError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
        EOFError,
        ValueError,
        AttributeError,
        KeyError,
    ) as error:
        reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else repr(error)
        raise InputError(
            f"{path}: is no whole checkpoint of train-reference ({reason}); train again, or name "
            "another file"
        ) from error
    if version != FORMAT:
        raise InputError(
            f"{path}: has checkpoint format {version!r}, this version reads {FORMAT}; train again"
        )
    try:
        found = Checkpoint(
            about=json.loads(content["about"]),
            average=content["average"],
            weights=content["weights"],
            moments=content["moments"],
        )
        found.detector()
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0][:120]
        raise InputError(
            f"{path}: its parts do not fit together ({reason}); train again, or name another file"
        ) from error
    return found
