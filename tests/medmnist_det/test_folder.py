import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from medmnist_det import folder as module
from medmnist_det.errors import InputError
from medmnist_det.folder import Folder, content_hash, options_hash, verify
from medmnist_det.formats.coco import write_coco
from medmnist_det.formats.png import encode_png, read_grey
from medmnist_det.labels import Error


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
        (change_pixel, "images/val: an image is not what the manifest describes; restore it, or rem"),
        (lambda f: (f / "images/test/000007.png").unlink(), r"000007\.png: No such file"),
        (lambda f: (f / "images/test/000007.png").write_bytes(b"x"), "is no readable image"),
        (change_json("truth/train.json", nudge), r"truth/train\.json: is not what the manifest"),
        (change_json("crowd/train.json", nudge), r"crowd/train\.json: is not what the manifest"),
        (change_json("crowd/val.json", rename_rater), r"provenance/val\.json: does not belong|crowd/val"),
        (change_json("provenance/train.json", lambda c: c["error"].reverse()), r"crowd/train\.json: is"),
        (change_json("annotators.json", lambda c: c["annotators"].pop()), r"annotators\.json: is not"),
        (change_json("manifest.json", lambda c: c.update(fingerprint="0")), "hashes do not give"),
        (change_json("manifest.json", lambda c: c.update(format=99)), "has format 99, this version"),
        (lambda f: (f / "manifest.json").write_text("{"), "manifest.json: not a whole JSON file"),
    ],
)  # fmt: skip
def test_any_change_is_found_and_named(damage, message, copy):
    damage(copy)
    with pytest.raises(InputError, match=message):
        verify(Folder.open(copy))


def test_an_edition_s_options_with_another_content_are_refused(small, monkeypatch):
    asked = options_hash(small.manifest)
    monkeypatch.setattr(module, "EDITIONS", {asked: ("an edition", small.manifest["fingerprint"])})
    assert verify(small) == small.manifest["fingerprint"]

    monkeypatch.setattr(module, "EDITIONS", {asked: ("an edition", "another")})
    with pytest.raises(InputError, match=r"is not the frozen edition \(an edition: another\)"):
        verify(small)


def test_png_files_may_be_packed_anew(copy):
    from PIL import Image

    path = copy / "images" / "train" / "000002.png"
    with Image.open(path) as image:
        image.load()
        image.save(path, optimize=True)
    verify(Folder.open(copy))


def test_a_folder_without_a_data_set_says_how_to_make_one(tmp_path):
    with pytest.raises(
        InputError, match="no data set there; make one with 'medmnist-det generate --"
    ):
        Folder.open(tmp_path)


def test_label_sets_are_found_by_name(small):
    truth, crowd = small.labels("train", "truth"), small.labels("train", "crowd")
    assert truth.raters is None
    assert crowd.raters == (1, 2, 3)
    mine = small.labels("train", "rater:2")
    assert (mine.labels.rater == 1).all()
    assert len(mine.labels) == (crowd.labels.rater == 1).sum()


def test_fused_labels_are_read_where_a_method_wrote_them(copy):
    folder = Folder.open(copy)
    truth = folder.truth("train")
    fused = replace(truth, labels=replace(truth.labels, score=np.full(len(truth.labels), 0.5)))
    (copy / "fused" / "mean").mkdir(parents=True)
    write_coco(copy / "fused" / "mean" / "train.json", fused)
    assert folder.labels("train", "fused:mean") == fused
    with pytest.raises(
        InputError, match=r"no such labels \(there are: mean\); run 'medmnist-det agg"
    ):
        folder.labels("train", "fused:wbf")


@pytest.mark.parametrize(
    ("split", "which", "message"),
    [
        ("test", "crowd", "the test split has no crowd labels, only truth"),
        ("train", "rater:9", "has no rater '9'; its raters are 1, 2, 3"),
        ("train", "rater:", "are not truth, crowd, rater:K or fused:METHOD"),
        ("train", "best", "labels 'best' are not truth"),
        ("dev", "truth", "split 'dev' is not train, val or test"),
    ],
)
def test_labels_that_are_not_there_are_refused(split, which, message, small):
    with pytest.raises(InputError, match=message):
        small.labels(split, which)


def test_provenance_names_the_true_object_behind_every_box(small):
    truth = small.truth("train").labels
    crowd = small.crowd_with_provenance("train").labels
    real = crowd.select(crowd.error != Error.SPURIOUS)
    assert np.array_equal(real.image, truth.image[real.true_object])
    assert (crowd.true_object[crowd.error == Error.SPURIOUS] == len(truth)).all()
    assert (crowd.error == Error.SPURIOUS).any()


def test_the_content_hash_sees_every_column(small):
    table = small.crowd_with_provenance("train")
    labels = table.labels
    variants = [
        replace(labels, box=labels.box + 1),
        replace(labels, label=(labels.label + 1) % 10),
        replace(labels, rater=labels.rater * 0),
        replace(labels, error=labels.error * 0),
        replace(labels, true_object=labels.true_object * 0),
        replace(labels, assigned=labels.assigned[1:]),
    ]
    hashes = {content_hash(replace(table, labels=variant)) for variant in [labels, *variants]}
    assert len(hashes) == 7
