"""Numbers that commands print, against other people's programs and counting by hand."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from typer.testing import CliRunner

from cli import app
from tests.printed import Printed, tables


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, make_small: Any) -> Path:
    out = tmp_path_factory.mktemp("printed") / "set"
    make_small(out)
    return out


def run(*arguments: Any) -> dict[str, Printed]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return tables(result.output)


def coco_scores(
    truth: dict[str, Any], results: list[dict[str, Any]], images: list[int], at: float | None = None
) -> COCOeval:
    with contextlib.redirect_stdout(io.StringIO()):
        true = COCO()
        true.dataset = truth
        true.createIndex()
        score = COCOeval(true, true.loadRes(results), "bbox")
        score.params.imgIds = images
        score.params.iouThrs = score.params.iouThrs if at is None else np.array([at])
        score.evaluate()
        score.accumulate()
        if at is None:
            score.summarize()
    return score


def mean_ap(score: COCOeval) -> float:
    precision = score.eval["precision"][:, :, :, 0, -1]
    return float(precision[precision > -1].mean())


def as_results(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"score": 1.0} | {k: row[k] for k in ("image_id", "category_id", "bbox")} | (
        {"score": row["score"]} if "score" in row else {}) for row in rows]  # fmt: skip


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def test_evaluate_prints_what_pycocotools_computes(data: Path, tmp_path: Path) -> None:
    run("aggregate", "--data", data, "--split", "train", "--method", "wbf", "--out", tmp_path)
    preds = tmp_path / "wbf" / "train.json"
    shown = run("evaluate", preds, "--data", data, "--split", "train", "--bootstrap", 0)

    truth, boxes = read(data / "truth" / "train.json"), read(preds)["annotations"]
    images = [row["id"] for row in truth["images"]]
    strict = coco_scores(truth, as_results(boxes), images)
    loose = coco_scores(truth, as_results(boxes), images, 0.4)
    assert shown["Scores"].column("score") == [f"{mean_ap(loose):.4f}", f"{mean_ap(strict):.4f}"]
    twelve = ["undefined" if value < 0 else f"{value:.4f}" for value in strict.stats]
    assert shown["COCO's twelve"].column("score") == twelve
    by_class = shown["By class"].columns()
    for k, row in enumerate(truth["categories"]):
        key = row["id"]
        assert by_class["class"][k] == row["name"]
        assert by_class["AP@0.4"][k] == f"{loose.eval['precision'][:, :, k, 0, -1].mean():.4f}"
        assert (
            by_class["AP@[.5:.95]"][k] == f"{strict.eval['precision'][:, :, k, 0, -1].mean():.4f}"
        )
        assert by_class["AR"][k] == f"{strict.eval['recall'][:, k, 0, -1].mean():.4f}"
        objects = [one for one in truth["annotations"] if one["category_id"] == key]
        claimed = [one for one in boxes if one["category_id"] == key]
        assert by_class["objects"][k] == f"{len(objects)}"
        assert by_class["boxes"][k] == f"{len(claimed)}"


def overlap(a: list[float], b: list[float]) -> float:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    both = max(width, 0.0) * max(height, 0.0)
    return both / (a[2] * a[3] + b[2] * b[3] - both)


def test_aggregate_prints_label_quality_and_recovery_as_counted_by_hand(
    data: Path, tmp_path: Path
) -> None:
    shown = run("aggregate", "--data", data, "--split", "train", "--out", tmp_path)

    truth = read(data / "truth" / "train.json")["annotations"]
    boxes = read(tmp_path / "dawid-skene" / "train.json")["annotations"]
    pairs = [
        (overlap(a["bbox"], b["bbox"]), i, j)
        for i, a in enumerate(truth)
        for j, b in enumerate(boxes)
        if a["image_id"] == b["image_id"]
    ]
    found: dict[int, tuple[float, int]] = {}
    for iou, i, j in sorted(pairs, reverse=True):
        if iou >= 0.4 and i not in found and j not in {other for _, other in found.values()}:
            found[i] = (iou, j)
    right = [truth[i]["category_id"] == boxes[j]["category_id"] for i, (_, j) in found.items()]
    assert shown["Label quality"].column("value") == [
        f"{len(found) / len(boxes):.4f}",
        f"{len(found) / len(truth):.4f}",
        f"{np.mean(right):.4f}",
        f"{np.mean([iou for iou, _ in found.values()]):.4f}",
    ]
    details = read(tmp_path / "dawid-skene" / "train.details.json")["raters"]
    known = read(data / "annotators.json")["annotators"]
    error = [
        np.array(a["matrix"]) - np.array(b["matrix"]) for a, b in zip(details, known, strict=True)
    ]
    square = sum((one[:-1] ** 2).sum() for one in error) / (3 * 10)
    spurious = np.mean(
        [abs(a["spurious"] - b["spurious"]) for a, b in zip(details, known, strict=True)]
    )
    recovered = dict(shown["Recovery of the raters"].rows)
    assert recovered["matrix error: squares of the class rows / (R L)"] == f"{square:.2e}"
    assert recovered["spurious boxes an image, mean absolute error"] == f"{spurious:.4f}"
    reports = shown["Raters: what they report"]
    assert reports.column("skill") == sorted(
        (f"{one['skill']:.3f}" for one in details), reverse=True
    )
    for one, true in zip(details, known, strict=True):
        cells = reports.row(str(one["rater_id"]))
        assert cells[2] == f"{one['skill']:.3f}"
        assert cells[4] == f"{one['miss_rate']:.3f}"
        assert cells[6:8] == [f"{one['spurious']:.3f}", f"{true['spurious']:.3f}"]
        assert float(cells[3]) == pytest.approx(np.diagonal(true["matrix"])[:-1].mean(), abs=0.1)


def test_agreement_prints_every_rater_s_ap_as_pycocotools_computes_it(data: Path) -> None:
    shown = run("agreement", "--data", data, "--split", "train")["By rater"]

    truth, crowd = read(data / "truth" / "train.json"), read(data / "crowd" / "train.json")
    looked = {
        rater: [row["id"] for row in crowd["images"] if rater in row["rater_list"]]
        for rater in (1, 2, 3)
    }
    drawn = {
        rater: [row for row in crowd["annotations"] if row["rater_id"] == rater]
        for rater in (1, 2, 3)
    }

    def against(target: list[dict[str, Any]], rater: int, images: list[int]) -> float:
        kept = [
            {**row, "id": k + 1, "iscrowd": 0, "area": row["bbox"][2] * row["bbox"][3]}
            for k, row in enumerate(target)
            if row["image_id"] in images
        ]
        boxes = [row for row in as_results(drawn[rater]) if row["image_id"] in images]
        if not boxes:
            return 0.0 if kept else np.nan
        return mean_ap(coco_scores(truth | {"annotations": kept}, boxes, images, 0.4))

    for rater in (1, 2, 3):
        cells = dict(zip(shown.headers, [str(rater), *shown.row(str(rater))], strict=True))
        value = against(truth["annotations"], rater, looked[rater])
        assert cells["mAP on truth"] == f"{value:.3f}"
        others = [
            against(drawn[other], rater, sorted({*looked[rater]} & {*looked[other]}))
            for other in (1, 2, 3)
            if other != rater
        ]
        assert float(cells["mAP on others"]) == pytest.approx(np.nanmean(others), abs=6e-4)


HARD = ("[red]x[/]\x1b[31m", "a\nb", "$\\frac{$", "\N{HEBREW LETTER SHIN}", "n" * 256)


def test_names_of_any_kind_go_through_every_table_and_picture(data: Path, tmp_path: Path) -> None:
    content = read(data / "crowd" / "train.json")
    name = dict(zip((1, 2, 3), HARD, strict=False))
    content["raters"] = list(name.values())
    for row in content["annotations"]:
        row["rater_id"] = name[row["rater_id"]]
    for row in content["images"]:
        row["rater_list"] = [name[key] for key in row["rater_list"]]
    for row, said in zip(content["categories"], HARD, strict=False):
        row["name"] = said
    folder = tmp_path / "[red]folder[bold]"
    folder.mkdir()
    (folder / "crowd.json").write_text(json.dumps(content))
    pictures = ("--out", folder, "--plots", folder / "plots")

    for command in ("aggregate", "agreement"):
        result = CliRunner().invoke(
            app, [command, "--crowd", str(folder / "crowd.json"), *map(str, pictures)]
        )
        assert result.exit_code == 0, result.output
        assert "\x1b" not in result.output
        assert f"{folder}/crowd.json: " in result.output
        read_back = tables(result.output)
        raters = next(one for title, one in read_back.items() if "rater" in one.headers)
        assert {"[red]x[/]\ufffd[31m", "a\ufffdb", "$\\frac{$"} == set(raters.column("rater"))
    classes = read_back["By class (the class against all else)"]
    assert "".join(classes.column("class")).count("n") == 256
    assert sorted(path.name for path in (folder / "plots").iterdir()) == [
        f"{name}.{kind}"
        for name in (
            "agreement-crowd-alpha",
            "agreement-crowd-disputed",
            "agreement-crowd-mAP",
            "dawid-skene-crowd-boxes",
            "dawid-skene-crowd-matrices",
        )
        for kind in ("pdf", "png")
    ]


@pytest.mark.parametrize("name", ["[/red]", "a\nb\x1b[31m", "\N{HEBREW LETTER SHIN}.json"])
def test_what_is_wrong_with_a_file_is_one_line_whatever_its_name(tmp_path: Path, name: str) -> None:
    result = CliRunner().invoke(app, ["verify", "--data", str(tmp_path / name)])

    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    assert "\x1b" not in result.output
    assert result.output.startswith(f"error: {tmp_path}/{name[:1]}")
