"""Sentences about options become sentences about arguments, and nothing else changes in them."""

import numpy as np
import pytest

from medmnist_det.arguments import as_arguments, called_from_python
from medmnist_det.errors import InputError, RefusedError

NAMES = {"iou": "iou", "max_iou": "max_iou", "data": "folder", "split": "split", "out": "out"}


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("--iou 2 is not", "iou=2 is not"),
        ("--iou .5 is not", "iou=.5 is not"),
        ("--iou -3 is not", "iou=-3 is not"),
        ("--max-iou '2' is not", "max_iou='2' is not"),
        ("--iou: twice", "iou: twice"),
        ("choose another --out", "choose another out="),
        ("give --iou, --max-iou or --data above 0", "give iou=, max_iou= or folder= above 0"),
        ("name its folder with --data", "name its folder with folder="),
        ("leave --split out", "leave split= out"),
        ("--iou nan is not", "iou=nan is not"),
        ("add --split val", "add split='val'"),
        ("--split val, which", "split='val', which"),
        ("--iou has 2 values", "iou= has 2 values"),
        ("--other 5 stays", "--other 5 stays"),
        ("run 'medmnist-det generate --out x' or --out y", "run 'medmnist-det generate --out x' or out='y'"),
        ("a--iou and ---iou and --iou", "a--iou and ---iou and iou="),
    ],
)  # fmt: skip
def test_options_become_arguments(sentence, expected):
    assert as_arguments(sentence, NAMES) == expected


@called_from_python(old="new")
def called(new: int = 0, share: float = 0.0, flag: bool | None = None, other: list = ()) -> tuple:
    """Return what was given, or refuse it."""
    if new == 13:
        raise RefusedError("--old 13: no space left")
    if new == 14:
        raise KeyError("our own fault")
    return new, share, flag, other


def test_numbers_of_other_libraries_become_python_s():
    found = called(np.int8(3), np.float32(0.5), np.bool_(True))
    assert found == (3, 0.5, True, ())
    assert [type(one) for one in found[:3]] == [int, float, bool]
    assert type(called(0, 1)[1]) is float  # as on the command line


def test_types_are_refused_by_name_and_value():
    with pytest.raises(TypeError, match=r"^new=1.5 is of type float; give a whole number$"):
        called(1.5)
    with pytest.raises(TypeError, match=r"^flag=1 is of type int; give True or False or None$"):
        called(flag=1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'nwe'"):
        called(nwe=1)


def test_kinds_of_errors_stay_and_our_own_pass_through():
    with pytest.raises(RefusedError, match="^new=13: no space left$") as error:
        called(13)
    assert isinstance(error.value, InputError)
    assert isinstance(error.value, ValueError)
    with pytest.raises(KeyError, match="our own fault"):
        called(14)
