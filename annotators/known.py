"""The simulator's truth about its annotators, read back from ``annotators.json``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from annotators.infer.parts.result import Raters
from medmnist_det.errors import InputError
from medmnist_det.files import read_json


def read_known_raters(path: Path) -> Raters:
    """Return the annotators of a generated data set as they are, in the order of their ids.

    The frequency of the classes is taken as even. Boxes of annotators without habits have no bias;
    their spread is not a number that the file holds, so that it is None for all unless all have
    habits. Raises InputError for a file that is not the simulator's.
    """
    content = read_json(path)
    try:
        rows = content["annotators"]
        matrix = np.array([row["matrix"] for row in rows], dtype=np.float64)
        spurious = np.array([row["spurious"] for row in rows], dtype=np.float64)
        bias = np.array([row.get("bias_mean", [0.0] * 4) for row in rows], dtype=np.float64)
        spread = [row.get("bias_std") for row in rows]
        known = None if None in spread else np.array(spread, dtype=np.float64)
        classes = matrix.shape[2] - 1
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"{path}: does not describe simulated annotators ({error!r}); generate it again"
        ) from error
    return Raters(
        matrix=matrix,
        spurious=spurious,
        prior=np.full(classes, 1 / classes),
        box_bias=bias,
        box_spread=known,
    )
