import numpy as np
import pytest
from PIL import Image

from medmnist_det.drawing import (
    NO_OBJ,
    content,
    drawn,
    evenly,
    formats_of,
    panel,
    sampled,
    save,
    save_all,
    shorten,
)
from medmnist_det.errors import InputError
from medmnist_det.heat_maps import heat_map, per_cent, room_for, side_of, two_decimals
from tests.drawn import cells, image, overprinted, ticks

VALUES = np.array([[0.9, 0.08, np.nan], [0.004, 0.7, -0.25]])


@drawn
def map_of(values, rows, columns, form=per_cent, **how):
    side = side_of(len(columns)) + room_for(columns)
    figure, axes = panel(side + 0.4, side + 0.4)
    heat_map(axes, values, rows, columns, form, **how)
    return figure


def test_rows_of_a_heat_map_are_rows_and_columns_columns():
    (axes,) = map_of(VALUES, ["a", "b"], ["x", "y", NO_OBJ]).axes

    np.testing.assert_array_equal(image(axes), VALUES)
    assert ticks(axes.yaxis) == {0: "a", 1: "b"}
    assert ticks(axes.xaxis) == {0: "x", 1: "y", 2: NO_OBJ}
    assert axes.images[0].get_clim() == (-1.0, 1.0)
    assert axes.images[0].origin == "upper"


def test_cells_carry_their_values_unless_unknown_or_nothing():
    (axes,) = map_of(VALUES, ["a", "b"], ["x", "y", "z"]).axes
    assert cells(axes) == {(0, 0): "90", (0, 1): "8", (1, 1): "70", (1, 2): "-25"}

    texts = [["1", "2", "3"], ["", "5", "6"]]
    (axes,) = map_of(VALUES, ["a", "b"], ["x", "y", "z"], texts=texts).axes
    assert cells(axes) == {(0, 0): "1", (0, 1): "2", (1, 1): "5", (1, 2): "6"}


def test_dark_cells_have_white_numbers():
    (axes,) = map_of(np.array([[0.95, 0.05]]), ["a"], ["x", "y"]).axes

    assert [text.get_color() for text in axes.texts] == ["#ffffff", "#1f2933"]


def test_lines_part_what_is_no_class():
    def lines(rows, columns):
        (axes,) = map_of(np.zeros((len(rows), len(columns))), rows, columns).axes
        return [(one.get_xdata()[0], one.get_ydata()[0]) for one in axes.lines]

    assert lines(["a", "b"], ["a", "b"]) == []
    assert lines(["a", "b"], ["a", "b", NO_OBJ]) == [(1.5, 0)]
    assert lines(["a", "b", NO_OBJ], ["a", "b", NO_OBJ]) == [(0, 1.5), (1.5, 0)]


def test_of_many_names_every_second_or_third_is_written_and_no_number():
    names = [f"class {k}" for k in range(100)]
    figure = map_of(np.full((100, 100), 0.5), names, names)

    (axes,) = figure.axes
    assert ticks(axes.yaxis) == {k: names[k] for k in range(0, 100, 3)}
    assert cells(axes) == {}
    assert overprinted(figure) == []


@pytest.mark.parametrize("count", [2, 10, 80])
@pytest.mark.parametrize(
    "name", ["{}", "a rather long name, of class number {}", "\u05e9\u05dc\u05d5\u05dd {}"]
)
def test_names_of_any_length_and_number_do_not_overprint(count, name):
    names = [name.format(k) for k in range(count)]

    assert overprinted(map_of(np.full((count, count), 0.5), names, names)) == []


@pytest.mark.parametrize(
    "name", ["$\\frac{$", "$x_2$", "\\$", "{", "a\nb\x1b[31m", "\u6f22\u5b57", "\x00", ""]
)
@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_any_name_can_be_drawn_and_none_is_a_formula(name, kind):
    figure = map_of(np.eye(2), [name, "b"], [name, "b"])

    assert len(content(figure, kind)) > 1000
    assert not any(text.get_parse_math() for text in figure.axes[0].get_xticklabels())
    label = figure.axes[0].get_xticklabels()[0].get_text()
    assert label.replace("\ufffd", "") == "".join(sign for sign in name if sign.isprintable())


