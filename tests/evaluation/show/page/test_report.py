"""The page as a file: what it holds, what it may do, and that any name in it is text."""

import base64
import hashlib
import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from typer.testing import CliRunner

import cli
from evaluation.mistakes import KINDS
from evaluation.show.page import images, report, scene
from evaluation.show.page.report import write_report
from medmnist_det.files import read_json
from medmnist_det.terminal.tables import plain
from tests.evaluation.command import noisy
from tests.evaluation.files import annotation, as_results, coco, data_folder, objects, write
from tests.evaluation.show.made import COCO_NAMES, NAMES, assessment, comparison

_SCRIPT = "<script>alert(1)</script>&\"'"


def _report(tmp_path, *arguments):
    page = tmp_path / "report.html"
    result = CliRunner().invoke(cli.app, ["evaluate", *map(str, arguments), "--report", str(page)])
    assert result.exit_code == 0, result.output
    return page.read_text("utf-8")


class _Tags(HTMLParser):
    """Collects what a page would run or fetch."""

    def __init__(self):
        super().__init__()
        self.names, self.links, self.texts, self.scripts, self.ids = [], [], [], [], []
        self.within = None

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.links += [
            value for key, value in attrs if key in ("src", "href", "xlink:href", "srcset")
        ]
        self.links += [value for key, value in attrs if key.startswith("on")]
        self.ids += [value for key, value in attrs if key == "id"]
        self.within = dict(attrs).get("type", "script") if tag == "script" else None

    def handle_endtag(self, _tag):
        self.within = None

    def handle_data(self, data):
        if self.within:
            self.scripts.append((self.within, data))
        self.texts.append(data)


def _data(page):
    return next(json.loads(text) for kind, text in _tags(page).scripts if kind != "script")


def _tags(page):
    tags = _Tags()
    tags.feed(page)
    return tags


@pytest.fixture
def worst(tmp_path):
    """Predictions with a wrong name, a miss and a box on nothing."""
    rows = as_results(objects(10, 0))[1:]
    rows[0]["category_id"] = 3
    rows.append(rows[0] | {"bbox": [290.0, 290.0, 20.0, 20.0]})
    return write(tmp_path / "preds.json", rows)


def test_a_page_needs_nothing_from_anywhere(tmp_path, worst):
    page = _report(tmp_path, worst, "--data", data_folder(tmp_path, pictures=True))
    tags = _tags(page)

    assert "link" not in tags.names
    assert all(link.startswith(("data:", "#")) for link in tags.links)
    assert not re.search(r"url\((?!#)", page)
    assert "default-src 'none'" in page


