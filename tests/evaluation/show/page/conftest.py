"""Predictions with mistakes, a headless Chromium, and pages of all kinds to open in it."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

import cli
from evaluation.assessment import Options, assess
from evaluation.read.source import open_truth
from evaluation.show.page.scene import scored
from medmnist_det.files import read_json
from tests.evaluation.command import noisy
from tests.evaluation.files import annotation, as_results, coco, objects, write
from tests.evaluation.show.page.browser import CHROMIUM, IMAGES

_SCRIPT = "</script><script>document.title = 'taken'</script><b>&\"'"


@pytest.fixture
def worst(tmp_path):
    """Predictions with a wrong name, a miss and a box on nothing."""
    rows = as_results(objects(10, 0))[1:]
    rows[0]["category_id"] = 3
    rows.append(rows[0] | {"bbox": [290.0, 290.0, 20.0, 20.0]})
    return write(tmp_path / "preds.json", rows)


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def run(*words):
    result = CliRunner().invoke(cli.app, list(map(str, words)))
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="session")
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
    rows = objects(3, 0)
    content = coco(3, rows)
    for one in content["categories"]:
        one["name"] = _SCRIPT
    for one in content["images"]:
        one["file_name"] = f"{one['id']}{_SCRIPT}"
    truth = write(root / "hostile-truth.json", content)
    preds = write(root / "hostile-preds.json", noisy(as_results(rows), 3))
    run("evaluate", preds, "--truth", truth, "--report", root / "hostile.html")


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


@pytest.fixture(scope="session")
def verdicts(folder):
    """What Python says of a.json and b.json."""
    source = open_truth(folder / "data", "val", None)
    options = Options(errors=True, bootstrap=0)
    return [scored("", assess(source, folder / f"{name}.json", options)) for name in "ab"]
