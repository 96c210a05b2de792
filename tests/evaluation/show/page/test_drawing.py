"""The drawings of images: every frame where its box is, every name at its frame, none on another."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from evaluation.show.page.drawing import COVER, GROUND, LEGEND, LETTERS, draw, summary
from evaluation.show.page.scene import scored, worst_first
from medmnist_det.labels import Classes
from tests.evaluation.problems import boxes, problem
from tests.evaluation.show.made import assessment, confusion_of
from tests.evaluation.show.page.test_style import luminance


def frames(svg):
    """Every frame as (x, y, width, height, colour, dashed), and every label as (text, x, y, w, h)."""
    root = ET.fromstring(svg)
    found, grounds, texts = [], [], []
    for one in root:
        if one.tag == "rect":
            place = tuple(
                float(one.get(key)) for key in ("x", "y", "width", "height") if one.get(key)
            )
            if one.get("fill") == "none":
                found.append((*place, one.get("stroke"), one.get("stroke-dasharray") is not None))
            elif one.get("fill-opacity"):
                grounds.append(place)
        if one.tag == "text":
            texts.append(one.text)
    return root, found, [(text, *place) for text, place in zip(texts, grounds, strict=True)]


def test_every_box_is_where_it_is_and_says_what_is_wrong():
    one = scored("", assessment())
    assert worst_first([one]).tolist() == [0, 1]

    root, found, labels = frames(draw(one, 0, None))

    assert root.get("viewBox") == "0 0 320 240"
    assert root.get("aria-label") == "a&b.png: 1 background, 1 missed"
    assert found == [
        (10, 20, 30, 40, LEGEND["object, found"], False),
        (200, 100, 20, 10, LEGEND["object, missed"], False),
        (11, 20, 30, 40, LEGEND["box, right"], True),
        (250, 200, 40, 30, LEGEND["box, another false positive"], True),
    ]
    (missed, *at, _, high), (wrong, *there, wide, _) = labels
    assert (missed, at) == ("$\\frac{$ missed", [200, pytest.approx(100 - high, abs=0.01)])
    assert wrong == "bbbbbbb\N{HORIZONTAL ELLIPSIS}bbbbbb 0.80 background"
    # It would reach out of the picture on the right.
    assert there == [pytest.approx(320 - wide, abs=0.01), pytest.approx(200 - high, abs=0.01)]

    _, found, ((text, *_),) = frames(draw(one, 1, None))
    assert found == [
        (5, 6, 7, 8, LEGEND["object, found"], False),
        (5, 6, 7, 8, LEGEND["box, wrong class"], True),
    ]
    assert text == "bbbbbbb\N{HORIZONTAL ELLIPSIS}bbbbbb \N{RIGHTWARDS ARROW} cat 0.75"
    assert summary(one, 1) == "1 class"


def with_objects(name, *rows, size=None):
    """An assessment of one image that misses all these objects, of one class of that name."""
    true, nothing, found = boxes(*rows), boxes(score=[]), assessment()
    truth = replace(
        found.truth,
        ids=(1,),
        names=(name,),
        sizes=None if size is None else np.array([size]),
        classes=Classes(ids=(1,), names=(name,)),
        boxes=true,
    )
    confusion = confusion_of(np.zeros((2, 2), dtype=int), (true, nothing))
    one = replace(found, truth=truth, confusion=confusion)
    return scored("", replace(one, problem=problem(true, nothing, images=1, classes=1)))


@pytest.mark.parametrize("name", ["<b>&\"'", "a\x00b\x1b\n", "\N{HEBREW LETTER SHIN}", "x" * 256])
def test_any_name_is_text_in_a_drawing(name):
    svg = draw(with_objects(name, (0, 0, 1, 2, 3, 4)), 0, None)

    root, _, ((text, *_),) = frames(svg)
    assert "\x1b" not in svg
    assert len(text) <= 14 + len(" missed")
    assert root.get("viewBox") == "0 0 4 6"


@pytest.mark.parametrize("size", [(320, 320), (1000, 60), (60, 1000), (28, 28)])
def test_labels_lie_within_the_picture_and_not_on_each_other(size):
    rng = np.random.default_rng(0)
    rows = [(0, 0, *(rng.uniform(0.3, 0.5, 2) * size), *(0.1 * np.array(size))) for _ in range(9)]

    _, _, labels = frames(draw(with_objects("8", *rows, size=size), 0, None))

    places = [(x, y, x + w, y + h) for _, x, y, w, h in labels]
    assert len(places) == 9
    for k, (left, top, right, bottom) in enumerate(places):
        assert left >= -0.01
        assert top >= -0.01
        assert right <= size[0] + 0.01
        assert bottom <= size[1] + 0.01
        if min(size) > 60:
            for a, b, c, d in places[:k]:
                assert left >= c or right <= a or top >= d or bottom <= b


def test_a_label_far_from_its_box_is_joined_to_it():
    rows = [(0, 0, 100, 100 + k, 40, 40) for k in range(12)]

    root = ET.fromstring(draw(with_objects("8", *rows, size=(320, 320)), 0, None))

    starts = {(float(one.get("x2")), float(one.get("y2"))) for one in root.iter("line")}
    assert starts
    assert starts <= {(100.0, 100.0 + k) for k in range(12)}


def test_labels_can_be_read_on_their_ground_even_over_white():
    ground = [int(GROUND[k : k + 2], 16) for k in (1, 3, 5)]
    beneath = COVER * np.array(ground) + (1 - COVER) * 255
    seen = "#" + "".join(f"{round(part):02x}" for part in beneath)

    assert (luminance(LETTERS) + 0.05) / (luminance(seen) + 0.05) >= 4.5
