"""Where the command's output goes: terminals, pipes, links, full disks."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.evaluation.command import evaluate, noisy
from tests.evaluation.files import annotation, as_results, coco, objects, write


def test_piped_output_is_plain_and_fits_eighty_columns(data, tmp_path):
    preds = write(tmp_path / "p.json", noisy(as_results(objects(10, 0)), 0))

    output = evaluate(preds, "--data", data).output

    assert "\x1b" not in output
    # Only paths are as long as they are.
    assert max(len(line.rstrip()) for line in output.splitlines()[3:]) <= 80
    assert output.index("mAP@0.4") < output.index("COCO's twelve") < output.index("By class")


def test_names_cannot_steer_the_terminal(tmp_path):
    content = coco(1, [annotation(1, 1, 0, [0, 0, 9, 9]), annotation(2, 1, 0, [50, 0, 9, 9])])
    content["categories"][0]["name"] = "\x1b[31m[bold]cat"
    truth = write(tmp_path / "t.json", content)
    preds = write(tmp_path / "p.json", as_results(content["annotations"]))

    output = evaluate(preds, "--truth", truth).output

    assert "\x1b" not in output
    assert "\N{REPLACEMENT CHARACTER}[31m[bold]cat" in output


def test_a_full_disk_behind_the_output_is_one_sentence(data, tmp_path):
    preds = write(tmp_path / "p.json", as_results(objects(10, 0)))
    program = [sys.executable, "-c", "import cli; cli.app()", "evaluate", preds, "--data", data]

    with Path("/dev/full").open("w") as full:
        found = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, check=False)

    assert found.returncode == 2
    assert found.stderr.decode() == (
        "error: standard output: no space left on the device; free some or write it elsewhere\n"
    )


def test_json_to_the_output_follows_what_was_printed(data, tmp_path):
    preds = write(tmp_path / "p.json", as_results(objects(10, 0)))
    program = [sys.executable, "-c", "import cli; cli.app()", "evaluate", preds, "--data", data]
    log = write(tmp_path / "log", b"earlier\n")

    with log.open("ab") as output:
        subprocess.run([*program, "--json", "/dev/stdout"], stdout=output, check=True)

    earlier, brace, content = log.read_text().partition("{")
    assert earlier.startswith("earlier\n")
    assert "COCO's twelve" in earlier
    assert json.loads(brace + content)["scores"]["mAP@0.4"]["value"] == 1.0


def test_json_may_be_a_pipe_or_a_link(data, tmp_path):
    preds = write(tmp_path / "p.json", as_results(objects(10, 0)))
    out, into = os.pipe()
    (tmp_path / "link.json").symlink_to(tmp_path / "out.json")

    evaluate(preds, "--data", data, "--bootstrap", 0, "--json", tmp_path / "link.json")
    with os.fdopen(out, "rb") as pipe, ThreadPoolExecutor() as pool:
        piped = pool.submit(pipe.read)
        evaluate(preds, "--data", data, "--bootstrap", 0, "--json", f"/dev/fd/{into}")
        os.close(into)

    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "out.json").read_text()) == json.loads(piped.result())
