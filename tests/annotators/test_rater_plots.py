from __future__ import annotations

from pathlib import Path

import numpy as np

from annotators.infer.parts.result import Raters
from annotators.rater_plots import draw_heat_map, draw_matrices
from tests.annotators.infer.test_registry import even


def test_the_heat_map_leaves_unknown_cells_empty(tmp_path: Path) -> None:
    values = np.array([[np.nan, 0.9, -0.3], [0.9, np.nan, np.nan], [-0.3, np.nan, np.nan]])
    draw_heat_map(tmp_path / "alpha.png", values, ["R1", "R2", "R3"], "alpha")
    assert (tmp_path / "alpha.png").stat().st_size > 5_000


def test_of_many_raters_six_are_drawn(tmp_path: Path) -> None:
    def size(raters: Raters) -> int:
        path = tmp_path / "matrices.png"
        draw_matrices(path, raters, range(len(raters.spurious)), ["a", "b"])  # type: ignore[arg-type]
        return path.stat().st_size

    assert abs(size(even(40, 2)) - size(even(6, 2))) < 3_000


def test_nobody_s_agreement_is_a_picture_too(tmp_path: Path) -> None:
    draw_heat_map(tmp_path / "none.png", np.full((2, 2), np.nan), ["A", "B"], "alpha")
    assert (tmp_path / "none.png").stat().st_size > 2_000
