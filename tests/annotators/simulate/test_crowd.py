from dataclasses import replace

import numpy as np
import pytest

from annotators.simulate.annotator import draw_annotators
from annotators.simulate.crowd import simulate
from annotators.simulate.matrices import FAMILIES
from annotators.simulate.options import AnnotatorOptions
from annotators.simulate.presets import crowd_options
from annotators.simulate.rates import realised
from medmnist_det.boxes import paired_iou
from medmnist_det.labels import Error, Images, Labels
from tests.conftest import random_truth

TRUTH, IMAGES = random_truth()


def crowd(*options, truth=TRUTH, images=IMAGES, seed=0):
    annotators = draw_annotators(options, 10, seed)
    return annotators, simulate(truth, images, annotators, seed, "train")


def test_what_annotators_report_follows_their_matrices():
    families = [family for family in FAMILIES if family != "instance"]  # it has none
    options = [AnnotatorOptions(family=family, proficiency=0.7) for family in families]
    annotators, labels = crowd(*options)
    for k, annotator in enumerate(annotators):
        mine = labels.select(labels.rater == k)
        counts = np.zeros((10, 11))
        np.add.at(counts, (TRUTH.label[mine.true_object], mine.label), 1)
        seen = np.bincount(TRUTH.label, minlength=10)
        counts[:, 10] = seen - counts.sum(axis=1)
        expected = annotator.matrix[:10] * seen[:, None]
        # Four standard errors of a count, and one for rare events.
        assert (np.abs(counts - expected) <= 4 * np.sqrt(expected) + 1).all()


def test_every_box_comes_from_the_object_that_its_provenance_names():
    for noise in ("iou", "gaussian", "biased"):
        _, labels = crowd(AnnotatorOptions(proficiency=0.6, box_noise=noise, spurious=0.5))
        real = labels.select(labels.error != Error.SPURIOUS)
        assert np.array_equal(real.image, TRUTH.image[real.true_object])
        right = real.label == TRUTH.label[real.true_object]
        assert np.array_equal(real.error == Error.NONE, right)
        pairs = np.stack([real.rater, real.true_object], axis=1)
        assert len(np.unique(pairs, axis=0)) == len(pairs)  # nobody draws an object twice
        if noise == "iou":
            assert (paired_iou(real.box, TRUTH.box[real.true_object]) > 0.6).all()
        spurious = labels.select(labels.error == Error.SPURIOUS)
        assert (spurious.true_object == len(TRUTH)).all()


def test_boxes_lie_in_their_images_and_have_an_area():
    _, labels = crowd(
        *(AnnotatorOptions(box_noise=n, spurious=1) for n in ("iou", "gaussian", "biased"))
    )
    assert (labels.box[:, :2] >= 0).all()
    assert (labels.box[:, 2:] <= 320).all()
    assert (labels.box[:, :2] < labels.box[:, 2:]).all()


@pytest.mark.parametrize("rate", [0.0, 0.1, 2.5])
def test_spurious_boxes_come_at_their_rate_and_class_law(rate):
    annotators, labels = crowd(AnnotatorOptions(spurious=rate))
    spurious = labels.select(labels.error == Error.SPURIOUS)
    expected = rate * len(IMAGES)
    assert abs(len(spurious) - expected) <= 4 * np.sqrt(expected)
    law = annotators[0].matrix[-1, :10]
    by_class = np.bincount(spurious.label, minlength=10)
    assert (
        np.abs(by_class - len(spurious) * law / max(law.sum(), 1e-9)) <= 4 * np.sqrt(by_class + 1)
    ).all()
    side = spurious.box[:, 2:] - spurious.box[:, :2]
    assert ((side >= 15.99) & (side <= 80.01)).all()


@pytest.mark.parametrize(
    ("coverage", "fewest", "most"),
    [([3 / 17] * 17, 3, 3), ([0.2] * 5, 1, 1), ([0.5, 0.5, 0.5], 1, 2), ([1.0, 0.3], 1, 2), ([0.1], 0, 1)],
)  # fmt: skip
def test_images_are_shared_out_as_evenly_as_the_coverage_allows(coverage, fewest, most):
    options = [AnnotatorOptions(coverage=share) for share in coverage]
    _, labels = crowd(*options)
    count = np.bincount(labels.assigned[:, 0], minlength=len(IMAGES))
    assert set(count) <= {fewest, most}
    for rater, share in enumerate(coverage):
        images = (labels.assigned[:, 1] == rater).sum()
        assert (
            abs(images - share * len(IMAGES))
            <= 4 * np.sqrt(len(IMAGES) * share * (1 - share)) + 1e-9
        )


