import pytest
from hypothesis import given
from hypothesis import strategies as st

from medmnist_det.errors import InputError, RefusedError, listed, shown


@given(st.text(max_size=50), st.integers(0, 60))
def test_a_message_is_one_short_line_whatever_stands_in_it(text, times):
    said = str(InputError(f"x.json: {text * times}; remove it"))
    assert said.isprintable()
    assert len(said) < 500
    assert said.startswith("x.json: ")
    assert said.endswith("; remove it")


def test_what_steers_a_terminal_is_written_out():
    assert str(RefusedError("a\n\x1b[31mb\u202e: no")) == r"a\n\x1b[31mb\u202e: no"


def test_values_are_cut_and_never_fail():
    assert shown("a\nb") == r"'a\nb'"
    assert len(shown("x" * 10_000)) == 100
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert shown(deep) == "a list too large to show"
    assert shown(10**5000) == "a int too large to show"


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], ""), ([1, "b"], "1, b"), (range(20), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... (20 in all)")],
)
def test_long_lists_are_cut(values, expected):
    assert listed(values) == expected


def test_long_names_in_lists_are_cut():
    assert listed(["x" * 1000]) == "x" * 37 + "..."
