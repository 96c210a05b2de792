import numpy as np
import pytest

from evaluation import Evaluator, score
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
                "iscrowd": mine.crowd,
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
    evaluator = Evaluator(classes=3)
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
    plain, tensors = Evaluator(classes=3), Evaluator(classes=3)

    plain.update(predictions, truths)
    tensors.update(as_tensors, truths)

    _same(tensors.compute(), plain.compute())


def test_computing_does_not_end_collecting_and_reset_forgets():
    predictions, truths = _as_dicts(_one())
    evaluator = Evaluator(classes=["a", "b", "c"])
    evaluator.update(predictions[:4], truths[:4])
    evaluator.compute()
    evaluator.update(predictions[4:], truths[4:])

    assert evaluator.compute().images == 9
    evaluator.reset()
    assert evaluator.compute().images == 0
    assert evaluator.compute().headline[0].value is None


def test_empty_images_are_counted():
    evaluator = Evaluator(classes=2)
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
        ({"labels": [2]}, "label 2 is not a class index of 0 to 1"),
        ({"labels": [0.5]}, r"label 0\.5 is not a class index"),
        ({"scores": [0.1, 0.2]}, r"image 1 of the batch: scores has shape \(2,\), not \(1,\)"),
    ],
)
def test_a_bad_batch_is_refused_and_leaves_nothing_behind(change, message):
    good = {"boxes": [[0, 0, 5, 5]], "labels": [1], "scores": [0.5]}
    evaluator = Evaluator(classes=2)

    with pytest.raises(ValueError, match=message):
        evaluator.update([good, good | change], [good, good])

    assert evaluator.compute().images == 0


def test_batches_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="1 images of predictions, 0 of truth"):
        Evaluator(classes=2).update([{}], [])


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
