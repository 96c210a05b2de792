"""The runner: what is made, what is kept, what goes on after whatever stops it."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from evaluation.benchmark.cells import Setting, read_cells, write_cell
from evaluation.benchmark.files import as_csv
from evaluation.benchmark.table import blocks
from medmnist_det.errors import InputError, RefusedError
from medmnist_det.folder import Folder
from medmnist_det.front import cell as cell_module
from medmnist_det.front.benchmark import benchmark
from medmnist_det.guards import locked
from medmnist_det.reference import training
from tests.medmnist_det.front.inline import TINY, Inline, asked, run

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Three cells of one data set, in a folder that nobody may change."""
    out = tmp_path_factory.mktemp("undisturbed")
    cells, did = run(out, "dawid-skene", "oracle", "baseline")
    return out, cells, did


# Epochs after which the smallest training finds something.
LONG = 10


def numbers(cells):
    """The table's numbers but for the minutes."""
    lines = [line.split(",") for line in as_csv(blocks(cells)).splitlines()]
    return [line[:-1] for line in lines]


def test_a_cell_says_all_that_made_it(undisturbed):
    out, cells, did = undisturbed
    assert did == ["prepare", "work", "work", "work"]
    assert [one.error for one in cells] == [None] * 3
    first = cells[0]
    folder = Folder.open(out / "data" / first.spec.data_name)
    assert first.data.fingerprint == folder.manifest["fingerprint"]
    assert len({one.data for one in cells}) == 1
    assert len({one.lessons for one in cells}) == 3
    assert first.recipe["epochs"] == 2
    assert (first.recipe["method"], first.made.device) == ("dawid-skene", "cpu")
    assert set(first.made.versions) == {"medmnist-det", "python", "torch", "numpy", "hotcoco"}
    assert first.recovery["matrix"] > 0
    assert [one.recovery for one in cells[1:]] == [None, None]
    assert 0.5 < first.labels["class_accuracy"] <= 1
    assert cells[1].labels is None
    assert first.cpu_minutes > first.minutes * 0.1 > 0
    assert list(first.scores) == ["mAP@0.4", "mAP@[.5:.95]"]
    assert first.details["coco"]["AP50"]["value"] is not None
    names = {f"{one.spec.name}.json" for one in cells}
    assert {path.name for path in (out / "cells").iterdir()} == names
    assert (out / "runs" / first.spec.run_name / "preds.json").is_file()


def test_the_baseline_s_labels_are_as_good_as_its_raters_are_in_the_mean(undisturbed):
    from evaluation.quality import quality_of

    out, cells, _ = undisturbed
    folder = Folder.open(out / "data" / cells[0].spec.data_name)
    crowd, truth = folder.crowd("train"), folder.truth("train")
    each = [quality_of(truth, crowd.labels.of_rater(k)).mean_iou for k in range(3)]
    assert cells[2].labels["mean_iou"] == pytest.approx(sum(each) / 3)


def test_what_is_done_is_not_done_again(undisturbed, tmp_path):
    first, did = run(tmp_path, "oracle")
    assert did == ["prepare", "work"]
    again, did = run(tmp_path, "oracle")
    assert (again, did) == (first, [])
    # One more method and one more seed cost only themselves.
    more, did = run(tmp_path, "oracle", "baseline", seeds=(0, 1))
    assert did == ["prepare", "work", "prepare", "work", "work"]
    assert more[0] == first[0]


class _Stop:
    """Raises KeyboardInterrupt at the n-th call of what it stands for, before or after."""

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


def test_a_change_of_the_seed_changes_everything(tmp_path):
    longer = replace(TINY, epochs=LONG)
    (one, other), _ = run(tmp_path, "oracle", seeds=(0, 1), budget=longer)
    assert one.details["boxes"] > 0
    assert other.data != one.data
    assert other.predictions != one.predictions


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
    real = cell_module.lessons

    def broken(folder, split, method, weighting):
        if method == "baseline":
            raise ZeroDivisionError("our own fault")
        return real(folder, split, method, weighting)

    with monkeypatch.context() as patch:
        patch.setattr(cell_module, "lessons", broken)
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

    monkeypatch.setattr(cell_module, "lessons", refusing)
    (cell,), _ = run(tmp_path, "baseline")
    assert cell.error == "no box to learn from"


def test_a_full_disk_stops_everything_and_fails_nothing(tmp_path, monkeypatch):
    def full(*_args):
        raise RefusedError("no space left on device; free some")

    with monkeypatch.context() as patch:
        patch.setattr(cell_module, "lessons", full)
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


@pytest.fixture
def done(undisturbed, tmp_path):
    """The undisturbed cells, in a folder that may be changed."""
    for one in undisturbed[1]:
        (tmp_path / "cells").mkdir(exist_ok=True)
        write_cell(tmp_path / "cells", one)
    return tmp_path, undisturbed[1]


def test_cells_alone_are_enough_for_a_table(done):
    out, cells = done
    assert run(out, "dawid-skene", "oracle", "baseline") == (cells, [])


