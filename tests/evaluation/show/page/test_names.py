"""Any name from a file is text on a page, and no way to other files."""

import base64

import pytest

from medmnist_det.terminal.tables import plain
from tests.evaluation.files import annotation, as_results, coco, data_folder, objects, write
from tests.evaluation.show.page.pages import SCRIPT, data_of, page_of, tags_of

_HOSTILE = [
    SCRIPT,
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

    page = page_of(tmp_path, write(tmp_path / "p.json", rows), "--truth", truth)

    tags = tags_of(page)
    assert tags.names.count("script") == 2
    assert not [link for link in tags.links if not link.startswith(("data:", "#"))]
    assert plain(name) in tags.texts
    data, shown = data_of(page), plain(name)
    assert (data["classes"], data["images"][0]["name"]) == ([shown] * 3, shown)


def test_raters_and_methods_may_have_any_name(tmp_path):
    data = data_folder(tmp_path)
    rows = [one | {"rater_id": SCRIPT} for one in objects(10, 1)]
    write(data / "crowd" / "val.json", coco(10, rows))
    write(data / "fused" / "<b>&" / "val.json", coco(10, objects(10, 1)))
    preds = write(tmp_path / "p.json", as_results(objects(10, 1)))

    page = page_of(tmp_path, preds, "--data", data, "--split", "val")

    assert [(one["kind"], one["name"]) for one in data_of(page)["layers"]] == [
        ("rater", SCRIPT), ("fused", "<b>&"),
    ]  # fmt: skip
    assert f"rater {SCRIPT}" in tags_of(page).texts
    assert "fused: <b>&" in tags_of(page).texts


def test_only_pictures_of_the_folder_are_embedded(tmp_path, worst):
    data = data_folder(tmp_path, pictures=True)
    secret = write(tmp_path / "secret.png", b"\x89PNG\r\n\x1a\nsecret")
    content = coco(10, objects(10, 0))
    content["images"][0]["file_name"] = f"../../../{secret.name}"
    truth = write(tmp_path / "t.json", content)

    page = page_of(tmp_path, worst, "--truth", truth, "--images", data / "images" / "test")

    assert base64.b64encode(secret.read_bytes()).decode() not in page
    assert '<image href="data:' not in page
    assert "The worst images" in page


@pytest.mark.parametrize("name", ["a" * 300 + ".png", "a\0b.png"])
def test_a_picture_whose_name_no_file_can_have_is_not_drawn(tmp_path, name):
    content = coco(1, objects(1, 0))
    content["images"][0]["file_name"] = name
    truth = write(tmp_path / "t.json", content)

    page = page_of(tmp_path, write(tmp_path / "p.json", []), "--truth", truth)

    assert "The worst images" in page
    assert "<image href=" not in page
