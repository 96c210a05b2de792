import numpy as np
import pytest

from evaluation.read.predictions import read_predictions
from evaluation.read.truth import read_truth
from medmnist_det.errors import InputError
from tests.evaluation.files import as_results, coco, objects, write


@pytest.fixture
def truth(tmp_path):
    return read_truth(write(tmp_path / "truth.json", coco(4, objects(4, 0))))


def _folder(tmp_path, text, name="000001.txt"):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / name).write_text(text)
    return tmp_path / "labels"


def test_a_folder_equals_the_results_that_it_was_written_from(tmp_path, truth):
    rows = as_results(objects(4, 0), score=0.25)
    lines = {}
    for row in rows:
        x, y, width, height = (value / 320 for value in row["bbox"])
        line = f"{row['category_id'] - 1} {x + width / 2} {y + height / 2} {width} {height} 0.25\n"
        lines[row["image_id"]] = lines.get(row["image_id"], "") + line
    folder = tmp_path / "labels"
    folder.mkdir()
    for key, text in lines.items():
        (folder / f"{key:06d}.txt").write_text(text)
    (folder / "000004.txt").write_text("")

    found = read_predictions(folder, truth).boxes
    expected = read_predictions(write(tmp_path / "p.json", rows), truth).boxes

    np.testing.assert_array_equal(found.image, expected.image)
    np.testing.assert_array_equal(found.label, expected.label)
    np.testing.assert_allclose(found.bbox, expected.bbox, atol=1e-9)
    np.testing.assert_array_equal(found.score, expected.score)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 .5 .5 .1 .1", "has no score; write it as the sixth number"),
        ("0 .5 .5 .1", "has 4 numbers, not six"),
        ("0 .5 .5 .1 .1 .9 .9", "has 7 numbers, not six"),
        ("cat .5 .5 .1 .1 .9", "'cat .5 .5 .1 .1 .9' is no row of numbers"),
        ("0 nan .5 .1 .1 .9", "is not finite"),
        ("0 .5 .5 -.1 .1 .9", r"the box 0\.5 0\.5 -0\.1 0\.1 has a negative size"),
        ("0 160 160 32 32 .9", "seems to be in pixels"),
        ("0 -100 -50 .1 .1 .9", "seems to be in pixels"),
        (f"0 {'1' * 9999} nan .1 .1 .9", "the box inf nan 0.1 0.1 or its score is not finite"),
        (f"0 {'x' * 9999} .1 .1 .1 .9", r"'0 x{94,96}\.\.\. is no row of numbers"),
        ("3 .5 .5 .1 .1 .9", "class 3 is not among 0 to 2; classes are counted from 0"),
        ("-1 .5 .5 .1 .1 .9", "class -1 is not among 0 to 2"),
        ("0.5 .5 .5 .1 .1 .9", r"class 0\.5 is not among 0 to 2"),
    ],
)
def test_a_bad_line_is_named(tmp_path, truth, line, message):
    folder = _folder(tmp_path, f"0 .5 .5 .1 .1 .9\n\n{line}\n")

    with pytest.raises(InputError, match=rf"000001\.txt, line 3: .*{message}"):
        read_predictions(folder, truth)


def test_a_suffix_in_capitals_is_one(tmp_path, truth):
    folder = _folder(tmp_path, "0 .5 .5 .1 .1 .9\n")
    (folder / "000001.txt").rename(folder / "000001.TXT")

    assert len(read_predictions(folder, truth).boxes) == 1
    (folder / "000001.txt").write_text("")
    with pytest.raises(InputError, match=r"000001\.TXT and 000001\.txt are of one image"):
        read_predictions(folder, truth)


def test_files_of_no_image_are_refused(tmp_path, truth):
    folder = _folder(tmp_path, "", name="000009.txt")

    with pytest.raises(InputError, match=r"1 of 1 files belong to no image .*first: 000009\.txt"):
        read_predictions(folder, truth)


def test_a_folder_without_text_files_is_refused(tmp_path, truth):
    (tmp_path / "labels").mkdir()

    with pytest.raises(InputError, match=r"holds no \.txt file; name the folder"):
        read_predictions(tmp_path / "labels", truth)


def test_a_truth_without_image_sizes_cannot_place_relative_boxes(tmp_path):
    content = coco(1, [])
    del content["images"][0]["width"]
    truth = read_truth(write(tmp_path / "truth.json", content))

    with pytest.raises(InputError, match="does not say how large its images are"):
        read_predictions(_folder(tmp_path, ""), truth)


def test_images_of_one_stem_cannot_be_told_apart(tmp_path):
    content = coco(2, [])
    content["images"][1]["file_name"] = "other/000001.jpg"
    truth = read_truth(write(tmp_path / "truth.json", content))

    with pytest.raises(InputError, match="several images are called '000001'"):
        read_predictions(_folder(tmp_path, ""), truth)
