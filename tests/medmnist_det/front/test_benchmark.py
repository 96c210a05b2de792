"""What a benchmark makes: cells that say what made them, and no more of them than are missing."""

from dataclasses import replace

import pytest

from evaluation.benchmark.cells import Setting, read_cells
from medmnist_det.folder import Folder
from tests.medmnist_det.front.inline import TINY, run

# Epochs after which the smallest training finds something.
LONG = 10


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


def test_a_change_of_the_seed_changes_everything(tmp_path):
    longer = replace(TINY, epochs=LONG)
    (one, other), _ = run(tmp_path, "oracle", seeds=(0, 1), budget=longer)
    assert one.details["boxes"] > 0
    assert other.data != one.data
    assert other.predictions != one.predictions


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
