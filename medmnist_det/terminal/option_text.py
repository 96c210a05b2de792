"""Options of several values: one text with commas, or the values as a program has them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real

from medmnist_det.errors import InputError, shown

# Larger numbers are no sizes or counts, and fill a line.
_MOST = 10**9


def words(given: str | Iterable[str] | None) -> list[str] | None:
    """Return the words between commas, or those given; None for an option that was not given."""
    if isinstance(given, str):
        return [word.strip() for word in given.split(",")]
    return list(given) if isinstance(given, Iterable) else None if given is None else [given]


def numbers(option: str, given: str | float | Iterable[float] | None) -> list[float] | None:
    """Return the numbers between commas, or those given; None for an option that was not given.

    Raises InputError that names the option.
    """
    if given is None:
        return None
    try:
        if isinstance(given, str):
            found = [float(word) for word in given.split(",")]
        else:
            several: Iterable[float] = [given] if isinstance(given, Real) else given  # type: ignore[assignment,list-item]
            found = [float(one) for one in several]
    except (TypeError, ValueError):
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise InputError(f"{option} {shown(given)} is no number, nor numbers with commas")
    return found


def counts(option: str, given: str | float | Iterable[float] | None) -> list[int] | None:
    """Return the whole numbers between commas, or those given; None for none given.

    Raises InputError that names the option.
    """
    found = numbers(option, given)
    if found is not None and not all(map(_is_whole, found)):
        raise InputError(f"{option} {shown(given)} is no whole number, nor such with commas")
    return None if found is None else list(map(int, found))


def pair(option: str, given: str | Iterable[float]) -> tuple[int, int]:
    """Return two whole numbers. Raises InputError that names the option."""
    found = numbers(option, given) or []
    if len(found) != 2 or not all(map(_is_whole, found)):
        raise InputError(
            f"{option} {shown(given)} is not two whole numbers with a comma, such as 10,99"
        )
    return int(found[0]), int(found[1])


def whole_numbers(option: str, text: str) -> tuple[int, ...]:
    """Return the whole numbers between commas. Raises InputError that names the option."""
    return tuple(counts(option, text) or ())


def _is_whole(number: float) -> bool:
    return number.is_integer() and abs(number) < _MOST
