import pytest

from medmnist_det.errors import InputError
from medmnist_det.terminal.option_text import numbers, pair, words


def test_commas_part_words_and_numbers():
    assert words("a, b ,c") == ["a", "b", "c"]
    assert numbers("--x", "1,.5, -2e1") == [1.0, 0.5, -20.0]
    assert pair("--side", "10,99") == (10, 99)
    assert (words(None), numbers("--x", None)) == (None, None)


@pytest.mark.parametrize("text", ["", ",", "1,", "a", "nan,1", "1,inf", "-inf", "1;2", "x" * 3000])
def test_what_is_no_number_is_refused_under_the_option_s_name(text):
    for read in (numbers, pair):
        with pytest.raises(
            InputError, match="^--side '.{,99}.* is no number, nor numbers with commas$"
        ) as error:
            read("--side", text)
        assert len(str(error.value)) < 200


@pytest.mark.parametrize("text", ["1", "1,2,3", "1.5,2", "1,1e-9", "1e300,1"])
def test_a_pair_is_two_whole_numbers(text):
    with pytest.raises(
        InputError, match="--side '.*' is not two whole numbers with a comma, such as"
    ):
        pair("--side", text)
