"""Labels that go to another library and come back are the same: raters, scores, who looked."""

import numpy as np
import pytest

from medmnist_det.formats import (
    from_datasets,
    from_fiftyone,
    from_supervision,
    to_datasets,
    to_fiftyone,
    to_frame,
    to_supervision,
)
from medmnist_det.labels import Labels, LabelSet

CLASSES = dict(zip(range(1, 11), "0123456789", strict=True))
WHICH = ("truth", "crowd")


def test_supervision_gives_back_what_it_got(small):
    pytest.importorskip("supervision", reason="supervision is not installed")
    for which in WHICH:
        labels = small.labels("train", which)
        there = to_supervision(labels)
        assert len(there) == len(labels.images)
        assert_same(from_supervision(there, CLASSES), labels)
    assert sum(map(len, there)) == len(labels.labels)
    assert [who for one in there for who in one.data["rater"].tolist()] == [
        labels.raters[k] for k in labels.labels.rater.tolist()
    ]


def test_hugging_face_gives_back_what_it_got(small, tmp_path):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    for which in WHICH:
        labels = small.labels("train", which)
        there = to_datasets(labels, small.images("train"))
        assert there.features["objects"].feature["category"].names == list("0123456789")
        assert there[0]["image"].size == (96, 96)
        there.remove_columns("image").save_to_disk(str(tmp_path / which.replace(":", "-")))
        back = datasets.load_from_disk(str(tmp_path / which.replace(":", "-")))
        assert_same(from_datasets(back), labels)
    with pytest.raises(ValueError, match="dataset: has no column objects"):
        from_datasets(there.remove_columns("objects"))


def test_fiftyone_gives_back_what_it_got_but_for_rounding(small):
    pytest.importorskip("fiftyone", reason="fiftyone is not installed")
    for which in WHICH:
        labels = small.labels("train", which)
        back = from_fiftyone(to_fiftyone(labels, small.images("train")), classes=CLASSES)
        assert back.labels.box == pytest.approx(labels.labels.box, abs=1e-9)
        exact = LabelSet(
            images=back.images, classes=back.classes, raters=back.raters,
            labels=Labels(
                **{n: getattr(back.labels, n) for n in ("images", "image", "label", "rater", "assigned")},
                box=labels.labels.box,
            ),
        )  # fmt: skip
        assert_same(exact, labels)


def test_scores_and_unseen_images_are_kept(small):
    pytest.importorskip("supervision", reason="supervision is not installed")
    labels = small.truth("val")
    scored = Labels(
        images=20, image=labels.labels.image, box=labels.labels.box, label=labels.labels.label,
        score=np.linspace(0, 1, len(labels.labels)),
    )  # fmt: skip
    table = LabelSet(images=labels.images, classes=labels.classes, labels=scored)
    assert_same(from_supervision(to_supervision(table), CLASSES), table)
    frame = to_frame(table, empty=True)
    assert frame.score.dropna().tolist() == scored.score.tolist()
    assert set(frame.image) == set(labels.images.ids)


def test_a_library_that_is_not_there_is_named(small, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "supervision", None)
    with pytest.raises(
        ImportError, match=r"to_supervision\(\) needs the package 'supervision'.*pip"
    ):
        to_supervision(small.truth("val"))


def test_supervision_s_bare_detections_need_names():
    sv = pytest.importorskip("supervision", reason="supervision is not installed")
    bare = sv.Detections(xyxy=np.array([[0.0, 0, 5, 5]]), class_id=np.array([1]))
    with pytest.raises(ValueError, match="no class_name, and class_id counts a list of classes"):
        from_supervision([bare])
    assert from_supervision([bare], ["cat", "dog"]).classes.names == ("cat", "dog")
    assert from_supervision([bare], ["cat", "dog"]).labels.label.tolist() == [1]
    nameless = sv.Detections(xyxy=np.array([[0.0, 0, 5, 5]]))
    with pytest.raises(ValueError, match="image 0 has boxes and no labels"):
        from_supervision([nameless])


def assert_same(a, b):
    assert a.labels == b.labels
    assert (a.images, a.classes, a.raters) == (b.images, b.classes, b.raters)
