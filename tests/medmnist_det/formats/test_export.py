import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from typer.testing import CliRunner

from cli import app
from medmnist_det.errors import InputError
from medmnist_det.folder import Folder
from medmnist_det.formats.export import export_folder, read_labels
from medmnist_det.formats.names import copy_images
from tests.medmnist_det.formats.files import pictures, table


@pytest.mark.parametrize("form", ["yolo", "voc", "csv"])
def test_images_that_a_rater_never_looked_at_are_left_out(form, small, tmp_path):
    crowd = small.crowd("train")
    looked = {image for image, rater in crowd.labels.assigned.tolist() if rater == 1}
    assert 0 < len(looked) < 60
    counts = export_folder(small, tmp_path / "out", form, "rater:2")["train"]
    assert (counts.images, counts.left_out) == (len(looked), 60 - len(looked))
    found = read_labels(tmp_path / "out", form, "train", None)
    assert set(found.images.names) == {crowd.images.names[k] for k in looked}
    assert len(found.labels) == np.count_nonzero(crowd.labels.rater == 1)


def _forget(folder, split, images):
    """Let nobody have looked at the images."""
    file = folder / "crowd" / f"{split}.json"
    content = orjson.loads(file.read_bytes())
    for row in content["images"][:images]:
        row["rater_list"] = []
    gone = {row["id"] for row in content["images"][:images]}
    content["annotations"] = [row for row in content["annotations"] if row["image_id"] not in gone]
    file.write_bytes(orjson.dumps(content))


@pytest.fixture
def sparse(small, tmp_path):
    shutil.copytree(small.path, tmp_path / "set")
    _forget(tmp_path / "set", "train", 7)
    (tmp_path / "set/fused/mine").mkdir(parents=True)
    for split in ("train", "val"):
        shutil.copy(tmp_path / f"set/truth/{split}.json", tmp_path / "set/fused/mine")
    return Folder.open(tmp_path / "set")


@pytest.mark.parametrize(
    ("form", "labels", "left_out"),
    [("yolo", "crowd", 7), ("csv", "crowd", 0), ("csv", "fused:mine", 7), ("voc", "truth", 0)],
)
def test_images_that_nobody_looked_at_are_no_empty_ones(form, labels, left_out, sparse, tmp_path):
    counts = export_folder(sparse, tmp_path / "out", form, labels)
    assert counts["train"].left_out == left_out
    assert counts["val"].left_out == 0
    found = read_labels(tmp_path / "out", form, "train", None)
    assert len(found.images) == 60 - left_out
    if labels == "crowd" and form == "csv":
        assert 6 not in found.labels.assigned[:, 0]


def test_the_command_says_what_it_left_out(sparse, tmp_path):
    args = ["export", str(tmp_path / "[red]out"), "--data", str(sparse.path), "--labels", "crowd"]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0
    assert f"{tmp_path}/[red]out: train, " in result.output
    assert "boxes on 53 images" in result.output
    assert "note: left out: 7 train images that nobody looked at for crowd" in result.output


def test_what_is_exported_twice_at_once_disturbs_nobody(small, tmp_path):
    own = tmp_path / ".out.part"
    own.mkdir()
    (own / "mine.txt").write_text("mine")
    export_folder(small, tmp_path / "out", "csv", "truth")
    assert (own / "mine.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.part", "out"]
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_full_disk_names_the_target(small, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    message = r"/new/images/train/000001\.png: No space left on device; free some space"
    with pytest.raises(InputError, match=message):
        export_folder(small, tmp_path / "new", "yolo", "truth")
    assert not list(tmp_path.iterdir())


def test_a_name_too_long_is_refused(small, tmp_path):
    with pytest.raises(InputError, match="File name too long; choose a shorter name"):
        export_folder(small, tmp_path / ("x" * 256), "csv", "truth")
    assert not list(tmp_path.iterdir())


def test_labels_that_are_not_there_are_refused_with_a_remedy_that_works(small, tmp_path):
    with pytest.raises(InputError, match="no such labels .there are: none.; name some that are"):
        export_folder(small, tmp_path / "out", "yolo", "fused:earl")


SECRET = "../secret.png"


@pytest.mark.parametrize("name", [SECRET, "/etc/passwd", "..", "", "a\0b", "link/secret.png"])
def test_names_that_lead_out_of_the_folder_are_not_followed(tmp_path, name):
    folder = pictures(tmp_path / "pictures")
    shutil.copy(folder / "a.png", tmp_path / "secret.png")
    (folder / "link").symlink_to(tmp_path)
    images = replace(table().images, names=("a.png", name, "c.png"))
    with pytest.raises(InputError, match="pictures: .*(leads out of this folder|is no name of a)"):
        copy_images(folder, tmp_path / "out", images)
    assert not (tmp_path / "out").exists()


def test_links_that_stay_in_the_folder_are_followed(tmp_path):
    folder = pictures(tmp_path / "pictures")
    (folder / "link.png").symlink_to("a.png")
    (tmp_path / "folder").symlink_to(folder)
    images = replace(table().images, names=("b b.png", "link.png", "c.png"))
    assert copy_images(tmp_path / "folder", tmp_path / "out", images)[1] == "link.png"


def test_no_reader_follows_a_name_out_of_the_folder(small, tmp_path):
    from medmnist_det.reference.pixels import read_images

    shutil.copytree(small.path, tmp_path / "set")
    for file in ("truth/train.json", "crowd/train.json"):
        path = tmp_path / "set" / file
        path.write_bytes(path.read_bytes().replace(b'"000001.png"', b'"../val/000001.png"'))
    folder = Folder.open(tmp_path / "set")
    for labels in ("truth", "crowd"):
        with pytest.raises(InputError, match=r"'\.\./val/000001\.png' leads out of this folder"):
            export_folder(folder, tmp_path / "out", "voc", labels)
    with pytest.raises(InputError, match="leads out of this folder"):
        read_images(folder.images("train"), folder.truth("train").images)
    from medmnist_det.dataset import MedMnistDetection

    with pytest.raises(InputError, match="leads out of this folder"):
        MedMnistDetection(folder.path)[0]


@pytest.mark.parametrize("name", ["a\nb.png", "a\x1b[31m.png"])
def test_image_names_that_a_list_cannot_hold_are_not_written(tmp_path, name):
    folder = pictures(tmp_path / "pictures")
    shutil.copy(folder / "a.png", folder / name)
    images = replace(table().images, names=("a.png", name, "c.png"))
    with pytest.raises(InputError, match="of an image holds a control character"):
        copy_images(folder, tmp_path / "out", images)
