import numpy as np
import pytest

from evaluation.metrics import COCO, HEADLINE, PAPER, Metric, parse_metric, union
from evaluation.scores import score_problem
from medmnist_det.errors import InputError
from tests.evaluation.problems import boxes, problem, random_problem


def _pycocotools(one):
    """Pycocotools' own evaluation, summarized."""
    import contextlib
    import io

    from pycocotools.cocoeval import COCOeval

    from tests.evaluation.test_matching import _coco

    with contextlib.redirect_stdout(io.StringIO()):
        evaluator = COCOeval(_coco(one.objects, one), _coco(one.detections, one), "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator


@pytest.mark.parametrize("engine", ["hotcoco", "pycocotools"])
@pytest.mark.parametrize("seed", range(10))
def test_the_twelve_numbers_are_those_that_pycocotools_prints(seed, engine):
    one = random_problem(
        np.random.default_rng(seed), images=4, classes=3, objects=30, detections=60
    )

    found = score_problem(one, ("a", "b", "c"), engine=engine).coco

    mine = [-1 if mean.value is None else mean.value for mean in found.values()]
    np.testing.assert_allclose(mine, _pycocotools(one).stats, rtol=0, atol=1e-12)


@pytest.mark.parametrize("engine", ["hotcoco", "pycocotools"])
@pytest.mark.parametrize("seed", range(5))
def test_a_class_alone_has_the_mean_that_is_taken_by_hand(seed, engine):
    one = random_problem(
        np.random.default_rng(seed), images=20, classes=7, objects=60, detections=300
    )

    found = score_problem(one, tuple("abcdefg"), metrics=(COCO,), engine=engine).classes

    precision = _pycocotools(one).eval["precision"]
    for k, row in enumerate(found):
        alone = precision[:, :, k, 0, -1]
        assert row.ap == (float(np.mean(alone[alone > -1])),)


@pytest.mark.parametrize("metrics", [HEADLINE, (COCO,)])
def test_no_class_at_all_has_no_score(metrics):
    found = score_problem(problem(boxes(), boxes(), classes=0), (), metrics=metrics)

    assert found.classes == ()
    assert all(mean.value is None and mean.of == 0 for mean in found.headline)


def test_predictions_made_from_the_truth_score_exactly_one():
    rng = np.random.default_rng(0)
    rows = [
        (int(rng.integers(5)), k % 3, *rng.uniform(0, 99, 2), *rng.uniform(9, 99, 2))
        for k in range(30)
    ]
    one = problem(boxes(*rows), boxes(*rows), images=5, classes=3)

    found = score_problem(one, ("a", "b", "c"))

    assert [mean.value for mean in found.headline] == [1.0, 1.0]
    assert all(row.ap == (1.0, 1.0) and row.ar == 1.0 for row in found.classes)


def test_classes_undefined_are_left_out_of_means_and_counted():
    one = problem(
        boxes((0, 0, 0, 0, 9, 9), (0, 0, 50, 50, 9, 9)),
        boxes((0, 0, 0, 0, 9, 9), (0, 0, 50, 50, 9, 9), (0, 2, 0, 0, 9, 9)),
        classes=3,
    )

    found = score_problem(one, ("a", "b", "c"))

    assert found.headline[0].value == 1.0
    assert (found.headline[0].classes, found.headline[0].of) == (1, 3)
    assert [row.ap[0] for row in found.classes] == [1.0, None, None]
    assert [row.name for row in found.undefined] == ["c"]
    assert (found.used, found.defined) == ((0, 2), (0,))
    assert found.coco["APl"].value is None


def test_no_prediction_scores_zero_and_no_object_is_undefined():
    none, some = boxes(), boxes((0, 0, 0, 0, 9, 9))

    assert score_problem(problem(some, none), ("a", "b")).headline[0].value == 0.0
    assert score_problem(problem(none, some), ("a", "b")).headline[0].value is None
    assert score_problem(problem(none, none, images=0, classes=0), ()).headline[0].value is None


def test_iscrowd_regions_are_no_objects():
    one = random_problem(np.random.default_rng(3), images=3, classes=2, objects=20, detections=0)

    found = score_problem(one, ("a", "b"))

    assert found.iscrowd_regions == one.objects.iscrowd.sum() > 0
    assert found.objects + found.iscrowd_regions == 20


def test_size_ranges_count_the_objects_within_them():
    sides = (10, 20, 28, 40, 50, 80, 120)
    rows = boxes(*((0, 0, 200 * k, 0, side, side) for k, side in enumerate(sides)))

    found = score_problem(problem(rows, rows), ("a", "b"))

    assert [row.objects for row in found.sizes] == [1] * 7
    assert found.sizes[0].name == "0 to 16 px"
    assert found.sizes[-1].name == "over 96 px"
    assert all(row.ap[0].value == pytest.approx(1.0) for row in found.sizes)


def test_a_threshold_alone_scores_as_it_does_among_others():
    one = random_problem(np.random.default_rng(5), images=4, classes=2, objects=30, detections=60)
    for value in (0.4, 0.9, 0.95):
        alone = score_problem(one, ("a", "b"), metrics=(Metric("alone", (value,)),)).headline[0]
        among = score_problem(one, ("a", "b"), metrics=(*HEADLINE, Metric("m", (value,))))
        assert alone == among.headline[-1]


@pytest.mark.parametrize(
    ("text", "thresholds"),
    [
        ("0.4", PAPER.thresholds),
        (".4", PAPER.thresholds),
        ("0.5:0.95:0.05", COCO.thresholds),
        (".5:.95:.05", COCO.thresholds),
        ("0.3:0.5:0.1", tuple(np.linspace(0.3, 0.5, 3))),
        ("1", (1.0,)),
    ],
)
def test_thresholds_are_read_as_people_write_them(text, thresholds):
    assert parse_metric(text).thresholds == thresholds


def test_no_two_thresholds_share_a_name():
    texts = ["0.5", "0.5000001", "0.5:0.9:0.1", "0.5:0.9:0.1000000001"]

    assert len({parse_metric(text).name for text in texts}) == 4


def test_the_two_of_the_paper_keep_their_names_when_written_out():
    assert (parse_metric("0.40"), parse_metric("0.5:0.95:0.05")) == HEADLINE


@pytest.mark.parametrize(
    "text",
    [
        *("", "high", "0", "1.5", "40", "nan"),
        *("0.5:0.9", "0.9:0.5:0.1", "0.5:0.95:0.2", "0:1:0.1", "0.5:0.95:1e-320", "0.5:0.95:inf"),
    ],
)
def test_thresholds_that_are_none_are_refused(text):
    with pytest.raises(InputError, match=r"--iou .*: give one threshold such as 0\.4"):
        parse_metric(text)


def test_thresholds_that_metrics_share_are_asked_for_once():
    assert union((PAPER, COCO, Metric("again", (0.4, 0.5)))) == (0.4, *COCO.thresholds)
