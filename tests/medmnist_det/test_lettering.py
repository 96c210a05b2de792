"""Letters that matplotlib's font lacks: another font's, or their numbers; never an empty box."""

import matplotlib as mpl
import numpy as np
import pytest

from medmnist_det import lettering
from medmnist_det.drawing import captioned, content, drawn, panel
from medmnist_det.heat_maps import heat_map, per_cent
from medmnist_det.lettering import left_to_right, lettered, width
from tests.drawn import texts, ticks

HAN = "\u6f22\u5b57"


@drawn
def figure_of(name):
    figure, axes = panel(5, 5)
    heat_map(axes, np.eye(2), [name, "b"], [name, "b"], per_cent)
    axes.set_title(f"a {name}")
    captioned(figure, name)
    return figure


def words(figure):
    return {text for text, _ in texts(figure)} | set(ticks(figure.axes[0].yaxis).values())


def test_a_letter_that_no_font_has_is_drawn_as_its_number(monkeypatch):
    monkeypatch.setattr(lettering, "_font_with", lambda _: None)
    figure = figure_of(HAN)
    with lettered(figure):
        assert {"U+6F22U+5B57", "a U+6F22U+5B57", "b"} <= words(figure)
        assert not any(HAN in text for text in words(figure))
    # Afterwards the figure is what it was.
    assert ticks(figure.axes[0].yaxis) == {0: HAN, 1: "b"}
    assert figure.axes[0].get_title(loc="left") == f"a {HAN}"


def test_a_letter_that_another_font_has_is_drawn_with_it(monkeypatch):
    monkeypatch.setattr(lettering, "_font_with", lambda _: "Some Font")
    figure = figure_of(HAN)
    with lettered(figure):
        title = next(
            one for one in figure.axes[0].get_children() if one is figure.axes[0]._left_title
        )
        assert title.get_fontfamily() == ["DejaVu Sans", "Some Font"]
        assert title.get_text() == f"a {HAN}"
        assert figure.axes[0].get_yticklabels()[0].get_fontfamily() == title.get_fontfamily()
        assert figure.axes[0].get_yticklabels()[1].get_fontfamily() == ["sans-serif"]


def test_fonts_of_this_machine_are_looked_through():
    # Matplotlib brings STIX, which has letters that DejaVu Sans lacks.
    lacking = [chr(k) for k in range(0xE000, 0xE300) if lettering._lacks("DejaVu Sans", chr(k))]
    assert lettering._font_with("A") is not None
    assert not any(lettering._has(__file__, sign) for sign in [*lacking[:3], "A"])


def test_an_svg_keeps_the_letters_as_text():
    assert f">a {HAN}</text>" in content(figure_of(HAN), "svg").decode()


@pytest.mark.parametrize("kind", ["png", "pdf"])
def test_old_matplotlib_says_that_names_are_not_turned(kind, monkeypatch):
    hebrew = "\u05e9\u05dc"
    content(figure_of(hebrew), kind)
    monkeypatch.setattr(mpl, "__version_info__", (3, 10, 1, "final", 0))
    content(figure_of("abc"), kind)
    with pytest.warns(UserWarning, match="right-to-left names from left to right; matplotlib 3.11"):
        content(figure_of(hebrew), kind)


def test_widths_grow_with_letters_and_size():
    assert width("", 9) == 0
    assert width("mm", 9) == pytest.approx(2 * width("m", 9), rel=0.15)
    assert width("word", 18) == pytest.approx(2 * width("word", 9), rel=0.05)
    assert 0.9 * 10 < width("m", 10) < 1.1 * 10


def test_a_number_and_a_right_to_left_name_keep_their_order():
    assert left_to_right("0.9  cat") == "0.9  cat"
    assert left_to_right("0.9  \u05e9\u05dc") == "\u200e0.9  \u05e9\u05dc"
    assert left_to_right("\u0645 (3)") == "\u200e\u0645 (3)"
    assert left_to_right("\u05e9\u05dc \u05e9") == "\u05e9\u05dc \u05e9"
    assert not lettering._lacks("DejaVu Sans", "\u200e")
