"""The command through the app, and predictions that are neither right nor hopeless."""

import numpy as np
from typer.testing import CliRunner

import cli


def evaluate(*arguments, code=0):
    result = CliRunner().invoke(cli.app, ["evaluate", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def noisy(rows, seed):
    rng = np.random.default_rng(seed)
    noisy = []
    for row in rows:
        x, y, width, height = row["bbox"]
        shift = rng.normal(0, 0.08, 4)
        corner, stretch = (x + shift[0] * width, y + shift[1] * height), np.exp(shift[2])
        bbox = [float(value) for value in (*corner, width, height * stretch)]
        label = row["category_id"] if rng.random() < 0.9 else int(rng.integers(1, 4))
        noisy.append(row | {"bbox": bbox, "category_id": label, "score": float(rng.random())})
    return noisy
