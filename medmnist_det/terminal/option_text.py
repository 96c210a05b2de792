"""Options that are written as one text with commas."""

from __future__ import annotations

import math

from medmnist_det.errors import InputError, shown

# Larger numbers are no sizes or counts, and fill a line.
_MOST = 10**9


def words(text: str | None) -> list[str] | None:
    """Return the words between commas; None for an option that was not given."""
    return None if text is None else [word.strip() for word in text.split(",")]


def numbers(option: str, text: str | None) -> list[float] | None:
    """Return the numbers between commas; None for an option that was not given.

    Raises InputError that names the option.
    """
    if text is None:
        return None
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise InputError(f"{option} {shown(text)} is no number, nor numbers with commas")
    return found


def pair(option: str, text: str) -> tuple[int, int]:
    """Return two whole numbers. Raises InputError that names the option."""
    found = numbers(option, text) or []
    if len(found) != 2 or not all(map(_is_whole, found)):
        raise InputError(
            f"{option} {shown(text)} is not two whole numbers with a comma, such as 10,99"
        )
    return int(found[0]), int(found[1])


def whole_numbers(option: str, text: str) -> tuple[int, ...]:
    """Return the whole numbers between commas. Raises InputError that names the option."""
    found = numbers(option, text) or []
    if not all(map(_is_whole, found)):
        raise InputError(f"{option} {shown(text)} is no whole number, nor such with commas")
    return tuple(map(int, found))


def _is_whole(number: float) -> bool:
    return number.is_integer() and abs(number) < _MOST
