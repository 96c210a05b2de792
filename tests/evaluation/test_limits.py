"""What is large or odd: many classes, many boxes, many resamples, thresholds that are none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cli
from evaluation.assessment import QUICK, Options
from evaluation.engines import COCO_SIZES, run, run_by_class
from evaluation.matching import Matching, match
from evaluation.metrics import HEADLINE, union
from evaluation.problem import MOST_COUNTED, Boxes, Problem
from evaluation.scores import DIGIT_SIZES, score_problem
from medmnist_det.errors import InputError
from tests.evaluation.command import evaluate, noisy
from tests.evaluation.files import annotation, as_results, coco, objects, write
from tests.evaluation.problems import problems, random_problem


def _crowded(seed, count, *, images=2, classes=2):
    """Far more boxes than COCO counts, with scores that tie all the time."""
    rng = np.random.default_rng(seed)
    base = random_problem(rng, images=images, classes=classes, objects=9, detections=0)
    image, label = rng.integers(0, images, count), rng.integers(0, classes, count)
    near = base.objects.bbox[rng.integers(0, 9, count)] * rng.normal(1, 0.1, (count, 4))
    score = rng.integers(0, 5, count) / 4
    boxes = Boxes.of(image=image, bbox=np.abs(near), label=label, score=score)
    return Problem(images=images, classes=classes, objects=base.objects, detections=boxes)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 900))
def test_what_is_counted_is_what_pycocotools_keeps(seed, count):
    one = _crowded(seed, count)

    kept = []
    for image in range(one.images):
        for label in range(one.classes):
            boxes = one.detections
            rows = np.flatnonzero((boxes.image == image) & (boxes.label == label))
            # pycocotools: stable sort by falling score, then the first maxDets.
            kept += rows[np.argsort(-boxes.score[rows], kind="mergesort")][:MOST_COUNTED].tolist()

    assert one.counted.tolist() == sorted(kept)


@pytest.mark.parametrize("seed", range(6))
def test_no_digit_changes_where_boxes_are_left_out_before_an_engine_sees_them(seed):
    one = _crowded(seed, 700)
    thresholds = np.array(union(HEADLINE))
    whole = _uncapped(one, thresholds)

    for engine in ("hotcoco", "pycocotools"):
        curves = run(one, thresholds, engine=engine)
        np.testing.assert_allclose(curves.precision, whole[0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(curves.recall, whole[1], rtol=0, atol=1e-12)


def _uncapped(one, thresholds):
    """Pycocotools on all boxes, without our hand in it."""
    import contextlib
    import io

    from pycocotools.cocoeval import COCOeval

    from tests.evaluation.test_matching import _coco

    with contextlib.redirect_stdout(io.StringIO()):
        evaluator = COCOeval(_coco(one.objects, one), _coco(one.detections, one), "bbox")
        evaluator.params.iouThrs = thresholds
        evaluator.params.areaRng = [[size.low, size.high] for size in COCO_SIZES]
        evaluator.params.areaRngLbl = [size.name for size in COCO_SIZES]
        evaluator.evaluate()
        evaluator.accumulate()
    found = (np.array(evaluator.eval[name]) for name in ("precision", "recall"))
    return [np.where(values < 0, np.nan, values) for values in found]


@settings(max_examples=200, deadline=None)
@given(problems(), st.sampled_from([1, 20_000, 10**9]))
def test_classes_scored_some_at_a_time_have_the_curves_of_all_at_once(one, size):
    thresholds, sizes = np.array([0.4, 0.75]), COCO_SIZES + DIGIT_SIZES
    whole = run(one, thresholds, sizes=sizes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("evaluation.engines._BYTES", size)
        parts = list(run_by_class(one, thresholds, sizes=sizes))

    chosen = one.classes_with_objects
    assert sum(part.precision.shape[2] for part in parts) == len(chosen)
    if parts:
        precision = np.concatenate([part.precision for part in parts], axis=2)
        recall = np.concatenate([part.recall for part in parts], axis=1)
        np.testing.assert_array_equal(precision, whole.precision[:, :, chosen])
        np.testing.assert_array_equal(recall, whole.recall[:, chosen])


@settings(max_examples=200, deadline=None)
@given(problems())
def test_matches_made_of_pairs_of_all_classes_are_those_of_one_class_at_a_time(one):
    thresholds = union(HEADLINE)
    shared, apart = (
        Matching(one, thresholds, any_class=any_class).matches for any_class in (True, False)
    )
    plain = match(one, np.array(thresholds))

    for found in (shared, apart):
        for name in ("row", "found", "ignored"):
            np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))


def test_classes_that_nothing_is_of_change_no_number():
    few = random_problem(np.random.default_rng(2), images=5, classes=3, objects=20, detections=50)
    spread = np.array([7, 4_000, 99_999])
    many = Problem(
        images=5,
        classes=100_000,
        objects=_renamed(few.objects, spread),
        detections=_renamed(few.detections, spread),
    )

    a = score_problem(few, ("a", "b", "c"))
    b = score_problem(many, tuple(map(str, range(100_000))))

    assert [mean.value for mean in a.headline] == [mean.value for mean in b.headline]
    assert [mean.value for mean in a.coco.values()] == [mean.value for mean in b.coco.values()]
    assert b.used == tuple(spread)
    assert [row.ap for row in a.classes] == [b.classes[k].ap for k in b.used]
    assert b.headline[0].of == 100_000


def _renamed(boxes, names):
    return Boxes.of(
        image=boxes.image,
        bbox=boxes.bbox,
        label=names[boxes.label],
        score=boxes.score,
        area=boxes.area,
        iscrowd=boxes.iscrowd,
    )


def _memory(arguments, cwd):
    """Return the peak of a whole command in MiB."""
    code = (
        "import resource, sys, cli\n"
        f"cli.app({['evaluate', *map(str, arguments)]!r}, standalone_mode=False)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)\n"
    )
    root = str(Path(cli.__file__).parent)
    # A child's peak counts from its parent's size, so a small one stands between.
    between = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    done = subprocess.run(
        [sys.executable, "-c", between, sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    return int(done.stderr.split()[-1]), done.stdout


def test_ten_thousand_unused_classes_cost_little_and_are_told(tmp_path):
    rows = objects(10, 0)
    names = [{"id": k + 1, "name": f"class {k}"} for k in range(10_000)]
    truth = write(tmp_path / "t.json", coco(10, rows, categories=names))
    preds = write(tmp_path / "p.json", noisy(as_results(rows), 0))

    peak, output = _memory([preds, "--truth", truth, "--json", "o.json"], tmp_path)

    # They took 10.5 GB.
    assert peak < 250
    assert "Left out: 9,997 classes without an object or a box." in output
    assert len(output.splitlines()) < 80
    written = json.loads((tmp_path / "o.json").read_text())
    assert [(one["id"], one["name"]) for one in written["classes"]] == [
        (k + 1, f"class {k}") for k in range(3)
    ]
    assert written["classes_left_out"] == 9_997
    assert len(written["precision_recall"]["precision"][0]["classes"]) == 3
    assert written["confusion"]["rows"][:3] == ["class 0", "class 1", "class 2"]
    assert len(written["confusion"]["counts"]) == 4


def test_hundreds_of_used_classes_stay_readable(tmp_path):
    count = 600
    rows = [annotation(k + 1, k % 9 + 1, k, [k % 300, 5, 20, 20]) for k in range(count)]
    names = [{"id": k + 1, "name": f"class {k}"} for k in range(count)]
    truth = write(tmp_path / "t.json", coco(9, rows, categories=names))
    wrong = [row | {"category_id": row["category_id"] % 7 + 1} for row in as_results(rows)]
    preds = write(tmp_path / "p.json", as_results(rows)[:500] + wrong[500:])

    places = ["--json", tmp_path / "o.json", "--report", tmp_path / "r.html"]
    output = evaluate(preds, "--truth", truth, "--bootstrap", 40, *places).output

    assert output.count("class 599") == 1
    confusion = json.loads((tmp_path / "o.json").read_text())["confusion"]
    assert "counts" not in confusion
    assert [0, 0, 1] in confusion["cells"]
    assert sum(count for _, _, count in confusion["cells"]) >= 600
    page = (tmp_path / "r.html").read_text()
    assert "80 of 600 classes, evenly from best to worst" in page
    assert len(page) < 3_000_000


def test_a_hundred_thousand_boxes_of_one_class_in_one_image_cost_little(tmp_path):
    truth = write(tmp_path / "t.json", coco(1, [annotation(1, 1, 0, [5, 5, 20, 20])]))
    rows = [
        {"image_id": 1, "category_id": 1, "bbox": [5, 5, 20 + k % 7, 20], "score": k / 1e5}
        for k in range(100_000)
    ]
    preds = write(tmp_path / "p.json", rows)

    peak, output = _memory([preds, "--truth", truth, "--errors", "--bootstrap", 40], tmp_path)

    # They took 15.7 GB.
    assert peak < 250
    assert "Not counted, as in COCO: 99,900 boxes beyond the 100 best of a class" in output


@pytest.mark.parametrize("sizes", [(1, 0), (0, 1), (1, 1)])
def test_a_comparison_resamples_both_files_alike_however_large_they_are(
    data, tmp_path, monkeypatch, sizes
):
    rows = as_results(objects(10, 0))
    monkeypatch.setattr("evaluation.assessment.QUICK", len(rows))
    files = []
    for name, large in zip("ab", sizes, strict=True):
        more = noisy(rows, 9) if large else []
        files.append(write(tmp_path / f"{name}.json", noisy(rows, 3) + more))

    output = evaluate(*files, "--data", data, "--json", tmp_path / "o.json").output

    assert output.count("verdict") == 0
    written = json.loads((tmp_path / "o.json").read_text())
    for one in (written["first"], written["second"]):
        assert one["scores"]["mAP@0.4"]["interval"]["resamples"] > 990
        assert one["error_budget"] is None
    for one in written["differences"].values():
        assert one["real"] == (one["p_value"] < 0.05)


def test_a_single_large_file_is_not_resampled_unasked(data, tmp_path, monkeypatch):
    rows = as_results(objects(10, 0))
    monkeypatch.setattr("evaluation.assessment.QUICK", len(rows) - 1)

    output = evaluate(write(tmp_path / "p.json", rows), "--data", data).output

    assert QUICK == 50_000
    assert "No intervals; --bootstrap 1000 adds them." in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--bootstrap", "1000000000"],
            "--bootstrap 1000000000: give 40 to 1,000,000, or 0 for no",
        ),
        (["--bootstrap", "1"], "--bootstrap 1: give 40 to 1,000,000, or 0 for no intervals"),
        (["--seed", "9" * 30], f"--seed {'9' * 30}: give a whole number, 0 to 2**63 - 1"),
        (["--iou", "0.0001:1:0.0001"], "--iou: 10,000 thresholds in all; give 200 at most"),
        (["--iou", "0.4", "--iou", ".4"], "--iou: mAP@0.4 is asked for twice; leave one out"),
        *(
            (["--iou", text], f"--iou {text!r}: give one threshold such as 0.4")
            for text in ("nan", "inf", "-inf", "0", "-0.5", "1.0000001", "1e999", "", "0.5:0.4:0.1")
        ),
        (["--iou", "0.5:0.9:0"], "give one threshold"),
        (["--iou", "0.5:0.9:-0.1"], "give one threshold"),
        (["--iou", "0.5:nan:0.1"], "give one threshold"),
        (["--iou", "x\n\x1b[31m" * 999], "--iou 'x\\n\\x1b[31mx"),
    ],
)
def test_odd_options_are_one_sentence_and_exit_code_two(data, tmp_path, arguments, message):
    preds = write(tmp_path / "p.json", as_results(objects(10, 0)))

    result = evaluate(preds, "--data", data, *arguments, code=2)

    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert len(result.stderr) < 500


@pytest.mark.parametrize("text", ["1", "1.0", "1e-300", "0.05:1:0.05", "0.01:1:0.01"])
def test_thresholds_at_the_border_are_scored(data, tmp_path, text):
    preds = write(tmp_path / "p.json", as_results(objects(10, 0)))

    output = evaluate(preds, "--data", data, "--iou", text, "--bootstrap", 40).output

    assert "1.0000" in output


def test_a_comparison_without_resamples_is_refused(data, tmp_path):
    preds = write(tmp_path / "p.json", as_results(objects(10, 0)))

    result = evaluate(preds, preds, "--data", data, "--bootstrap", 0, code=2)

    assert "--bootstrap 0: a comparison rests on resamples; leave it out" in result.stderr


def test_options_refuse_a_number_of_thresholds_that_no_memory_holds():
    metrics = tuple(HEADLINE)

    assert Options(metrics=metrics).bootstrap is None
    with pytest.raises(InputError, match="--seed -1: give a whole number"):
        Options(seed=-1)
