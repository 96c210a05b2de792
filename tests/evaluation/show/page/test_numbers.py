"""The page's numbers: every cell below its header, of one file and of two."""

import pytest

from evaluation.mistakes import KINDS
from tests.evaluation.show.made import COCO_NAMES, NAMES, assessment, comparison
from tests.evaluation.show.page.pages import tables_of


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return tables_of(assessment(), tmp_path_factory)


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
    return tables_of(comparison(), tmp_path_factory)


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
