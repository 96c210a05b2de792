import base64
import re
from html.parser import HTMLParser

import pytest
from typer.testing import CliRunner

import cli
from evaluation.show.report import write_report
from tests.evaluation.files import annotation, as_results, coco, data_folder, objects, write
from tests.evaluation.show.made import COCO_NAMES, NAMES, assessment

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
        self.names, self.links, self.texts = [], [], []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.links += [
            value for key, value in attrs if key in ("src", "href", "xlink:href", "srcset")
        ]
        self.links += [value for key, value in attrs if key.startswith("on")]

    def handle_data(self, data):
        self.texts.append(data)


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

    assert "script" not in tags.names
    assert "link" not in tags.names
    assert all(link.startswith(("data:", "#")) for link in tags.links)
    assert not re.search(r"url\((?!#)", page)
    assert "default-src 'none'" in page


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
        assert heading in page
    assert page.count('<image href="data:image/png;base64,') == 1
    assert "000001.png</b> 3 mistakes" in page
    assert "1 \N{RIGHTWARDS ARROW} 2 0.90" in page
    assert "digits optdigits; fingerprint sha256:feed" in page


def test_names_from_files_are_escaped(tmp_path):
    content = coco(1, [annotation(1, 1, 0, [0, 0, 9, 9]), annotation(2, 1, 1, [50, 0, 9, 9])])
    content["categories"][0]["name"] = content["categories"][1]["name"] = _SCRIPT
    content["images"][0]["file_name"] = _SCRIPT
    truth = write(tmp_path / "t.json", content)
    rows = as_results(content["annotations"])
    rows[0]["category_id"] = 2

    page = _report(tmp_path, write(tmp_path / "p.json", rows), "--truth", truth)

    assert "<script" not in page
    assert "script" not in _tags(page).names
    assert _SCRIPT in _tags(page).texts


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
    write_report(path, assessment(), None)
    found = _Tables()
    found.feed(path.read_text("utf-8"))
    return found


def _columns(table):
    head, *rows = table
    assert all(len(row) == len(head) for row in rows)
    return {name: [row[k] for row in rows] for k, name in enumerate(head)}


def test_cards_hold_scores_intervals_and_coverage(page):
    text = " | ".join(page.texts)

    assert (
        "mAP@0.4 | 0.8200 | 95% interval 0.7811 to 0.8411 (1,000 resamples of the images)" in text
    )
    assert "mean over 3 of 4 classes" in text
    assert "mAP@[.5:.95] | 0.6200 | 95% interval 0.5911 to 0.6511" in text
    assert "mean over 2 of 4 classes" in text
    assert "preds[a].json: 6,033 boxes, against truth[1].json: 7 images, 90 objects" in text


def test_cells_of_the_page_stand_below_their_headers(page):
    quality, errors, classes, coco, sizes = page.tables

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
