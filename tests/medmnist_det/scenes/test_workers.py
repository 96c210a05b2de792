"""What happens to the other processes, and to the folder, when one of them is in trouble."""

import multiprocessing
import time
from dataclasses import replace

import pytest

from medmnist_det.errors import InputError
from medmnist_det.folder import Folder
from medmnist_det.generation import Plan, generate
from medmnist_det.scenes import workers as image_files
from medmnist_det.scenes.composer import BLOCK, SceneOptions
from tests.conftest import small_crowd

EASY = SceneOptions(canvas=64, side=(12, 30))
IMPOSSIBLE = SceneOptions(canvas=64, side=(60, 64), empty=0, count=(9, 9))
compose = image_files._write_block


@pytest.fixture
def two(optdigits, tmp_path):
    """Generate with two processes into one folder."""

    def run(scenes=EASY):
        plan = Plan(scenes=scenes, images={"train": BLOCK * 4, "val": 1, "test": 0})
        return generate(tmp_path / "set", plan, optdigits, small_crowd(), workers=2)

    return run


def wait_for_a_helper():
    while not multiprocessing.active_children():
        time.sleep(0.01)


def test_options_that_fail_in_another_process_leave_nothing_behind(two, tmp_path, monkeypatch):
    # Whatever is composed here goes well.
    monkeypatch.setattr(
        image_files, "_write_block", lambda job, task: compose(replace(job, scenes=EASY), task)
    )
    monkeypatch.setattr(image_files, "_popped", patiently(image_files._popped))
    with pytest.raises(InputError, match="find no room"):
        two(IMPOSSIBLE)
    assert not (tmp_path / "set").exists()


def patiently(popped):
    """Let a helper's thread have the first block."""
    import threading

    def wait(left):
        if threading.current_thread() is threading.main_thread():
            time.sleep(0.2)
        return popped(left)

    return wait


def test_when_a_process_is_killed_the_next_run_completes_the_set(two, tmp_path, monkeypatch):
    def kill(job, task):
        wait_for_a_helper()
        for child in multiprocessing.active_children():
            child.kill()
        return compose(job, task)

    monkeypatch.setattr(image_files, "_write_block", kill)
    with pytest.raises(
        InputError, match="a worker process was killed, .* again with fewer --workers"
    ):
        two()
    monkeypatch.undo()
    with pytest.raises(InputError, match="unfinished"):
        Folder.open(tmp_path / "set")
    assert two().splits == ("train", "val")


def test_control_c_ends_all_processes_at_once(two, monkeypatch):
    def stop(job, task):
        wait_for_a_helper()
        raise KeyboardInterrupt

    monkeypatch.setattr(image_files, "_write_block", stop)
    with pytest.raises(KeyboardInterrupt):
        two()
    assert not multiprocessing.active_children()
