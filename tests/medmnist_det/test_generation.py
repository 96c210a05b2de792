import json
import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from medmnist_det.errors import InputError
from medmnist_det.folder import Folder
from medmnist_det.formats.png import read_grey
from medmnist_det.generation import Plan, generate
from medmnist_det.hashes import EDITIONS
from medmnist_det.scenes.composer import BLOCK, SceneOptions, compose
from medmnist_det.scenes.digits import load_digits
from medmnist_det.verification import verify
from tests.conftest import small_crowd, small_plan


def bytes_of(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


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


class Killed(BaseException):
    """Stands for kill -9: nothing but cleaning up after oneself may catch it."""


@pytest.mark.parametrize("stage", ["write_images", "write_coco", "write_provenance", "write_json"])
@pytest.mark.parametrize("call", [0, 1])
def test_killed_anywhere_the_next_run_completes_it(
    stage, call, small, make_small, tmp_path, monkeypatch
):
    import medmnist_det.generation as module

    real, calls = getattr(module, stage), []

    def dying(*args, **kwargs):
        calls.append(args)
        if len(calls) > call + (stage == "write_json"):  # the first JSON is the marker itself
            raise Killed
        return real(*args, **kwargs)

    monkeypatch.setattr(module, stage, dying)
    out = tmp_path / "set"
    if stage == "write_images" and call == 1:
        monkeypatch.setattr(module, stage, real)
        with pytest.raises(Killed):
            make_small(out, progress=lambda _: (_ for _ in ()).throw(Killed))
    else:
        with pytest.raises(Killed):
            make_small(out)
    monkeypatch.setattr(module, stage, real)
    with pytest.raises(InputError, match="this data set is unfinished; run the generate command"):
        Folder.open(out)
    make_small(out)
    assert bytes_of(out) == bytes_of(small.path)


def test_when_something_fails_the_other_processes_stop(optdigits, tmp_path):
    plan = Plan(
        scenes=SceneOptions(canvas=64, side=(12, 30)),
        images={"train": BLOCK * 2, "val": BLOCK * 100, "test": 0},
    )

    def fail(_):
        raise Killed

    # The traceback that ``raises`` keeps holds all frames, as that of a dying program does.
    with pytest.raises(Killed) as held:
        generate(tmp_path / "set", plan, optdigits, small_crowd(), workers=2, progress=fail)

    assert held.tb is not None
    written = len(list((tmp_path / "set" / "images").glob("*/*.png")))
    assert written < BLOCK * 50
    assert not multiprocessing.active_children()


def test_a_finished_data_set_is_left_as_it_is(small, make_small, tmp_path):
    out = tmp_path / "set"
    shutil.copytree(small.path, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    make_small(out)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_a_marker_left_beside_a_finished_manifest_is_cleared_away(small, make_small, tmp_path):
    out = tmp_path / "set"
    shutil.copytree(small.path, out)
    (out / "unfinished.json").write_text("{}")
    make_small(out)
    assert bytes_of(out) == bytes_of(small.path)


def test_a_different_data_set_is_never_overwritten(small, make_small, tmp_path):
    out = tmp_path / "set"
    shutil.copytree(small.path, out)
    message = (
        r"holds a different data set \(options seed: 0 there, 1 asked for\); choose another fol"
    )
    with pytest.raises(InputError, match=message):
        make_small(out, seed=1)
    assert bytes_of(out) == bytes_of(small.path)


def test_half_of_a_different_data_set_is_never_mixed_with_another(make_small, tmp_path):
    def stop(_):
        raise Killed

    with pytest.raises(Killed):
        make_small(tmp_path / "set", seed=1, progress=stop)
    with pytest.raises(
        InputError, match=r"holds half of a different data set \(options seed: 1 there"
    ):
        make_small(tmp_path / "set")


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


def test_a_full_disk_is_said_and_the_next_run_completes_the_set(
    small, make_small, tmp_path, monkeypatch
):
    opened = []

    real = os.write

    def filling(target, content):
        opened.append(target)
        return real(target, content if len(opened) <= 30 else content[:7])

    monkeypatch.setattr(os, "write", filling)
    with pytest.raises(InputError, match=r"images/train: No space left on device; free some space"):
        make_small(tmp_path / "set")
    monkeypatch.undo()
    make_small(tmp_path / "set")
    assert bytes_of(tmp_path / "set") == bytes_of(small.path)


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


def test_options_that_fail_while_composing_leave_nothing_behind(optdigits, tmp_path):
    plan = Plan(
        scenes=SceneOptions(canvas=64, side=(60, 64), empty=0, count=(9, 9)),
        images={"train": 3, "val": 0, "test": 0},
    )
    with pytest.raises(InputError, match="find no room"):
        generate(tmp_path / "set", plan, optdigits, small_crowd())
    assert not (tmp_path / "set").exists()


def impossible_plan():
    return Plan(
        scenes=SceneOptions(canvas=64, side=(60, 64), empty=0, count=(9, 9)),
        images={"train": 3, "val": 0, "test": 0},
    )


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


def stop_at_once(_):
    raise Killed


def test_a_picture_that_was_changed_during_an_interruption_does_not_survive(
    small, make_small, tmp_path
):
    out = tmp_path / "set"
    with pytest.raises(Killed):
        make_small(out, progress=stop_at_once)
    (out / "images" / "train" / "000001.png").write_bytes(b"changed")
    (out / "images" / "train" / ".medmnist-det-123456789abc.part").write_bytes(b"left by a kill")
    (out / "truth" / "train.json").write_bytes(b"changed")
    make_small(out)
    assert bytes_of(out) == bytes_of(small.path)


def test_what_the_user_put_into_half_a_data_set_is_neither_removed_nor_taken_in(
    make_small, tmp_path
):
    out = tmp_path / "set"
    with pytest.raises(Killed):
        make_small(out, progress=stop_at_once)
    (out / "images" / "train" / "thesis.png").write_text("precious")
    with pytest.raises(InputError, match="is not empty and holds no data set"):
        make_small(out)
    assert (out / "images" / "train" / "thesis.png").read_text() == "precious"


def test_two_that_generate_in_one_folder_do_not_meet(small, make_small, tmp_path):
    from medmnist_det.guards import locked

    out, refused = tmp_path / "set", []

    def intrude(_):
        with pytest.raises(InputError, match="another medmnist-det command is at work") as found:
            make_small(out)
        refused.append(found)

    make_small(out, progress=intrude)
    assert refused
    assert bytes_of(out) == bytes_of(small.path)
    with (
        locked(out),
        pytest.raises(InputError, match="another medmnist-det command is at work in this folder"),
    ):
        make_small(out)


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


def paper_plan() -> Plan:
    return Plan(scenes=SceneOptions(), images={"train": 5000, "val": 1000, "test": 1000})


def paper_crowd():
    from annotators.simulate.crowd import SimulatedCrowd, draw_annotators
    from annotators.simulate.options import crowd_options
    from medmnist_det.generation import DIGIT_CLASSES

    names = DIGIT_CLASSES.names
    people = draw_annotators(crowd_options("paper"), len(names), 0)
    return SimulatedCrowd(annotators=people, seed=0, class_names=names)


@pytest.mark.parametrize(("source", "workers"), [("optdigits", 2), ("mnist", 1)])
def test_the_frozen_editions_are_the_same_everywhere(source, workers, request, tmp_path):
    root = request.getfixturevalue("reference") if source == "mnist" else None
    digits = load_digits(source, root)
    folder = generate(tmp_path / "set", paper_plan(), digits, paper_crowd(), workers=workers)
    frozen = dict(EDITIONS.values())
    assert folder.edition is not None
    assert folder.manifest["fingerprint"] == frozen[folder.edition]
    assert verify(folder) == frozen[folder.edition]


def test_a_data_set_that_only_claims_to_be_an_edition_is_found_out(tmp_path, small, monkeypatch):
    from medmnist_det import hashes as module

    asked = module.options_hash(small.manifest)
    monkeypatch.setitem(module.EDITIONS, asked, ("a test edition", "0" * 64))
    assert small.edition == "a test edition"
    with pytest.raises(
        InputError, match=r"is intact, but is not the frozen edition \(a test edition"
    ):
        verify(small)


def test_provenance_is_not_in_what_methods_read(small):
    crowd = json.loads((small.path / "crowd" / "train.json").read_text())
    keys = {key for annotation in crowd["annotations"] for key in annotation}
    assert keys == {
        "id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation", "rater_id",
    }  # fmt: skip