def test_cells_of_another_version_are_named(done):
    out, cells = done
    for one in cells:
        versions = one.made.versions | {"medmnist-det": "0.0.9"}
        write_cell(out / "cells", replace(one, made=replace(one.made, versions=versions)))
    with pytest.raises(InputError, match=r"json: was made by medmnist-det 0.0.9, this is"):
        run(out, "oracle")


def test_cells_of_other_data_are_named_before_anything_is_trained(done):
    out, cells = done
    for one in cells:
        write_cell(out / "cells", replace(one, data=replace(one.data, fingerprint="f" * 64)))
    executor = Inline()
    with pytest.raises(
        InputError, match=r"is of another data set \(optdigits, ffffffffffff\) than"
    ):
        benchmark(asked("wbf"), out, executor, workers=1)
    assert executor.did == ["prepare"]


def test_cells_of_other_digits_are_named(done, reference):
    out, _ = done
    with pytest.raises(InputError, match="json: is of optdigits, not of mnist"):
        run(out, "oracle", digits="auto", digits_root=reference)
    with pytest.raises(InputError, match="json: is of optdigits, not of mnist"):
        run(out, "oracle", digits="mnist")


def test_cells_of_another_recipe_are_named(done):
    out, cells = done
    for one in cells:
        recipe = one.recipe | {"loss": one.recipe["loss"] | {"box": 1.0}}
        write_cell(out / "cells", replace(one, recipe=recipe))
    with pytest.raises(
        InputError, match=r"trained with other options than this version has \(loss\)"
    ):
        run(out, "oracle")


def test_a_training_of_another_recipe_is_not_gone_on_with(undisturbed, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(training, "save_checkpoint", _Stop(training.save_checkpoint, 2))
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, "oracle")
    usual = cell_module.recipe_options
    monkeypatch.setattr(cell_module, "recipe_options", lambda spec: usual(spec) | {"lr": 0.01})
    (cell,), _ = run(tmp_path, "oracle")
    assert "was begun with other options than this version has; remove the folder" in cell.error


def test_the_val_split_is_scored_with_the_same_training(undisturbed, tmp_path):
    longer = replace(TINY, epochs=LONG)
    (first,), _ = run(tmp_path, "oracle", budget=longer)
    (second,), _ = run(tmp_path, "oracle", split="val", budget=longer)
    assert first.details["boxes"] > 0
    assert second.spec.name == f"{first.spec.name}-val"
    assert second.minutes == first.minutes
    assert (second.details["images"], second.lessons) == (20, first.lessons)
    assert second.predictions != first.predictions
    assert len(read_cells(tmp_path / "cells")) == 2


def test_an_ensemble_and_a_rater_are_cells_like_others(tmp_path):
    tiny = replace(TINY, epochs=1)
    (both, one), _ = run(tmp_path, "ensemble", "rater:2", budget=tiny)
    assert (both.error, one.error) == (None, None)
    assert both.lessons is None
    _, did = run(tmp_path, "ensemble", "rater:2", budget=tiny)
    assert did == []
    assert 0 < one.labels["class_accuracy"] < 1


def test_options_of_a_method_reach_its_training(tmp_path):
    (plain, changed), did = run(tmp_path, "earl", "earl+confidence=share+lr=0.01")
    assert did == ["prepare", "work", "work"]
    assert (plain.recipe["lr"], changed.recipe["lr"]) == (0.003, 0.01)
    assert changed.recipe["weighting"]["confidence"] == "share"
    assert plain.lessons != changed.lessons
    assert plain.data == changed.data
    assert run(tmp_path, "earl", "earl+confidence=share+lr=0.01")[1] == []


def test_a_sweep_has_a_data_set_for_every_value(tmp_path):
    tiny = replace(TINY, epochs=1)
    cells, did = run(tmp_path, "baseline", sweeps=("annotators=1,2",), budget=tiny)
    assert did == ["prepare", "work", "prepare", "work"]
    assert [one.spec.setting for one in cells] == [
        Setting(preset="paper", option="annotators", value=value) for value in ("1", "2")
    ]
    raters = [
        Folder.open(path).crowd("train").raters for path in sorted((tmp_path / "data").iterdir())
    ]
    assert raters == [(1,), (1, 2)]


def test_who_watches_is_told_what_runs_and_what_is_left(tmp_path):
    told = []

    def watch(state):
        told.append((state.done, state.total, state.ended and state.ended.spec.method))

    run(tmp_path, "oracle", "baseline", watch=watch)
    assert [one for one in told if one[2]] == [(1, 2, "oracle"), (2, 2, "baseline")]
    assert told[0] == (0, 2, None)
    assert told[-1] == (2, 2, None)


def test_a_damaged_cell_is_refused_by_name(done):
    out, cells = done
    path = out / "cells" / f"{cells[0].spec.name}.json"
    content = orjson.loads(path.read_bytes())
    path.write_bytes(orjson.dumps(content | {"scores": "lost"}))
    with pytest.raises(InputError, match=f"{path.name}: is no cell of the benchmark"):
        run(out, "oracle")
