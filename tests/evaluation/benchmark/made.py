"""Cells without a training behind them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from evaluation.benchmark.budgets import BUDGETS
from evaluation.benchmark.cells import Cell, Data, Made, Score, Setting, Spec

QUICK = BUDGETS["quick"]

MADE = Made(
    command="medmnist-det benchmark",
    versions={"medmnist-det": "0.1.0", "python": "3.11.7"},
    machine="Linux on x86_64, 2 cores",
    device="cpu",
    precision="bfloat16",
)

_LABELS = {"precision": 0.98, "recall": 0.99, "class_accuracy": 0.9, "mean_iou": 0.89}


def cell(method: str, seed: int, first: float, second: float, **changes: Any) -> Cell:
    """A cell that is done, with both scores and intervals of .004 and .003 to either side."""
    spec = Spec(
        method=method,
        setting=changes.pop("setting", Setting(preset="paper")),
        seed=seed,
        budget=changes.pop("budget", QUICK),
        split=changes.pop("split", "test"),
    )
    found = Cell(
        spec=spec,
        made=MADE,
        data=Data(digits="mnist", fingerprint=f"{seed:064x}"),
        recipe={"method": method, "seed": seed, "lr": 0.003, "precision": "bfloat16"},
        minutes=1.5 + seed / 100,
        scores={
            "mAP@0.4": Score(value=first, low=first - 0.004, high=first + 0.004),
            "mAP@[.5:.95]": Score(value=second, low=second - 0.003, high=second + 0.003),
        },
        labels=None if method == "oracle" else dict(_LABELS),
        recovery={"matrix": 4.4e-4} if method == "dawid-skene" else None,
    )
    return replace(found, **changes)


#: mAP@0.4 and mAP@[.5:.95] of three seeds.
SCORES = {
    "baseline": [(0.944, 0.766), (0.935, 0.760), (0.940, 0.764)],
    "earl": [(0.953, 0.770), (0.946, 0.766), (0.950, 0.767)],
    "dawid-skene": [(0.957, 0.782), (0.954, 0.778), (0.957, 0.780)],
    "oracle": [(0.959, 0.797), (0.960, 0.795), (0.958, 0.796)],
}


def cells(seeds: int = 3, **changes: Any) -> list[Cell]:
    """The cells of four methods, seeds 20 and up."""
    return [
        cell(method, 20 + k, *scores, **changes)
        for method, rows in SCORES.items()
        for k, scores in enumerate(rows[:seeds])
    ]
