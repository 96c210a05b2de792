"""The page's images: which boxes and pictures it holds, and what it says of the others."""

import html

import numpy as np
from typer.testing import CliRunner

import cli
from evaluation.show.page import images, report, scene
from medmnist_det.files import read_json
from tests.evaluation.command import noisy
from tests.evaluation.files import annotation, as_results, coco, data_folder, objects, write
from tests.evaluation.show.page.pages import data_of, page_of


def test_pages_say_which_images_have_no_picture(tmp_path, worst):
    data = data_folder(tmp_path, pictures=True)
    (data / "images" / "test" / "000003.png").write_bytes(b"no picture")
    (data / "images" / "test" / "000004.png").unlink()

    page = html.unescape(page_of(tmp_path, worst, "--data", data))

    assert "No picture of 2 of 10 images, whose boxes stand on a plain ground (000003.png, " in page
    assert "000004.png): the folder " in page


def test_the_best_of_more_boxes_than_a_page_holds_are_in_the_browser(tmp_path, monkeypatch):
    monkeypatch.setattr(scene, "_MOST_BOXES", 20)
    rows = as_results(objects(10, 0))
    for k, row in enumerate(rows * 2):
        row["score"] = 0.5 + 0.01 * (k % 30)
    low = [row | {"score": 0.001 * k} for k, row in enumerate(rows)]

    page = page_of(
        tmp_path, write(tmp_path / "p.json", rows + low), "--data", data_folder(tmp_path)
    )

    kept = [one for image in data_of(page)["images"] for one in image["boxes"][0][5::8]]
    assert sorted(kept) == sorted(round(row["score"], 4) for row in rows)
    assert "The browser leaves out 30 of the 60 boxes: those that score less than 0.5000." in page


def test_the_worst_of_more_images_than_a_page_holds_are_in_the_browser(
    tmp_path, worst, monkeypatch
):
    monkeypatch.setattr(images, "_LEAST", 2500)
    monkeypatch.setattr(report, "_MOST_BYTES", 0)

    page = page_of(tmp_path, worst, "--data", data_folder(tmp_path))

    found = data_of(page)["images"]
    assert 0 < len(found) < 10
    assert found[0]["name"] == "000001.png"
    rest = 10 - len(found)
    assert (
        f"The browser holds the {len(found)} images with most mistakes; for the other {rest}"
        in page
    )


def test_boxes_keep_their_side_of_the_working_point(tmp_path):
    """Rounding to four decimals must not put a box below it above it."""
    rows = as_results(objects(10, 0))
    for row in rows:
        row["score"] = 0.50001
    rows.append(rows[0] | {"bbox": [290.0, 290.0, 9.0, 9.0], "score": 0.500005})

    data = data_of(
        page_of(tmp_path, write(tmp_path / "p.json", rows), "--data", data_folder(tmp_path))
    )

    best = data["files"][0]["score"]
    scores = [one for image in data["images"] for one in image["boxes"][0][5::8]]
    assert best == 0.5
    assert sorted(scores)[:2] == [0.4999, 0.5]
    assert sum(score >= best for score in scores) == 30


def test_what_a_rater_never_looked_at_is_told_from_what_holds_nothing(tmp_path):
    data = data_folder(tmp_path)
    content = coco(10, [annotation(1, 1, 2, [5, 6, 7, 8], rater_id=4)])
    for one in content["images"]:
        one["rater_list"] = [4] if one["id"] < 3 else []
    write(data / "crowd" / "val.json", content)
    preds = write(tmp_path / "p.json", as_results(objects(10, 1)))

    page = data_of(page_of(tmp_path, preds, "--data", data, "--split", "val"))

    seen = {one["name"]: one["others"] for one in page["images"]}
    assert seen["000001.png"] == {"0": [5, 6, 7, 8, 2, 1]}
    assert seen["000002.png"] == {"0": []}
    assert seen["000003.png"] == {}


def test_confusions_lead_to_the_images_that_they_count(tmp_path, worst):
    page = page_of(tmp_path, worst, "--data", data_folder(tmp_path))

    assert '<a href="#images" data-file="0" data-true="1" data-given="2">1</a>' in page
    confused = {
        one["name"]: one["confused"] for one in data_of(page)["images"] if one["confused"][0]
    }
    assert confused == {"000001.png": [[[1, 2]]]}


def test_a_page_of_a_thousand_images_takes_three_megabytes_at_most(tmp_path):
    """Real digits, two files of fifteen boxes an image and three raters."""
    data = tmp_path / "data"
    sizes = ("--train", 0, "--val", 1000, "--test", 0)
    words = ["generate", *map(str, sizes), "--digits", "optdigits", "--out", str(data)]
    assert CliRunner().invoke(cli.app, words).exit_code == 0
    truth = as_results(read_json(data / "truth" / "val.json")["annotations"])
    rng = np.random.default_rng(0)
    extra = [
        truth[0]
        | {
            "image_id": int(rng.integers(1, 1001)),
            "bbox": [*rng.uniform(0, 280, 2).tolist(), *rng.uniform(10, 40, 2).tolist()],
            "score": float(rng.random() / 3),
        }
        for _ in range(12_000)
    ]
    for name in "ab":
        write(tmp_path / f"{name}.json", noisy(truth, ord(name)) + extra)
    files = (tmp_path / "a.json", tmp_path / "b.json")

    page = page_of(tmp_path, *files, "--data", data, "--split", "val", "--bootstrap", 40)

    assert len(page.encode()) <= 3_000_000
    data = data_of(page)
    assert len(data["images"]) == 1000
    assert all(one["picture"] >= 0 for one in data["images"])
    assert len(data["layers"]) == 3
