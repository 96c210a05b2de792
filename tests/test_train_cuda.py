"""benchmarks/train_cuda.py from end to end, on a CPU, so that it works when a GPU is at hand."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "train_cuda.py"


def test_it_trains_scores_and_takes_a_step_apart(small, tmp_path):
    data, out = tmp_path / "set", tmp_path / "cuda.json"
    shutil.copytree(small.path, data)
    words = ["--device", "cpu", "--model", "n", "--only", "plain", "--epochs", "1", "--steps", "1"]
    said = subprocess.run(
        [sys.executable, str(SCRIPT), *words, "--data", str(data), "--out", str(out)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=True,
        stdout=subprocess.PIPE,
    ).stdout.decode()
    assert "step alone, cpu" in said
    assert "mAP@[.5:.95]" in said
    found = json.loads(out.read_text())["plain"]
    # The refinement is part of the training, and of the step that is timed.
    assert found["history"][0]["loss"]["refinement"] > 0
    assert any("roi_align" in row["name"] for row in found["step"]["operators"])
    assert found["step"]["parameters"] > 500_000
    assert found["step"]["images_per_second"] > 0
