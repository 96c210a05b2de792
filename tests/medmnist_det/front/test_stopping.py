"""Whatever stops a benchmark, the same call goes on where it was, to the same numbers."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path

import pytest

from evaluation.benchmark.cells import read_cells
from evaluation.benchmark.files import as_csv
from evaluation.benchmark.table import blocks
from medmnist_det.errors import InputError, RefusedError
from medmnist_det.front import cell as cell_module
from medmnist_det.front import learned
from medmnist_det.front.benchmark import benchmark
from medmnist_det.guards import locked
from medmnist_det.reference import training
from tests.medmnist_det.front.inline import Inline, asked, run

ROOT = Path(__file__).parents[3]


def numbers(cells):
    """The table's numbers but for the minutes."""
    lines = [line.split(",") for line in as_csv(blocks(cells)).splitlines()]
    return [line[:-2] for line in lines]


class _Stop:
    """Raises KeyboardInterrupt after the n-th call of what it stands for."""

    def __init__(self, real, at):
        self.real, self.left = real, at

    def __call__(self, *args, **kwargs):
        found = self.real(*args, **kwargs)
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return found


def test_stopped_twice_it_ends_with_the_same_table(undisturbed, tmp_path, monkeypatch):
    _, whole, _ = undisturbed
    for at in (2, 4):  # after the first epoch of a cell, then of the next
        with monkeypatch.context() as patch:
            patch.setattr(training, "save_checkpoint", _Stop(training.save_checkpoint, at))
            with pytest.raises(KeyboardInterrupt):
                run(tmp_path, "dawid-skene", "oracle", "baseline")
    assert len(read_cells(tmp_path / "cells")) == 1
    cells, _ = run(tmp_path, "dawid-skene", "oracle", "baseline")
    assert numbers(cells) == numbers(whole)
    assert [one.predictions for one in cells] == [one.predictions for one in whole]
    assert [one.cpu_minutes is None for one in cells] == [True, True, False]


# A shell's background jobs ignore SIGINT, and so do their children unless they say otherwise.
_PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from cli import app; app()"
)


def command(out, *more):
    words = ["benchmark", "--methods", "dawid-skene,oracle,baseline", "--seeds", "0"]
    words += ["--images", "60,20,20", "--epochs", "2", "--canvas", "96", "--workers", "2"]
    words += ["--digits", "optdigits", "--device", "cpu", "--out", str(out), *more]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *words],
        env=os.environ | {"PYTHONPATH": paths}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def wait_for(process, there):
    deadline = time.monotonic() + 120
    while not there() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_stopped_and_killed_amid_processes_it_ends_with_the_same_weights(undisturbed, tmp_path):
    _, whole, _ = undisturbed
    stopped = command(tmp_path)
    wait_for(stopped, lambda: list(tmp_path.glob("runs/*/checkpoint.pt")))
    stopped.send_signal(signal.SIGINT)
    _, err = stopped.communicate(timeout=30)
    assert stopped.returncode == 130
    assert err.endswith("stopped: run the same command again\n")

    killed = command(tmp_path)
    wait_for(killed, lambda: list(tmp_path.glob("cells/*.json")))
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=30)

    last = command(tmp_path)
    out, err = last.communicate(timeout=240)
    assert last.returncode == 0, err
    cells = {one.spec: one for one in read_cells(tmp_path / "cells")}
    # Beside each other in processes as one after the other in this one.
    assert {spec: one.predictions for spec, one in cells.items()} == {
        one.spec: one.predictions for one in whole
    }
    assert "3 of 3 cells done" in err
    assert f"{whole[0].scores['mAP@0.4'].value:.4f}" in out
    assert (tmp_path / "table.md").is_file()
    assert list(tmp_path.rglob("*.part")) == []


def test_two_benchmarks_do_not_meet_in_one_folder(tmp_path):
    with (
        locked(tmp_path),
        pytest.raises(RefusedError, match="another medmnist-det command is at work in this folder"),
    ):
        run(tmp_path, "oracle")


def test_a_cell_that_fails_is_recorded_and_tried_again(tmp_path, monkeypatch):
    real = learned.learned

    def broken(folder, place):
        if "baseline" in place.name:
            raise ZeroDivisionError("our own fault")
        return real(folder, place)

    with monkeypatch.context() as patch:
        patch.setattr(learned, "learned", broken)
        cells, did = run(tmp_path, "baseline", "dawid-skene")
    assert did == ["prepare", "work", "work"]
    assert [one.error is None for one in cells] == [False, True]
    assert cells[0].why == "ZeroDivisionError: our own fault"
    assert "Traceback" in cells[0].error
    assert [row.failed for row in blocks(cells)[0].rows] == [0, 1]

    cells, did = run(tmp_path, "baseline", "dawid-skene")
    assert [one.error for one in cells] == [None, None]
    assert did == ["prepare", "work"]


def test_what_the_user_can_mend_fails_in_a_sentence(tmp_path, monkeypatch):
    def refusing(*_args):
        raise InputError("no box to learn from")

    monkeypatch.setattr(learned, "learned", refusing)
    (cell,), _ = run(tmp_path, "baseline")
    assert cell.error == "no box to learn from"


def test_a_full_disk_stops_everything_and_fails_nothing(tmp_path, monkeypatch):
    real = learned.learned

    def full(folder, place):
        if "baseline" in place.name:
            raise RefusedError("no space left on device; free some")
        return real(folder, place)

    with monkeypatch.context() as patch:
        patch.setattr(learned, "learned", full)
        with pytest.raises(RefusedError, match="no space left"):
            run(tmp_path, "oracle", "baseline")
    assert [one.spec.method for one in read_cells(tmp_path / "cells")] == ["oracle"]
    cells, did = run(tmp_path, "oracle", "baseline")
    assert [one.error for one in cells] == [None, None]
    assert did == ["prepare", "work"]


def test_a_dead_worker_is_told_with_a_remedy(tmp_path):
    class Dead(Inline):
        def submit(self, *_args):
            return super().submit(_die)

    def _die():
        raise BrokenExecutor("gone")

    with pytest.raises(RefusedError, match="a worker process was killed.*fewer --workers"):
        benchmark(asked("oracle"), tmp_path, Dead(), workers=2)


def test_a_training_of_another_recipe_is_not_gone_on_with(undisturbed, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(training, "save_checkpoint", _Stop(training.save_checkpoint, 2))
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, "oracle")
    usual = cell_module.recipe_options
    monkeypatch.setattr(cell_module, "recipe_options", lambda spec: usual(spec) | {"lr": 0.01})
    (cell,), _ = run(tmp_path, "oracle")
    assert "was begun with other options than this version has; remove the folder" in cell.error
