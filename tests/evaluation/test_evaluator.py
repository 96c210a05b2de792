import numpy as np
import pytest

from evaluation import Evaluator, score
from evaluation.quality import quality_of
from evaluation.scores import score_problem
from medmnist_det.boxes import xywh_to_xyxy
from medmnist_det.labels import Classes, Images, Labels, LabelSet
from tests.evaluation.problems import random_problem


def _one(seed=0):
    return random_problem(
        np.random.default_rng(seed), images=9, classes=3, objects=40, detections=70
    )


def _as_dicts(one):
    def rows(table, names):
        for image in range(one.images):
            mine = table.select(table.image == image)
            columns = {
                "boxes": xywh_to_xyxy(mine.bbox),
                "labels": mine.label,
                "scores": mine.score,
                "iscrowd": mine.iscrowd,
            }
            yield {name: columns[name] for name in names}

    return (
        list(rows(one.detections, ("boxes", "labels", "scores"))),
        list(rows(one.objects, ("boxes", "labels", "iscrowd"))),
    )


def _same(a, b):
    assert [mean.value for mean in a.headline] == pytest.approx(
        [mean.value for mean in b.headline], abs=1e-12
    )
    np.testing.assert_allclose(a.precision, b.precision, atol=1e-12)


@pytest.mark.parametrize("batch", [1, 4, 9])
def test_batches_of_any_size_give_the_scores_of_the_whole(batch):
    one = _one()
    predictions, truths = _as_dicts(one)
    evaluator = Evaluator(classes=3, first_label=0)
    for start in range(0, 9, batch):
        part = slice(start, start + batch)
        evaluator.update(predictions[part], truths[part])

    _same(evaluator.compute(), score_problem(one, ("0", "1", "2")))


def test_torch_tensors_are_taken_even_in_training():
    torch = pytest.importorskip("torch")
    predictions, truths = _as_dicts(_one())
    as_tensors = [{key: torch.tensor(value) for key, value in row.items()} for row in predictions]
    for row in as_tensors:
        row["scores"].requires_grad_()
    plain, tensors = Evaluator(classes=3, first_label=0), Evaluator(classes=3, first_label=0)

    plain.update(predictions, truths)
    tensors.update(as_tensors, truths)

    _same(tensors.compute(), plain.compute())


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float32", "float64"])
def test_tensors_of_any_precision_are_taken(kind):
    torch = pytest.importorskip("torch")
    dtype = getattr(torch, kind)
    boxes = torch.tensor([[0.0, 0, 8, 8], [16, 16, 32, 48]], dtype=dtype)
    found = {
        "boxes": boxes,
        "labels": torch.tensor([1, 2]),
        "scores": torch.tensor([0.5, 0.25], dtype=dtype),
    }
    of_tensors = {"boxes": list(boxes), "labels": [torch.tensor(1), torch.tensor(2)]}
    evaluator = Evaluator(classes=["a", "b"], first_label=1)

    evaluator.update([found], [of_tensors])

    assert evaluator.compute().headline[0].value == pytest.approx(1.0)


def test_boxes_of_torchvision_that_are_no_corners_are_refused():
    tv_tensors = pytest.importorskip("torchvision.tv_tensors")
    corners = [[0, 0, 8, 8]]
    one = {"labels": [1], "scores": [1.0]}
    evaluator = Evaluator(classes=1, first_label=1)

    def boxes(form):
        return tv_tensors.BoundingBoxes(corners, format=form, canvas_size=(9, 9))

    evaluator.update([one | {"boxes": boxes("XYXY")}], [one | {"boxes": corners}])
    with pytest.raises(ValueError, match="boxes are in the format XYWH; convert them to XYXY"):
        evaluator.update([one | {"boxes": boxes("XYWH")}], [one | {"boxes": corners}])


def test_what_a_caller_does_to_its_arrays_afterwards_changes_nothing():
    predictions, truths = _as_dicts(_one())
    predictions = [
        {key: np.array(value, float) for key, value in one.items()} for one in predictions
    ]
    evaluator, expected = (Evaluator(classes=3, first_label=0) for _ in range(2))
    for one in (evaluator, expected):
        one.update(predictions, truths)
    before = expected.compute()

    for one in predictions:
        for column in one.values():
            column[...] = 0

    _same(evaluator.compute(), before)


def test_where_labels_begin_has_to_be_said():
    for classes in (2, ["a", "b"]):
        with pytest.raises(ValueError, match=r"first_label is missing: .* 1 for torchvision's"):
            Evaluator(classes)
    with pytest.raises(ValueError, match="a mapping says which labels there are"):
        Evaluator({1: "a"}, first_label=1)
    with pytest.raises(ValueError, match="'cat' is one text; give a list of names"):
        Evaluator("cat", first_label=1)


def _shifted(rows, by):
    return [row | {"labels": np.asarray(row["labels"]) + by} for row in rows]


def test_the_same_boxes_score_alike_wherever_their_labels_begin():
    predictions, truths = _as_dicts(_one())
    scores = []
    for first, classes in ((0, 3), (1, 3), (5, 3), (None, {1: "0", 2: "1", 3: "2"})):
        evaluator = Evaluator(classes, first_label=first)
        by = 1 if first is None else first
        evaluator.update(_shifted(predictions, by), _shifted(truths, by))
        scores.append(evaluator.compute())

    assert all(
        [row.ap for row in one.classes] == [row.ap for row in scores[0].classes] for one in scores
    )
    assert [row.name for row in scores[-1].classes] == ["0", "1", "2"]


