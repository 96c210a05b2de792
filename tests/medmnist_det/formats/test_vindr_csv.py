import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from medmnist_det.errors import InputError
from medmnist_det.formats.coco import read_coco, write_coco
from medmnist_det.formats.vindr_csv import read_csv, write_csv
from medmnist_det.labels import Images
from tests.medmnist_det.formats.files import table

HEAD = "image_id,class_id,class_name,rad_id,x_min,y_min,x_max,y_max,image_width,image_height\n"
BOX = "1,1,3,2,9,9\n"


@pytest.fixture
def read(tmp_path):
    def read(text, like=None, head=HEAD):
        path = tmp_path / "x.csv"
        path.write_bytes(text if isinstance(text, bytes) else (head + text).encode())
        return read_csv(path, like)

    return read


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_published_digits_are_read_to_the_last_row(reference, split):
    path = reference / "reference" / "SimMNIST" / f"{split}.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    found = read_csv(path)
    assert len(found.labels) == sum(row[5] != "14" for row in rows)
    assert len(found.images) == len({row[0] for row in rows})
    assert found.classes.names == tuple(map(str, range(10)))
    assert found.raters is None


def test_a_class_14_of_another_name_is_a_class(read):
    found = read(f"a,14,nodule,R1,{BOX}b,0,,R1,{BOX}")
    assert dict(zip(found.classes.ids, found.classes.names, strict=True)) == {0: "0", 14: "nodule"}
    assert found.labels.label.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"a,14,,R1,{BOX}", "line 2: class 14 means 'No finding' here, but has the box"),
        (f"a,14,No finding,R1,{BOX}", "line 2: class 14 means 'No finding' here"),
        (f"a,3,no Finding,R1,{BOX}", "line 2: class 3 means 'No finding' here, but has the box"),
        (f"a,3,No finding,R1,0,0,1,,9,9\nb,0,,R1,{BOX}", "line 2: y_max is ''; give a finite"),
        (
            f"a,14,nodule,R1,{BOX}b,14,,R1,0,0,1,1,9,9\n",
            "line 3: does not say whether class 14 is 'nodule', as in other lines, or 'No fi",
        ),
        (
            f"a,14,nodule,R1,{BOX}b,14,No finding,R1,0,0,1,1,9,9\n",
            "line 3: class_name is 'No finding', but 'nodule' in line 2, for the same class_id",
        ),
        (
            f"a,0,cat,R1,{BOX}b,0,,R1,{BOX}b,0,dog,R1,{BOX}",
            "line 4: class_name is 'dog', but 'cat' in line 2, for the same class_id; correct one",
        ),
        (
            f"a,0,cat,R1,{BOX}a,0,cat,R1,1,1,3,2,9,10\n",
            r"line 3: image_width x image_height is \(9, 10\), but \(9, 9\) in line 2, for the sam",
        ),
        (
            "a,0,cat,R1,1,1,3,9.5,9,9\n",
            r"line 2: the box from x, y to x, y of 1, 1, 3, 9.5 leaves its image of 9x9 pixels",
        ),
        ("a,0,cat,R1,-.1,1,3,9,9,9\n", r"line 2: the box .* leaves its image .*clip or remove"),
        (f"a,0,cat,R1,{BOX}a,14,,R1,0,0,1,1,9,9\n", "line 3: says 'No finding', but line 2 has a"),
        ("a,0,cat,R1,1,1,3,2,0,9\n", "line 2: the image has 0x9 pixels; sizes are from 1"),
        ("a,0,cat,R1,1,1,3,2,,\n", "line 2: does not say how large the image is; add image_w"),
        (f"a,1e30,cat,R1,{BOX}", r"line 2: class_id is '1e30'; numbers go up to 1,000,000,000"),
        (f"a,0,cat,R1,1,1,1{'0' * 400},2,9,9\n", "line 2: x_max is '10+'...; give a finite"),
        (f"a,0,{'x' * 200_000},R1,{BOX}", r"line 2: is not CSV \(field larger than field limit"),
        (f'a,0,"cat,R1,{BOX}b,0,cat,R1,{BOX}', r"line 3: is not CSV \(unexpected end of data\)"),
        (f"a,0,cat,R1,x,{BOX}", "line 2: has 11 fields, but the header has 10; mend the line"),
        (b"a,b,a\n", "has no column image_id, class_id"),
        (HEAD.replace("rad_id", "x_min").encode(), "has two columns 'x_min'; remove one"),
        ((HEAD + f"\xe4,0,,R1,{BOX}").encode("latin-1"), "line 2: byte 0xe4 is no UTF-8 .Latin-1"),
        ((HEAD + f"a,0,,R1,{BOX}").encode("utf-16"), "is a text in UTF-16; save it in UTF-8"),
        ((HEAD + f"a,0,,R1,{BOX}").encode("utf-16-le"), "line 1: holds the character NUL"),
    ],
)  # fmt: skip
def test_what_would_be_lost_or_contradicts_itself_is_refused_by_line(read, text, message):
    with pytest.raises(InputError, match=message.replace("'...", "\\.\\.\\.")):
        read(text)


