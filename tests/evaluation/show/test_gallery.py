"""The drawings of the worst images: every frame where its box is, every name at its frame."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from evaluation.show.gallery import LEGEND, worst_images
from medmnist_det.labels import Classes
from tests.evaluation.problems import boxes, problem
from tests.evaluation.show.made import COUNTS, assessment, confusion_of


def frames(svg):
    """Every frame as (x, y, width, height, colour, dashed), and every text as (text, x, y)."""
    root = ET.fromstring(svg)
    found, texts = [], []
    for one in root:
        if one.tag == "rect" and one.get("fill") == "none":
            place = tuple(float(one.get(key)) for key in ("x", "y", "width", "height"))
            found.append((*place, one.get("stroke"), one.get("stroke-dasharray") is not None))
        if one.tag == "text":
            texts.append((one.text, float(one.get("x")), float(one.get("y"))))
    return root, found, texts


def test_the_worst_image_comes_first_with_every_box_where_it_is():
    first, second = worst_images(assessment(), None)

    root, found, texts = frames(first.svg)
    assert root.get("viewBox") == "0 0 320 240"
    assert root.get("aria-label") == "a&b.png"
    assert found == [
        (10, 20, 30, 40, LEGEND["object, found"], False),
        (200, 100, 20, 10, LEGEND["object, missed"], False),
        (11, 20, 30, 40, LEGEND["box, right"], True),
        (250, 200, 40, 30, LEGEND["box on nothing, or a second one"], True),
    ]
    # Names of missed objects stand below, what a box says above; right of three quarters they end
    # where the box ends.
    size = 320 / 26
    assert texts == [
        ("$\\frac{$", 200, pytest.approx(110 + size, abs=0.01)),
        ("bbbbbbb\N{HORIZONTAL ELLIPSIS}bbbbbb 0.80", 290, pytest.approx(200 - size / 3, abs=0.01)),
    ]
    assert first.caption == "<b>a&amp;b.png</b> 2 mistakes, 2 objects, 2 boxes"

    _, found, texts = frames(second.svg)
    assert found == [
        (5, 6, 7, 8, LEGEND["object, found"], False),
        (5, 6, 7, 8, LEGEND["box, wrong class"], True),
    ]
    assert texts[0][0] == "bbbbbbb\N{HORIZONTAL ELLIPSIS}bbbbbb \N{RIGHTWARDS ARROW} cat 0.75"
    assert second.caption == "<b>second.png</b> 1 mistake, 1 objects, 1 boxes"


@pytest.mark.parametrize("name", ["<b>&\"'", "a\x00b\x1b\n", "\N{HEBREW LETTER SHIN}", "x" * 256])
def test_any_name_is_text_in_a_drawing(name):
    true = boxes((0, 0, 1, 2, 3, 4))
    found = assessment()
    truth = replace(
        found.truth,
        ids=(1,),
        names=(name,),
        sizes=None,
        classes=Classes(ids=(1,), names=(name,)),
        boxes=true,
    )
    nothing = boxes(score=[])
    one = replace(
        found,
        truth=truth,
        problem=problem(true, nothing, images=1, classes=1),
        confusion=confusion_of(np.zeros((2, 2), dtype=int), (true, nothing)),
    )

    (drawing,) = worst_images(one, None)

    root, _, ((text, _, _),) = frames(drawing.svg)
    assert "\x1b" not in drawing.svg
    assert len(text) <= 14
    assert root.get("viewBox") == "0 0 4 6"
    ET.fromstring(f"<p>{drawing.caption}</p>")


def test_only_so_many_are_drawn_and_none_without_a_mistake():
    count = 20
    wrong = np.arange(count) % 2 == 0
    true = boxes(*((k, 0, 0, 0, 9, 9) for k in range(count)))
    claimed = boxes(*((k, 0, 0, 0, 9, 9) for k in np.flatnonzero(~wrong)), score=[0.9] * 10)
    found = assessment()
    truth = replace(
        found.truth,
        ids=tuple(range(count)),
        names=tuple(f"{k}.png" for k in range(count)),
        sizes=np.full((count, 2), 9),
        boxes=true,
    )
    one = replace(
        found,
        truth=truth,
        problem=problem(true, claimed, images=count, classes=4),
        confusion=confusion_of(COUNTS, (true, claimed)),
    )

    assert len(worst_images(one, None, count=7)) == 7
    assert [one.caption.split()[0] for one in worst_images(one, None)] == [
        f"<b>{k}.png</b>" for k in range(0, count, 2)
    ]
