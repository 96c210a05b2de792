import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app
from medmnist_det.formats.coco import read_coco

ROOT = Path(__file__).parents[1]
SMALL = ["--train", "12", "--val", "4", "--test", "3", "--canvas", "64", "--digits", "optdigits"]


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


def in_a_fresh_process(script, *arguments):
    """Run a script where nothing is imported yet and return the last line that it prints."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": paths},
    )
    return done.stdout.splitlines()[-1]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_help_starts_neither_torch_nor_numpy_nor_matplotlib():
    script = (
        "import sys; sys.argv = ['medmnist-det', '--help']\n"
        "from cli import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'numpy', 'matplotlib', 'sklearn'} & set(sys.modules)))"
    )
    assert in_a_fresh_process(script) == "[]"


def test_generate_starts_no_torch(here):
    script = (
        "import sys; sys.argv = ['medmnist-det', 'generate', *sys.argv[1:]]\n"
        "from cli import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "print('torch' in sys.modules)"
    )
    assert in_a_fresh_process(script, *SMALL) == "False"
    assert (here / "med-mnist" / "manifest.json").is_file()


def test_generate_says_what_it_made_and_of_which_digits(here):
    result = run("generate", "--annotators", "3", "--proficiency", "0.8", *SMALL)
    for word in (
        "train",
        "12",
        "diagonal",
        "missed",
        "spurious",
        "IoU",
        "optdigits",
        "fingerprint",
    ):
        assert word in result.stdout
    manifest = json.loads((here / "med-mnist" / "manifest.json").read_text())
    assert manifest["fingerprint"] in result.stdout
    assert "\x1b" not in result.stdout
    again = run("generate", "--annotators", "3", "--proficiency", "0.8", *SMALL)
    assert manifest["fingerprint"] in again.stdout


def test_every_option_of_generate_reaches_the_data(here):
    run(
        "generate", "--out", "x", "--preset", "paper", "--annotators", "2", "--proficiency", "0.9,0.6",
        "--family", "uniform,ordered", "--box-noise", "gaussian,biased", "--spurious", "0,0.5",
        "--coverage", "1,0.5", "--train", "7", "--val", "2", "--test", "1", "--canvas", "100", "--side",
        "12,30", "--count", "2,3", "--empty", "0.1", "--max-iou", "0.1", "--seed", "5", "--workers", "1",
        "--digits", "optdigits",
    )  # fmt: skip
    options = json.loads((here / "x" / "manifest.json").read_text())["options"]
    assert options == {
        "seed": 5,
        "images": {"train": 7, "val": 2, "test": 1},
        "scenes": {"canvas": 100, "side": [12, 30], "empty": 0.1, "count": [2, 3], "max_iou": 0.1},
        "annotators": [
            {"proficiency": 0.9, "family": "uniform", "box_noise": "gaussian", "spurious": 0.0, "coverage": 1.0},
            {"proficiency": 0.6, "family": "ordered", "box_noise": "biased", "spurious": 0.5, "coverage": 0.5},
        ],
    }  # fmt: skip


def test_an_annotator_that_is_not_dominant_is_pointed_out(here):
    result = run("generate", "--preset", "adversary", *SMALL)
    assert "note: rater 5 reports some class less often than another name for it" in result.stderr


def test_presets_bring_their_numbers_of_images(here):
    result = run("generate", "--preset", "paper-code", "--digits", "optdigits", "--canvas", "32")
    for count in ("4,000", "1,000", "3,000"):
        assert count in result.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--proficiency", "1.2"], "--proficiency 1.2 is not from 0 to 1"),
        (["--proficiency", "high"], "--proficiency 'high' is no number, nor numbers with commas"),
        (["--annotators", "-3"], "--annotators -3 is not from 1 to 1000"),
        (["--canvas", "5"], "--canvas 5 is not from 32 to 4096 pixels"),
        (
            ["--side", "10,500"],
            "--side 10,500 does not fit --canvas 320: lower the largest side to 320",
        ),
        (["--side", "10"], "--side '10' is not two whole numbers with a comma, such as 10,99"),
        (["--empty", "2"], "--empty 2.0 is not a share from 0 to 1"),
        (["--train", "-1"], "--train -1 is not from 0 to 999,999 images"),
        (["--workers", "0"], "--workers 0 is not from 1 to 256"),
        (["--seed", "-1"], "--seed -1 is not from 0"),
        (["--preset", "best"], "--preset 'best' is not known: choose paper"),
        (["--digits-root", "nowhere"], "nowhere: no such folder"),
        (["--out", "/proc/nowhere"], "/proc/nowhere: "),
    ],
)
def test_bad_options_get_one_sentence_and_exit_code_2(options, message, here):
    digits = [] if "--digits-root" in options else ["--digits", "optdigits"]
    result = run("generate", *options, *digits, code=2)
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in result.output
    assert list(here.iterdir()) == []


def test_our_own_faults_keep_their_traceback(here, monkeypatch):
    monkeypatch.setattr("medmnist_det.scenes.composer.compose_block", None)
    monkeypatch.setattr("medmnist_det.scenes.workers.compose_block", None)
    result = CliRunner().invoke(app, ["generate", *SMALL])
    assert isinstance(result.exception, TypeError)


def test_verify_says_whether_a_data_set_is_intact(here):
    run("generate", *SMALL)
    assert "med-mnist: intact, " in run("verify").stdout
    assert "(no frozen edition)" in run("verify", "--data", "med-mnist").stdout
    (here / "med-mnist" / "images" / "train" / "000001.png").unlink()
    assert "000001.png: No such file" in run("verify", code=2).stderr


def test_show_draws_two_pictures(here):
    run("generate", *SMALL)
    run("show", "--scenes", "2", "--out", "pictures")
    assert sorted(path.name for path in (here / "pictures").iterdir()) == [
        "matrices.png",
        "scenes.png",
    ]


def test_export_and_import_go_there_and_back(here):
    run("generate", *SMALL)
    for form in ("yolo", "voc", "csv"):
        result = run("export", form, "--format", form)
        assert f"{form}: train, " in result.stdout
        run(
            "import",
            form,
            f"{form}.json",
            "--format",
            form,
            "--split",
            "train",
            "--like",
            "med-mnist/truth/train.json",
        )
        assert read_coco(here / f"{form}.json") == read_coco(
            here / "med-mnist" / "truth" / "train.json"
        )


TRUTH = {
    "images": [{"id": k, "file_name": f"{k}.jpg", "width": 640, "height": 480} for k in range(3)],
    "annotations": [
        {"id": 1, "image_id": 0, "category_id": 18, "bbox": [10, 20, 200, 300], "iscrowd": 0},
        {"id": 2, "image_id": 0, "category_id": 1, "bbox": [0, 0, 640, 480], "iscrowd": 1},
        {"id": 3, "image_id": 2, "category_id": 1, "bbox": [600, 440, 40, 40], "iscrowd": 0},
    ],
    "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}, {"id": 90, "name": "brush"}],
}  # fmt: skip


def test_annotate_puts_annotators_on_any_coco_file(here):
    (here / "truth.json").write_text(json.dumps(TRUTH))
    result = run(
        "annotate", "truth.json", "--annotators", "4", "--proficiency", "1", "--family", "uniform"
    )
    assert "left out: 1 crowd regions" in result.stderr
    crowd = read_coco(here / "crowd" / "crowd.json")
    assert crowd.raters == (1, 2, 3, 4)
    assert crowd.classes.ids == (1, 18, 90)
    assert len(crowd.labels) == 8
    assert crowd.labels.label.tolist() == [1] * 4 + [0] * 4
    behind = json.loads((here / "crowd" / "provenance.json").read_text())
    assert behind == {"true_annotation_id": [1] * 4 + [2] * 4, "error": ["none"] * 8}
    people = json.loads((here / "crowd" / "annotators.json").read_text())
    assert people["classes"] == ["person", "dog", "brush", "no_obj"]
    assert "is there already; remove it" in run("annotate", "truth.json", code=2).stderr


def test_annotate_refuses_boxes_that_leave_their_image(here):
    content = json.loads(json.dumps(TRUTH))
    content["annotations"][2]["bbox"] = [600, 440, 41, 40]
    (here / "truth.json").write_text(json.dumps(content))
    result = run("annotate", "truth.json", code=2)
    assert (
        "box [600.0, 440.0, 641.0, 480.0] of image 2 leaves its image of 640x480 pixels"
        in result.stderr
    )
    assert not (here / "crowd").exists()


def test_annotate_needs_classes(here):
    (here / "truth.json").write_text('{"images": [], "annotations": [], "categories": []}')
    assert "the truth has no categories" in run("annotate", "truth.json", code=2).stderr
    assert "nowhere.json: No such file" in run("annotate", "nowhere.json", code=2).stderr