def test_a_score_of_only_some_boxes_is_refused(read):
    head = HEAD.replace("rad_id", "score")
    with pytest.raises(InputError, match="line 3: has no score, and other boxes have one"):
        read(f"a,0,cat,.5,{BOX}a,0,cat,,{BOX}", head=head)


def test_a_class_number_costs_no_memory(read):
    tracemalloc.start()
    found = read(f"a,100000000,cat,R1,{BOX}a,2,dog,R1,{BOX}")
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    assert found.classes.ids == (2, 100_000_000)
    assert found.classes.names == ("dog", "cat")
    assert found.labels.label.tolist() == [1, 0]


def test_a_raters_row_without_a_box_may_leave_the_corners_empty(read):
    found = read(f"a,14,No finding,R1,,,,,9,9\na,0,cat,R2,{BOX}")
    assert found.labels.assigned.tolist() == [[0, 0], [0, 1]]
    assert len(found.labels) == 1


def test_names_and_sizes_that_are_not_those_given_are_refused(read):
    like = table()
    for text, message in (
        ("a,0,dog,,1,1,3,2,32,24\n", "line 2: class 0 is called 'dog', but 'cat' in the table of"),
        ("a,2,,,1,1,3,2,32,24\n", "line 2: class_id is 2; the last class is 1"),
        ("a,0,cat,,1,1,3,2,32,32\n", "line 2: the image has 32x32 pixels, but 32x24 in the table"),
    ):
        with pytest.raises(InputError, match=message):
            read(text, like)


def test_an_image_name_that_several_of_the_given_share_is_refused(read):
    like = table()
    images = replace(like.images, names=("x.png", "x.jpg", "c.png"))
    with pytest.raises(InputError, match="line 2: several of the images given are called 'x'"):
        read("x,0,,,1,1,3,2,32,24\n", replace(like, images=images))
    assert read("2,0,,,1,1,3,2,32,24\n", replace(like, images=images)).labels.image.tolist() == [1]


@pytest.mark.parametrize("crowd", [False, True])
def test_a_label_set_comes_back(tmp_path, crowd):
    labels = table(crowd=crowd, names=('a "quoted", one', " blank "))
    write_csv(tmp_path / "x.csv", labels)
    assert read_csv(tmp_path / "x.csv", labels) == labels
    alone = read_csv(tmp_path / "x.csv")
    assert (alone.labels, alone.images) == (labels.labels, labels.images)


def test_raters_are_written_as_those_given_write_them(tmp_path):
    labels = replace(table(crowd=True), raters=("1", "2"))
    write_csv(tmp_path / "x.csv", labels)
    assert read_csv(tmp_path / "x.csv", labels).raters == ("1", "2")
    assert read_csv(tmp_path / "x.csv").raters == (1, 2)


@pytest.mark.parametrize(
    ("names", "ids", "raters", "message"),
    [
        (("cat", ""), (1, 2, 3), ("R1", "R2"), "the name '' of a class is empty"),
        (("cat", "a\nb"), (1, 2, 3), ("R1", "R2"), r"the name 'a\\nb' of a class holds a control"),
        (("cat", "no finding "), (1, 2, 3), ("R1", "R2"), "a class is called 'No finding', which"),
        (("cat", "dog"), (1, "", 3), ("R1", "R2"), "the name '' of an image is empty"),
        (("cat", "dog"), (1, "1", 3), ("R1", "R2"), "two ids of images are the same number and"),
        (("cat", "dog"), (1, 2, 3), ("R1", ""), "the name '' of a rater is empty"),
        (("cat", "dog"), (1, 2, 3), (2, "2"), "two ids of raters are the same number and text"),
    ],
)
def test_names_that_would_not_come_back_are_not_written(tmp_path, names, ids, raters, message):
    labels = table(crowd=True, names=names)
    labels = replace(labels, images=replace(labels.images, ids=ids), raters=raters)
    with pytest.raises(InputError, match=message):
        write_csv(tmp_path / "x.csv", labels)
    assert not list(tmp_path.iterdir())


def test_huge_numbers_as_image_names_stay_texts(read, tmp_path):
    name = "9" * 400
    found = read(f"{name},0,cat,R1,{BOX}")
    assert found.images == Images(
        ids=(name,), names=(name,), width=np.array([9]), height=np.array([9])
    )
    write_coco(tmp_path / "x.json", found)
    assert read_coco(tmp_path / "x.json").images == found.images
