"""Random scoring problems full of what trips evaluators: ties, emptiness, crowds, edges."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from evaluation.matching import Matching
from evaluation.metrics import HEADLINE, Metric, union
from evaluation.problem import Boxes, Problem

#: Lists that the known tools stumble over, COCO's own, and the paper's two together.
THRESHOLDS = (
    (0.4,),
    (0.9,),
    (0.95,),
    (1 / 3, 0.5, 2 / 3),
    (0.05, 1.0),
    tuple(np.linspace(0.5, 0.95, 10)),
    (0.4, *np.linspace(0.5, 0.95, 10)),
)

# Small whole sides make IoUs that sit on thresholds; .1 makes sides that no float holds exactly.
_SCALES = (1.0, 10.0, 40.0, 0.1)


@st.composite
def problems(draw: st.DrawFn, *, crowds: bool = True) -> Problem:
    """Draw a problem of 0 to 4 images and 0 to 3 classes; scores take few values, so they tie."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    images, classes = draw(st.integers(0, 4)), draw(st.integers(0, 3))
    return random_problem(
        rng,
        images=images,
        classes=classes,
        objects=draw(st.integers(0, 12)),
        detections=draw(st.integers(0, 24)),
        crowds=crowds,
    )


def random_problem(
    rng: np.random.Generator,
    *,
    images: int,
    classes: int,
    objects: int,
    detections: int,
    crowds: bool = True,
) -> Problem:
    scale = rng.choice(_SCALES)
    objects, detections = (0 if images * classes == 0 else n for n in (objects, detections))

    def some(count: int) -> dict[str, np.ndarray]:
        corner, side = rng.integers(0, 5, (count, 2)), rng.integers(0, 5, (count, 2))
        return {
            "image": rng.integers(0, max(images, 1), count),
            "bbox": np.concatenate([corner, side], axis=1) * scale,
            "label": rng.integers(0, max(classes, 1), count),
        }

    return Problem(
        images=images,
        classes=classes,
        objects=Boxes.of(**some(objects), iscrowd=rng.random(objects) < 0.2 * crowds),
        detections=Boxes.of(**some(detections), score=rng.integers(0, 4, detections) / 3),
    )


def boxes(
    *rows: tuple[int, int, float, float, float, float], score: list[float] | None = None
) -> Boxes:
    """Return boxes from rows of (image, label, x, y, width, height)."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    return Boxes.of(
        image=table[:, 0].astype(np.int64),
        label=table[:, 1].astype(np.int64),
        bbox=table[:, 2:],
        score=None if score is None else np.array(score),
    )


def matching(one: Problem, *metrics: Metric) -> Matching:
    """Return the matching that everything asks which needs matches at the metrics' thresholds."""
    return Matching(one, union(metrics or HEADLINE))


def problem(objects: Boxes, detections: Boxes, *, images: int = 1, classes: int = 2) -> Problem:
    return Problem(images=images, classes=classes, objects=objects, detections=detections)
