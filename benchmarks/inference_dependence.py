"""A study of inference: what happens to names when errors of raters depend on each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from inference_crowds import scenes

from annotators.infer.registry import infer
from annotators.known import known_raters
from annotators.simulate.crowd import SimulatedCrowd
from annotators.simulate.presets import crowd_options
from evaluation.quality import quality_of
from medmnist_det.scenes.digits import Digits

METHODS = ("majority-vote", "dawid-skene", "bayes-truth")

CASES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("independent", {}),
    *((f"difficulty {d:g}", {"difficulty": [d]}) for d in (0.25, 0.5, 0.75, 1.0)),
    ("family instance", {"family": ["instance"]}),
    ("instance, difficulty 0.5", {"family": ["instance"], "difficulty": [0.5]}),
    *(
        (f"two copy the first on {c:.0%}", {"copies": [c], "corrects": [0.3]})
        for c in (0.25, 0.5, 1.0)
    ),
)


def dependence(digits: Digits, images: int, seeds: int) -> None:
    print(
        f"\nErrors that depend on each other: 3 raters, family uniform, p = .8; {images:,} images"
    )
    print(
        f"x {seeds} seeds. Names right among found objects, mean (standard deviation); said: mean"
    )
    print("probability of these names by dawid-skene")
    print(f"{'':30}" + "".join(f"{name:>17}" for name in (*METHODS, "said")))
    for name, options in CASES:
        rows = []
        for seed in range(seeds):
            true, looks = scenes(digits, images, seed)
            asked: dict[str, Any] = {"family": ["uniform"], **options}
            crowd = SimulatedCrowd.of(crowd_options(**asked), true.classes.names, seed)
            labels = crowd.annotate(true.labels, true.images, "train", looks).labels
            told = crowd.describe({"train": true.labels}, {"train": labels}, {"train": looks})
            table = replace(true, labels=labels, raters=crowd.raters)
            found = [infer(method, table, truth=known_raters(told)) for method in METHODS]
            right = [quality_of(true, one.labels).class_accuracy or 0.0 for one in found]
            fused = found[1]
            said = fused.posterior[np.arange(len(fused.labels)), fused.labels.label].mean()
            rows.append([*right, said])
        column = np.array(rows).T
        cells = [f"{one.mean():.4f} ({one.std(ddof=1):.4f})".replace("0.", ".") for one in column]
        print(f"{name:30}" + "".join(f"{cell:>17}" for cell in cells), flush=True)
