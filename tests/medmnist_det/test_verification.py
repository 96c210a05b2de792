"""Whatever is changed in a data set is found, and the file is named."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from annotators.aggregation import fuse_missing
from medmnist_det.errors import InputError
from medmnist_det.folder import Folder
from medmnist_det.formats.coco import write_coco
from medmnist_det.formats.png import encode_png, read_grey
from medmnist_det.hashes import seal
from medmnist_det.verification import verify


@pytest.fixture
def copy(small, tmp_path):
    shutil.copytree(small.path, tmp_path / "set")
    return tmp_path / "set"


def test_an_intact_data_set_passes_and_every_image_is_read(small):
    read = []
    assert verify(small, read.append) == small.manifest["fingerprint"]
    assert sum(read) == 100


def change_pixel(folder):
    path = folder / "images" / "val" / "000003.png"
    pixels = read_grey(path).copy()
    pixels[5, 5] ^= 1
    path.write_bytes(encode_png(pixels))


def change_json(name, change):
    def damage(folder):
        content = json.loads((folder / name).read_text())
        change(content)
        (folder / name).write_text(json.dumps(content))

    return damage


def nudge(content):
    content["annotations"][0]["bbox"][2] += 1 / 65536


def rename_rater(content):
    content["images"][0]["rater_list"].remove(1)
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] != 1]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change_pixel, r"images/val/000003\.png: not the picture that was written there; restore it, or rem"),
        (lambda f: (f / "images/test/000007.png").unlink(), r"000007\.png: No such file"),
        (lambda f: (f / "images/test/000007.png").write_bytes(b"x"), "is no readable image"),
        (change_json("truth/train.json", nudge), r"truth/train\.json, annotation 0: area is .*, not"),
        (change_json("crowd/train.json", nudge), r"crowd/train\.json, annotation 0: area is .*, not"),
        (change_json("crowd/val.json", rename_rater), r"provenance/val\.json: does not belong|crowd/val"),
        (change_json("provenance/train.json", lambda c: c["error"].reverse()), r"provenance/train\.json: (is|names no true object)"),
        (change_json("annotators.json", lambda c: c["annotators"].pop()), r"annotators\.json: is not"),
        (change_json("manifest.json", lambda c: c.update(fingerprint="0")), r"manifest\.json: was changed after it was made"),
        (change_json("manifest.json", lambda c: c.update(format=99)), "has format 99, this version"),
        (lambda f: (f / "manifest.json").write_text("{"), "manifest.json: not a whole JSON file"),
    ],
)  # fmt: skip
def test_any_change_is_found_and_named(damage, message, copy):
    damage(copy)
    with pytest.raises(InputError, match=message):
        verify(Folder.open(copy))


def test_png_files_may_be_packed_anew(copy):
    from PIL import Image

    path = copy / "images" / "train" / "000002.png"
    with Image.open(path) as image:
        image.load()
        image.save(path, optimize=True)
    verify(Folder.open(copy))


def entry(list_name, k, **values):
    return lambda content: content[list_name][k].update(values)


@pytest.mark.parametrize("file", ["truth/train.json", "truth/test.json", "crowd/val.json"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (entry("annotations", 2, iscrowd=1), "annotation 2: iscrowd is 1, not 0"),
        (entry("annotations", 2, area=1.5), r"annotation 2: area is 1\.5, not"),
        (lambda c: [a.update(score=0.5) for a in c["annotations"]], "annotation 0: 'score' is not what"),
        (entry("annotations", 2, id=7_777), "annotation 2: id is 7777, not 3"),
        (entry("annotations", 2, segmentation=[]), r"annotation 2: segmentation is \[\], not"),
        (entry("images", 1, date="x"), "image 1: 'date' is not what generate writes"),
        (lambda c: c["annotations"][3].pop("area"), "annotation 3: has no 'area'"),
        (lambda c: c.update(info={}), "'info' is not what generate writes"),
        (lambda c: c["annotations"].reverse(), "annotation 0: id is"),
    ],
)  # fmt: skip
def test_every_value_of_a_label_file_is_checked(file, change, message, copy):
    change_json(file, change)(copy)
    with pytest.raises(InputError, match=message) as refused:
        verify(Folder.open(copy))
    assert file in str(refused.value)


def test_files_of_labels_may_be_laid_out_anew(copy):
    for file in ("truth/train.json", "crowd/val.json", "provenance/val.json"):
        content = json.loads((copy / file).read_text())
        (copy / file).write_text(json.dumps(content, indent=3, sort_keys=True))
    verify(Folder.open(copy))


def of_the_manifest(change, sealed=True):
    """Change the manifest; ``sealed``: as somebody would who knows how it is sealed."""

    def damage(folder):
        content = json.loads((folder / "manifest.json").read_text())
        change(content)
        if sealed:
            content["seal"] = seal(content)
        (folder / "manifest.json").write_text(json.dumps(content))

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (of_the_manifest(lambda m: m["counts"]["val"].update(images=0)), "counts {'images': 0"),
        (of_the_manifest(lambda m: m["counts"]["train"].update(crowd=5)), r"manifest\.json: counts"),
        (of_the_manifest(lambda m: m["counts"]["test"].update(empty=0)), r"manifest\.json: counts"),
        (of_the_manifest(lambda m: m["hashes"]["val"].update(pixels="0")), r"digests/val\.txt: is not"),
        (of_the_manifest(lambda m: m.update(fingerprint="0")), "hashes do not give its fingerprint"),
        (of_the_manifest(lambda m: m["options"].update(seed=1), sealed=False), "was changed after it"),
        (of_the_manifest(lambda m: m.update(made_by="me"), sealed=False), "was changed after it was made"),
        (of_the_manifest(lambda m: m["digits"].update(source="mnist"), sealed=False), "was changed after"),
    ],
)  # fmt: skip
def test_the_manifest_is_checked_too(damage, message, copy):
    damage(copy)
    with pytest.raises(InputError, match=message):
        verify(Folder.open(copy))


def test_counts_of_nothing_hide_no_garbage(copy):
    (copy / "images" / "test" / "000001.png").write_bytes(b"garbage")
    (copy / "truth" / "test.json").write_text("garbage")
    of_the_manifest(lambda m: m["counts"]["test"].update(images=0, empty=0, objects=0))(copy)
    with pytest.raises(InputError, match=r"truth/test\.json: not a whole JSON file"):
        verify(Folder.open(copy))


def test_pictures_that_changed_places_are_named_both(copy):
    a, b = (copy / "images" / "train" / f"{k:06d}.png" for k in with_digits(copy)[:2])
    first, second = a.read_bytes(), b.read_bytes()
    a.write_bytes(second)
    b.write_bytes(first)
    with pytest.raises(InputError, match=rf"{a.name}, .*{b.name}: not the picture that was"):
        verify(Folder.open(copy))


def with_digits(folder):
    truth = Folder.open(folder).truth("train").labels
    return [int(k) + 1 for k in np.unique(truth.image)]


def test_many_changed_pictures_are_counted_not_listed(copy):
    for k in range(1, 21):
        (copy / "images" / "train" / f"{k:06d}.png").write_bytes(
            encode_png(np.full((96, 96), 7, dtype=np.uint8))
        )
    with pytest.raises(InputError, match=r"000005\.png and 15 more: not the picture"):
        verify(Folder.open(copy))


def test_a_picture_of_another_shape_with_the_same_pixels_is_found(copy):
    path = copy / "images" / "train" / "000002.png"
    path.write_bytes(encode_png(read_grey(path).reshape(48, 192)))
    with pytest.raises(InputError, match=r"000002\.png: not the picture"):
        verify(Folder.open(copy))


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt", "images/train/000061.png", "images/train/copy/000001.png", "images/dev/1.png",
        "truth/dev.json", "crowd/test.json", "provenance/train.json.bak", "digests/dev.txt",
        "fused/mine.json", "fused/wbf/test.json", "fused/wbf/train.png", ".medmnist-det-1.part",
    ],
)  # fmt: skip
def test_what_does_not_belong_there_is_named(name, copy):
    (copy / name).parent.mkdir(parents=True, exist_ok=True)
    (copy / name).write_text("x")
    with pytest.raises(InputError, match="no part of the data set; move it out of") as refused:
        verify(Folder.open(copy))
    parts = [part for part in (copy / name, *(copy / name).parents) if part.is_relative_to(copy)]
    assert any(f"{copy}: {part.relative_to(copy)}: " in str(refused.value) for part in parts[:-1])


def test_what_desktops_leave_in_folders_does_no_harm(copy):
    (copy / "images" / "train" / ".DS_Store").write_text("x")
    (copy / "Thumbs.db").write_text("x")
    verify(Folder.open(copy))


@pytest.fixture
def with_fused(copy):
    folder = Folder.open(copy)
    fuse_missing(folder, "majority-vote")
    fuse_missing(folder, "rater:2")
    verify(folder)
    return folder


def test_fused_labels_that_were_cut_or_changed_are_found(with_fused):
    file = with_fused.fused_file("majority-vote", "train")
    whole = file.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"[]"):
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"majority-vote/train\.json: "):
            verify(with_fused)
    labels = json.loads(whole)
    labels["annotations"][0]["score"] /= 2
    file.write_text(json.dumps(labels))
    with pytest.raises(
        InputError, match=r"train\.details\.json: belongs to other labels than those"
    ):
        verify(with_fused)
    file.write_bytes(whole)
    verify(with_fused)


def test_fused_labels_without_or_with_cut_details_are_found(with_fused):
    details = with_fused.path / "fused" / "rater-2" / "val.details.json"
    details.write_bytes(details.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"val\.details\.json: not a whole JSON file"):
        verify(with_fused)
    details.unlink()
    with pytest.raises(InputError, match=r"val\.details\.json: No such file"):
        verify(with_fused)


def test_fused_labels_whose_posteriors_were_changed_are_found(with_fused):
    details = with_fused.path / "fused" / "majority-vote" / "val.details.json"
    content = json.loads(details.read_text())
    content["annotations"][0]["posterior"].reverse()
    details.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"val\.details\.json: is not what 'aggregate' writes"):
        verify(with_fused)


def test_fused_labels_of_another_crowd_are_found(with_fused, make_small, tmp_path):
    other = make_small(tmp_path / "other", seed=1)
    shutil.copytree(with_fused.fused_folder, other.fused_folder)
    with pytest.raises(InputError, match=r"train\.json: was made from another crowd than the one"):
        verify(other)
    with pytest.raises(InputError, match="was made from another crowd"):
        other.labels("train", "fused:majority-vote")


def test_a_forged_edition_is_no_edition(copy, monkeypatch):
    """Flags set, hash and seal made anew: the labels that the fingerprint stands for have none."""
    from medmnist_det import hashes, verification

    folder = Folder.open(copy)
    asked = hashes.options_hash(folder.manifest)
    editions = {asked: ("a test edition", folder.manifest["fingerprint"])}
    monkeypatch.setattr(verification, "EDITIONS", editions)
    verify(folder)
    truth = folder.truth("test")
    flags = np.ones(len(truth.labels), dtype=bool)
    write_coco(
        folder.truth_file("test"), replace(truth, labels=replace(truth.labels, iscrowd=flags))
    )
    of_the_manifest(lambda m: m.update(seal=""))(copy)
    with pytest.raises(InputError, match="annotation 0: iscrowd is 1, not 0"):
        verify(Folder.open(copy))


def test_the_options_of_an_edition_with_another_content_are_refused(small, monkeypatch):
    from medmnist_det import hashes, verification

    asked = hashes.options_hash(small.manifest)
    monkeypatch.setattr(verification, "EDITIONS", {asked: ("a test edition", "another")})
    with pytest.raises(InputError, match=r"is not the frozen edition \(a test edition: another\)"):
        verify(small)


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_data_set_may_lie_behind_links(copy, tmp_path):
    shutil.move(copy / "images" / "train", tmp_path / "elsewhere")
    (copy / "images" / "train").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "link").symlink_to(copy)
    verify(Folder.open(tmp_path / "link"))
    (tmp_path / "elsewhere" / "x.png").write_text("x")
    with pytest.raises(InputError, match=r"train/x\.png: no part of the data set"):
        verify(Folder.open(tmp_path / "link"))
