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
        (["--count", "inf,1"], "--count 'inf,1' is no number, nor numbers with commas"),
        (["--side", "nan,1"], "--side 'nan,1' is no number, nor numbers with commas"),
        (["--count", "0,3"], "--count 0,3 is not an ascending range from 1 to 100 digits"),
        (["--max-iou", "0"], "--max-iou 0.0 is not above 0 and at most 1"),
        (["--max-iou", "nan"], "--max-iou nan is not above 0 and at most 1"),
        (["--family", "x" * 5000], "--family 'xxx"),
        (["--out", "x" * 256], "File name too long; choose a shorter name"),
        (["--digits-root", "x" * 256], "File name too long; choose a shorter name"),
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
    assert len(errors[0]) < 600
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


def test_show_draws_scenes_matrices_and_box_errors(here):
    run("generate", *SMALL)
    run("show", "--scenes", "2", "--out", "pictures")
    names = sorted(path.name for path in (here / "pictures").iterdir())
    assert names == ["boxes.png", "matrices.png", "scenes.png"]
    run("show", "--split", "test", "--out", "vectors", "--formats", "pdf")
    names = sorted(path.name for path in (here / "vectors").iterdir())
    assert names == ["matrices.pdf", "scenes.pdf"]


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


@pytest.mark.parametrize("folder", ["[bold]x", "[/]", "a[red]b[/red]", "[0]", "x[link=y]z"])
def test_square_brackets_in_the_name_of_a_folder_are_printed_as_they_are(folder, here):
    made = run("generate", "--out", folder, *SMALL)
    assert f"folder       {folder}" in made.stdout
    assert f"{folder}: intact, " in run("verify", "--data", folder).stdout
    shown = run("show", "--data", folder, "--scenes", "1", "--out", f"{folder}2")
    assert shown.stdout.split("\n")[:2] == [f"{folder}2/scenes.png", f"{folder}2/matrices.png"]
    for form in ("yolo", "csv"):
        out = run("export", f"{folder}-{form}", "--format", form, "--data", folder).stdout
        assert f"{folder}-{form}: train, " in out
    read = run("import", f"{folder}-yolo", f"{folder}.json")
    assert f"{folder}.json: 12 images, " in read.stdout
    fused = run("aggregate", "--data", folder, "--method", "all")
    assert f"written: {folder}/fused/all/train.json" in fused.stdout
    assert f"{folder}/crowd/train.json" in fused.stdout
    assert f"{folder}: " in run("generate", "--out", folder, "--seed", "3", *SMALL, code=2).stderr


def digest(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_no_command_overwrites_its_own_input(here):
    run("generate", *SMALL)
    run("export", "ys")
    (here / "p.json").write_text("[]")
    (here / "p2.json").write_text("[]")
    (here / "c.pt").write_text("a checkpoint")
    (here / "link.json").symlink_to("p.json")
    crowd, truth = "med-mnist/crowd/train.json", "med-mnist/truth/test.json"
    (here / "fused" / "all").mkdir(parents=True)
    (here / "fused" / "all" / "x.json").write_text((here / crowd).read_text())
    (here / "crowd").mkdir()
    (here / "crowd" / "crowd.json").write_text((here / crowd).read_text())
    before = digest(here)
    for option, command in (
        ("--json p.json", ["evaluate", "p.json", "--json", "p.json"]),
        ("--json link.json", ["evaluate", "p.json", "--json", "link.json"]),
        ("--json p2.json", ["evaluate", "p.json", "p2.json", "--json", "p2.json"]),
        (f"--json {truth}", ["evaluate", "p.json", "--json", truth]),
        ("--report p.json", ["evaluate", "p.json", "--report", "p.json"]),
        ("--report new", ["evaluate", "p.json", "--json", "new", "--report", "new"]),
        ("--plots ys", ["evaluate", "ys", "--plots", "ys"]),
        ("--json ys/data.yaml", ["evaluate", "ys", "--json", "ys/data.yaml"]),
        ("OUT ys/data.yaml", ["import", "ys", "ys/data.yaml"]),
        ("OUT ys/new.json", ["import", "ys", "ys/new.json"]),
        (f"OUT {truth}", ["import", "ys", truth, "--like", truth]),
        ("OUT med-mnist/ys", ["export", "med-mnist/ys"]),
        ("--out c.pt", ["predict", "--out", "c.pt", "--checkpoint", "c.pt"]),
        (f"--out {truth}", ["predict", "--out", truth, "--checkpoint", "c.pt"]),
        ("--out ys/data.yaml", ["predict", "--images", "ys", "--out", "ys/data.yaml", "--checkpoint", "c.pt"]),
        ("--out fused/all/x.json", ["aggregate", "--crowd", "fused/all/x.json", "--method", "all"]),
    ):  # fmt: skip
        result = run(*command, code=2)
        assert result.stderr.startswith(f"error: {option}: ")
        assert "this command reads" in result.stderr
        assert digest(here) == before


@pytest.mark.parametrize("name", ["crowd.json", "provenance.json", "annotators.json"])
def test_annotate_overwrites_nothing(name, here):
    (here / "truth.json").write_text(json.dumps(TRUTH))
    (here / "crowd").mkdir()
    (here / "crowd" / name).write_text("precious")
    result = run("annotate", "truth.json", code=2)
    assert f"crowd/{name}: is there already; remove it or choose another --out" in result.stderr
    assert digest(here / "crowd") == {here / "crowd" / name: b"precious"}


def test_annotate_leaves_a_data_set_alone(here):
    run("generate", "--out", "crowd", *SMALL)
    (here / "truth.json").write_text(json.dumps(TRUTH))
    before = digest(here)
    assert "crowd/annotators.json: is there already" in run("annotate", "truth.json", code=2).stderr
    assert digest(here) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", [["--help"], ["generate", "--help"], ["verify"]])
def test_a_full_disk_behind_the_output_is_one_sentence(command, here):
    run("generate", *SMALL)
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", "from cli import app; app()", *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": paths},
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == (
        "error: standard output: no space left on the device; free some or write it elsewhere\n"
    )


@pytest.mark.skipif(os.name == "nt", reason="needs ulimit")
def test_few_file_handles_are_one_sentence_with_a_remedy(here):
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    (here / "run.py").write_text(
        "import resource, sys\n"
        "import annotators.simulate.crowd, medmnist_det.generation, medmnist_det.terminal.summary\n"
        "from cli import app\n"
        "if __name__ == '__main__':\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (6, 6))\n"
        "    app()\n"
    )
    done = subprocess.run(
        [sys.executable, "run.py", "generate", *SMALL, "--train", "2000", "--workers", "4"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "Too many open files; let programs open more files at a time" in done.stderr


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
    assert "left out: 1 iscrowd regions" in result.stderr
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
