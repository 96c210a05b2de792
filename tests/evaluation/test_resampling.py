import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.engines import run
from evaluation.matching import match
from evaluation.problem import Boxes, Problem
from evaluation.resampling import RecallSteps, by_class, resampled_ap
from tests.evaluation.problems import THRESHOLDS, problems


@settings(max_examples=500, deadline=None)
@given(problems(), st.sampled_from(THRESHOLDS))
def test_weights_of_one_give_the_engines_ap(one, thresholds):
    matches = match(one, np.array(thresholds))

    ap = resampled_ap(one, matches, np.ones((1, one.images), dtype=int))[0]

    precision = run(one, np.array(thresholds)).precision[..., one.classes_with_objects, 0, -1]
    np.testing.assert_allclose(ap, precision.mean(axis=1), rtol=0, atol=1e-12)


@settings(max_examples=200, deadline=None)
@given(problems())
def test_the_precisions_behind_ap_are_the_engines_bit_for_bit(one):
    matches = match(one, np.array([0.4]))
    precision = run(one, np.array([0.4])).precision[0, :, :, 0, -1]
    for mine in by_class(one, matches):
        found = np.cumsum(mine.right, axis=1)[:, mine.right[0]]
        claimed = np.cumsum(mine.claimed, axis=1)[:, mine.right[0]]
        best = RecallSteps.envelope(found, claimed)[0]
        recall = found[0] / len(mine.objects)
        place = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
        np.testing.assert_array_equal(np.append(best, 0.0)[place], precision[:, mine.label])


@settings(max_examples=200, deadline=None)
@given(problems(), st.integers(0, 2**32 - 1))
def test_a_weighted_image_counts_as_that_many_copies(one, seed):
    rng = np.random.default_rng(seed)
    # Equal scores within an image and class have no order among copies; make them distinct.
    score = rng.permutation(len(one.detections)) / max(len(one.detections), 1)
    table = one.detections
    one = Problem(
        images=one.images,
        classes=one.classes,
        objects=one.objects,
        detections=Boxes.of(image=table.image, bbox=table.bbox, label=table.label, score=score),
    )
    weights = rng.integers(0, 4, one.images)

    ap = resampled_ap(one, match(one, np.array([0.4, 0.75])), weights[None])[0]

    copies = run(_copies(one, weights), np.array([0.4, 0.75]))
    precision = copies.precision[..., one.classes_with_objects, 0, -1]
    np.testing.assert_allclose(ap, precision.mean(axis=1), rtol=0, atol=1e-12)


def _copies(one, weights):
    source = np.repeat(np.arange(one.images), weights)

    def copied(table):
        rows = [np.flatnonzero(table.image == image) for image in source]
        image = np.repeat(np.arange(len(source)), [len(part) for part in rows])
        row = np.concatenate([*rows, np.zeros(0, dtype=int)]).astype(int)
        return Boxes.of(
            image=image,
            bbox=table.bbox[row],
            label=table.label[row],
            score=table.score[row],
            iscrowd=table.iscrowd[row],
        )

    return Problem(
        images=len(source),
        classes=one.classes,
        objects=copied(one.objects),
        detections=copied(one.detections),
    )
