import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from medmnist_det.errors import InputError
from medmnist_det.folder import Folder
from medmnist_det.formats.coco import write_coco
from medmnist_det.labels import Error


@pytest.fixture
def copy(small, tmp_path):
    shutil.copytree(small.path, tmp_path / "set")
    return tmp_path / "set"


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
        InputError,
        match=r"no such labels \(there are: mean\); name some that are there, or make others",
    ):
        folder.labels("train", "fused:wbf")


@pytest.mark.parametrize(
    ("split", "which", "message"),
    [
        ("test", "crowd", "the test split has no crowd labels, only truth"),
        ("train", "rater:9", "has no rater '9'; its raters are 1, 2, 3"),
        ("train", "rater:", "are not truth, crowd, rater:K, fused:METHOD, or best, worst"),
        ("train", "better", "labels 'better' are not truth"),
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


def test_a_rater_s_labels_are_of_the_images_that_it_looked_at(small):
    crowd, mine = small.crowd("train"), small.labels("train", "rater:2")
    looked = crowd.labels.assigned[crowd.labels.assigned[:, 1] == 1, 0]
    assert 0 < len(looked) < len(crowd.images)
    assert mine.images.ids == tuple(crowd.images.ids[k] for k in looked.tolist())
    theirs = crowd.labels.of_rater(1)
    assert mine.labels.box.tolist() == theirs.box.tolist()
    ids = [mine.images.ids[k] for k in mine.labels.image.tolist()]
    assert ids == [crowd.images.ids[k] for k in theirs.image.tolist()]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: {"format": 1}, "has format 1, this version reads 2; remove the folder and generate"),
        (lambda _: {"format": 2}, "manifest.json: has no 'options'; it is not as 'generate' wrote it"),
        (lambda _: [], "has format None"),
        (lambda m: m | {"counts": []}, r"manifest.json: counts is \[\]; it is not"),
        (lambda m: m | {"hashes": m["hashes"] | {"val": {}}}, "hashes val has no 'pixels'"),
        (lambda m: m | {"fingerprint": None}, "fingerprint is None"),
        (lambda m: m | {"counts": m["counts"] | {"test": {"images": True}}}, "counts test images is True"),
    ],
)  # fmt: skip
def test_a_manifest_that_is_none_is_refused_in_one_sentence(change, message, copy):
    file = copy / "manifest.json"
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
    with pytest.raises(InputError, match=message):
        Folder.open(copy)


@pytest.mark.parametrize("content", ["{}", "[]", '{"true_annotation_id": [1], "error": [7]}'])
def test_provenance_that_is_none_is_refused_in_one_sentence(content, copy):
    (copy / "provenance" / "val.json").write_text(content)
    with pytest.raises(InputError, match=r"provenance/val\.json: is not what 'generate' writes"):
        Folder.open(copy).crowd_with_provenance("val")
