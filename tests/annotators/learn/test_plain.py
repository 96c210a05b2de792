import shutil
from dataclasses import replace

import numpy as np
import pytest

from annotators.aggregation import fuse_missing
from annotators.learn.registry import fused_by, methods, teacher_of
from medmnist_det.errors import InputError
from medmnist_det.folder import Folder
from medmnist_det.reference.lessons import Weighting
from medmnist_det.reference.recipe import Recipe


@pytest.fixture(scope="module")
def blind(small, tmp_path_factory):
    """A data set whose train and val truth nobody can read."""
    path = tmp_path_factory.mktemp("blind") / "set"
    shutil.copytree(small.path, path)
    for split in ("train", "val"):
        (path / "truth" / f"{split}.json").unlink()
    folder = Folder.open(path)
    for method in ("wbf-agnostic", "majority-vote", "dawid-skene"):
        fuse_missing(folder, method)
    return folder


def learn(folder, method, **weighting):
    return teacher(method, **weighting).lessons(folder, "train")


def teacher(method, **weighting):
    return teacher_of(method)(Recipe(method=method, weighting=Weighting(**weighting)))


def test_labels_that_are_there_are_left_as_they_are(small, tmp_path):
    shutil.copytree(small.path, tmp_path / "set")
    folder = Folder.open(tmp_path / "set")
    said = fuse_missing(folder, "wbf")
    assert [kind for kind, sentence in said if "aggregated: " in sentence] == ["note"] * 2
    kept, lost = (
        tmp_path / "set" / "fused" / "wbf" / f"{split}.json" for split in ("train", "val")
    )
    kept.write_text("mine")
    lost.unlink()
    (said,) = [sentence for _, sentence in fuse_missing(folder, "wbf") if "aggregated" in sentence]
    assert str(lost) in said
    assert kept.read_text() == "mine"


def with_labels(known, **columns):
    labels = replace(known.label_set.labels, **columns)
    return replace(known, label_set=replace(known.label_set, labels=labels))


def test_labels_that_make_no_sense_are_doubted_and_others_are_not(small):
    known = learn(small, "oracle")
    assert known.doubts() == []
    labels = known.label_set.labels
    threes = with_labels(known, label=np.where(labels.label == 7, 3, labels.label))
    assert threes.doubts() == ["no box is called '7': the detector cannot learn what that is"]
    alike = with_labels(known, box=np.tile([0.0, 0.0, 20.0, 30.0], (len(labels), 1)))
    [said] = alike.doubts()
    assert said.startswith(f"all {len(labels)} boxes are 20 x 30 px")


def test_the_oracle_learns_the_truth(small):
    found = learn(small, "oracle")
    assert found.label_set.labels == small.truth("train").labels
    assert found.classes.argmax(axis=1).tolist() == found.label_set.labels.label.tolist()
    assert (found.weight == 1).all()


def test_the_baseline_learns_every_box(blind):
    found = learn(blind, "baseline")
    assert len(found.label_set.labels) == blind.manifest["counts"]["train"]["crowd"]
    assert (found.weight == 1).all()


def test_a_rater_teaches_nothing_about_images_that_it_did_not_look_at(blind):
    crowd = blind.crowd("train")
    found = learn(blind, "rater:2")
    assigned = crowd.labels.assigned
    mine = assigned[assigned[:, 1] == 1, 0]
    assert found.label_set.images.ids == tuple(crowd.images.ids[k] for k in mine.tolist())
    assert found.looked.all()
    assert (found.label_set.labels.rater == 1).all()


def test_earl_weighs_a_fused_box_by_the_raters_behind_it(blind):
    plain, earl = learn(blind, "wbf"), learn(blind, "earl")
    assert (plain.weight == 1).all()
    assert earl.label_set.labels == plain.label_set.labels
    assert set(earl.weight.tolist()) == {1.0, 2.0}
    assert earl.weight.sum() <= blind.manifest["counts"]["train"]["crowd"]
    share = learn(blind, "earl", confidence="share")
    looked = np.bincount(blind.crowd("train").labels.assigned[:, 0])
    assert share.weight == pytest.approx(earl.weight / looked[earl.label_set.labels.image])
    even = learn(blind, "earl", normalise_weights=True)
    assert even.weight.mean() == pytest.approx(1.0)
    assert even.weight / even.weight[0] == pytest.approx(earl.weight / earl.weight[0])


def test_dawid_skene_teaches_a_posterior_with_the_probability_of_the_object_as_weight(blind):
    found = learn(blind, "dawid-skene")
    assert found.classes.sum(axis=1) == pytest.approx(1.0, abs=1e-6)
    assert (found.classes.max(axis=1) < 0.999).any()
    assert (found.classes.argmax(axis=1) == found.label_set.labels.label).all()
    assert ((found.weight > 0) & (found.weight <= 1)).all()
    score = found.weight * found.classes.max(axis=1)
    assert score == pytest.approx(found.label_set.labels.score, abs=1e-6)


@pytest.mark.parametrize(
    "method", ["baseline", "rater:1", "wbf", "earl", "majority-vote", "dawid-skene"]
)
def test_every_method_but_the_oracle_does_without_the_truth(blind, method):
    for split in ("train", "val"):
        assert len(teacher(method).lessons(blind, split).label_set.labels) > 0
        with pytest.raises(InputError, match="truth"):
            teacher("oracle").lessons(blind, split)


def test_unknown_methods_and_raters_are_refused_with_the_ones_there_are(blind):
    with pytest.raises(InputError, match="--method 'best' is not known: choose oracle, baseline"):
        fused_by("best")
    with pytest.raises(InputError, match="has no rater '9'; its raters are 1, 2, 3"):
        learn(blind, "rater:9")
    assert all(isinstance(fused_by(method), str | None) for method in methods())


def test_details_that_do_not_belong_to_the_labels_are_refused(blind, tmp_path):
    path = tmp_path / "set"
    shutil.copytree(blind.path, path)
    details = path / "fused" / "wbf-agnostic" / "train.details.json"
    for content, reason in (('{"annotations": []}', "is not what"), ("{}", "is not what")):
        details.write_text(content)
        with pytest.raises(InputError, match=f"{reason}.* run 'medmnist-det aggregate"):
            learn(Folder.open(path), "earl")


def test_lessons_are_known_by_all_that_they_teach(blind, small):
    methods = ("baseline", "rater:1", "rater:2", "wbf", "earl", "majority-vote", "dawid-skene")
    found = {method: learn(blind, method).digest() for method in methods}
    assert len(set(found.values())) == len(methods)
    assert learn(small, "baseline").digest() == found["baseline"]
    assert learn(blind, "earl", confidence="share").digest() != found["earl"]
    assert teacher("wbf").lessons(blind, "val").digest() != found["wbf"]
