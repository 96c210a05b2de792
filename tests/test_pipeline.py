"""The README's commands, end to end and small, in processes of their own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def start(*arguments, cwd):
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", "from cli import app; app()", *map(str, arguments)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
    )


def run(*arguments, cwd):
    process = start(*arguments, cwd=cwd)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def test_a_new_user_s_afternoon(tmp_path):
    small = ["--train", "40", "--val", "10", "--test", "10", "--digits", "optdigits"]
    made = run("generate", "--annotators", "3", "--proficiency", "0.8", *small, cwd=tmp_path)
    assert "optdigits" in made
    assert "intact" in run("verify", cwd=tmp_path)
    run("show", cwd=tmp_path)
    assert (tmp_path / "scenes.png").stat().st_size > 20_000
    assert (tmp_path / "matrices.png").stat().st_size > 20_000
    run("export", "yolo-set", "--labels", "rater:2", cwd=tmp_path)
    run("import", "yolo-set", "mine.json", "--split", "val", cwd=tmp_path)
    run("annotate", "med-mnist/truth/test.json", "--preset", "sparse", cwd=tmp_path)
    assert (tmp_path / "crowd" / "crowd.json").is_file()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("files", [1, 40, 900])
def test_killed_for_good_at_some_image_the_next_run_completes_it(files, tmp_path):
    command = ["generate", "--train", "1400", "--val", "600", "--test", "100", "--canvas", "64"]
    command += ["--digits", "optdigits", "--workers", "2"]
    process = start(*command, "--out", "killed", cwd=tmp_path)
    deadline = time.monotonic() + 60
    while sum(1 for _ in (tmp_path / "killed").rglob("*.png")) < files and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    prints = {
        line
        for folder in ("killed", "whole")
        for line in run(*command, "--out", folder, cwd=tmp_path).splitlines()
        if line.startswith("fingerprint")
    }
    assert len(prints) == 1
