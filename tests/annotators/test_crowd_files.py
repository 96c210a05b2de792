from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotators.crowd_files import CrowdFile, read_crowd
from annotators.infer.registry import infer
from medmnist_det.errors import InputError

BOX = [10, 10, 30, 30]


def image(key: int, raters: list[Any] | None) -> dict[str, Any]:
    row = {"id": key, "file_name": f"{key}.png", "width": 100, "height": 100}
    return row if raters is None else row | {"rater_list": raters}


def box(key: int, where: int, **values: Any) -> dict[str, Any]:
    return {"id": key, "image_id": where, "category_id": 1, "bbox": BOX} | values


def write(path: Path, images: list[Any], annotations: list[Any]) -> Path:
    classes = [{"id": 1, "name": "nodule"}, {"id": 2, "name": "mass"}]
    content = {"images": images, "annotations": annotations, "categories": classes}
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "crowd.json"


@pytest.mark.parametrize("key", ["rater_id", "rater", "rad_id", "annotator"])
def test_every_name_of_the_rater_is_read(file: Path, key: str) -> None:
    write(file, [image(1, ["A", "B"])], [box(7, 1, **{key: "A"}), box(9, 1, **{key: "B"})])
    crowd = read_crowd(file)
    assert crowd.labels.raters == ("A", "B")
    assert crowd.labels.labels.rater.tolist() == [0, 1]  # type: ignore[union-attr]
    assert crowd.ids == (7, 9)
    assert crowd.notes == ()


def test_annotation_ids_follow_their_boxes(file: Path) -> None:
    rows = [box(5, 2, rater_id=1), box(3, 1, rater_id=1), box("x", 2, rater_id=2)]
    crowd = read_crowd(write(file, [image(1, [1, 2]), image(2, [1, 2])], rows))
    assert crowd.ids == (3, 5, "x")
    assert crowd.labels.labels.image.tolist() == [0, 1, 1]


def test_without_raters_it_says_which_names_were_looked_for(file: Path) -> None:
    write(file, [image(1, None)], [box(1, 1)])
    with pytest.raises(
        InputError,
        match="no annotation says who drew it; looked for 'rater_id', 'rater', 'rad_id', 'annotator'",
    ):
        read_crowd(file)


@pytest.mark.parametrize("name", [None, 1.5, {"name": "A"}, ["A"], True])
def test_a_rater_that_is_no_name_is_refused(file: Path, name: object) -> None:
    write(file, [image(1, None)], [box(1, 1, rater_id=name)])
    with pytest.raises(InputError, match="annotation 0: rater_id is .*; give a number or a name"):
        read_crowd(file)


@pytest.mark.parametrize("where", ["annotation", "rater_list"])
def test_a_number_and_a_text_that_read_alike_are_not_two_raters(file: Path, where: str) -> None:
    """On the command line both are rater:1."""
    rows = [box(1, 1, rater_id=1), box(2, 1, rater_id="1")]
    listed = [1, "1"]
    if where == "rater_list":
        rows, listed = [box(1, 1, rater_id=1)], [1, 2, "2"]
    with pytest.raises(InputError, match="has a rater '.' and a rater ., who would look alike"):
        read_crowd(write(file, [image(1, listed)], rows))


def test_a_rater_of_only_some_annotations_is_refused(file: Path) -> None:
    write(file, [image(1, None)], [box(1, 1, rater_id=1), box(2, 1)])
    with pytest.raises(InputError, match="annotation 1: has no 'rater_id'; add it"):
        read_crowd(file)


def test_without_rater_lists_everybody_is_taken_to_have_looked(file: Path) -> None:
    crowd = read_crowd(
        write(
            file, [image(1, None), image(2, None)], [box(1, 1, rater_id=1), box(2, 2, rater_id=2)]
        )
    )
    assert crowd.labels.labels.assigned.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]  # type: ignore[union-attr]
    assert "all 2 raters are taken to have looked at every image" in crowd.notes[0]


def test_one_rater_is_said(file: Path) -> None:
    crowd = read_crowd(write(file, [image(1, [4])], [box(1, 1, rater_id=4)]))
    assert crowd.notes == ("only one rater (4): there is nobody to compare with",)


