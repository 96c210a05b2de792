import gzip
import json

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.read import truth as module
from evaluation.read.truth import read_truth, row_of
from medmnist_det.errors import InputError
from tests.evaluation.files import annotation, coco, objects, write

_SIDES = st.floats(0, 400, allow_nan=False)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(-50, 10**12), unique=True, min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 5), _SIDES, _SIDES, _SIDES, _SIDES, st.integers(0, 1))),
)
def test_the_quick_and_the_thorough_reader_return_the_same_truth(tmp_path_factory, ids, rows):
    content = coco(len(ids), [])
    for row, key in zip(content["images"], ids, strict=True):
        row["id"] = key
    content["annotations"] = [
        annotation(k, ids[i % len(ids)], i % 3, list(box), iscrowd=crowd)
        for k, (i, *box, crowd) in enumerate(rows)
    ]
    path = write(tmp_path_factory.mktemp("truth") / "t.json", content)

    quick = module._at_once(path, path.read_bytes())
    thorough = module._entry_by_entry(path)

    assert quick is not None
    assert (quick.ids, quick.names, quick.classes) == (
        thorough.ids,
        thorough.names,
        thorough.classes,
    )
    assert quick.ids == tuple(sorted(ids))
    np.testing.assert_array_equal(quick.sizes, thorough.sizes)
    for column in ("image", "bbox", "label", "score", "area", "iscrowd"):
        np.testing.assert_array_equal(getattr(quick.boxes, column), getattr(thorough.boxes, column))


def test_boxes_keep_the_files_bits(tmp_path):
    # 93.03 + 176.89 - 93.03 is not 176.89 in floating point.
    path = write(tmp_path / "t.json", coco(1, [annotation(1, 1, 0, [93.03, 0.1, 176.89, 0.2])]))

    assert read_truth(path).boxes.bbox.tolist() == [[93.03, 0.1, 176.89, 0.2]]


def test_a_truth_of_another_data_set_needs_neither_sizes_nor_names_nor_areas(tmp_path):
    content = {
        "images": [{"id": "b"}, {"id": "a"}],
        "categories": [{"id": 7, "name": "cat"}],
        "annotations": [{"image_id": "b", "category_id": 7, "bbox": [1, 2, 3, 4]}],
        "info": {"year": 2017},
    }

    found = read_truth(write(tmp_path / "t.json", content))

    assert found.ids == ("a", "b")
    assert found.names == ("a", "b")
    assert found.sizes is None
    assert found.boxes.image.tolist() == [1]
    assert found.boxes.area.tolist() == [12]


@pytest.mark.parametrize("no", [False, 0, 0.0])
def test_crowd_flags_may_be_written_in_any_way(tmp_path, no):
    rows = [one | {"iscrowd": no} for one in objects(4, 0)]
    rows[1]["iscrowd"] = not no

    truth = read_truth(write(tmp_path / "t.json", coco(4, rows)))

    assert truth.boxes.iscrowd.tolist() == [k == 1 for k in range(len(rows))]


def test_a_gzipped_truth_is_read(tmp_path):
    content = gzip.compress(orjson.dumps(coco(4, objects(4, 0))))

    assert len(read_truth(write(tmp_path / "t.json.gz", content)).boxes) == 12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"annotations": 3}, "has no list 'annotations'"),
        ({"images": []}, "annotation 0: image_id 1 is not in images"),
        ({"categories": []}, "annotation 0: category_id 1 is not in categories"),
        ({"images": [{"id": 1}, {"id": 1}]}, "image 1: id 1 is there twice"),
        ({"images": [{"id": 1 << 63}]}, r"image 0: id is 9223372036854775808; give a whole number"),
        ({"images": [{"id": True}]}, "image 0: id is True; give a whole number below"),
        ({"categories": [{"id": 1 << 63}]}, "category 0: id is 9223372036854775808; give a whole"),
        ({"note": "\ud800"}, r"a text holds the half of a character, '\\ud800'; remove it"),
        ({"categories": [{"id": "x"}]}, "category 0: id is 'x'; category ids are whole numbers"),
    ],
)
def test_a_truth_that_is_wrong_is_refused_by_entry(tmp_path, change, message):
    content = json.dumps(coco(4, objects(4, 0)) | change).encode()
    path = write(tmp_path / "t.json", content)

    with pytest.raises(InputError, match=message):
        read_truth(path)


