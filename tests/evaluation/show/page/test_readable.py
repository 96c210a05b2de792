"""The page in headless Chromium: it fits, prints, and can be read by everybody."""

from __future__ import annotations

import re

import pytest

from tests.evaluation.show.page.browser import in_a_browser

pytestmark = in_a_browser


PAGES = ("one", "two", "empty", "many", "hostile")


@pytest.mark.parametrize("width", [420, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_the_screen(open_page, name, width):
    page = open_page(name, width)
    for summary in page.query_selector_all("summary"):
        if summary.is_visible():
            summary.click()

    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.title() != "taken"
    assert page.is_visible("#browser")


@pytest.mark.parametrize("name", ["one", "two"])
def test_labels_in_the_browser_do_not_lie_on_each_other(open_page, name):
    page, labels = open_page(name), 0
    page.click("#all-raters")
    for _ in range(6):
        page.click("#after")
        labels += page.locator("#picture rect[fill-opacity]").count()
        overlapping = page.evaluate(
            """() => {
              const all = [...document.querySelectorAll("#picture rect[fill-opacity]")]
                .map((one) => one.getBoundingClientRect());
              return all.flatMap((a, k) => all.slice(k + 1).filter((b) => a.left < b.right - 1.5 &&
                b.left < a.right - 1.5 && a.top < b.bottom - 1.5 && b.top < a.bottom - 1.5)).length;
            }"""
        )
        assert overlapping == 0
    assert labels > 30


def test_without_a_script_the_numbers_and_the_worst_images_are_there(open_page):
    page = open_page("two", java_script_enabled=False)

    assert not page.is_visible("#browser")
    assert page.is_visible(".gallery svg >> nth=0")
    assert page.locator("noscript").inner_text().startswith("With JavaScript, all 30 images")
    assert page.locator("#classes tbody tr").count() == 10
    assert page.locator("figure.plot svg").count() >= 8


@pytest.mark.parametrize("name", ["one", "two", "many"])
def test_the_page_prints(open_page, name):
    page = open_page(name)
    printed = page.pdf(prefer_css_page_size=True)
    pages = len(re.findall(rb"/Type\s*/Page\b", printed))
    box = [float(one) for one in re.search(rb"/MediaBox\s*\[([^]]*)\]", printed)[1].split()]

    assert 2 <= pages <= 40
    assert box[2:] == pytest.approx([595, 842], abs=1)
    page.emulate_media(media="print")
    cut = "(all) => all.filter((one) => one.scrollHeight > one.clientHeight + 1).length"
    assert page.eval_on_selector_all(".scroll.tall", cut) == 0
    assert not page.is_visible("#browser")
    assert page.is_visible(".gallery svg >> nth=0")


_CONTRASTS = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || one.closest("svg") || !one.getClientRects().length || one.disabled) continue;
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(ground(one))];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), one.tagName, one.className]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_a_contrast_of_four_and_a_half(open_page, scheme):
    page = open_page("two", color_scheme=scheme)
    page.click("#all-raters")
    for summary in page.query_selector_all("summary"):
        if summary.is_visible():
            summary.click()

    found = page.evaluate(_CONTRASTS)

    assert len(found) > 300
    assert [one for one in found if one[0] < 4.5] == []


def test_what_a_screen_reader_needs_is_there(open_page):
    page = open_page("two")

    for landmark in ("header", "main", "nav[aria-label]", "footer", "h1"):
        assert page.locator(landmark).count() == 1
    for lacking in (
        "table:not(:has(caption))",
        "section:not([aria-labelledby])",
        "svg:not([aria-label]):not([aria-hidden])",
        "input:not([id]):not(label input)",
        "th:not([scope])",
        "figure.plot:not(:has(figcaption))",
    ):
        assert page.locator(lacking).count() == 0, lacking
    unlabelled = "() => [...document.querySelectorAll('input, select')].filter((one) => !one.labels.length).length"
    assert page.evaluate(unlabelled) == 0
    assert page.get_attribute("html", "lang") == "en"
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the scores"
