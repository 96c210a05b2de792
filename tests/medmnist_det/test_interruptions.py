"""Generation that is killed, stopped or disturbed: the next run completes it, to the same bytes."""

import multiprocessing
import os
import shutil

import pytest

from medmnist_det.errors import InputError
from medmnist_det.folder import Folder
from medmnist_det.generation import Plan, generate
from medmnist_det.scenes.composer import BLOCK, SceneOptions
from tests.conftest import small_crowd
from tests.medmnist_det.content import bytes_of


class Killed(BaseException):
    """Stands for kill -9: nothing but cleaning up after oneself may catch it."""


def stop_at_once(_):
    raise Killed


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
            make_small(out, progress=stop_at_once)
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

    # The traceback that ``raises`` keeps holds all frames, as that of a dying program does.
    with pytest.raises(Killed) as held:
        generate(tmp_path / "set", plan, optdigits, small_crowd(), workers=2, progress=stop_at_once)

    assert held.tb is not None
    written = len(list((tmp_path / "set" / "images").glob("*/*.png")))
    assert written < BLOCK * 50
    assert not multiprocessing.active_children()


def test_a_marker_left_beside_a_finished_manifest_is_cleared_away(small, make_small, tmp_path):
    out = tmp_path / "set"
    shutil.copytree(small.path, out)
    (out / "unfinished.json").write_text("{}")
    make_small(out)
    assert bytes_of(out) == bytes_of(small.path)


def test_half_of_a_different_data_set_is_never_mixed_with_another(make_small, tmp_path):
    with pytest.raises(Killed):
        make_small(tmp_path / "set", seed=1, progress=stop_at_once)
    with pytest.raises(
        InputError, match=r"holds half of a different data set \(options seed: 1 there"
    ):
        make_small(tmp_path / "set")


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