@pytest.mark.parametrize("bad", [[1, 2, -3, 4], [1, 2, 3], "box", [1, 2, 3, "x"]])
def test_a_true_box_that_is_no_box_is_refused_by_entry(tmp_path, bad):
    rows = objects(4, 0)
    rows[5]["bbox"] = bad

    with pytest.raises(InputError, match=r"t\.json, annotation 5: bbox"):
        read_truth(write(tmp_path / "t.json", coco(4, rows)))


def test_a_negative_image_size_is_refused(tmp_path):
    content = coco(2, [])
    content["images"][1]["width"] = 0

    with pytest.raises(InputError, match="image 1: width is 0; sizes are whole pixels"):
        read_truth(write(tmp_path / "t.json", content))


@given(
    st.lists(st.integers(-(2**62), 2**62), unique=True, max_size=8),
    st.lists(st.integers(-(2**62), 2**62), max_size=8),
    st.integers(1, 10**6),
)
def test_ids_are_found_whether_dense_or_scattered(ids, others, spread):
    ids = [key % spread for key in ids]
    ids = list(dict.fromkeys(ids))
    others = [*ids[::-1], *(key % spread for key in others), -1, spread, 2**62]

    rows = row_of(np.array(others, dtype=np.int64), ids)

    assert rows.tolist() == [ids.index(key) if key in ids else len(ids) for key in others]


def test_a_truth_in_latin_1_is_one_sentence(tmp_path):
    content = coco(1, [annotation(1, 1, 0, [0, 0, 9, 9])])
    content["categories"][0]["name"] = "Caf\u00e9"
    text = json.dumps(content, ensure_ascii=False)

    assert read_truth(write(tmp_path / "u.json", text.encode())).classes.names[0] == "Caf\u00e9"
    with pytest.raises(InputError, match=r"t\.json.*(utf-8|UTF-8)"):
        read_truth(write(tmp_path / "t.json", text.encode("latin-1")))


def test_an_area_beyond_all_numbers_is_refused(tmp_path):
    text = json.dumps(coco(1, [annotation(1, 1, 0, [0, 0, 9, 9])])).replace(
        '"area": 81', '"area": 1e999'
    )

    with pytest.raises(InputError, match=r"annotation 0: area is .*inf.*; give a finite number"):
        read_truth(write(tmp_path / "t.json", text.encode()))


_EDGES = [-(1 << 63), -(1 << 63) + 1, -1, 0, 1, 2, (1 << 63) - 2, (1 << 63) - 1]


@given(
    st.lists(st.sampled_from(_EDGES) | st.integers(-9, 9), unique=True, max_size=9),
    st.lists(st.sampled_from(_EDGES) | st.integers(-9, 9)),
)
def test_ids_of_any_size_are_looked_up_as_a_dictionary_would(ids, wanted):
    place = {key: k for k, key in enumerate(ids)}

    found = row_of(np.array(wanted, dtype=np.int64), ids)

    assert found.tolist() == [place.get(key, len(ids)) for key in wanted]


@pytest.mark.parametrize(
    ("bbox", "outside"),
    [
        ([0, 0, 320, 320], False),
        ([300, 300, 20.4, 20], False),
        ([-0.4, 0, 9, 9], False),
        ([300, 300, 21, 20], True),
        ([300, 300, 20, 21], True),
        ([-1, 0, 9, 9], True),
        ([0, -1, 9, 9], True),
        ([400, 400, 9, 9], True),
    ],
)
def test_boxes_that_reach_out_of_their_images_are_told_with_the_first(tmp_path, bbox, outside):
    rows = [annotation(1, 2, 0, [5, 5, 9, 9]), annotation(2, 1, 0, bbox), annotation(3, 1, 1, bbox)]

    warnings = read_truth(write(tmp_path / "t.json", coco(2, rows))).warnings
    loose = [one | {"iscrowd": False} for one in rows]
    thorough = read_truth(write(tmp_path / "l.json", coco(2, loose))).warnings

    assert len(warnings) == len(thorough) == outside
    if outside:
        assert (
            "t.json: 2 of 3 boxes reach out of their images (first: annotation 1, [" in warnings[0]
        )
        assert "on image 1 of 320 x 320 pixels); they are scored as they are" in warnings[0]
