"""Files are whole or absent, inputs survive, and one folder has one writer at a time."""

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from medmnist_det.errors import InputError, RefusedError
from medmnist_det.files import clear_leftovers, naming, write_atomically
from medmnist_det.guards import locked, refuse_overwrite

ROOT = Path(__file__).parents[2]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_two_writers_of_one_file_leave_one_of_the_two_whole(tmp_path):
    path, barrier = tmp_path / "x.json", threading.Barrier(2)

    def write(letter):
        def chunks():
            for _ in range(20):
                yield letter * 1000
                time.sleep(0.001)

        barrier.wait()
        write_atomically(path, chunks())

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert path.read_bytes() in (b"a" * 20_000, b"b" * 20_000)
    assert names(tmp_path) == ["x.json"]


def test_a_file_of_the_user_s_that_looks_temporary_is_left_alone(tmp_path):
    for name in (".x.json.part", ".x.part", "x.json.part"):
        (tmp_path / name).write_text("mine")
    write_atomically(tmp_path / "x.json", [b"ours"])
    clear_leftovers(tmp_path)
    assert names(tmp_path) == [".x.json.part", ".x.part", "x.json", "x.json.part"]


def test_a_name_of_the_greatest_length_can_be_written(tmp_path):
    path = tmp_path / ("x" * 255)
    write_atomically(path, [b"x"])
    assert path.read_bytes() == b"x"
    with pytest.raises(RefusedError, match="File name too long; choose a shorter name"):
        write_atomically(tmp_path / ("x" * 256), [b"x"])


def test_what_is_written_lies_on_the_disk_before_it_takes_the_old_one_s_place(
    tmp_path, monkeypatch
):
    done = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *given, name=name, real=real: (done.append(name), real(*given))[1]
        )
    write_atomically(tmp_path / "x.json", [b"x"])
    assert done == ["fsync", "replace", "fsync"]


def test_a_killed_writer_s_leftovers_are_cleared_below_a_folder(tmp_path):
    (tmp_path / "truth").mkdir()
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from medmnist_det.files import write_atomically\n"
        "def chunks():\n"
        "    yield b'x'\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_atomically(Path(sys.argv[1]), chunks())"
    )
    run(script, tmp_path / "truth" / "x.json", code=-signal.SIGKILL)
    assert [name.endswith(".part") for name in names(tmp_path / "truth")] == [True]
    clear_leftovers(tmp_path)
    assert names(tmp_path / "truth") == []


def run(script, *arguments, code=0):
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def test_a_nul_in_a_name_is_a_sentence(tmp_path):
    path = tmp_path / "a\0b"
    with (
        pytest.raises(InputError, match=r"no file name holds a NUL; rename it"),
        naming(path),
    ):
        path.open()


def test_our_own_value_errors_stay_what_they_are(tmp_path):
    with pytest.raises(ValueError, match="ours"), naming(tmp_path):
        raise ValueError("ours")


def test_too_many_open_files_has_a_remedy(tmp_path):
    with pytest.raises(RefusedError, match=r"Too many open files; let programs open more"), naming(tmp_path):  # fmt: skip
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def hold(folder, line):
    with locked(folder):
        line.send("held")
        line.poll(30)


@pytest.fixture
def held(tmp_path):
    """A folder whose lock another process holds; and the line by which it is told to let go."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=hold, args=(tmp_path, theirs))
    process.start()
    assert ours.poll(60)
    assert ours.recv() == "held"
    yield process, ours
    process.kill()
    process.join(30)


def test_a_folder_has_one_writer_at_a_time(held, tmp_path):
    process, line = held
    with pytest.raises(RefusedError, match="another medmnist-det command is at work in this fold"):  # noqa: SIM117
        with locked(tmp_path):
            pass
    line.send("go")
    process.join(30)
    with locked(tmp_path):
        assert names(tmp_path) == []
    assert names(tmp_path) == []


def test_a_lock_ends_with_its_process_however_that_ends(held, tmp_path):
    process, _ = held
    process.kill()
    process.join(30)
    with locked(tmp_path):
        pass


def test_who_waits_gets_the_lock_when_it_is_free(held, tmp_path):
    _, line = held
    threading.Timer(0.2, line.send, ("go",)).start()
    began = time.monotonic()
    with locked(tmp_path, wait=True):
        assert time.monotonic() - began > 0.1


def test_a_folder_that_is_not_there_cannot_be_locked(tmp_path):
    with pytest.raises(RefusedError, match="nowhere: No such file or directory"):  # noqa: SIM117
        with locked(tmp_path / "nowhere"):
            pass


def test_an_output_that_is_an_input_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.json"
    path.write_text("x")
    (tmp_path / "link.json").symlink_to(path)
    (tmp_path / "hard.json").hardlink_to(path)
    (tmp_path / "sub").mkdir()
    for out in ("x.json", "./x.json", "sub/../x.json", "link.json", "hard.json", str(path)):
        with pytest.raises(
            InputError, match=r"^--json .*: is x\.json, which this command reads or"
        ):
            refuse_overwrite(Path(out), [None, Path("x.json")], "--json")
    refuse_overwrite(Path("y.json"), [path])
    refuse_overwrite(Path("sub/x.json"), [path])


def test_an_output_inside_of_an_input_folder_is_refused(tmp_path):
    (tmp_path / "ys" / "labels").mkdir(parents=True)
    for out in ("ys/data.yaml", "ys", "ys/labels/new/x.txt", "other/../ys/x"):
        with pytest.raises(
            InputError, match=r"--out .*ys.*: (lies in|is) .*ys, which this command"
        ):
            refuse_overwrite(tmp_path / out, [tmp_path / "ys"])
    refuse_overwrite(tmp_path / "ys2", [tmp_path / "ys"])
    refuse_overwrite(tmp_path, [tmp_path / "ys"])  # a folder for outputs that holds the input, too


def test_an_input_that_does_not_exist_yet_protects_its_name(tmp_path):
    with pytest.raises(InputError, match="reads or has just written"):
        refuse_overwrite(tmp_path / "x", [tmp_path / "x"])
