import numpy as np
import pytest

from benchmarks.published_statistics import columns, composed, ks_distance, published
from medmnist_det.boxes import pairwise_iou
from medmnist_det.errors import InputError
from medmnist_det.scenes.composer import BLOCK, SceneOptions, compose, compose_block, default_side
from medmnist_det.scenes.resize import resize

LONELY = SceneOptions(empty=0.3, count=(1, 1))


def test_a_scene_depends_on_its_number_and_not_on_its_neighbours(optdigits):
    options = SceneOptions()
    block = compose_block(options, optdigits, 3, "val", 1, 40)
    for row in (0, 7, 39):
        image, labels = compose(options, optdigits, 3, "val", BLOCK + row)
        of_block = block.labels.select(block.labels.image == row)
        assert np.array_equal(image, block.pixels(row))
        assert np.array_equal(labels.box, of_block.box)
        assert np.array_equal(labels.label, of_block.label)
    fewer = compose_block(options, optdigits, 3, "val", 1, 10)
    assert np.array_equal(fewer.labels.box, block.labels.select(block.labels.image < 10).box)


def test_seeds_splits_and_blocks_give_other_scenes(optdigits):
    boxes = [
        compose_block(SceneOptions(), optdigits, *which, 20).labels.box.tolist()
        for which in ((0, "train", 0), (1, "train", 0), (0, "test", 0), (0, "train", 1))
    ]
    assert all(a != b for k, a in enumerate(boxes) for b in boxes[:k])


def test_the_box_of_a_lonely_digit_is_tight_around_its_non_zero_pixels(optdigits):
    scenes = compose_block(LONELY, optdigits, 0, "train", 0, 100)
    for row in range(100):
        image = scenes.pixels(row)
        boxes = scenes.labels.box[scenes.labels.image == row].tolist()
        if not image.any():
            assert not boxes
            continue
        y, x = np.nonzero(image)
        assert boxes == [[x.min(), y.min(), x.max() + 1, y.max() + 1]]


def test_overlapping_digits_add_up_and_are_clipped(optdigits):
    options = SceneOptions(canvas=64, side=(30, 40), empty=0, count=(3, 3), max_iou=0.9)
    scenes = compose_block(options, optdigits, 0, "train", 0, 30)
    overlapped = 0
    for row in range(30):
        total = np.zeros((64, 64), dtype=int)
        for k in np.flatnonzero(scenes.labels.image == row):
            x_min, y_min, x_max, y_max = scenes.labels.box[k].astype(int)
            overlapped += total[y_min:y_max, x_min:x_max].any()
            total[y_min:y_max, x_min:x_max] += scenes.strokes[k]
        assert np.array_equal(scenes.pixels(row), np.minimum(total, 255))
    assert overlapped > 10


def test_labels_are_the_classes_of_the_digits_that_were_drawn(optdigits):
    scenes = compose_block(SceneOptions(), optdigits, 0, "test", 0, 20)
    pool, classes = optdigits.images["test"], optdigits.labels["test"]
    found = [set() for _ in scenes.strokes]  # classes of the digits that give these very strokes
    for side in range(10, 100):
        for digit, resized in zip(classes, resize(pool, side), strict=True):
            rows, columns_ = (np.flatnonzero(resized.any(axis=axis)) for axis in (1, 0))
            tight = resized[rows[0] : rows[-1] + 1, columns_[0] : columns_[-1] + 1]
            for k, stroke in enumerate(scenes.strokes):
                if stroke.shape == tight.shape and np.array_equal(stroke, tight):
                    found[k].add(int(digit))
    assert len(found) > 20
    assert found == [{label} for label in scenes.labels.label.tolist()]


def test_counts_sides_and_the_empty_share_follow_the_options(optdigits):
    options = SceneOptions(side=(20, 30), empty=0.25, count=(2, 4))
    labels = [compose_block(options, optdigits, 0, "train", b).labels for b in range(4)]
    count = np.concatenate([np.diff(part.starts) for part in labels])
    assert set(count) == {0, 2, 3, 4}
    # Four standard errors of a share of 2,048 images.
    assert abs((count == 0).mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / count.size)
    sides = np.concatenate([part.box[:, 2:] - part.box[:, :2] for part in labels])
    assert sides.max() <= 30


@pytest.mark.parametrize(("empty", "boxes"), [(0.0, True), (1.0, False)])
def test_all_or_no_images_may_be_empty(empty, boxes, optdigits):
    labels = compose_block(SceneOptions(empty=empty), optdigits, 0, "train", 0, 50).labels
    assert (np.diff(labels.starts) > 0).all() == boxes
    assert bool(len(labels)) == boxes


def test_no_digit_covers_another(optdigits):
    labels = compose_block(SceneOptions(empty=0), optdigits, 0, "train", 0, 200).labels
    for image in range(200):
        boxes = labels.box[labels.image == image]
        iou = pairwise_iou(boxes, boxes) - np.eye(len(boxes))
        assert iou.max() < 0.7  # the published labels reach .61: cells, not boxes, are kept apart


def test_more_digits_than_find_room_are_refused(optdigits):
    options = SceneOptions(canvas=64, side=(60, 64), empty=0, count=(9, 9))
    with pytest.raises(InputError, match=r"digits of 60\.\.64 pixels find no room on --canvas 64"):
        compose_block(options, optdigits, 0, "train", 0, 10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"canvas": 10}, "--canvas 10 is not from 32 to 4096 pixels"),
        ({"side": (18, 400)}, r"--side 18,400 does not fit --canvas 320: lower the largest side"),
        ({"side": (5, 20)}, "from 10 pixels: smaller digits lose their strokes"),
        ({"side": (30, 20)}, "not an ascending range"),
        ({"empty": 1.5}, "--empty 1.5 is not a share"),
        ({"empty": float("nan")}, "--empty nan is not a share"),
        ({"count": (0, 3)}, "ascending range from 1 to 100 digits"),
        ({"max_iou": 0.0}, "--max-iou 0.0 is not above 0"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        SceneOptions(**options)


def test_cells_keep_their_proportion_to_the_canvas():
    assert default_side(320) == SceneOptions().side
    assert default_side(640) == (20, 198)
    assert default_side(64) == (10, 20)


def test_statistics_match_the_published_labels(reference):
    ours, theirs = composed(reference, seed=0), published(reference)
    for name, column in columns(ours).items():
        assert ks_distance(column, columns(theirs)[name]) < 0.03, name
    empty = [(np.diff(labels.starts) == 0).mean() for labels in (ours, theirs)]
    assert abs(empty[0] - empty[1]) < 0.03
