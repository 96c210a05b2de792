"""The command as users meet it: through the app, on files."""

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

import cli
from tests.evaluation.command import evaluate, noisy
from tests.evaluation.files import annotation, as_results, coco, objects, write
from tests.printed import tables


def test_predictions_made_from_the_truth_score_exactly_one(data, tmp_path):
    preds = write(tmp_path / "p.json", as_results(objects(10, 0)))

    result = evaluate(preds, "--data", data, "--json", tmp_path / "out.json")

    assert "mAP@0.4       1.0000  1.0000 to 1.0000\n" in result.output.replace(" \n", "\n")
    assert "3 of 3" not in result.output
    scores = json.loads((tmp_path / "out.json").read_text())["scores"]
    assert scores["mAP@0.4"]["value"] == 1.0
    assert scores["mAP@[.5:.95]"]["value"] == 1.0


def test_json_on_standard_output_is_all_that_stands_there(data, tmp_path):
    preds = write(tmp_path / "p.json", as_results(objects(10, 0)) * 2)
    other = write(tmp_path / "q.json", as_results(objects(10, 0)))
    words = [preds, "--data", data, "--bootstrap", 50]

    result = evaluate(*words, "--json", "-")
    evaluate(*words, "--json", tmp_path / "out.json")

    assert result.stdout_bytes == (tmp_path / "out.json").read_bytes()
    assert "warning: " in result.stderr
    both = json.loads(evaluate(preds, other, "--data", data, "--json", "-").stdout)
    assert both.keys() == {"first", "second", "differences"}