def test_long_names_lose_their_middle():
    assert shorten("abcdefghij", 10) == "abcdefghij"
    assert shorten("abcdefghijk", 10) == "abcde\N{HORIZONTAL ELLIPSIS}hijk"
    assert len(shorten("x" * 256, 24)) == 24
    assert shorten(12, 5) == "12"


def test_numbers_in_cells_are_short():
    assert [two_decimals(value) for value in (0.25, 1.0, -0.3, 0.004)] == [
        ".25",
        "1.00",
        "-.30",
        "",
    ]
    assert [per_cent(value) for value in (0.25, 1.0, 0.005, 0.004)] == ["25", "100", "0", ""]


def test_a_picture_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    figure = map_of(np.eye(2), ["a", "b"], ["a", "b"])
    save(tmp_path / "new" / "x.png", figure)
    with Image.open(tmp_path / "new" / "x.png") as picture:
        assert picture.info["dpi"] == pytest.approx((200, 200), abs=0.1)
    before = (tmp_path / "new" / "x.png").read_bytes()

    def breaks(_, file, **how):
        file.write(b"half of it")
        raise ZeroDivisionError

    monkeypatch.setattr(type(figure), "savefig", breaks)
    with pytest.raises(ZeroDivisionError):
        save(tmp_path / "new" / "x.png", figure)
    assert (tmp_path / "new" / "x.png").read_bytes() == before
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["x.png"]


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):
        save(tmp_path / "file" / "x.png", map_of(np.eye(2), ["a", "b"], ["a", "b"]))


def test_the_same_figure_gives_the_same_bytes():
    first, second = (map_of(np.eye(2), ["a", "b"], ["a", "b"]) for _ in range(2))

    for kind in ("png", "pdf", "svg"):
        assert content(first, kind) == content(second, kind)


def test_white_is_zero_and_what_is_below_is_of_another_colour():
    values = np.array([[0.0, 0.6], [-0.6, 1.0]])
    (axes,) = map_of(values, ["a", "b"], ["x", "y"]).axes
    picture = axes.images[0]
    colours = picture.cmap(picture.norm(values))[..., :3]

    assert colours[0, 0] == pytest.approx([1, 1, 1], abs=0.02)
    assert colours[0, 1, 2] > colours[0, 1, 0]  # blue
    assert colours[1, 0, 0] > colours[1, 0, 2]  # orange
    (axes,) = map_of(np.array([[0.0, 0.6]]), ["a"], ["x", "y"]).axes
    assert axes.images[0].get_clim() == (0.0, 1.0)


def test_of_many_things_both_ends_are_shown_and_the_rest_evenly():
    assert evenly(3, 6) == [0, 1, 2]
    assert evenly(17, 6) == [0, 3, 6, 10, 13, 16]
    assert evenly(0, 6) == []
    assert sampled(6, 1017, "raters") == "6 of 1,017 raters, evenly from best to worst"
    assert sampled(6, 6, "raters") == ""


def test_formats_are_chosen_by_name_and_each_is_written(tmp_path):
    assert formats_of("png, PDF,png") == ("png", "pdf")
    with pytest.raises(InputError, match="--formats 'jpg': give png, pdf, svg, or several"):
        formats_of("png,jpg")

    figure = map_of(np.eye(2), ["a", "b"], ["a", "b"])
    paths = save_all(tmp_path, "x", figure, ("png", "pdf", "svg"))
    assert [path.name for path in paths] == ["x.png", "x.pdf", "x.svg"]
    begins = (b"\x89PNG", b"%PDF", b"<?xml")
    for path, magic in zip(paths, begins, strict=True):
        assert path.read_bytes().startswith(magic)


def test_what_is_no_class_is_named_however_many_classes_there_are():
    names = [*(f"class {k}" for k in range(90)), NO_OBJ]
    figure = map_of(np.full((91, 91), 0.5), names, names)

    assert ticks(figure.axes[0].yaxis)[90] == NO_OBJ
    assert overprinted(figure) == []
