import pytest

from medmnist_det.errors import InputError
from medmnist_det.terminal.option_text import numbers, pair


def test_two_whole_numbers():
    assert pair("--side", "10,99") == (10, 99)
    assert pair("--side", " 10, 99.0") == (10, 99)


@pytest.mark.parametrize(
    "text", ["inf,1", "nan,1", "1,-inf", "1e400,1", "1e300,1", "1.5,2", "1", "1,2,3"]
)
def test_what_is_not_two_whole_numbers_is_refused(text):
    with pytest.raises(InputError, match="^--side '.*' is not two whole numbers with a comma"):
        pair("--side", text)


@pytest.mark.parametrize("text", ["", ",", "a", "1,,2", "1;2", "x" * 5000])
def test_what_is_no_number_is_refused_in_a_short_sentence(text):
    with pytest.raises(InputError, match="^--proficiency '.* is no number") as refused:
        numbers("--proficiency", text)
    assert len(str(refused.value)) < 200
