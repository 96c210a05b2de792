"""The simulator's truth about its annotators, read back from ``annotators.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from annotators.infer.parts.result import Raters
from medmnist_det.errors import InputError, listed, shown
from medmnist_det.files import read_json
from medmnist_det.labels import LabelSet


def read_known_raters(path: Path, crowd: LabelSet) -> Raters:
    """Return the annotators behind simulated crowd labels as they are, in the crowd's order.

    As far as labels show them: of annotators who copy, of look-alikes and of habits in pixels, what
    they report in the mean. The frequency of the classes is taken as even. Boxes of annotators
    without habits have no bias; their spread is not a number that the file holds, so that it is
    None for all unless all have habits. Raises InputError for a file that is not the simulator's,
    and for one of other raters or other classes than the crowd's.
    """
    content = read_json(path)
    try:
        found = known_raters(content)
        place = {row["rater_id"]: k for k, row in enumerate(content["annotators"])}
        names = tuple(content["classes"][:-1])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"{path}: does not describe simulated annotators ({error!r}); generate it again"
        ) from error
    strangers = [rater for rater in crowd.raters or () if rater not in place]
    if strangers:
        raise InputError(
            f"{path}: knows nothing of rater {shown(strangers[0])} of the crowd labels; put the "
            "file there that was written with them"
        )
    if names != crowd.classes.names:
        raise InputError(
            f"{path}: is about the classes {listed(names)}, the crowd labels have "
            f"{listed(crowd.classes.names)}; put the file there that was written with them"
        )
    return found.select([place[rater] for rater in crowd.raters or ()])


def known_raters(described: dict[str, Any]) -> Raters:
    """Return the annotators of a description, the content of ``annotators.json``.

    Raises KeyError, TypeError, ValueError or IndexError for one that is none.
    """
    rows = described["annotators"]
    # What they report in the mean is all that can be recovered from their labels.
    told = [row | row.get("reported", {}) for row in rows]
    matrix = np.array([row["matrix"] for row in told], dtype=np.float64)
    habits = [row.get("box_bias", row.get("bias_mean")) or [0.0] * 4 for row in told]
    spread = [None if "bias_std_px" in row else row.get("bias_std") for row in rows]
    classes = matrix.shape[2] - 1
    return Raters(
        matrix=matrix,
        spurious=np.array([row["spurious"] for row in told], dtype=np.float64),
        prior=np.full(classes, 1 / classes),
        box_bias=np.array(habits, dtype=np.float64),
        box_spread=None if None in spread else np.array(spread, dtype=np.float64),
    )
