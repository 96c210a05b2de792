from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from medmnist_det.labels import Classes, Images, Labels, LabelSet, stack


def labels(image, images=3, **columns):
    n = len(image)
    box = np.tile([0.0, 0.0, 2.0, 1.0], (n, 1)) + np.arange(n)[:, None]
    return Labels(images=images, image=np.array(image), box=box, label=np.zeros(n), **columns)


def test_columns_cannot_be_changed():
    table = labels([0, 2])
    with pytest.raises(ValueError, match="read-only"):
        table.box[0, 0] = 7
    with pytest.raises(FrozenInstanceError):
        table.images = 9


def test_the_caller_s_arrays_are_the_caller_s():
    whole = np.zeros((3, 5))
    image, box, label = np.array([0, 1, 1]), whole[:, :4], np.zeros(3, dtype=np.int64)
    closed = box.view()
    closed.setflags(write=False)  # a view that cannot be written, of an array that can
    assigned, score, width = np.zeros((2, 2), dtype=np.int64), np.ones(3), np.full(3, 7)
    for given in (box, closed):
        table = Labels(
            images=3, image=image, box=given, label=label, score=score, assigned=assigned
        )
        images = Images(ids=(1, 2, 3), names=("a", "b", "c"), width=width, height=width)
        assert image.flags.writeable
        whole += 7
        label += 7
        score += 7
        assigned += 7
        width += 7
        assert not table.box.any()
        assert not table.label.any()
        assert not table.assigned.any()
        assert table.score.tolist() == [1, 1, 1]
        assert images.width.tolist() == [7, 7, 7]
        for array, change in ((whole, 7), (label, 7), (score, 7), (assigned, 7), (width, 7)):
            array -= change


def test_what_nobody_can_write_is_not_copied():
    table = labels([0, 2])
    again = Labels(images=3, image=table.image, box=table.box, label=table.label)
    assert again.box is table.box or np.shares_memory(again.box, table.box)
    part = table.select(slice(0, 1))
    assert np.shares_memory(part.box, table.box)


def test_keeping_some_images_keeps_their_ids_and_who_looked():
    size = np.array([10, 20, 30])
    label_set = LabelSet(
        images=Images(ids=(5, 6, 7), names=("a", "b", "c"), width=size, height=size),
        classes=Classes(ids=(1,), names=("x",)),
        labels=labels([0, 1, 2, 2], rater=np.array([0, 1, 0, 1]), assigned=[[0, 0], [1, 1], [2, 0], [2, 1]]),
        raters=("p", "q"),
    )  # fmt: skip
    few = label_set.keep_images(np.array([False, True, True]))
    assert few.images.ids == (6, 7)
    assert few.images.width.tolist() == [20, 30]
    assert few.labels.image.tolist() == [0, 1, 1]
    assert few.labels.rater.tolist() == [1, 0, 1]
    assert few.labels.assigned.tolist() == [[0, 1], [1, 0], [1, 1]]
    assert label_set.keep_images(np.ones(3, dtype=bool)) == label_set
    assert len(label_set.keep_images(np.zeros(3, dtype=bool)).labels) == 0


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"image": np.array([1, 0])}, "not sorted"),
        ({"image": np.array([0, 3])}, r"within 0\.\.2"),
        ({"box": np.zeros((3, 4))}, "column box has shape"),
        ({"box": np.array([[0, 0, 1, 1], [0, 0, np.nan, 1]])}, "not finite"),
        ({"box": np.array([[0, 0, 1, 1], [2, 0, 1, 1]])}, "negative width"),
        ({"label": np.array([0, -1])}, "class index is negative"),
        ({"score": np.array([1.0])}, "column score has shape"),
    ],
)
def test_columns_that_do_not_fit_are_refused(columns, message):
    good = {"image": np.array([0, 2]), "box": np.tile([0, 0, 1, 1], (2, 1)), "label": np.zeros(2)}
    with pytest.raises(ValueError, match=message):
        Labels(images=3, **(good | columns))


def test_unsorted_rows_are_sorted_by_image_and_keep_their_order_within():
    table = Labels.unsorted(
        images=3,
        image=np.array([2, 0, 2, 0]),
        box=np.arange(4)[:, None] + np.array([0, 0, 1, 1]),
        label=np.array([5, 6, 7, 8]),
    )
    assert table.image.tolist() == [0, 0, 2, 2]
    assert table.label.tolist() == [6, 8, 5, 7]
    assert table.starts.tolist() == [0, 2, 2, 4]


def test_stacking_numbers_the_images_of_later_parts_on():
    assigned = np.array([[0, 1], [2, 0]])
    first = labels([0, 2], rater=np.array([1, 0]), assigned=assigned)
    both = stack([first, first])
    assert both.images == 6
    assert both.image.tolist() == [0, 2, 3, 5]
    assert both.assigned.tolist() == [[0, 1], [2, 0], [3, 1], [5, 0]]


def test_stacking_parts_that_know_different_things_is_refused():
    with pytest.raises(ValueError, match="only some parts know the column score"):
        stack([labels([0]), labels([0], score=np.array([0.5]))])
    with pytest.raises(ValueError, match="nothing to stack"):
        stack([])


def test_a_rater_keeps_its_boxes_and_its_assignments():
    table = labels(
        [0, 0, 1], rater=np.array([0, 1, 1]), assigned=np.array([[0, 0], [0, 1], [1, 1], [2, 0]])
    )
    one = table.of_rater(1)
    assert one.image.tolist() == [0, 1]
    assert one.assigned.tolist() == [[0, 1], [1, 1]]
    with pytest.raises(ValueError, match="do not say who drew"):
        labels([0]).of_rater(0)


def test_drawn_boxes_are_certain_and_absent_columns_differ_from_present_ones():
    assert labels([0, 1]).confidence.tolist() == [1, 1]
    assert labels([0]) != labels([0], score=np.ones(1))
    assert labels([0], score=np.ones(1)) == labels([0], score=np.ones(1))
    assert len(Labels.empty(4)) == 0
    assert Labels.empty(4).starts.tolist() == [0] * 5
