"""What is asked of the curves: mean AP over lists of IoU thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medmnist_det.errors import InputError, shown


@dataclass(frozen=True)
class Metric:
    """Mean AP over one or several IoU thresholds, under the name that tables give it."""

    name: str
    thresholds: tuple[float, ...]


#: The paper's first number: a box counts where it overlaps by more than WBF's threshold.
PAPER = Metric("mAP@0.4", (0.4,))

#: COCO's thresholds, bit for bit as pycocotools builds them.
COCO = Metric("mAP@[.5:.95]", tuple(np.linspace(0.5, 0.95, 10).tolist()))

HEADLINE = (PAPER, COCO)


def parse_metric(text: str) -> Metric:
    """Return the metric of ``0.4`` or of ``0.5:0.95:0.05`` (first, last, step; all within 0..1).

    Raises InputError for anything else.
    """
    try:
        numbers = [float(word) for word in text.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) == 1 and 0 < numbers[0] <= 1:
        return Metric(f"mAP@{_short(numbers[0])}", (numbers[0],))
    if len(numbers) == 3 and 0 < numbers[0] <= numbers[1] <= 1 and numbers[2] >= 1e-4:
        first, last, step = numbers
        count = round((last - first) / step) + 1
        if abs(first + (count - 1) * step - last) < 1e-9:
            if (first, last, step) == (0.5, 0.95, 0.05):
                return COCO
            thresholds = tuple(np.linspace(first, last, count).tolist())
            name = ":".join(map(_short, numbers))
            return Metric(f"mAP@[{name}]", thresholds)
    raise InputError(
        f"--iou {shown(text)}: give one threshold such as 0.4, or first:last:step such as "
        "0.5:0.95:0.05, above 0 and up to 1, in steps of .0001 or more"
    )


def _short(number: float) -> str:
    """Return a number as short as it can be without becoming another one."""
    return f"{number:g}" if float(f"{number:g}") == number else repr(number)


def union(metrics: tuple[Metric, ...]) -> tuple[float, ...]:
    """Return all thresholds of the metrics in ascending order, each once."""
    return tuple(sorted({value for metric in metrics for value in metric.thresholds}))
