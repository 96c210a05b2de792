import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.engines import COCO_SIZES, run
from evaluation.scores import DIGIT_SIZES
from tests.evaluation.problems import THRESHOLDS, boxes, problem, problems, random_problem

_SIZES = (COCO_SIZES, COCO_SIZES + DIGIT_SIZES)


@settings(max_examples=3000, deadline=None)
@given(problems(), st.sampled_from(THRESHOLDS), st.sampled_from(_SIZES))
def test_both_engines_give_identical_curves(one, thresholds, sizes):
    fast = run(one, np.array(thresholds), sizes=sizes)
    slow = run(one, np.array(thresholds), sizes=sizes, engine="pycocotools")

    np.testing.assert_allclose(fast.precision, slow.precision, rtol=0, atol=1e-12)
    np.testing.assert_allclose(fast.recall, slow.recall, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_both_engines_agree_on_crowded_images_with_continuous_boxes(seed):
    rng = np.random.default_rng(seed)
    base = random_problem(rng, images=6, classes=3, objects=60, detections=0)
    near = rng.integers(0, 60, 900)
    jitter = rng.normal(1, 0.1, (900, 4))
    many = boxes(
        *(
            (base.objects.image[k], base.objects.label[k], *(base.objects.bbox[k] * change))
            for k, change in zip(near, np.abs(jitter), strict=True)
        ),
        score=np.round(rng.random(900), 2).tolist(),
    )
    one = problem(base.objects, many, images=6, classes=3)
    thresholds = np.array(THRESHOLDS[-1])

    fast, slow = run(one, thresholds), run(one, thresholds, engine="pycocotools")

    np.testing.assert_allclose(fast.precision, slow.precision, rtol=0, atol=1e-12)
    np.testing.assert_allclose(fast.recall, slow.recall, rtol=0, atol=1e-12)


@pytest.mark.parametrize("engine", ["hotcoco", "pycocotools"])
def test_a_class_without_objects_is_undefined_not_minus_one(engine):
    one = problem(boxes((0, 0, 0, 0, 9, 9)), boxes((0, 1, 0, 0, 9, 9)))

    curves = run(one, np.array([0.4]), engine=engine)

    assert np.isnan(curves.precision[0, :, 1]).all()
    assert (curves.precision[0, :, 0, 0] == 0).all()


@pytest.mark.parametrize("engine", ["hotcoco", "pycocotools"])
def test_the_first_annotation_can_be_found(engine):
    # Annotation id 0 counts as unmatched in pycocotools; row 0 must not.
    one = problem(boxes((0, 0, 0, 0, 9, 9)), boxes((0, 0, 0, 0, 9, 9)), classes=1)

    assert run(one, np.array([0.4]), engine=engine).recall[0, 0, 0, -1] == 1.0