def test_the_one_script_that_may_run_is_ours(tmp_path, worst):
    page = _report(tmp_path, worst, "--data", data_folder(tmp_path))

    (ours,) = [text for kind, text in _tags(page).scripts if kind == "script"]
    digest = base64.b64encode(hashlib.sha256(ours.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in page
    assert [kind for kind, _ in _tags(page).scripts] == ["application/json", "script"]


def test_no_two_elements_share_an_id(tmp_path, worst):
    page = _report(tmp_path, worst, worst, "--data", data_folder(tmp_path))

    ids = _tags(page).ids
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)
    assert {link[1:] for link in _tags(page).links if link.startswith("#")} <= set(ids)


def test_a_page_holds_numbers_curves_confusions_errors_and_the_worst_images(tmp_path, worst):
    page = _report(tmp_path, worst, "--data", data_folder(tmp_path, pictures=True))

    for heading in (
        "Where points are lost",
        "Precision and recall at IoU 0.4",
        "Confusions, score",
        "The worst images",
        "By class",
        "COCO's twelve",
    ):
        assert heading in html.unescape(page)
    assert page.count('<image href="data:image/webp;base64,') == 1
    assert "000001.png</b> 1 class, 1 background, 1 missed" in page
    assert "1 \N{RIGHTWARDS ARROW} 2 0.90" in page
    assert re.search(r"<title>\S*preds.json, scored on \S*truth/test.json</title>", page)
    assert "digits optdigits; fingerprint sha256:feed" in page


_HOSTILE = [
    _SCRIPT,
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "\u2028]]>\u202e",
    "\"' onx=a ",
]


@pytest.mark.parametrize("name", _HOSTILE)
def test_names_from_files_are_escaped(tmp_path, name):
    content = coco(1, [annotation(1, 1, 0, [0, 0, 9, 9]), annotation(2, 1, 1, [50, 0, 9, 9])])
    for category in content["categories"]:
        category["name"] = name
    content["images"][0]["file_name"] = name
    truth = write(tmp_path / "t.json", content)
    rows = as_results(content["annotations"])
    rows[0]["category_id"] = 2

    page = _report(tmp_path, write(tmp_path / "p.json", rows), "--truth", truth)

    tags = _tags(page)
    assert tags.names.count("script") == 2
    assert not [link for link in tags.links if not link.startswith(("data:", "#"))]
    assert plain(name) in tags.texts
    data, shown = _data(page), plain(name)
    assert (data["classes"], data["images"][0]["name"]) == ([shown] * 3, shown)


def test_raters_and_methods_may_have_any_name(tmp_path):
    data = data_folder(tmp_path)
    rows = [one | {"rater_id": _SCRIPT} for one in objects(10, 1)]
    write(data / "crowd" / "val.json", coco(10, rows))
    write(data / "fused" / "<b>&" / "val.json", coco(10, objects(10, 1)))
    preds = write(tmp_path / "p.json", as_results(objects(10, 1)))

    page = _report(tmp_path, preds, "--data", data, "--split", "val")

    assert [(one["kind"], one["name"]) for one in _data(page)["layers"]] == [
        ("rater", _SCRIPT), ("fused", "<b>&"),
    ]  # fmt: skip
    assert f"rater {_SCRIPT}" in _tags(page).texts
    assert "b" not in _tags(page).names[: _tags(page).names.index("main")]


def test_only_pictures_of_the_folder_are_embedded(tmp_path, worst):
    data = data_folder(tmp_path, pictures=True)
    secret = write(tmp_path / "secret.png", b"\x89PNG\r\n\x1a\nsecret")
    content = coco(10, objects(10, 0))
    content["images"][0]["file_name"] = f"../../../{secret.name}"
    truth = write(tmp_path / "t.json", content)

    page = _report(tmp_path, worst, "--truth", truth, "--images", data / "images" / "test")

    assert base64.b64encode(secret.read_bytes()).decode() not in page
    assert '<image href="data:' not in page
    assert "The worst images" in page


@pytest.mark.parametrize("rows", [[], objects(10, 0)])
def test_a_page_without_boxes_or_without_mistakes_is_a_page(tmp_path, rows):
    preds = write(tmp_path / "p.json", as_results(rows))

    page = _report(tmp_path, preds, "--data", data_folder(tmp_path))

    assert page.startswith("<!doctype html>")
    assert page.endswith("</body></html>\n")


def test_a_truth_without_objects_still_gives_a_page(tmp_path):
    truth = write(tmp_path / "t.json", coco(2, []))

    page = _report(tmp_path, write(tmp_path / "p.json", []), "--truth", truth)

    assert "undefined" in page


def test_objects_larger_than_any_range_of_coco_are_said_to_be(tmp_path):
    box = [0, 0, 150_000, 150_000]
    truth = write(tmp_path / "t.json", coco(1, [annotation(1, 1, 0, box)]))
    preds = write(tmp_path / "p.json", as_results([annotation(1, 1, 0, box)]))

    page = _report(tmp_path, preds, "--truth", truth)

    assert "1 class (0), or only some beyond COCO&#x27;s 1e10 square pixels" in page
    assert "Left out: 2 classes without an object or a box." in page


@pytest.mark.parametrize("name", ["a" * 300 + ".png", "a\0b.png"])
def test_a_picture_whose_name_no_file_can_have_is_not_drawn(tmp_path, name):
    content = coco(1, objects(1, 0))
    content["images"][0]["file_name"] = name
    truth = write(tmp_path / "t.json", content)

    page = _report(tmp_path, write(tmp_path / "p.json", []), "--truth", truth)

    assert "The worst images" in page
    assert "<image href=" not in page


def test_the_same_assessment_gives_the_same_bytes(tmp_path, worst):
    data = data_folder(tmp_path, pictures=True)

    assert _report(tmp_path, worst, "--data", data) == _report(tmp_path, worst, "--data", data)


def test_figures_are_written_as_pictures_and_for_print(tmp_path, worst):
    arguments = ["evaluate", str(worst), "--data", str(data_folder(tmp_path))]

    result = CliRunner().invoke(cli.app, [*arguments, "--plots", str(tmp_path / "figures")])

    assert result.exit_code == 0, result.output
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    kinds = ("calibration", "classes", "confusion", "errors", "f1", "precision-recall")
    assert names == sorted(f"{kind}.{end}" for kind in kinds for end in ("png", "pdf"))
    assert (tmp_path / "figures" / "errors.png").read_bytes().startswith(b"\x89PNG")


def test_eighty_classes_fit_a_page(tmp_path):
    categories = [{"id": k + 1, "name": f"a rather long class name {k}"} for k in range(80)]
    rows = [annotation(k + 1, 1, k, [4.0 * k, 0, 9, 9]) for k in range(80)]
    truth = write(tmp_path / "t.json", coco(1, rows) | {"categories": categories})

    page = _report(tmp_path, write(tmp_path / "p.json", as_results(rows[:60])), "--truth", truth)

    assert "a rather long class name 79" in page


def test_pages_say_which_images_have_no_picture(tmp_path, worst):
    data = data_folder(tmp_path, pictures=True)
    (data / "images" / "test" / "000003.png").write_bytes(b"no picture")
    (data / "images" / "test" / "000004.png").unlink()

    page = html.unescape(_report(tmp_path, worst, "--data", data))

    assert "No picture of 2 of 10 images, whose boxes stand on a plain ground (000003.png, " in page
    assert "000004.png): the folder " in page


def test_the_best_of_more_boxes_than_a_page_holds_are_in_the_browser(tmp_path, monkeypatch):
    monkeypatch.setattr(scene, "_MOST_BOXES", 20)
    rows = as_results(objects(10, 0))
    for k, row in enumerate(rows * 2):
        row["score"] = 0.5 + 0.01 * (k % 30)
    low = [row | {"score": 0.001 * k} for k, row in enumerate(rows)]

    page = _report(
        tmp_path, write(tmp_path / "p.json", rows + low), "--data", data_folder(tmp_path)
    )

    kept = [one for image in _data(page)["images"] for one in image["boxes"][0][5::8]]
    assert sorted(kept) == sorted(round(row["score"], 4) for row in rows)
    assert "The browser leaves out 30 of the 60 boxes: those that score less than 0.5000." in page


def test_the_worst_of_more_images_than_a_page_holds_are_in_the_browser(
    tmp_path, worst, monkeypatch
):
    monkeypatch.setattr(images, "_LEAST", 2500)
    monkeypatch.setattr(report, "_MOST_BYTES", 0)

    page = _report(tmp_path, worst, "--data", data_folder(tmp_path))

    found = _data(page)["images"]
    assert 0 < len(found) < 10
    assert found[0]["name"] == "000001.png"
    rest = 10 - len(found)
    assert (
        f"The browser holds the {len(found)} images with most mistakes; for the other {rest}"
        in page
    )


def test_boxes_keep_their_side_of_the_working_point(tmp_path):
    """Rounding to four decimals must not put a box below it above it."""
    rows = as_results(objects(10, 0))
    for row in rows:
        row["score"] = 0.50001
    rows.append(rows[0] | {"bbox": [290.0, 290.0, 9.0, 9.0], "score": 0.500005})

    data = _data(
        _report(tmp_path, write(tmp_path / "p.json", rows), "--data", data_folder(tmp_path))
    )

    best = data["files"][0]["score"]
    scores = [one for image in data["images"] for one in image["boxes"][0][5::8]]
    assert best == 0.5
    assert sorted(scores)[:2] == [0.4999, 0.5]
    assert sum(score >= best for score in scores) == 30


def test_what_a_rater_never_looked_at_is_told_from_what_holds_nothing(tmp_path):
    data = data_folder(tmp_path)
    content = coco(10, [annotation(1, 1, 2, [5, 6, 7, 8], rater_id=4)])
    for one in content["images"]:
        one["rater_list"] = [4] if one["id"] < 3 else []
    write(data / "crowd" / "val.json", content)
    preds = write(tmp_path / "p.json", as_results(objects(10, 1)))

    page = _data(_report(tmp_path, preds, "--data", data, "--split", "val"))

    seen = {one["name"]: one["others"] for one in page["images"]}
    assert seen["000001.png"] == {"0": [5, 6, 7, 8, 2, 1]}
    assert seen["000002.png"] == {"0": []}
    assert seen["000003.png"] == {}


def test_confusions_lead_to_the_images_that_they_count(tmp_path, worst):
    page = _report(tmp_path, worst, "--data", data_folder(tmp_path))

    assert '<a href="#images" data-file="0" data-true="1" data-given="2">1</a>' in page
    confused = {one["name"]: one["confused"] for one in _data(page)["images"] if one["confused"][0]}
    assert confused == {"000001.png": [[[1, 2]]]}


def test_a_page_without_an_error_budget_has_no_section_of_errors(tmp_path):
    path = tmp_path / "page.html"

    write_report(path, replace(assessment(), budgets=(), confusion=None))

    tags = _tags(path.read_text("utf-8"))
    assert {"scores", "images", "classes", "details"} <= set(tags.ids)
    assert not {"errors", "confusions"} & set(tags.ids)
    assert "#errors" not in tags.links
    assert "a&b.png" in tags.texts


class _Tables(HTMLParser):
    """Collects every table as a list of rows of cells, headers first."""

    def __init__(self):
        super().__init__()
        self.tables, self.cell, self.texts = [], None, []

    def handle_starttag(self, tag, _attrs):
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.cell = []

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.tables[-1][-1].append("".join(self.cell))
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell.append(data)
        self.texts.append(data)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    write_report(path, assessment())
    found = _Tables()
    found.feed(path.read_text("utf-8"))
    return found


def _columns(table):
    head, *rows = table
    assert all(len(row) == len(head) for row in rows)
    return {name: [row[k] for row in rows] for k, name in enumerate(head)}


def test_cards_hold_scores_intervals_and_coverage(page):
    text = " | ".join(filter(None, map(str.strip, page.texts)))

    assert (
        "mAP@0.4 | 0.8200 | 95% interval 0.7811 to 0.8411 (1,000 resamples of the images)" in text
    )
    assert "mean over 3 of 4 classes" in text
    assert "mAP@[.5:.95] | 0.6200 | 95% interval 0.5911 to 0.6511" in text
    assert "mean over 2 of 4 classes" in text
    assert "preds[a].json, scored on truth[1].json" in text
    assert "preds[a].json: 6,033 boxes | Truth: truth[1].json: 7 images, 90 objects" in text


def test_cells_of_the_page_stand_below_their_headers(page):
    quality, errors, boxes, listed, classes, confused, coco, sizes = page.tables

    assert _columns(quality)["value"] == ["0.1230", "0.2340", "0.3450", "0.4560"]
    assert errors[0] == [
        "error", "mAP@0.4: points", "alone", "count", "mAP@[.5:.95]: points", "alone", "count",
    ]  # fmt: skip
    assert errors[1] == ["class", "4.00", "7.00", "100", "5.00", "8.00", "200"]
    assert errors[6] == ["missed", "1.50", "5.50", "155", "2.50", "6.50", "255"]
    assert errors[7] == ["all", "16.50", "", "", "22.50", "", ""]
    assert _columns(classes) == {
        "class": list(NAMES),
        "AP@0.4": ["0.9100", "0.8200", "0.7300", "undefined"],
        "AP@[.5:.95]": ["0.7100", "0.6200", "0.5300", "undefined"],
        "AR": ["0.5100", "0.4200", "0.3300", "undefined"],
        "objects": ["15", "30", "45", "0"],
        "boxes": ["1,007", "2,007", "3,007", "12"],
    }
    assert listed == [
        ["image", "objects", *KINDS],
        ["a&b.png", "2", "", "", "", "", "1", "1"],
        ["second.png", "1", "1", "", "", "", "", ""],
    ]
    assert boxes == [["from", "class", "score", "verdict"]]
    assert confused[0] == ["object", "called", "times"]
    assert [row[2] for row in confused[1:]] == ["6", "4", "3", "1"]
    assert confused[1][:2] == [NAMES[2], NAMES[1]]
    assert _columns(coco)["score"] == [f"{0.011 * (k + 1):.4f}" for k in range(len(COCO_NAMES))]
    assert _columns(coco)["metric"][4] == "AP, medium (to 96 x 96 px)"
    assert _columns(coco)["classes"][:3] == ["1 of 4", "2 of 4", "3 of 4"]
    assert _columns(sizes) == {
        "side of object": ["0 to 16 px", "16 to 24 px"],
        "mAP@0.4": ["0.1100", "0.4100"],
        "mAP@[.5:.95]": ["0.1600", "0.4600"],
        "AR": ["0.2100", "0.5100"],
        "objects": ["21", "69"],
    }


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    write_report(path, comparison())
    found = _Tables()
    found.feed(path.read_text("utf-8"))
    return found


def test_two_files_stand_side_by_side_with_what_the_second_gains(two):
    scores, quality, errors, _boxes, listed, classes, a, b, coco, sizes = two.tables
    minus = "\N{MINUS SIGN}"

    text = " | ".join(filter(None, map(str.strip, two.texts)))
    assert "A: first.json and B: second.json, scored on truth[1].json" in text
    assert "mAP@0.4: B is better; the difference is real." in text
    assert "mAP@[.5:.95]: no real difference; other images could turn it around." in text
    assert scores[1] == [
        "mAP@0.4", "0.7900", "0.7811 to 0.8411", "0.8200", "0.7811 to 0.8411",
        "+0.0300", "+0.0100 to +0.0550", "0.012",
    ]  # fmt: skip
    assert quality[0] == ["measure", "A", "B"]
    assert errors[0][:4] == ["error", "mAP@0.4: points: A", "B", f"B {minus} A"]
    assert len(errors[0]) == len(errors[1]) == 1 + 2 * 3 * 3
    assert classes[0][:4] == ["class", "AP@0.4: A", "B", f"B {minus} A"]
    assert classes[1][:4] == ["cat", "0.8800", "0.9100", "+0.0300"]
    assert classes[4][1:4] == ["undefined", "undefined", ""]
    assert listed[0] == ["image", "objects", *(f"{m} {k}" for m in "AB" for k in KINDS)]
    assert listed[1] == ["a&b.png", "2", *["", "", "", "", "1", "1"] * 2]
    assert [len(one) for one in (a, b)] == [5, 5]
    assert coco[1][1:4] == ["0.0110", "0.0110", "0.0000"]
    assert sizes[1] == [
        "0 to 16 px", "0.1100", "0.1100", "0.0000", "0.1600", "0.1600", "0.0000",
        "0.2100", "0.2100", "0.0000", "21",
    ]  # fmt: skip


def test_a_page_of_a_thousand_images_takes_three_megabytes_at_most(tmp_path):
    """Real digits, two files of fifteen boxes an image and three raters."""
    data = tmp_path / "data"
    sizes = ("--train", 0, "--val", 1000, "--test", 0)
    words = ["generate", *map(str, sizes), "--digits", "optdigits", "--out", str(data)]
    assert CliRunner().invoke(cli.app, words).exit_code == 0
    truth = as_results(read_json(data / "truth" / "val.json")["annotations"])
    rng = np.random.default_rng(0)
    extra = [
        truth[0]
        | {
            "image_id": int(rng.integers(1, 1001)),
            "bbox": [*rng.uniform(0, 280, 2).tolist(), *rng.uniform(10, 40, 2).tolist()],
            "score": float(rng.random() / 3),
        }
        for _ in range(12_000)
    ]
    for name in "ab":
        write(tmp_path / f"{name}.json", noisy(truth, ord(name)) + extra)
    files = (tmp_path / "a.json", tmp_path / "b.json")

    page = _report(tmp_path, *files, "--data", data, "--split", "val", "--bootstrap", 40)

    assert len(page.encode()) <= 3_000_000
    data = _data(page)
    assert len(data["images"]) == 1000
    assert all(one["picture"] >= 0 for one in data["images"])
    assert len(data["layers"]) == 3
