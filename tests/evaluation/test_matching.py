import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from evaluation import matching
from evaluation.matching import match, overlapping
from medmnist_det.boxes import pairwise_iou
from tests.evaluation.problems import THRESHOLDS, boxes, problem, problems


def _coco(table, one):
    coco = COCO()
    coco.dataset = {
        "images": [{"id": k} for k in range(one.images)],
        "categories": [{"id": k} for k in range(one.classes)],
        "annotations": [
            {
                "id": k + 1,
                "image_id": int(table.image[k]),
                "category_id": int(table.label[k]),
                "bbox": table.bbox[k].tolist(),
                "area": float(table.area[k]),
                "score": float(table.score[k]),
                "iscrowd": int(table.iscrowd[k]),
            }
            for k in range(len(table))
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco


def _pycocotools_matches(one, thresholds):
    """Return pycocotools' own (threshold, detection) -> (object or None, ignored)."""
    evaluator = COCOeval(_coco(one.objects, one), _coco(one.detections, one), "bbox")
    evaluator.params.iouThrs = np.array(thresholds)
    evaluator.params.areaRng, evaluator.params.areaRngLbl = [[0, 1e10]], ["all"]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluator.evaluate()
    found = {}
    for image in filter(None, evaluator.evalImgs):
        for column, detection in enumerate(image["dtIds"]):
            for t in range(len(thresholds)):
                matched = int(image["dtMatches"][t, column])
                found[t, detection - 1] = (
                    matched - 1 if matched else None,
                    bool(image["dtIgnore"][t, column]),
                )
    return found


@settings(max_examples=600, deadline=None)
@given(problems(), st.sampled_from(THRESHOLDS))
def test_every_match_is_pycocotools_match(one, thresholds):
    matches = match(one, np.array(thresholds))
    none = len(one.objects)

    mine = {
        (t, int(row)): (
            None if matches.found[t, k] == none else int(matches.found[t, k]),
            bool(matches.ignored[t, k]),
        )
        for t in range(len(thresholds))
        for k, row in enumerate(matches.row)
    }

    assert mine == _pycocotools_matches(one, thresholds)


def test_only_the_best_hundred_of_a_class_and_image_count():
    many = boxes(*([(0, 0, 0, 0, 5, 5)] * 130), score=np.linspace(0, 1, 130).tolist())

    assert sorted(match(problem(boxes(), many), np.array([0.5])).row) == list(range(30, 130))


@pytest.mark.parametrize("chunk", [1, 7, 10**6])
def test_overlaps_do_not_depend_on_how_many_pairs_are_compared_at_a_time(chunk, monkeypatch):
    rng = np.random.default_rng(0)
    a, b = (
        boxes(*((int(rng.integers(3)), 0, *rng.random(2), *rng.random(2)) for _ in range(20)))
        for _ in range(2)
    )
    monkeypatch.setattr(matching, "_CHUNK", chunk)

    pairs = overlapping(a, b)

    whole = pairwise_iou(a.corners, b.corners) * (a.image[:, None] == b.image)
    table = np.zeros((20, 20))
    table[pairs.detection, pairs.object] = pairs.iou
    np.testing.assert_allclose(table, whole, atol=1e-12)
