"""Pages as a test makes and reads them."""

from __future__ import annotations

import json
from html.parser import HTMLParser

from evaluation.show.page.report import write_report
from tests.evaluation.command import evaluate

SCRIPT = "<script>alert(1)</script>&\"'"


def page_of(tmp_path, *arguments):
    page = tmp_path / "report.html"
    evaluate(*arguments, "--report", page)
    return page.read_text("utf-8")


class Tags(HTMLParser):
    """What a page would run or fetch, and its texts."""

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


def data_of(page):
    """What the page's script draws from."""
    return next(json.loads(text) for kind, text in tags_of(page).scripts if kind != "script")


def tags_of(page):
    tags = Tags()
    tags.feed(page)
    return tags


class Tables(HTMLParser):
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


def tables_of(result, tmp_path_factory):
    """The tables and texts of the page of an assessment or a comparison."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    write_report(path, result)
    found = Tables()
    found.feed(path.read_text("utf-8"))
    return found
