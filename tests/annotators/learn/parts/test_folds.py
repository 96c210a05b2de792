from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from annotators.learn.parts.folds import folds_of, held_out
from medmnist_det.errors import InputError
from medmnist_det.labels import Images
from medmnist_det.reference.lessons import Lessons, plain
from tests.annotators.crowds import crowd, truth
from tests.annotators.learn.seen import Pretended, sightings_of

TRUE = truth(101)


def held(school: Pretended, lessons: Lessons):
    return held_out(school, lessons, method="consensus", name="part", epochs=7, seed=3)


def test_nobody_sees_an_image_that_it_learned_from_and_every_image_is_seen() -> None:
    school = Pretended(sightings_of(TRUE))
    seen = held(school, plain(TRUE))
    for name, (lessons, epochs) in school.taught.items():
        assert not lessons.looked[school.asked[name]].any()
        assert not np.isin(lessons.label_set.labels.image, school.asked[name]).any()
        assert epochs == 7
    assert set(school.taught) == {"part-1", "part-2"}
    assert sorted(np.concatenate(list(school.asked.values()))) == list(range(101))
    assert len(seen.image) == len(school.sightings.image)
    assert (np.diff(seen.image) >= 0).all()


def test_images_that_nobody_looked_at_are_neither_learned_from_nor_seen() -> None:
    lessons = plain(TRUE)
    looked = np.arange(101) % 3 > 0
    school = Pretended(sightings_of(TRUE))
    held(school, lessons.on(looked))
    assert looked[np.concatenate(list(school.asked.values()))].all()
    assert not any(taught.looked[~looked].any() for taught, _ in school.taught.values())


def test_parts_have_equally_many_images_with_a_box() -> None:
    fold = folds_of(plain(TRUE), seed=0)
    filled = np.diff(TRUE.labels.starts) > 0
    assert abs(np.bincount(fold[filled], minlength=2) @ [1, -1]) <= 1
    assert abs(np.bincount(fold, minlength=2) @ [1, -1]) <= 1


def test_where_an_image_stands_in_the_list_does_not_decide_its_part() -> None:
    lessons, turned = plain(TRUE), np.arange(101)[::-1]
    images, labels = TRUE.images, TRUE.labels
    backwards = replace(
        TRUE,
        images=Images(
            ids=images.ids[::-1], names=images.names[::-1], width=images.width, height=images.height
        ),
        labels=replace(
            labels,
            image=100 - labels.image[::-1],
            box=labels.box[::-1],
            label=labels.label[::-1],
        ),
    )
    assert (folds_of(plain(backwards), seed=5) == folds_of(lessons, seed=5)[turned]).all()
    assert (folds_of(lessons, seed=5) != folds_of(lessons, seed=6)).any()


def test_fewer_images_than_parts_are_refused() -> None:
    one = crowd([(1, 0, 0, (10, 10, 30, 30)), (1, 0, 1, (50, 50, 80, 80))], images=4)
    message = (
        "--method consensus trains 2 detectors on as many parts of the images, each of which needs "
        "a box to learn from, and 1 of 4 train images have one: generate or label more, or choose "
        "dawid-skene"
    )
    with pytest.raises(InputError) as caught:
        held(Pretended(sightings_of(TRUE)), plain(one))
    assert str(caught.value) == message


def test_two_images_are_enough() -> None:
    two = crowd([(0, 0, 0, (10, 10, 30, 30)), (3, 0, 1, (50, 50, 80, 80))], images=4)
    school = Pretended(sightings_of(truth(4)))
    held(school, plain(two))
    assert [len(lessons.label_set.labels) for lessons, _ in school.taught.values()] == [1, 1]
