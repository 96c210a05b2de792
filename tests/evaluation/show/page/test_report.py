"""The page as a file: what it holds, and what it may do."""

import base64
import hashlib
import html
import re
from dataclasses import replace

import pytest

from evaluation.show.page.report import write_report
from tests.evaluation.files import annotation, as_results, coco, data_folder, objects, write
from tests.evaluation.show.made import assessment
from tests.evaluation.show.page.pages import page_of, tags_of


def test_a_page_needs_nothing_from_anywhere(tmp_path, worst):
    page = page_of(tmp_path, worst, "--data", data_folder(tmp_path, pictures=True))
    tags = tags_of(page)

    assert "link" not in tags.names
    assert all(link.startswith(("data:", "#")) for link in tags.links)
    assert not re.search(r"url\((?!#)", page)
    assert "default-src 'none'" in page


def test_the_one_script_that_may_run_is_ours(tmp_path, worst):
    page = page_of(tmp_path, worst, "--data", data_folder(tmp_path))

    (ours,) = [text for kind, text in tags_of(page).scripts if kind == "script"]
    digest = base64.b64encode(hashlib.sha256(ours.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in page
    assert [kind for kind, _ in tags_of(page).scripts] == ["application/json", "script"]


def test_no_two_elements_share_an_id(tmp_path, worst):
    page = page_of(tmp_path, worst, worst, "--data", data_folder(tmp_path))

    ids = tags_of(page).ids
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)
    assert {link[1:] for link in tags_of(page).links if link.startswith("#")} <= set(ids)


def test_a_page_holds_numbers_curves_confusions_errors_and_the_worst_images(tmp_path, worst):
    page = page_of(tmp_path, worst, "--data", data_folder(tmp_path, pictures=True))

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


@pytest.mark.parametrize("rows", [[], objects(10, 0)])
def test_a_page_without_boxes_or_without_mistakes_is_a_page(tmp_path, rows):
    preds = write(tmp_path / "p.json", as_results(rows))

    page = page_of(tmp_path, preds, "--data", data_folder(tmp_path))

    assert page.startswith("<!doctype html>")
    assert page.endswith("</body></html>\n")


def test_a_truth_without_objects_still_gives_a_page(tmp_path):
    truth = write(tmp_path / "t.json", coco(2, []))

    page = page_of(tmp_path, write(tmp_path / "p.json", []), "--truth", truth)

    assert "undefined" in page


def test_objects_larger_than_any_range_of_coco_are_said_to_be(tmp_path):
    box = [0, 0, 150_000, 150_000]
    truth = write(tmp_path / "t.json", coco(1, [annotation(1, 1, 0, box)]))
    preds = write(tmp_path / "p.json", as_results([annotation(1, 1, 0, box)]))

    page = page_of(tmp_path, preds, "--truth", truth)

    assert "1 class (0), or only some beyond COCO&#x27;s 1e10 square pixels" in page
    assert "Left out: 2 classes without an object or a box." in page


def test_the_same_assessment_gives_the_same_bytes(tmp_path, worst):
    data = data_folder(tmp_path, pictures=True)

    assert page_of(tmp_path, worst, "--data", data) == page_of(tmp_path, worst, "--data", data)


def test_eighty_classes_fit_a_page(tmp_path):
    categories = [{"id": k + 1, "name": f"a rather long class name {k}"} for k in range(80)]
    rows = [annotation(k + 1, 1, k, [4.0 * k, 0, 9, 9]) for k in range(80)]
    truth = write(tmp_path / "t.json", coco(1, rows) | {"categories": categories})

    page = page_of(tmp_path, write(tmp_path / "p.json", as_results(rows[:60])), "--truth", truth)

    assert "a rather long class name 79" in page


def test_a_page_without_an_error_budget_has_no_section_of_errors(tmp_path):
    path = tmp_path / "page.html"

    write_report(path, replace(assessment(), budgets=(), confusion=None))

    tags = tags_of(path.read_text("utf-8"))
    assert {"scores", "images", "classes", "details"} <= set(tags.ids)
    assert not {"errors", "confusions"} & set(tags.ids)
    assert "#errors" not in tags.links
    assert "a&b.png" in tags.texts