def test_nobody_draws_on_an_image_that_it_was_not_assigned():
    _, labels = crowd(*[AnnotatorOptions(coverage=0.3, spurious=0.5)] * 3)
    assigned = {tuple(pair) for pair in labels.assigned.tolist()}
    drawn = set(zip(labels.image.tolist(), labels.rater.tolist(), strict=True))
    assert drawn <= assigned


def test_an_annotator_does_not_depend_on_the_others():
    one = AnnotatorOptions(proficiency=0.6, spurious=0.2)
    _, alone = crowd(one)
    _, among = crowd(one, AnnotatorOptions(family="adversarial"), one)
    assert np.array_equal(among.of_rater(0).box, alone.box)
    assert np.array_equal(among.of_rater(0).label, alone.label)
    assert not np.array_equal(among.of_rater(2).label, alone.label)


def test_seeds_give_other_crowds():
    assert not np.array_equal(
        crowd(AnnotatorOptions())[1].box, crowd(AnnotatorOptions(), seed=1)[1].box
    )


def test_the_order_of_boxes_says_nothing_about_the_truth():
    _, labels = crowd(AnnotatorOptions(), AnnotatorOptions())
    for image in range(50):
        for rater in range(2):
            mine = labels.box[(labels.image == image) & (labels.rater == rater)]
            assert mine[:, 0].tolist() == sorted(mine[:, 0])


@pytest.mark.parametrize("images", [0, 1])
def test_no_object_and_no_image_are_no_special_case(images):
    table = Images(
        ids=tuple(range(images)), names=("x",) * images,
        width=np.full(images, 9), height=np.full(images, 9),
    )  # fmt: skip
    empty = Labels.empty(images)
    annotators, labels = crowd(AnnotatorOptions(), AnnotatorOptions(), truth=empty, images=table)
    assert len(labels) == 0
    assert len(labels.assigned) == 2 * images
    assert [rates["mean_iou"] for rates in realised(empty, labels, len(annotators))] == [None, None]


def test_realised_rates_are_counts_of_the_provenance():
    annotators, labels = crowd(
        AnnotatorOptions(proficiency=0.5, spurious=0.4, coverage=0.5),
        AnnotatorOptions(coverage=0.5),
    )
    for rater, rates in enumerate(realised(TRUTH, labels, len(annotators))):
        images = set(labels.assigned[labels.assigned[:, 1] == rater, 0].tolist())
        mine = labels.select(labels.rater == rater)
        objects = sum(image in images for image in TRUTH.image.tolist())
        assert rates["images"] == len(images)
        assert rates["objects"] == objects
        assert rates["boxes"] == len(mine)
        assert rates["spurious"] == (mine.error == Error.SPURIOUS).sum()
        assert rates["missed"] == objects - (mine.error != Error.SPURIOUS).sum()
        assert rates["wrong_class"] == (mine.error == Error.CLASS).sum()
        real = mine.select(mine.error != Error.SPURIOUS)
        iou = paired_iou(real.box, TRUTH.box[real.true_object]).mean()
        assert rates["mean_iou"] == pytest.approx(iou)


def test_a_biased_annotator_s_overlap_comes_out_near_its_p():
    for p in (0.6, 0.8, 0.95):
        _, labels = crowd(
            *[AnnotatorOptions(proficiency=p, box_noise="biased", family="uniform")] * 8
        )
        real = labels.select(labels.error != Error.SPURIOUS)
        iou = paired_iou(real.box, TRUTH.box[real.true_object]).mean()
        assert p - 0.02 < iou < p + 0.2


def test_one_class_is_enough():
    truth, images = random_truth(classes=1)
    annotators = draw_annotators(crowd_options("paper"), 1, 0)
    labels = simulate(truth, images, annotators, 0, "train")
    assert (labels.label == 0).all()
    assert (labels.error == Error.NONE).all()


def test_provenance_is_needed_for_rates():
    _, labels = crowd(AnnotatorOptions())
    with pytest.raises(ValueError, match="without raters or without provenance"):
        realised(TRUTH, replace(labels, true_object=None), 1)
