"""Difficulty: what makes objects hard, and that errors gather there while their rates stay."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from annotators.simulate.difficulty import difficulties
from annotators.simulate.matrices import FAMILIES
from annotators.simulate.options import AnnotatorOptions
from annotators.simulate.touching import covered, touching
from medmnist_det.boxes import areas, paired_iou
from medmnist_det.labels import Labels
from tests.annotators.simulate.split_truth import IMAGES, TRUTH, drawn_by, marks

CONTRAST = np.random.default_rng(5).random(len(TRUTH))


def hard(contrast=CONTRAST, seed=0, truth=TRUTH):
    return difficulties(truth, touching(truth), contrast, seed, "train")


def test_difficulties_are_uniform_in_every_class():
    found = hard()
    assert ((found > 0) & (found < 1)).all()
    for k in range(10):
        mine = np.sort(found[TRUTH.label == k])
        # One in each of n equal parts, by construction: not a statistical claim.
        assert np.array_equal(np.floor(mine * len(mine)), np.arange(len(mine)))


def test_a_class_of_one_object_has_any_difficulty():
    one = Labels(images=1, image=np.zeros(1), box=np.array([[0.0, 0, 9, 9]]), label=np.zeros(1))
    found = [hard(None, seed, one)[0] for seed in range(400)]
    assert min(found) < 0.02
    assert max(found) > 0.98
    assert np.mean(found) == pytest.approx(0.5, abs=4 / np.sqrt(12 * 400))


def test_small_covered_and_faint_objects_are_hard():
    found = hard()
    share = covered(TRUTH, touching(TRUTH))
    # Few boxes are covered at all, and these are large; four standard errors of a correlation are
    # .05 here.
    for what, least in ((-areas(TRUTH.box), 0.4), (share, 0.08), (-CONTRAST, 0.3)):
        assert np.corrcoef(found, what.argsort().argsort())[0, 1] > least
    without = hard(None)
    assert abs(np.corrcoef(without, CONTRAST)[0, 1]) < 0.05


def test_what_others_cover_is_counted_pixel_by_pixel():
    box = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 10, 20, 20], [0, 0, 4, 4]], dtype=float)
    labels = Labels(images=2, image=np.array([0, 0, 0, 1]), box=box, label=np.zeros(4))
    pairs = touching(labels)
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [
        (0, 1), (0, 2), (1, 2),
    ]  # fmt: skip
    assert pairs.overlap.tolist() == [50, 0, 0]
    assert covered(labels, pairs).tolist() == [0.5, 0.5, 0, 0]


@pytest.mark.parametrize("strength", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("family", [one for one in FAMILIES if one != "instance"])
def test_marginal_rates_stay_those_of_the_matrix(family, strength):
    """Summed over eight seeds of the chance in difficulty, every entry of the matrix holds."""
    from annotators.simulate.annotator import draw_annotators
    from annotators.simulate.crowd import simulate

    options = [AnnotatorOptions(family=family, proficiency=0.7, difficulty=strength)]
    annotators = draw_annotators(options, 10, 3)
    counts, seeds = np.zeros((10, 11)), 8
    for seed in range(seeds):
        labels = simulate(TRUTH, IMAGES, annotators, seed, "train")
        np.add.at(counts, (TRUTH.label, drawn_by(labels, 0)), 1)
    expected = annotators[0].matrix[:10] * np.bincount(TRUTH.label, minlength=10)[:, None] * seeds
    # Five standard errors of independent counts, and two for rare events: difficulties are
    # stratified, so that errors spread less than independent ones. 11 x 10 x 24 comparisons.
    assert (np.abs(counts - expected) <= 5 * np.sqrt(expected) + 2).all()


@pytest.mark.parametrize("strength", [0.3, 0.7])
def test_two_annotators_err_together_as_correlated_normals_do(strength):
    one = AnnotatorOptions(family="uniform", proficiency=0.7, difficulty=strength)
    labels = marks(one, one).labels
    first, second = (drawn_by(labels, k) != TRUTH.label for k in (0, 1))
    both = multivariate_normal(cov=[[1, strength], [strength, 1]]).cdf(norm.ppf([0.3, 0.3]))
    # Four standard errors of a share.
    assert (first & second).mean() == pytest.approx(both, abs=4 * np.sqrt(both / len(TRUTH)))


def test_at_full_strength_errors_are_decided_by_difficulty_alone():
    one = AnnotatorOptions(family="uniform", proficiency=0.7, difficulty=1.0)
    found = marks(one, one)
    wrong = [drawn_by(found.labels, k) != TRUTH.label for k in (0, 1)]
    assert np.array_equal(*wrong)
    hardness = np.array(found.behind["difficulty"])
    assert hardness[wrong[0]].min() > 0.7 - 1e-6
    assert hardness[~wrong[0]].max() < 0.7 + 1e-6


@pytest.mark.parametrize("noise", ["iou", "gaussian", "biased", "sized"])
def test_hard_objects_are_drawn_less_precisely(noise):
    one = AnnotatorOptions(family="uniform", difficulty=1.0, box_noise=noise, proficiency=0.9)
    big = np.tile([100.0, 100.0, 180.0, 190.0], (len(TRUTH), 1))
    truth = Labels(images=TRUTH.images, image=TRUTH.image, box=big, label=TRUTH.label)
    found = marks(one, truth=truth)
    labels, hardness = found.labels, np.array(found.behind["difficulty"])
    overlap = paired_iou(labels.box, truth.box[labels.true_object])
    level = hardness[labels.true_object]
    easy, hard = (overlap[(level > low) & (level < low + 0.3)].mean() for low in (0.0, 0.6))
    assert 1 - hard > 1.2 * (1 - easy)
    plain = marks(AnnotatorOptions(family="uniform", box_noise=noise, proficiency=0.9), truth=truth)
    usual = paired_iou(plain.labels.box, truth.box[plain.labels.true_object]).mean()
    assert overlap.mean() == pytest.approx(usual, abs=0.02)


def test_strength_none_is_what_there_was_before():
    plain = marks(AnnotatorOptions(spurious=0.3))
    assert plain.behind == {}
    beside = marks(AnnotatorOptions(spurious=0.3), AnnotatorOptions(difficulty=0.5)).labels
    assert np.array_equal(beside.of_rater(0).box, plain.labels.box)
    assert np.array_equal(beside.of_rater(0).label, plain.labels.label)