def test_a_missing_file_names_those_that_are_there(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wrong = evaluate("runs/x/preds.json", code=2).stderr
    assert "runs/x/preds.json: No such file or directory; check the path" in wrong
    for k, name in enumerate(("old", "new", "newest", "older")):
        file = write(tmp_path / "runs" / name / "preds.json", [])
        os.utime(file, (k, k) if name != "older" else (0, -1))
    there = evaluate("runs/x/preds.json", code=2).stderr
    names = ", ".join(f"runs/{name}/preds.json" for name in ("newest", "new", "old"))
    assert f"the newest there are: {names}, ... (4 in all)" in there


def test_sizes_are_fifths_of_the_objects_where_the_usual_ranges_say_nothing(tmp_path):
    rows = [
        annotation(
            k + 1,
            1 + k % 4,
            k % 3,
            [400.0 * (k // 4 % 5), 400.0 * (k // 20), 110.0 + 2 * k, 110.0 + 2 * k],
        )
        for k in range(100)
    ]
    truth = coco(4, rows)
    for image in truth["images"]:
        image |= {"width": 2000, "height": 2000}
    file = write(tmp_path / "t.json", truth)
    preds = write(tmp_path / "p.json", as_results(rows))

    found = tables(evaluate(preds, "--truth", file, "--bootstrap", 0).output)

    title = "By size of object (root of its area, fifths of this truth's objects)"
    assert found[title].column("side") == [
        "0 to 150 px", "150 to 189 px", "189 to 229 px", "229 to 268 px", "over 268 px",
    ]  # fmt: skip
    assert found[title].column("objects") == ["21", "20", "20", "20", "21"]
    assert set(found[title].column("mAP@0.4")) == {"1.0000"}
    # COCO's own ranges are what they always are.
    assert found["COCO's twelve"].row("AP, large") == ["1.0000", ""]
    assert found["COCO's twelve"].row("AP, small (area to 32 x 32 px)")[1] == "0 of 3"


def test_the_digits_and_the_fingerprint_stand_in_every_score(data, tmp_path):
    preds = write(tmp_path / "p.json", as_results(objects(10, 0)))

    output = evaluate(preds, "--data", data, "--json", tmp_path / "out.json").output

    assert "digits optdigits; fingerprint sha256:feed; engine hotcoco" in output
    written = json.loads((tmp_path / "out.json").read_text())
    assert (written["digits"], written["fingerprint"]) == ("optdigits", "sha256:feed")


def test_both_engines_write_the_same_numbers(data, tmp_path):
    preds = write(tmp_path / "p.json", noisy(as_results(objects(10, 0)), 1))
    written = []
    for engine in ("hotcoco", "pycocotools"):
        evaluate(preds, "--data", data, "--engine", engine, "--json", tmp_path / "out.json")
        content = json.loads((tmp_path / "out.json").read_text())
        assert content.pop("engine").startswith(engine)
        written.append(content)

    assert written[0] == written[1]


def test_the_json_file_holds_no_minus_one_and_no_nan(data, tmp_path):
    rows = [row for row in objects(10, 0) if row["category_id"] != 3]
    truth = write(tmp_path / "truth.json", coco(10, rows))
    preds = write(tmp_path / "p.json", as_results(objects(10, 0)))

    output = evaluate(preds, "--truth", truth, "--json", tmp_path / "out.json").output
    text = (tmp_path / "out.json").read_text()

    assert "No object of 1 class (2): undefined, not part of any mean; the 10 boxes there" in output
    assert "2 of 3" in output
    assert not re.search(r"[:\[,]\s*-1\b", text)
    assert "NaN" not in text
    assert json.loads(text)["classes"][2]["ap"] == {"mAP@0.4": None, "mAP@[.5:.95]": None}


@pytest.mark.parametrize("order", [1, -1])
def test_pycocotools_run_by_hand_prints_the_same_digits(data, tmp_path, capsys, order):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    content = json.loads((data / "truth" / "test.json").read_text())
    content["categories"] = content["categories"][::order]
    write(data / "truth" / "test.json", content)
    preds = write(tmp_path / "p.json", noisy(as_results(objects(10, 0)), 2))
    evaluate(preds, "--data", data, "--json", tmp_path / "out.json")
    mine = json.loads((tmp_path / "out.json").read_text())["coco"]

    truth = COCO(str(data / "truth" / "test.json"))
    evaluator = COCOeval(truth, truth.loadRes(str(preds)), "bbox")
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    capsys.readouterr()

    values = [-1 if one["value"] is None else one["value"] for one in mine.values()]
    assert values == evaluator.stats.tolist()


def test_the_same_seed_gives_the_same_intervals_and_another_one_others(data, tmp_path):
    preds = write(tmp_path / "p.json", noisy(as_results(objects(10, 0)), 3))

    def interval(seed):
        evaluate(preds, "--data", data, "--seed", seed, "--json", tmp_path / "out.json")
        return json.loads((tmp_path / "out.json").read_text())["scores"]["mAP@0.4"]["interval"]

    assert interval(1) == interval(1)
    assert interval(1)["low"] != interval(2)["low"]


def test_an_empty_list_scores_zero(data, tmp_path):
    output = evaluate(write(tmp_path / "p.json", []), "--data", data).output

    assert "mAP@0.4       0.0000" in output


def test_any_list_of_thresholds_can_be_asked_for(data, tmp_path):
    preds = write(tmp_path / "p.json", as_results(objects(10, 0)))

    output = evaluate(preds, "--data", data, "--iou", "0.9", "--iou", "0.3:0.5:0.1").output

    assert "mAP@0.9" in output
    assert "mAP@[0.3:0.5:0.1]" in output


def test_two_files_are_compared_image_by_image(data, tmp_path):
    rows = as_results(objects(10, 0))
    good = write(tmp_path / "good.json", rows)
    bad = write(tmp_path / "bad.json", noisy(rows, 4))

    output = evaluate(bad, good, "--data", data, "--json", tmp_path / "out.json").output

    assert "mAP@[.5:.95]: B is better; the difference is real." in output
    difference = json.loads((tmp_path / "out.json").read_text())["differences"]["mAP@[.5:.95]"]
    assert difference["real"]
    assert 0 < difference["interval"]["low"] <= difference["value"]


def test_a_file_compared_with_itself_does_not_differ(data, tmp_path):
    preds = write(tmp_path / "p.json", noisy(as_results(objects(10, 0)), 5))

    output = evaluate(preds, preds, "--data", data).output

    assert "+0.0000  +0.0000 to +0.0000  1.000" in output
    assert "mAP@0.4: no real difference" in output


def test_fused_labels_get_their_quality_shown(data, tmp_path):
    fused = write(data / "fused" / "wbf" / "test.json", coco(10, objects(10, 0)))

    output = evaluate(fused, "--data", data).output

    assert re.search(r"class accuracy of these boxes +1\.0000", output)


def test_one_rater_is_scored_on_the_images_that_the_rater_saw(data, tmp_path):
    drawn = [row | {"rater_id": 3} for row in objects(10, 0) if row["image_id"] <= 4]
    content = coco(10, drawn)
    for image in content["images"]:
        image["rater_list"] = [3] if image["id"] <= 4 else []
    crowd = write(tmp_path / "crowd.json", content)

    output = evaluate(crowd, "--data", data, "--rater", 3).output

    assert "4 images, 12 objects" in output
    assert re.search(r"recall: objects with a box +1\.0000", output)
    assert "6 images that this rater did not look at are left out." in output


def test_a_file_of_another_split_of_the_same_size_is_noticed(data, tmp_path):
    preds = write(tmp_path / "p.json", as_results(objects(10, 1)))

    result = evaluate(preds, "--data", data)

    assert "on the split 'test' but 1.000 on 'val'" in result.stderr


def test_a_rater_of_another_split_is_noticed(data, tmp_path):
    content = coco(10, [one | {"rater_id": 1} for one in objects(10, 1)])
    for image in content["images"]:
        image["rater_list"] = [1]

    result = evaluate(write(tmp_path / "c.json", content), "--data", data, "--rater", 1)

    assert "on the split 'test' but 1.000 on 'val'" in result.stderr


def test_scores_outside_zero_to_one_are_warned_about_and_scored(data, tmp_path):
    rows = as_results(objects(10, 0), score=42)

    result = evaluate(write(tmp_path / "p.json", rows), "--data", data)

    assert "warning:" in result.stderr
    assert "30 of 30 scores lie outside [0, 1]" in result.stderr
    assert "1.0000" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.json"], "missing.json: No such file or directory; check the path"),
        (["p.json", "--split", "dev"], "there is no such truth; choose --split test or train or"),
        (["p.json", "--data", "nowhere"], "make the data with medmnist-det generate, name its"),
        (["p.json", "--truth", "p.json"], "holds a JSON list, not a COCO file"),
        (["p.json", "--truth", "t" * 300], "File name too long; choose a shorter name"),
        (["p" * 300], "File name too long; choose a shorter name"),
        (["p.json", "--iou", "40"], "--iou '40': give one threshold such as 0.4"),
        (["p.json", "p.json", "p.json"], "3 files: give one to score, or two to compare"),
        (["p.json", "--report", "no/such/r.html"], "check the path"),
    ],
)
def test_what_the_user_can_mend_is_one_sentence_and_exit_code_two(
    data, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p.json", as_results(objects(10, 0)))

    result = evaluate(*arguments, code=2)

    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_gzipped_files_are_scored(data, tmp_path):
    content = gzip.compress(orjson.dumps(as_results(objects(10, 0))))

    assert "1.0000" in evaluate(write(tmp_path / "p.json.gz", content), "--data", data).output


def test_the_command_starts_without_torch_matplotlib_and_pycocotools(data, tmp_path):
    preds = write(tmp_path / "p.json", as_results(objects(10, 0)))
    code = (
        "import sys, cli\n"
        f"cli.app(['evaluate', {str(preds)!r}, '--data', {str(data)!r}], standalone_mode=False)\n"
        "print([name for name in ('torch', 'matplotlib', 'pycocotools', 'scipy', 'numpy.ma') "
        "if name in sys.modules])"
    )
    root = Path(cli.__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"


def test_a_manifest_that_says_nothing_is_no_obstacle(data, tmp_path):
    preds = write(tmp_path / "p.json", as_results(objects(10, 0)))
    for content in ([], {}, {"digits": "optdigits"}, {"digits": {}}):
        write(data / "manifest.json", content)
        assert "engine hotcoco" in evaluate(preds, "--data", data).output


def test_raters_who_saw_different_images_are_not_compared(data, tmp_path):
    files = []
    for last in (4, 6):
        content = coco(10, [row | {"rater_id": 3} for row in objects(10, 0)[:12]])
        for image in content["images"]:
            image["rater_list"] = [3] if image["id"] <= last else []
        files.append(write(tmp_path / f"crowd{last}.json", content))

    result = evaluate(*files, "--data", data, "--rater", 3, code=2)

    assert "cover different images; compare label sets of the same images" in result.stderr