def test_raters_who_never_appear_are_named(file: Path) -> None:
    crowd = read_crowd(write(file, [image(1, ["A", "B", "C"])], [box(1, 1, rater_id="B")]))
    assert crowd.notes == ("2 of 3 raters never drew a box: A, C",)
    assert len(infer("dawid-skene", crowd.labels).labels) <= 1


def test_all_raters_empty_is_said(file: Path) -> None:
    crowd = read_crowd(write(file, [image(1, ["A", "B"])], []))
    assert crowd.notes == ("no rater drew a box: the labels will be empty",)


def test_images_that_nobody_looked_at_are_counted(file: Path) -> None:
    crowd = read_crowd(write(file, [image(1, ["A"]), image(2, [])], [box(1, 1, rater_id="A")]))
    assert "1 of 2 images were looked at by nobody" in crowd.notes


def test_a_box_that_is_not_finite_is_refused(file: Path) -> None:
    write(file, [image(1, [1])], [box(1, 1, rater_id=1, bbox=[10, float("nan"), 5, 5])])
    with pytest.raises(InputError, match="annotation 0: bbox .* is not finite"):
        read_crowd(file)


def test_a_class_unknown_to_the_category_table_is_refused(file: Path) -> None:
    write(file, [image(1, [1])], [box(1, 1, rater_id=1, category_id=9)])
    with pytest.raises(InputError, match="annotation 0: category_id 9 is not in categories"):
        read_crowd(file)


CSV = """image_id,x_min,y_min,x_max,y_max,class_id,rad_id,image_width,image_height
a,0,0,1,1,14,R01,100,100
a,10,10,50,50,0,R02,100,100
a,11,10,50,52,0,R03,100,100
b,20,20,60,60,1,R01,100,100
b,0,0,1,1,14,R02,100,100
c,20,20,60,60,1,R02,100,100
c,20,22,60,60,1,R03,100,100
"""


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "vin.csv"
    path.write_text(CSV)
    return path


def test_class_14_means_looked_and_found_nothing(csv: Path) -> None:
    crowd = read_crowd(csv)
    assert crowd.labels.labels.assigned.tolist() == [  # type: ignore[union-attr]
        [0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [2, 1], [2, 2]
    ]  # fmt: skip
    assert len(crowd.labels.labels) == 5


def test_readers_keep_the_images_that_all_of_them_read(csv: Path) -> None:
    crowd: CrowdFile = read_crowd(csv, ("R03", "R02"))
    assert crowd.labels.raters == ("R02", "R03")
    assert crowd.labels.images.ids == ("a", "c")
    labels = crowd.labels.labels
    assert labels.image.tolist() == [0, 0, 1, 1]
    assert labels.rater.tolist() == [0, 1, 0, 1]  # type: ignore[union-attr]
    assert labels.assigned.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]  # type: ignore[union-attr]
    assert crowd.ids == (1, 2, 4, 5)


def test_an_unknown_reader_is_refused(csv: Path) -> None:
    with pytest.raises(
        InputError, match="--raters names R99, who are not among the raters R01, R02, R03"
    ):
        read_crowd(csv, ("R01", "R99"))


def test_readers_without_a_common_image_are_refused(csv: Path) -> None:
    lines = [line for line in CSV.splitlines() if not line.startswith("a,")]
    csv.write_text("\n".join(lines))
    with pytest.raises(InputError, match="no image was read by all of R01, R02, R03"):
        read_crowd(csv, ("R01", "R02", "R03"))


def test_a_csv_without_raters_is_refused(csv: Path) -> None:
    csv.write_text(CSV.replace("rad_id", "who"))
    with pytest.raises(InputError, match="has no column rad_id"):
        read_crowd(csv)


def test_a_csv_box_that_is_not_finite_is_refused(csv: Path) -> None:
    csv.write_text(CSV.replace("10,10,50,50", "10,nan,50,50"))
    with pytest.raises(InputError, match="line 3: y_min is 'nan'; give a finite number"):
        read_crowd(csv)


def test_the_real_radiologists_labels_are_read(reference: Path) -> None:
    crowd = read_crowd(reference / "reference" / "VinCXR" / "full_allboxes_val.csv")
    looked = np.bincount(crowd.labels.labels.assigned[:, 0])  # type: ignore[index]
    assert set(looked.tolist()) == {3}
    assert len(crowd.labels.raters or ()) <= 17
