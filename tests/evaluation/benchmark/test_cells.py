"""Cells on disk: written and read back, and what is refused."""

from dataclasses import replace

import orjson
import pytest

from evaluation.benchmark.cells import (
    Data,
    Setting,
    read_cell,
    read_cells,
    refuse_mixed,
    write_cell,
)
from medmnist_det.errors import InputError
from tests.evaluation.benchmark.made import QUICK, cell, cells


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def test_what_is_written_is_read_back(folder):
    swept = cell(
        "earl", 20, 0.9, 0.7, setting=Setting(preset="paper", option="family", value="ordered")
    )
    failed = replace(cell("rater:2", 21, 0.9, 0.7), data=None, scores={}, error="Traceback\nboom")
    given = cell("mine", 20, 0.9, 0.7, budget=None)
    for one in (swept, failed, given):
        write_cell(folder, one)

    names = {
        "paper,family=ordered-quick-earl-20.json",
        "paper-quick-rater-2-21.json",
        "paper-given-mine-20.json",
    }
    assert {path.name for path in folder.iterdir()} == names
    assert {one.spec: one for one in read_cells(folder)} == {
        one.spec: one for one in (swept, failed, given)
    }
    assert (failed.why, swept.why) == ("boom", "")


def test_a_folder_that_is_not_there_has_no_cells(folder):
    assert read_cells(folder / "none") == []


def test_splits_and_budgets_have_files_of_their_own():
    one = cell("earl", 20, 0.9, 0.7).spec
    custom = replace(QUICK, name="custom", epochs=3)
    assert replace(one, split="val").name == "paper-quick-earl-20-val"
    assert replace(one, budget=custom).name == "paper-2500-1000-1000x320-n-3-earl-20"
    # Trainings and data sets are shared where nothing in them differs.
    assert replace(one, split="val").run_name == one.run_name
    assert replace(one, budget=custom, method="oracle").data_name == one.data_name
    assert replace(one, budget=replace(custom, canvas=64)).data_name != one.data_name


def edited(folder, **changes):
    path = write_cell(folder, cell("earl", 20, 0.9, 0.7))
    content = orjson.loads(path.read_bytes())
    path.write_bytes(orjson.dumps(content | changes))
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, r"is a cell of format 2, this version reads 1; remove it, or choose"),
        ({"spec": 3}, r"is no cell of the benchmark \(.*spec.*\); remove it"),
        ({"scores": {}}, "says that it is done and has no scores"),
        ({"data": None}, "says that it is done and has no scores"),
    ],
)
def test_what_is_no_cell_is_refused_by_name(folder, changes, message):
    path = edited(folder, **changes)
    with pytest.raises(InputError, match=message) as error:
        read_cells(folder)
    assert str(path) in str(error.value)


def test_a_cell_under_another_s_name_is_refused(folder):
    path = write_cell(folder, cell("earl", 20, 0.9, 0.7))
    other = path.rename(folder / "paper-quick-earl-21.json")
    with pytest.raises(
        InputError, match="holds the cell 'paper-quick-earl-20'; give the file that"
    ):
        read_cell(other)


def test_half_a_file_is_refused(folder):
    path = write_cell(folder, cell("earl", 20, 0.9, 0.7))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="not a whole JSON file"):
        read_cells(folder)


def changed(**changes):
    """Cells of which the last differs from the others."""
    found = cells()
    return [*found[:-1], replace(found[-1], **changes)]


def test_cells_of_one_kind_stand_in_one_table(folder):
    refuse_mixed(cells(), folder)
    # What differs between machines and seeds does not matter.
    last = cells()[-1]
    other = replace(last.made, device="cuda", precision="float32")
    refuse_mixed(changed(made=other, recipe=last.recipe | {"precision": "float32"}), folder)


def test_cells_that_cannot_are_named_with_what_differs(folder):
    last = cells()[-1]
    versions = last.made.versions | {"medmnist-det": "0.0.9"}
    mixed = {
        r"two versions of medmnist-det \('0.1.0' and '0.0.9'\)": {
            "made": replace(last.made, versions=versions)
        },
        r"two data sets \('0+16' and 'f+'\)": {"data": Data(digits="mnist", fingerprint="f" * 64)},
        r"two sources of digits \('mnist' and 'optdigits'\)": {
            "data": Data(digits="optdigits", fingerprint=f"{22:064x}")
        },
        r"two recipes \(lr: 0.003 and 0.1\)": {"recipe": last.recipe | {"lr": 0.1}},
        r"two meanings of a budget \(epochs: 10 and 9\)": {
            "spec": replace(last.spec, budget=replace(QUICK, epochs=9))
        },
    }
    for message, changes in mixed.items():
        with pytest.raises(InputError, match=message) as error:
            refuse_mixed(changed(**changes), folder)
        assert f"{last.spec.name}.json" in str(error.value)
