"""The page in headless Chromium: filters, switches, tables and links do what they say."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.mistakes import KINDS
from evaluation.read.layers import read_layers
from evaluation.read.source import open_truth
from tests.evaluation.show.page.browser import IMAGES, counted, in_a_browser

pytestmark = in_a_browser


@pytest.mark.parametrize("kind", ["any", "false", *KINDS])
def test_the_filter_finds_the_mistakes_that_python_counts(open_page, verdicts, kind):
    page, (one, _) = open_page("one"), verdicts
    page.select_option("#kind", kind)

    chosen = {"any": KINDS, "false": KINDS[:-1]}.get(kind, (kind,))
    for score in (None, 0.1, 0.7):
        if score is not None:
            page.fill("#score", str(score))
        counts = one.verdicts.per_image(one.score if score is None else score)
        counts = counts[:, [KINDS.index(name) for name in chosen]].sum(axis=1)
        assert counted(page) == (np.count_nonzero(counts), counts.sum())
    page.click("#best-f1")
    assert f"{one.score:.3f} (best F1)" in page.inner_text("#score-shown")


def test_the_filter_of_classes_asks_objects_and_boxes(open_page, verdicts):
    page, (one, _) = open_page("one"), verdicts
    page.select_option("#kind", "missed")
    page.select_option("#label", "3")

    objects = one.assessment.problem.objects
    missed = one.verdicts.missed_at(one.score) & (objects.label == 3)
    assert counted(page) == (len(set(objects.image[missed].tolist())), missed.sum())

    page.select_option("#kind", "")
    page.fill("#name", "000007")
    page.select_option("#label", "")
    assert counted(page)[0] == 1
    assert page.inner_text("#caption b") == "000007.png"
    page.fill("#name", "no such name")
    assert counted(page)[0] == 0
    assert "No image is like that" in page.inner_text("#caption")


def test_of_two_files_either_can_be_asked(open_page, verdicts):
    page = open_page("two")
    page.select_option("#kind", "any")
    totals = [one.mistakes.sum() for one in verdicts]

    seen = {}
    for file in ("", "0", "1"):
        page.select_option("#of", file)
        seen[file] = counted(page)[1]

    assert seen == {"": sum(totals), "0": totals[0], "1": totals[1]}
    page.select_option("#of", "")
    page.select_option("#order", "gain")
    gains = verdicts[0].mistakes.sum(axis=1) - verdicts[1].mistakes.sum(axis=1)
    name = page.inner_text("#thumbs li:first-child")
    assert gains[int(name.removesuffix(".png")) - 1] == gains.max()


def frames(page):
    return page.locator('#picture rect[fill="none"]').count()


def test_everybodys_boxes_can_be_switched_on_and_off(open_page, folder, verdicts):
    page, (one, _) = open_page("one"), verdicts
    page.select_option("#order", "worst")
    place = int(page.inner_text("#caption b").removesuffix(".png")) - 1
    boxes, objects = one.assessment.problem.detections, one.assessment.problem.objects
    true = np.count_nonzero(objects.image == place)
    claimed = np.count_nonzero((boxes.image == place) & (boxes.score >= one.score))
    assert frames(page) == true + claimed

    page.uncheck('[data-layer="truth"]')
    assert frames(page) == claimed
    page.uncheck('[data-layer="file-0"]')
    assert frames(page) == 0
    assert page.locator(".switches label").all_inner_texts() == [
        "truth", "predictions", "rater 1", "rater 2", "rater 3", "fused: majority-vote",
    ]  # fmt: skip

    source = open_truth(folder / "data", "val", None)
    for k, layer in enumerate(read_layers(source, source.truth).layers):
        page.check(f'[data-layer="other-{k}"]')
        assert frames(page) == np.count_nonzero(layer.boxes.image == place)
        page.uncheck(f'[data-layer="other-{k}"]')
    page.click("#all-raters")
    assert page.is_checked('[data-layer="other-2"]')
    assert not page.is_checked('[data-layer="other-3"]')


def test_fewer_boxes_are_drawn_as_the_confidence_rises(open_page):
    page = open_page("one")
    page.uncheck('[data-layer="truth"]')
    drawn = []
    for score in ("0", "0.5", "0.9", "1"):
        page.fill("#score", score)
        drawn.append(page.locator("#thumbs rect").count())
    assert drawn == sorted(drawn, reverse=True)
    assert len(set(drawn)) > 2


def test_tables_sort_at_a_press(open_page):
    page = open_page("one")
    table = page.locator("table", has=page.locator("caption", has_text="Every class"))

    def column(k):
        return [row.split("\t")[k] for row in table.locator("tbody tr").all_inner_texts()]

    names = column(0)
    values = {text: -1.0 if text == "undefined" else float(text) for text in column(1)}
    header = table.locator("thead th").nth(1)
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    assert column(1) == sorted(column(1), key=values.__getitem__, reverse=True)
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    numbers = [values[text] for text in column(1) if text != "undefined"]
    assert numbers == sorted(numbers)
    table.locator("thead button").first.click()
    assert column(0) == sorted(names, key=int)
    assert page.locator('[aria-sort="ascending"]').count() == 1


def test_names_and_kinds_in_tables_lead_to_their_images(open_page, verdicts):
    page, (one, _) = open_page("one"), verdicts
    page.click('#errors a[data-kind="missed"]')
    assert page.input_value("#kind") == "missed"
    assert counted(page)[1] == one.verdicts.missed_at(one.score).sum()

    page.click('#classes a[data-label="4"]')
    assert (page.input_value("#kind"), page.input_value("#label")) == ("any", "4")

    link = page.locator("#confusions tbody a").first
    true, given = (link.get_attribute(f"data-{key}") for key in ("true", "given"))
    times = int(page.locator("#confusions tbody tr").first.inner_text().split("\t")[2])
    pairs = one.assessment.confusion.pairing.pairs
    labels = one.assessment.problem.objects.label, one.assessment.problem.detections.label
    same = (labels[0][pairs.object] == int(true)) & (labels[1][pairs.detection] == int(given))
    link.click()
    images = one.assessment.problem.objects.image[pairs.object[same]]
    assert (same.sum(), counted(page)[0]) == (times, len(set(images.tolist())))
    assert page.inner_text("#confusion span") == f"Only {true} called {given}"
    page.click("#confusion button")
    assert counted(page)[0] == IMAGES

    page.click("summary:has-text('Images with mistakes')")
    row = page.locator("#images a[data-image]").nth(2)
    name = row.inner_text()
    row.click()
    assert page.inner_text("#caption b") == name


def test_everything_can_be_done_with_the_keyboard(open_page):
    page = open_page("one")
    first = page.inner_text("#caption b")
    page.focus("#stage")
    page.keyboard.press("ArrowRight")
    second = page.inner_text("#caption b")
    page.keyboard.press("ArrowLeft")
    assert (page.inner_text("#caption b"), second != first) == (first, True)

    page.focus("#thumbs li:nth-child(3) button")
    page.keyboard.press("Enter")
    assert page.inner_text("#caption b") == page.inner_text("#thumbs li:nth-child(3)")
    assert page.evaluate("document.activeElement.getAttribute('aria-current')") == "true"
    page.focus('[data-layer="truth"]')
    page.keyboard.press("Space")
    assert not page.is_checked('[data-layer="truth"]')
    page.focus("#score")
    before = page.input_value("#score")
    page.keyboard.press("ArrowRight")
    assert float(page.input_value("#score")) > float(before)


def test_a_file_without_boxes_has_only_missed_objects(open_page):
    page = open_page("empty")
    page.select_option("#kind", "false")
    assert counted(page) == (0, 0)
    page.select_option("#kind", "missed")
    images, mistakes = counted(page)
    assert 0 < images <= mistakes
