"""The data set on disk: what is in it, and what is refused before anything is written."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from medmnist_det.errors import InputError
from medmnist_det.formats.png import read_grey
from medmnist_det.generation import Plan, generate
from medmnist_det.scenes.composer import BLOCK, SceneOptions, compose
from medmnist_det.verification import verify
from tests.conftest import small_crowd, small_plan
from tests.medmnist_det.content import bytes_of


def test_the_folder_holds_what_was_composed(small, optdigits):
    assert sorted(p.name for p in small.path.iterdir()) == [
        "annotators.json", "crowd", "digests", "images", "manifest.json", "provenance", "truth",
    ]  # fmt: skip
    plan = small_plan()
    for split in ("train", "val", "test"):
        truth = small.truth(split)
        assert len(truth.images) == plan.images[split] == len(list(small.images(split).iterdir()))
        for index in (0, plan.images[split] - 1):
            image, labels = compose(plan.scenes, optdigits, 0, split, index)
            assert np.array_equal(read_grey(small.images(split) / f"{index + 1:06d}.png"), image)
            assert np.array_equal(truth.labels.box[truth.labels.image == index], labels.box)


def test_the_same_plan_gives_the_same_bytes(small, make_small, tmp_path):
    assert bytes_of(make_small(tmp_path / "again").path) == bytes_of(small.path)


def test_another_seed_gives_another_data_set(small, make_small, tmp_path):
    other = make_small(tmp_path / "other", seed=1)
    assert other.manifest["fingerprint"] != small.manifest["fingerprint"]


def test_workers_change_nothing(optdigits, tmp_path):
    plan = Plan(
        scenes=SceneOptions(canvas=64, side=(12, 30)),
        images={"train": BLOCK * 3 + 5, "val": BLOCK, "test": 3},
    )
    prints = {
        generate(tmp_path / str(n), plan, optdigits, small_crowd(), workers=n).manifest[
            "fingerprint"
        ]
        for n in (1, 2, 4)
    }
    assert len(prints) == 1


def test_a_finished_data_set_is_left_as_it_is(small, make_small, tmp_path):
    out = tmp_path / "set"
    shutil.copytree(small.path, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    make_small(out)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_a_different_data_set_is_never_overwritten(small, make_small, tmp_path):
    out = tmp_path / "set"
    shutil.copytree(small.path, out)
    message = (
        r"holds a different data set \(options seed: 0 there, 1 asked for\); choose another fol"
    )
    with pytest.raises(InputError, match=message):
        make_small(out, seed=1)
    assert bytes_of(out) == bytes_of(small.path)


def test_a_folder_with_other_things_in_it_is_refused(make_small, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(
        InputError, match="is not empty and holds no data set; choose another folder"
    ):
        make_small(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_way_is_refused(make_small, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/set: .*; "):
        make_small(tmp_path / "file" / "set")
    with pytest.raises(InputError, match=r"file: .*a file is in the way"):
        make_small(tmp_path / "file")


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"images": {"train": -1, "val": 0, "test": 0}}, "--train -1 is not from 0 to 999,999"),
        ({"images": {"train": 0, "val": 0, "test": 10**6}}, "--test 1000000 is not from 0"),
        ({"images": {"train": 0, "val": 0, "test": 0}}, "a data set needs an image"),
        ({"images": {"train": 1, "val": 0, "test": 0}, "seed": -1}, "--seed -1 is not from 0"),
    ],
)
def test_impossible_plans_are_refused(plan, message):
    with pytest.raises(InputError, match=message):
        Plan(scenes=SceneOptions(), **plan)


def test_no_worker_is_no_help(make_small, tmp_path):
    with pytest.raises(InputError, match="--workers 0 is not from 1 to 256"):
        make_small(tmp_path / "set", workers=0)
    assert not (tmp_path / "set").exists()


def impossible_plan():
    return Plan(
        scenes=SceneOptions(canvas=64, side=(60, 64), empty=0, count=(9, 9)),
        images={"train": 3, "val": 0, "test": 0},
    )


def test_options_that_fail_while_composing_leave_nothing_behind(optdigits, tmp_path):
    with pytest.raises(InputError, match="find no room"):
        generate(tmp_path / "set", impossible_plan(), optdigits, small_crowd())
    assert not (tmp_path / "set").exists()


def test_options_that_fail_leave_the_user_s_own_folder_there(optdigits, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    for out in (tmp_path / "mine", tmp_path / "link"):
        with pytest.raises(InputError, match="find no room"):
            generate(out, impossible_plan(), optdigits, small_crowd())
        assert out.is_dir()
        assert list(out.iterdir()) == []
    with pytest.raises(InputError, match="find no room"):
        generate(tmp_path / "a" / "b" / "c", impossible_plan(), optdigits, small_crowd())
    assert not (tmp_path / "a").exists()


def test_a_folder_of_the_first_format_says_what_to_do(small, make_small, tmp_path):
    out = tmp_path / "set"
    shutil.copytree(small.path, out)
    manifest = json.loads((out / "manifest.json").read_text()) | {"format": 1}
    (out / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="has format 1, this version reads 2; remove the folder"):
        make_small(out)


@pytest.mark.parametrize("which", [{"train": 1}, {"val": 1}, {"test": 1}])
def test_one_image_is_a_data_set(which, optdigits, tmp_path):
    images = {"train": 0, "val": 0, "test": 0} | which
    plan = Plan(scenes=SceneOptions(), images=images)
    folder = generate(tmp_path / "set", plan, optdigits, small_crowd())
    assert verify(folder) == folder.manifest["fingerprint"]
    assert folder.splits == tuple(which)


def test_the_manifest_names_no_path_of_this_machine(small, tmp_path):
    assert str(Path.home()) not in (small.path / "manifest.json").read_text()
    assert str(small.path.parent) not in (small.path / "manifest.json").read_text()


def test_provenance_is_not_in_what_methods_read(small):
    crowd = json.loads((small.path / "crowd" / "train.json").read_text())
    keys = {key for annotation in crowd["annotations"] for key in annotation}
    assert keys == {
        "id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation", "rater_id",
    }  # fmt: skip
