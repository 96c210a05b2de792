"""Scores are those of files, whatever form boxes have; nothing is shifted or guessed."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas
import polars
import pytest

import medmnist_det
from evaluation.assessment import Options, assess
from evaluation.read.source import open_truth
from medmnist_det.formats import from_supervision, to_frame, to_supervision, write_results
from medmnist_det.labels import Labels, LabelSet

EVERY = ("boxes", "labels", "scores")


def detector(truth, seed=0):
    """Boxes of a made-up detector: some moved, some misnamed, with scores that differ."""
    rng = np.random.default_rng(seed)
    labels = truth.labels
    kept = rng.random(len(labels)) < 0.9
    box = labels.box[kept] + rng.integers(-2, 3, (kept.sum(), 4))
    box[:, 2:] = np.maximum(box[:, 2:], box[:, :2] + 1)
    label = np.where(rng.random(kept.sum()) < 0.2, 0, labels.label[kept])
    found = Labels(
        images=labels.images, image=labels.image[kept], box=box, label=label,
        score=rng.permutation(kept.sum()) / kept.sum(),
    )  # fmt: skip
    return LabelSet(images=truth.images, classes=truth.classes, labels=found)


@pytest.fixture(scope="module")
def files(small, tmp_path_factory):
    found = detector(small.truth("test"))
    path = tmp_path_factory.mktemp("preds") / "preds.json"
    write_results(path, found)
    return path, found


@pytest.fixture(scope="module")
def of_files(small, files):
    return assess(open_truth(small.path, "test", None), files[0], Options())


def listed(found):
    """A detector's output as torchvision's models give it: labels from 1, empty images too."""
    labels, ids = found.labels, found.classes.ids
    rows = [slice(*labels.starts[k : k + 2]) for k in range(labels.images)]
    return [
        {
            "boxes": labels.box[one],
            "labels": np.array([ids[k] for k in labels.label[one]], dtype=np.int64),
            "scores": labels.score[one],
        }
        for one in rows
    ]


def forms(small, found):
    """The same boxes in all forms that are not files."""
    data = medmnist_det.Dataset(small.path, "test")
    named = [one | {"image_id": k} for k, one in zip(found.images.ids, listed(found), strict=True)]
    frame = to_frame(found)
    numbers = frame.assign(label=[found.classes.ids[k] for k in found.labels.label])
    columns = {name: numbers[name].to_numpy() for name in numbers}
    yield "list beside a Dataset", data, listed(found)
    yield "list beside a list", [target for _, target in data], listed(found)
    yield "list with ids beside a folder", small.path, named
    yield "table of names beside a folder", str(small.path), frame
    yield "table of numbers beside what open gives", medmnist_det.open(small.path), numbers
    yield "Polars", small.truth_file("test"), polars.from_pandas(numbers)
    yield "columns", small.truth("test"), columns
    yield "supervision", small.truth("test"), to_supervision(found)
    truth = to_frame(small.truth("test"))
    yield "tables of names", truth, frame
    ids = dict(zip(found.classes.ids, found.classes.names, strict=True))
    yield "names beside numbers, with classes", truth, numbers, {"classes": ids}


def test_every_form_scores_what_files_score(small, files, of_files):
    expected = of_files.scores
    for what, truth, given, *more in forms(small, files[1]):
        options = more[0] if more else {}
        if isinstance(truth, pandas.DataFrame):  # which cannot show an image without a box
            options = options | {"images": list(small.truth("test").images.ids)}
        scores = medmnist_det.evaluate(truth, given, **options)
        assert scores["mAP@0.4"] == pytest.approx(expected.headline[0].value, abs=1e-9), what
        assert scores["AP"] == pytest.approx(expected.coco["AP"].value, abs=1e-9), what
        first = of_files.intervals[0]
        assert scores.intervals["mAP@0.4"] == pytest.approx((first.low, first.high), abs=1e-9), what


def test_a_file_scores_as_with_the_command_to_the_last_digit(small, files, of_files, tmp_path):
    scores = medmnist_det.evaluate(small.path, files[0])
    assert scores["mAP@0.4"] == of_files.scores.headline[0].value
    scores.write_json(tmp_path / "scores.json")
    written = json.loads((tmp_path / "scores.json").read_text())
    assert written["scores"]["mAP@0.4"]["value"] == scores["mAP@0.4"]
    assert scores.to_dict()["scores"] == written["scores"]


def test_results_are_found_by_name_and_in_tables(small, files):
    scores = medmnist_det.evaluate(small.path, files[0], iou=[0.3, "0.5:0.9:0.1"])
    names = ["mAP@0.3", "mAP@[0.5:0.9:0.1]"]
    assert list(scores)[:3] == [*names, "AP"]
    assert dict(scores)["AP50"] == scores["AP50"]
    with pytest.raises(KeyError, match=r"'mAP' is no score; there are mAP@0.3, "):
        scores["mAP"]
    metrics = scores.to_frame()
    assert metrics.set_index("metric").loc["mAP@0.3", "low"] == scores.intervals["mAP@0.3"][0]
    errors = scores.to_frame("errors")
    points = errors[errors.metric == "mAP@0.3"].points.sum()
    assert points == pytest.approx(100 * (1 - scores["mAP@0.3"]))
    assert sum(scores.errors["mAP@0.3"].values()) == pytest.approx(points)
    assert scores.to_frame("classes").objects.sum() == len(small.truth("test").labels)
    assert len(scores.to_frame("sizes"))
    with pytest.raises(ValueError, match="of='curves' is not known: choose metrics"):
        scores.to_frame("curves")
    value, (low, high) = scores["mAP@0.3"], scores.intervals["mAP@0.3"]
    assert f"mAP@0.3 {value:.3f} ({low:.3f} to {high:.3f})" in repr(scores)


def test_two_detectors_are_compared_on_the_same_resamples(small, files):
    truth = small.truth("test")
    data = medmnist_det.Dataset(small.path, "test")
    worse = detector(truth, seed=1)
    found = medmnist_det.evaluate(data, listed(worse), files[0])
    gain = found.differences["mAP@0.4"]
    assert gain["value"] == pytest.approx(found.second["mAP@0.4"] - found.first["mAP@0.4"])
    assert gain["low"] <= gain["value"] <= gain["high"]
    assert found.to_frame().metric.tolist() == ["mAP@0.4", "mAP@[.5:.95]"]
    assert found.to_dict()["second"]["scores"]["mAP@0.4"]["value"] == found.second["mAP@0.4"]


def test_a_rater_is_scored_on_the_images_that_the_rater_looked_at(small):
    crowd = small.crowd("train")
    looked = len(set(crowd.labels.assigned[crowd.labels.assigned[:, 1] == 1, 0].tolist()))
    file = medmnist_det.evaluate(small.path, small.crowd_file("train"), split="train", rater=2)
    for given in (crowd, to_frame(crowd, empty=True), to_supervision(crowd)):
        scores = medmnist_det.evaluate(small.path, given, split="train", rater=2)
        assert scores["mAP@0.4"] == pytest.approx(file["mAP@0.4"], abs=1e-9)
        assert scores.assessment.scores.images == looked < 60
    with pytest.raises(ValueError, match=r"choose one with rater=, of 1, 2, 3"):
        medmnist_det.evaluate(small.path, crowd, split="train")
    with pytest.raises(ValueError, match="no rater '9' among 3 raters"):
        medmnist_det.evaluate(small.path, crowd, split="train", rater=9)
    frame = to_frame(crowd)
    with pytest.warns(UserWarning, match="rater 2 is taken to have looked at every image"):
        medmnist_det.evaluate(small.path, frame, split="train", rater="2")


def test_labels_that_count_from_another_number_are_refused_or_told(small, files):
    data = medmnist_det.Dataset(small.path, "test")
    from_zero = [one | {"labels": one["labels"] - 1} for one in listed(files[1])]
    with pytest.raises(ValueError, match="label 0 is not among .*count classes from 0: add 1"):
        medmnist_det.evaluate(data, from_zero)
    # Where no label gives it away, the scores do.
    some = [{name: one[name][one["labels"] > 0] for name in EVERY} for one in from_zero]
    with pytest.warns(UserWarning, match=r"with every label \+1: do they count classes"):
        medmnist_det.evaluate(data, some)
    bare = to_supervision(files[1])
    for one in bare:
        del one.data["class_name"]
    with pytest.raises(ValueError, match=r"without data\['class_name'\] count classes from 0"):
        medmnist_det.evaluate(small.truth("test"), bare)
    ids = files[1].classes.ids
    names = dict(zip(ids, files[1].classes.names, strict=True))
    assert from_supervision(bare, list(names.values())).classes.names == tuple("0123456789")


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda some: some[1:], ValueError, r"predictions: has 19 items, truth 20; give one for every"),
        (lambda some: [{k: one[k] for k in EVERY[:2]} for one in some], ValueError, "has no scores; add them"),
        (lambda some: [one | {"scores": one["scores"] * np.nan} for one in some], ValueError, "has the score nan"),
        (lambda some: [one | {"boxes": one["boxes"][:, ::-1]} for one in some], ValueError, "negative size"),
        (lambda some: [one | {"image_id": k + 500} for k, one in enumerate(some)], ValueError, "20 of its 20 images are not in the truth"),
        (lambda some: [one | {"image_id": k + 1} for k, one in enumerate(some)][:5], ValueError, "has items for 5 of the truth's 20 images"),
        (lambda _: 5, TypeError, "predictions is of type int; give a path"),
        (lambda _: "nowhere.json", ValueError, "nowhere.json: No such file"),
    ],
)  # fmt: skip
def test_predictions_that_do_not_fit_are_refused(small, files, change, kind, message):
    data = medmnist_det.Dataset(small.path, "test")
    with pytest.raises(kind, match=message):
        medmnist_det.evaluate(data, change(listed(files[1])))


def test_items_without_an_id_need_a_truth_in_the_same_order(small, files):
    with pytest.raises(ValueError, match="its items have no image_id, without which item k"):
        medmnist_det.evaluate(small.path, listed(files[1]))
    truth = [{k: one[k] for k in EVERY[:2]} for one in listed(files[1])]
    frame = to_frame(files[1])
    with pytest.raises(ValueError, match="truth: its items have no image_id"):
        medmnist_det.evaluate(truth, frame)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iou": 1.5}, r"^iou='1.5': give one threshold"),
        ({"bootstrap": 3}, r"^bootstrap=3: give 40 to"),
        ({"bootstrap": 2.5}, r"^bootstrap=2.5 is of type float; give a whole number or None$"),
        ({"engine": "mine"}, r"^engine='mine' is not known: choose hotcoco, pycocotools$"),
        ({"split": "tset"}, r"there is no such truth; choose split="),
        ({"images": [1]}, r"^images: truth is on disk, which says that itself; leave images= out$"),
        ({"seed": -1}, r"^seed=-1: give a whole number"),
    ],
)
def test_errors_speak_of_arguments(small, files, options, message):
    with pytest.raises((ValueError, TypeError), match=message) as error:
        medmnist_det.evaluate(small.path, files[0], **options)
    assert not re.search(r"--[a-z]", str(error.value))


def test_a_truth_of_several_raters_is_refused(small):
    crowd = small.crowd("train")
    with pytest.raises(ValueError, match="truth: holds the boxes of 3 raters; fuse them"):
        medmnist_det.evaluate(crowd, crowd, rater=1)


def test_empty_truths_and_predictions_have_undefined_scores_not_errors():
    nothing = [{"boxes": [], "labels": [], "scores": []}]
    scores = medmnist_det.evaluate(nothing, nothing)
    assert scores["mAP@0.4"] is None
    assert scores.intervals["mAP@0.4"] is None
    assert "mAP@0.4 undefined" in repr(scores)
    assert scores.to_frame("errors").empty


def test_reports_and_figures_of_boxes_in_memory(small, files, tmp_path):
    data = medmnist_det.Dataset(small.path, "test")
    scores = medmnist_det.evaluate(data, listed(files[1]))
    scores.write_report(tmp_path / "page.html")
    assert "data:image/png" in (tmp_path / "page.html").read_text()
    scores.write_figures(tmp_path / "plots")
    assert list((tmp_path / "plots").glob("*.png"))
    bare = medmnist_det.evaluate(data, listed(files[1]), errors=False)
    with pytest.raises(ValueError, match=r"evaluate\(errors=True\)"):
        bare.write_report(tmp_path / "other.html")
    assert not (tmp_path / "other.html").exists()


def test_the_labels_of_one_rater_are_truth_and_predictions_without_a_word(small):
    one = medmnist_det.Dataset(small.path, "train", "rater:2")
    expected = medmnist_det.evaluate(small.path, small.crowd("train"), split="train", rater=2)
    for given in (one, small.labels("train", "rater:2")):
        found = medmnist_det.evaluate(small.path, given, split="train")
        assert found["mAP@0.4"] == expected["mAP@0.4"]
        assert found.assessment.scores.images == len(one)
    itself = medmnist_det.evaluate(one, [target for _, target in one])
    assert itself["mAP@0.4"] == pytest.approx(1)


def test_class_numbers_that_were_made_up_are_no_category_ids(small):
    """Fused from names alone, a label set is matched by names, whatever its ids have become."""
    truth = small.truth("train")
    names, ids = truth.classes.names, list(truth.images.ids)
    some = np.isin(truth.labels.label, (3, 7))
    objects = replace(truth, labels=truth.labels.select(some))
    table = to_frame(objects).assign(rater="ann")
    assert sorted(set(table.label)) == [names[3], names[7]]
    fused = medmnist_det.aggregate(table, "majority-vote", images=ids, assigned="all")
    assert fused.labels.classes.ids == (1, 2)
    scores = medmnist_det.evaluate(small.path, fused, split="train")
    found = scores.to_frame("classes").set_index("class")["mAP@0.4"]
    assert found[names[3]] == pytest.approx(1)
    assert found[names[7]] == pytest.approx(1)


def test_one_number_with_two_names_is_refused(small):
    found = small.labels("train", "rater:2")
    renamed = replace(found, classes=replace(found.classes, names=(*found.classes.names[:9], "x")))
    with pytest.raises(ValueError, match="its class 10 is 'x', that of .* '9'"):
        medmnist_det.evaluate(small.path, renamed, split="train")


def test_flags_and_areas_that_are_none_are_refused():
    found = [{"boxes": [[1, 1, 9, 9]], "labels": [1], "scores": [1]}]
    for column, value in (("iscrowd", float("nan")), ("iscrowd", 0.5), ("area", -5)):
        truth = [{"boxes": [[1, 1, 9, 9]], "labels": [1], column: [value]}]
        with pytest.raises(ValueError, match=column):
            medmnist_det.evaluate(truth, found)


def test_labels_that_are_numbers_stay_numbers_and_are_no_names():
    box = [10.0, 10.0, 60.0, 50.0]
    items = [{"boxes": [box], "labels": [3], "raters": ["ann"], "image_id": 1}]
    numbers = medmnist_det.aggregate(items, "majority-vote", assigned="all")
    assert numbers.to_frame().label.tolist() == [3]
    truth = [{"boxes": [box], "labels": [3], "image_id": 1}]
    assert medmnist_det.evaluate(truth, numbers)["mAP@0.4"] == pytest.approx(1)
    named = [items[0] | {"labels": ["cat"]}]
    names = medmnist_det.aggregate(named, "majority-vote", assigned="all")
    with pytest.raises(ValueError, match="its labels are names, the truth's are numbers"):
        medmnist_det.evaluate(truth, names)


def test_empty_lists_of_options_are_refused(small):
    with pytest.raises(ValueError, match=r"^iou=\[\]"):
        medmnist_det.evaluate(small.path, small.labels("train", "truth"), split="train", iou=[])
    with pytest.raises(ValueError, match=r"^raters=\[\]"):
        medmnist_det.aggregate(small.path, "majority-vote", raters=[])
