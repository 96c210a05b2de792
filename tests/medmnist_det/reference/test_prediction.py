from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from medmnist_det.errors import InputError
from medmnist_det.labels import Images
from medmnist_det.reference import prediction
from medmnist_det.reference.model import SIZES, Detector
from medmnist_det.reference.pixels import named_images, read_images
from medmnist_det.reference.prediction import (
    PredictOptions,
    predict,
    predict_files,
    voted,
)
from medmnist_det.reference.refine import PLACES


@pytest.fixture
def detector():
    torch.manual_seed(0)
    anchors = torch.tensor([[[10.0, 12], [16, 20], [24, 30]], [[30.0, 36], [40, 50], [60, 70]]])
    model = Detector(SIZES["n"], anchors, 4)
    for head in model.heads:
        torch.nn.init.normal_(head.weight, std=0.3)
    return model.eval()


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for k, (height, width) in enumerate([(70, 50), (33, 100), (64, 64)], start=1):
        pixels = rng.integers(0, 255, (height, width), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{k * 3:06d}.png")
    return tmp_path


def test_boxes_lie_in_their_images_best_first(detector, folder):
    table = named_images(folder)
    assert table.ids == (3, 6, 9)
    images = read_images(folder, table)
    assert images.shape == (3, 1, 96, 128)
    found = predict(detector, images, table)
    assert len(found) > 0
    assert found.box.min() >= 0
    assert (found.box[:, [0, 2]] <= table.width[found.image][:, None]).all()
    assert (found.box[:, [1, 3]] <= table.height[found.image][:, None]).all()
    assert (found.box[:, 2:] > found.box[:, :2]).all()
    for image in range(3):
        score = found.score[found.image == image]
        assert (np.diff(score) <= 0).all()
        assert score.min() > 0.001


def test_every_score_is_that_of_its_box_and_class(detector, folder, monkeypatch):
    box = torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 32], [40, 1, 48, 9]])
    sure = torch.tensor([0.5, 0.9, 0.7])
    classes = torch.tensor([[0.1, 0.6, 0.3], [0.8, 0.0, 0.2], [0.25, 0.25, 0.5]])
    decoded = (box[None].clone(), sure[None], classes[None])
    monkeypatch.setattr(prediction, "decode", lambda *_: decoded)
    detector.refiner = None
    table = named_images(folder)
    first = replace(table, **{name: getattr(table, name)[:1] for name in vars(table)})

    found = predict(detector, read_images(folder, first), first, options=PredictOptions(most=3))

    rows = [
        (float(sure[k] * classes[k, label]), label, *box[k].tolist())
        for k in range(3)
        for label in range(3)
    ]
    rows.sort(key=lambda row: (-row[0], row[1]))
    expected = np.array(rows[:8])  # the ninth scores 0
    np.testing.assert_allclose(found.score, expected[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(found.label, expected[:, 1])
    np.testing.assert_allclose(found.box, expected[:, 2:], rtol=1e-6)


class Sure(torch.nn.Module):
    """A refinement that sees edges at the same places of every region."""

    def __init__(self, *places):
        super().__init__()
        self.places = places

    def forward(self, pixels):
        logits = torch.zeros(len(pixels), 4, PLACES)
        for edge, place in enumerate(self.places):
            logits[:, edge, place] = 99.0
        return logits


def test_edges_are_moved_where_the_refinement_sees_them(detector, folder, monkeypatch):
    table = named_images(folder)
    images = read_images(folder, table)
    detector.refiner = None
    before = predict(detector, images, table)
    low, high = PLACES * 5 // 12, PLACES * 7 // 12
    detector.refiner = Sure(low, low, high, high)
    # What is hardly an object is left where it is.
    with monkeypatch.context() as patch:
        patch.setattr(prediction, "_LIKELY", float(before.score.max()) * 4)
        np.testing.assert_array_equal(predict(detector, images, table).box, before.box)
    monkeypatch.setattr(prediction, "_LIKELY", 0.0)
    after = predict(detector, images, table)
    np.testing.assert_array_equal(after.score, before.score)
    side = np.tile(before.box[:, 2:] - before.box[:, :2], 2)
    # Regions begin a quarter of the sides before their boxes, and are half as long again.
    start = np.tile(before.box[:, :2], 2) - 0.25 * side
    places = (np.array([low, low, high, high]) + 0.5) / PLACES
    wide = side.min(axis=1) > 1
    assert wide.any()
    np.testing.assert_allclose(after.box[wide], (start + 1.5 * places * side)[wide], atol=1e-2)


def test_a_box_whose_edges_may_as_well_be_elsewhere_scores_less(detector, folder, monkeypatch):
    monkeypatch.setattr(prediction, "_LIKELY", 0.0)
    table = named_images(folder)
    images = read_images(folder, table)
    detector.refiner = Sure(PLACES // 4, PLACES // 4, PLACES // 2, PLACES // 2)
    sure = predict(detector, images, table)
    unsure = Sure(PLACES // 4, PLACES // 4, PLACES // 2, PLACES // 2)
    one_edge = unsure.forward

    def wavering(pixels):
        logits = one_edge(pixels)
        logits[:, 3, PLACES // 2 + 12] = 99.0  # as likely 12 places farther
        return logits

    unsure.forward = wavering
    detector.refiner = unsure
    found = predict(detector, images, table, options=PredictOptions(score=1e-6))
    scatter = 6 / PLACES * 1.5 / 4
    expected = sure.score * np.exp(-prediction._STRICTNESS * scatter)
    assert (found.score[: len(sure)] < sure.score.max()).all()
    for image in range(3):
        best = found.score[found.image == image].max()
        assert best == pytest.approx(expected[sure.image == image].max(), rel=1e-5)


def test_a_box_that_would_be_turned_inside_out_stays(detector, folder):
    table = named_images(folder)
    images = read_images(folder, table)
    detector.refiner = None
    before = predict(detector, images, table)
    detector.refiner = Sure(PLACES - 1, 0, 0, 0)
    np.testing.assert_array_equal(predict(detector, images, table).box, before.box)


def test_a_refinement_that_gives_no_numbers_is_refused(detector, folder):
    with torch.no_grad():
        detector.refiner.prior[0, 0] = float("nan")
    with pytest.raises(InputError, match="gives what is no number"):
        predict_files(detector, folder, named_images(folder))


def test_what_is_left_out_is_what_coco_does_not_count(detector, folder):
    table = named_images(folder)
    images = read_images(folder, table)
    every = predict(detector, images, table, options=PredictOptions(most=10**6))
    few = predict(detector, images, table, options=PredictOptions(most=5))
    assert np.bincount(every.image).max() > 20  # 5 over all classes would leave fewer of each

    def rows(labels):
        columns = zip(labels.image, labels.label, labels.score, labels.box.tolist(), strict=True)
        return sorted((i, k, score, tuple(box)) for i, k, score, box in columns)

    kept = []
    for image in range(3):
        for label in range(4):
            own = [row for row in rows(every) if row[:2] == (image, label)]
            kept += sorted(own, key=lambda row: -row[2])[:5]
    assert rows(few) == sorted(kept)


def test_the_batch_does_not_matter(detector, folder):
    table = named_images(folder)
    one = predict_files(detector, folder, table, batch=1)
    three = predict_files(detector, folder, table, batch=3)
    assert len(one) == pytest.approx(len(three), abs=3)
    assert one.score.max() == pytest.approx(three.score.max(), abs=1e-3)


def test_a_box_does_not_depend_on_how_large_the_other_images_are(detector, folder):
    alone = {}
    table = named_images(folder)
    for row in range(3):
        table_of_one = Images(
            ids=table.ids[row : row + 1],
            names=table.names[row : row + 1],
            width=table.width[row : row + 1],
            height=table.height[row : row + 1],
        )
        alone[row] = predict_files(detector, folder, table_of_one)
    Image.fromarray(np.full((200, 300), 255, np.uint8)).save(folder / "000010.png")
    for batch in (1, 2, 64):
        found = predict_files(detector, folder, named_images(folder), batch=batch)
        assert len(found) > 0
        assert (np.diff(found.image) >= 0).all()
        for row, expected in alone.items():
            here = found.image == row
            assert (found.box[here] == expected.box).all()
            assert (found.score[here] == expected.score).all()
            assert (found.label[here] == expected.label).all()


def test_no_more_images_are_held_than_a_batch(detector, folder, monkeypatch):
    for k in range(20, 40):
        Image.fromarray(np.full((64, 64), k, np.uint8)).save(folder / f"{k:06d}.png")
    held, told = [], []

    def reading(where, table):
        held.append(len(table))
        return read_images(where, table)

    monkeypatch.setattr(prediction, "read_images", reading)
    predict_files(detector, folder, named_images(folder), batch=6, progress=told.append)
    assert max(held) == 6
    assert sum(held) == sum(told) == 23


def test_a_network_that_gives_no_numbers_is_refused(detector, folder):
    table = named_images(folder)
    with torch.no_grad():
        detector.heads[0].bias[4] = float("nan")
    with pytest.raises(InputError, match="gives what is no number"):
        predict_files(detector, folder, table)


def test_the_boxes_about_one_object_vote_on_its_place_and_class():
    box = torch.tensor([[0.0, 0, 10, 10], [50, 50, 60, 60], [0, 0, 10, 8], [30, 0, 40, 10]])
    objectness = torch.tensor([0.9, 0.5, 0.45, 0.7])
    classes = torch.tensor([[0.6, 0.4], [1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    found, sure, probability = voted(box, objectness, classes, 0.6)
    # Weights .9 * 1 and .45 * .8 (the IoU): shares of 5/7 and 2/7.
    first = [0.0, 0, 10, 10 * 5 / 7 + 8 * 2 / 7]
    torch.testing.assert_close(found, torch.tensor([first, box[3].tolist(), box[1].tolist()]))
    torch.testing.assert_close(sure, torch.tensor([0.9, 0.7, 0.5]))
    expected = [[0.6 * 5 / 7, 0.4 * 5 / 7 + 2 / 7], [0.5, 0.5], [1.0, 0.0]]
    torch.testing.assert_close(probability, torch.tensor(expected))


def test_boxes_that_overlap_less_are_two_objects_and_do_not_vote_on_each_other():
    box = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 8]])
    sure, classes = torch.tensor([0.4, 0.9]), torch.eye(2)
    found, _, probability = voted(box, sure, classes, 0.85)
    torch.testing.assert_close(found, box.flip(0))
    torch.testing.assert_close(probability, classes.flip(0))


def test_no_box_is_no_object():
    found = voted(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, 3), 0.6)
    assert [tuple(column.shape) for column in found] == [(0, 4), (0,), (0, 3)]


def test_names_that_are_no_numbers_are_ids_themselves(folder):
    (folder / "000003.png").rename(folder / "scan-a.png")
    (folder / "notes.txt").write_text("no image")
    assert named_images(folder).ids == ("000006.png", "000009.png", "scan-a.png")


def test_no_image_gives_no_box(detector, tmp_path):
    table = image_table_of_nothing()
    assert predict_files(detector, tmp_path, table).score is not None
    assert len(predict_files(detector, tmp_path, table)) == 0
    assert len(predict(detector, torch.zeros(0, 1, 32, 32, dtype=torch.uint8), table)) == 0


def image_table_of_nothing():
    return Images(ids=(), names=(), width=np.zeros(0, dtype=int), height=np.zeros(0, dtype=int))


def test_folders_without_images_and_files_that_are_none_are_refused(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no image"):
        named_images(tmp_path / "empty")
    with pytest.raises(InputError, match="no such folder"):
        named_images(tmp_path / "absent")
    (folder / "x.png").write_text("rubbish")
    with pytest.raises(InputError, match=r"x\.png: is no readable image"):
        named_images(folder)
    (folder / "x.png").unlink()
    (folder / "3.png").write_bytes((folder / "000003.png").read_bytes())
    with pytest.raises(InputError, match="same number as name"):
        named_images(folder)
    table = image_table_of(folder, "000003.png", (7, 7))
    with pytest.raises(InputError, match=r"has 50x70 pixels, not 7x7 as its labels say"):
        read_images(folder, table)


def image_table_of(folder, name, size):
    width, height = (np.array([side]) for side in size)
    return Images(ids=(1,), names=(name,), width=width, height=height)