def test_labels_of_a_mapping_may_have_gaps():
    one = {"boxes": [[0, 0, 9, 9]], "labels": [40], "scores": [1.0]}
    evaluator = Evaluator({40: "dog", 7: "cat"})

    evaluator.update([one], [one])

    assert [(row.name, row.objects) for row in evaluator.compute().classes] == [
        ("cat", 0),
        ("dog", 1),
    ]
    with pytest.raises(ValueError, match="label 8 is not among those of the 2 classes, 7 to 40"):
        evaluator.update([one | {"labels": [8]}], [one])


@pytest.mark.parametrize(("first", "label"), [(0, 10), (1, 0), (1, 11), (1, -1)])
def test_a_label_out_of_range_names_the_convention(first, label):
    one = {"boxes": [[0, 0, 9, 9]], "labels": [5], "scores": [1.0]}
    evaluator = Evaluator(10, first_label=first)

    with pytest.raises(
        ValueError,
        match=rf"label {label} is not among those of the 10 classes, {first} to {first + 9}; labels "
        "begin with first_label, which is 1 where 0 is the background",
    ):
        evaluator.update([one | {"labels": [label]}], [one])


def test_computing_does_not_end_collecting_and_reset_forgets():
    predictions, truths = _as_dicts(_one())
    evaluator = Evaluator(classes=["a", "b", "c"], first_label=0)
    evaluator.update(predictions[:4], truths[:4])
    evaluator.compute()
    evaluator.update(predictions[4:], truths[4:])

    assert evaluator.compute().images == 9
    evaluator.reset()
    assert evaluator.compute().images == 0
    assert evaluator.compute().headline[0].value is None


def test_empty_images_are_counted():
    evaluator = Evaluator(classes=2, first_label=0)
    nothing = {"boxes": [], "labels": [], "scores": []}

    evaluator.update([nothing, nothing], [nothing, nothing])

    assert evaluator.compute().images == 2
    assert evaluator.compute().objects == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": [[0, 0, 5]]}, r"image 1 of the batch: boxes have shape \(1, 3\), not \(n, 4\)"),
        ({"boxes": [[0, 0, -5, 5]]}, "image 1 of the batch: a box has a negative size"),
        ({"boxes": [[0, 0, np.nan, 5]]}, "image 1 of the batch: boxes holds a number that is not"),
        (
            {"labels": [2]},
            "image 1 of the batch: label 2 is not among those of the 2 classes, 0 to 1; labels begin",
        ),
        ({"labels": [0.5]}, r"image 1 of the batch: label 0\.5 is not among"),
        ({"scores": [0.1, 0.2]}, r"image 1 of the batch: scores has shape \(2,\), not \(1,\)"),
    ],
)
def test_a_bad_batch_is_refused_and_leaves_nothing_behind(change, message):
    good = {"boxes": [[0, 0, 5, 5]], "labels": [1], "scores": [0.5]}
    evaluator = Evaluator(classes=2, first_label=0)

    with pytest.raises(ValueError, match=message):
        evaluator.update([good, good | change], [good, good])

    assert evaluator.compute().images == 0


def test_batches_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="1 images of predictions, 0 of truth"):
        Evaluator(classes=2, first_label=0).update([{}], [])


def _tables(ids):
    images = Images(
        ids=ids, names=tuple(map(str, ids)), width=np.full(2, 99), height=np.full(2, 99)
    )
    box = np.array([[0, 0, 9, 9], [0, 0, 9, 9]])
    labels = Labels(images=2, image=np.array([0, 1]), box=box, label=np.array([0, 0]))
    return LabelSet(images=images, classes=Classes(ids=(1,), names=("a",)), labels=labels)


def test_labels_are_scored_against_a_label_set():
    truth = _tables((7, 3))
    labels = Labels(
        images=2,
        image=np.array([1]),
        box=np.array([[0, 0, 9, 9]]),
        label=np.array([0]),
        score=np.array([0.5]),
    )

    found = score(truth, labels)

    assert found.classes[0].ar == 0.5
    assert score(truth, truth.labels).headline[0].value == 1.0


def test_labels_of_another_split_are_refused():
    with pytest.raises(ValueError, match="predictions for 5 images, truth for 2"):
        score(_tables((1, 2)), Labels.empty(5))


def test_images_that_nobody_looked_at_are_no_empty_ones():
    truth = _tables((1, 2))
    labels = Labels(
        images=2,
        image=np.array([0]),
        box=np.array([[0, 0, 9, 9]]),
        label=np.array([0]),
        assigned=np.array([[0, 0]]),
    )

    found = score(truth, labels)

    assert (found.images, found.objects) == (1, 1)
    assert found.headline[0].value == pytest.approx(1.0)
    assert quality_of(truth, labels).recall == 1.0
    assert quality_of(truth, Labels.empty(2)).recall == 0.0


def test_a_class_that_the_truth_does_not_have_is_refused():
    labels = Labels(
        images=2, image=np.array([1]), box=np.array([[0, 0, 9, 9]]), label=np.array([1])
    )

    with pytest.raises(ValueError, match="class index 1 in the predictions, but the truth has 1"):
        score(_tables((1, 2)), labels)
