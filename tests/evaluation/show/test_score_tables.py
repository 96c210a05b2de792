"""``evaluate``'s tables, cell by cell, on numbers that all differ."""

import io
from dataclasses import replace

import pytest

from evaluation.bootstrap import Difference
from evaluation.show.score_tables import tables
from medmnist_det.terminal.console import LineConsole
from tests.evaluation.show.made import COCO_NAMES, NAMES, assessment, comparison, interval
from tests.printed import tables as read


def printed(found, width=1000):
    file = io.StringIO()
    LineConsole(width=width, file=file, markup=False).print(tables(found))
    return file.getvalue()


@pytest.fixture(scope="module")
def shown():
    return read(printed(assessment()))


def test_the_first_lines_say_what_was_scored_on_what():
    first, second, third, *_ = printed(assessment()).splitlines()

    assert first == "preds[a].json: 6,033 boxes"
    assert second == "truth[1].json: 7 images, 90 objects, 2 iscrowd regions"
    assert third.startswith("digits optdigits; fingerprint sha256:[feed]; engine hotcoco ")


def test_scores_stand_with_their_intervals_and_classes(shown):
    assert shown["Scores"].columns() == {
        "metric": ["mAP@0.4", "mAP@[.5:.95]"],
        "score": ["0.8200", "0.6200"],
        "95% interval": ["0.7811 to 0.8411", "0.5911 to 0.6511"],
        "classes": ["3 of 4", "2 of 4"],
    }


def test_label_quality_names_every_measure(shown):
    assert shown["Label quality (whatever the score)"].rows == [
        ["precision: boxes on an object (IoU 0.4)", "0.1230"],
        ["recall: objects with a box", "0.2340"],
        ["class accuracy of these boxes", "0.3450"],
        ["mean IoU of these boxes", "0.4560"],
    ]


def test_coco_s_twelve_are_called_what_they_are(shown):
    found = shown["COCO's twelve"].columns()

    meanings = [
        "AP @[.5:.95]", "AP @.5", "AP @.75", "AP, small (area to 32 x 32 px)",
        "AP, medium (to 96 x 96 px)", "AP, large", "AR, 1 box of a class an image", "AR, 10 boxes",
        "AR, 100 boxes", "AR, small", "AR, medium", "AR, large",
    ]  # fmt: skip
    assert found["metric"] == meanings
    assert found["score"] == [f"{0.011 * (k + 1):.4f}" for k in range(len(COCO_NAMES))]
    assert found["classes"] == [f"{1 + k % 3} of 4" for k in range(len(COCO_NAMES))]


def test_every_error_stands_with_its_points_alone_and_count_of_either_metric(shown):
    found = shown["Where points are lost (100 points are a mAP of 1)"]

    assert found.headers == [
        "error", "mAP@0.4 points", "alone", "count", "mAP@[.5:.95] points", "alone", "count",
    ]  # fmt: skip
    assert found.rows == [
        ["class", "4.00", "7.00", "100", "5.00", "8.00", "200"],
        ["location", "3.50", "6.70", "111", "4.50", "7.70", "211"],
        ["both", "3.00", "6.40", "122", "4.00", "7.40", "222"],
        ["duplicate", "2.50", "6.10", "133", "3.50", "7.10", "233"],
        ["background", "2.00", "5.80", "144", "3.00", "6.80", "244"],
        ["missed", "1.50", "5.50", "155", "2.50", "6.50", "255"],
        ["all", "16.50", "", "", "22.50", "", ""],
    ]


def test_the_most_frequent_confusions_come_first_object_before_name(shown):
    found = shown["Most confused (score 0.600 or more, IoU 0.4)"]

    assert found.columns() == {
        "object": [NAMES[2], NAMES[1], NAMES[0], NAMES[1]],
        "called": [NAMES[1], NAMES[2], NAMES[1], NAMES[0]],
        "times": ["6", "4", "3", "1"],
    }


def test_sizes_and_classes_show_both_metrics_recall_and_counts(shown):
    assert shown["By size of object (root of its area)"].columns() == {
        "side": ["0 to 16 px", "16 to 24 px"],
        "mAP@0.4": ["0.1100", "0.4100"],
        "mAP@[.5:.95]": ["0.1600", "0.4600"],
        "AR": ["0.2100", "0.5100"],
        "objects": ["21", "69"],
    }
    assert shown["By class"].columns() == {
        "class": list(NAMES),
        "AP@0.4": ["0.9100", "0.8200", "0.7300", "undefined"],
        "AP@[.5:.95]": ["0.7100", "0.6200", "0.5300", "undefined"],
        "AR": ["0.5100", "0.4200", "0.3300", "undefined"],
        "objects": ["15", "30", "45", "0"],
        "boxes": ["1,007", "2,007", "3,007", "12"],
    }


def test_notes_say_what_is_left_out():
    text = printed(assessment())

    assert (
        "No object of 1 class (never seen): undefined, not part of any mean; the 12 boxes" in text
    )
    assert "5 images that this rater did not look at are left out." in text


def test_names_of_256_characters_fold_and_nothing_is_cut():
    text = printed(assessment(), width=80)

    assert "".join(line.strip().split()[0] for line in text.splitlines() if "bbbb" in line)
    assert read(text)["By class"].column("boxes")[:2] == ["1,007", "2,007"]
    assert "".join(read(text)["By class"].column("class")).count("b") == 256
    assert "\N{HORIZONTAL ELLIPSIS}" not in text


def test_a_comparison_shows_a_before_b_and_what_b_gains():
    text = printed(comparison())
    shown = read(text)

    assert text.splitlines()[:2] == ["A  first.json", "B  second.json"]
    assert shown["Scores"].columns() == {
        "metric": ["mAP@0.4", "mAP@[.5:.95]"],
        "A": ["0.7900", "0.5900"],
        "B": ["0.8200", "0.6200"],
        "B - A": ["+0.0300", "+0.0290"],
        "95% interval": ["+0.0100 to +0.0550", "-0.0110 to +0.0600"],
        "p": ["0.012", "0.234"],
    }
    assert "mAP@0.4: B is better; the difference is real." in text
    assert "mAP@[.5:.95]: no real difference; other images could turn it around." in text
    classes = shown["By class"]
    assert classes.headers == ["class", "A AP@0.4", "B", "B - A", "A AP@[.5:.95]", "B", "B - A"]
    assert classes.row("cat") == ["0.8800", "0.9100", "+0.0300", "0.6800", "0.7100", "+0.0300"]
    assert classes.row("never seen") == ["undefined", "undefined", "", "undefined", "undefined", ""]


def test_a_loss_and_a_missing_verdict_are_said():
    worse = Difference(value=-0.03, interval=interval(-0.05, -0.01), p_value=0.01)

    text = printed(replace(comparison(), differences=(worse, None)))

    assert "mAP@0.4: A is better; the difference is real." in text
    assert "mAP@[.5:.95]: no verdict, a score or its interval is missing." in text
