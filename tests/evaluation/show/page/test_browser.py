"""The page in a browser: headless Chromium, where one is installed."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

import cli
from evaluation.assessment import Options, assess
from evaluation.mistakes import KINDS
from evaluation.read.layers import read_layers
from evaluation.read.source import open_truth
from evaluation.show.page.scene import scored
from medmnist_det.files import read_json
from tests.evaluation.command import noisy
from tests.evaluation.files import annotation, as_results, coco, write
from tests.evaluation.files import objects as far_apart

api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

IMAGES = 30
_SCRIPT = "</script><script>document.title = 'taken'</script><b>&\"'"


@pytest.fixture(scope="module")
def chromium():
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def run(*words):
    result = CliRunner().invoke(cli.app, list(map(str, words)))
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data folder with raters and fused labels, predictions for val, and pages of all kinds."""
    root = tmp_path_factory.mktemp("browser")
    data = root / "data"
    sizes = ("--train", 0, "--val", IMAGES, "--test", 0, "--canvas", 128)
    run("generate", *sizes, "--digits", "optdigits", "--out", data)
    run("aggregate", "--method", "majority-vote", "--data", data)
    truth = read_json(data / "truth" / "val.json")["annotations"]
    for name, seed in (("a", 1), ("b", 2)):
        write(root / f"{name}.json", noisy(as_results(truth), seed))
    common = ("--data", data, "--split", "val", "--report")
    run("evaluate", root / "a.json", *common, root / "one.html")
    run("evaluate", root / "a.json", root / "b.json", *common, root / "two.html")
    write(root / "none.json", [])
    run("evaluate", root / "none.json", *common, root / "empty.html")
    many(root)
    hostile(root)
    return root


def many(root):
    """Eighty classes with long names, on images without pictures."""
    categories = [{"id": k + 1, "name": f"a_rather_long_class_name_{k}" * 3} for k in range(80)]
    rows = [annotation(k + 1, 1, k, [4.0 * k, 0, 9, 9]) for k in range(80)]
    truth = write(root / "many-truth.json", coco(1, rows) | {"categories": categories})
    preds = write(root / "many-preds.json", as_results(rows[:60]))
    run("evaluate", preds, preds, "--truth", truth, "--report", root / "many.html")


def hostile(root):
    rows = far_apart(3, 0)
    content = coco(3, rows)
    for one in content["categories"]:
        one["name"] = _SCRIPT
    for one in content["images"]:
        one["file_name"] = f"{one['id']}{_SCRIPT}"
    truth = write(root / "hostile-truth.json", content)
    preds = write(root / "hostile-preds.json", noisy(as_results(rows), 3))
    run("evaluate", preds, "--truth", truth, "--report", root / "hostile.html")


PAGES = ("one", "two", "empty", "many", "hostile")


@pytest.fixture
def open_page(chromium, folder):
    """Return a function that opens a page; complaints of its console fail the test."""
    said, contexts = [], []

    def opened(name, width=1280, **options):
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "request", lambda asked: said.append(asked.url) if asked.url[:4] == "http" else None
        )
        page.goto((folder / f"{name}.html").as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


@pytest.fixture(scope="module")
def verdicts(folder):
    """What Python says of a.json and b.json."""
    source = open_truth(folder / "data", "val", None)
    options = Options(errors=True, bootstrap=0)
    return [scored("", assess(source, folder / f"{name}.json", options)) for name in "ab"]


def counted(page):
    """Return the numbers of images and mistakes that the browser says it found."""
    images, mistakes = re.fullmatch(
        rf"([\d,]+) images? of {IMAGES}, with ([\d,]+) mistakes?", page.inner_text("#count")
    ).groups()
    return int(images), int(mistakes)


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


@pytest.mark.parametrize("name", ["one", "two"])
def test_labels_in_the_browser_do_not_lie_on_each_other(open_page, name):
    page = open_page(name)
    for _ in range(6):
        page.click("#after")
        overlapping = page.evaluate(
            """() => {
              const all = [...document.querySelectorAll("#picture rect[fill-opacity]")]
                .map((one) => one.getBoundingClientRect());
              return all.flatMap((a, k) => all.slice(k + 1).filter((b) => a.left < b.right - 1.5 &&
                b.left < a.right - 1.5 && a.top < b.bottom - 1.5 && b.top < a.bottom - 1.5)).length;
            }"""
        )
        assert overlapping == 0


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


def test_a_file_without_boxes_has_only_missed_objects(open_page):
    page = open_page("empty")
    page.select_option("#kind", "false")
    assert counted(page) == (0, 0)
    page.select_option("#kind", "missed")
    images, mistakes = counted(page)
    assert 0 < images <= mistakes
