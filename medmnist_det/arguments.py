"""Functions that people call: what they are given is checked, and errors speak of arguments.

The rules themselves have one owner each, which speaks of options (``--max-iou``), as the command
line does. Here their sentences get the face of Python: ``max_iou=``.
"""

from __future__ import annotations

import functools
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

import numpy as np

from medmnist_det.errors import InputError, RefusedError, listed, shown

_Function = TypeVar("_Function", bound=Callable[..., Any])


def called_from_python(**options: str) -> Callable[[_Function], _Function]:
    """Return a decorator for a function whose arguments are a command's options.

    Arguments annotated with plain types (numbers, flags, texts, paths, Literals, or unions of
    these) are checked, and numbers of other libraries become Python's own; others are the
    function's to check. ``options`` names arguments that are called otherwise than the option:
    ``data="folder"``. Raises TypeError for another type, ValueError (an InputError) for what is
    not among the choices; an InputError from within is raised with arguments in place of options.
    """

    def decorate(function: _Function) -> _Function:
        signature = inspect.signature(function)
        names = {name: name for name in signature.parameters} | options

        @functools.wraps(function)
        def called(*given: Any, **named: Any) -> Any:
            bound = signature.bind(*given, **named)
            hints = _hints(function)
            for name, value in bound.arguments.items():
                bound.arguments[name] = _checked(name, value, hints.get(name, Any))
            try:
                return function(*bound.args, **bound.kwargs)
            except InputError as error:
                kind = RefusedError if isinstance(error, RefusedError) else InputError
                raise kind(as_arguments(str(error), names)) from None

        return typing.cast(_Function, called)

    return decorate


@functools.cache
def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    return typing.get_type_hints(function)


_PLAIN: dict[Any, tuple[type, ...]] = {
    type(None): (type(None),),
    bool: (bool, np.bool_),
    int: (Integral,),
    float: (Real,),
    str: (str,),
    Path: (Path,),
}
_SAID = {type(None): "None", bool: "True or False", int: "a whole number", float: "a number"}
_SAID |= {str: "a text", Path: "a path"}


def _checked(name: str, value: Any, hint: Any) -> Any:
    """Return a value as its annotation has it."""
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    kinds = typing.get_args(hint) if typing.get_origin(hint) is Union else kinds
    choices = [one for kind in kinds if _is_literal(kind) for one in typing.get_args(kind)]
    plain = [kind for kind in kinds if not _is_literal(kind)]
    if not all(kind in _PLAIN for kind in plain):
        return value
    if choices:
        if any(value is one or (type(value) is str and value == one) for one in choices):
            return value
        if not isinstance(value, str) and not any(isinstance(value, _PLAIN[k]) for k in plain):
            expected = f"one of {', '.join(map(repr, choices))}"
            raise TypeError(f"{name}={shown(value)} is {_kind(value)}; give {expected}")
        if not any(isinstance(value, _PLAIN[kind]) for kind in plain):
            raise InputError(f"{name}={shown(value)} is not known: choose {listed(choices)}")
        return value
    flag = isinstance(value, bool | np.bool_)
    fits = [k for k in plain if isinstance(value, _PLAIN[k]) and not (flag and k in (int, float))]
    if not fits:
        expected = " or ".join(_SAID[kind] for kind in plain)
        raise TypeError(f"{name}={shown(value)} is {_kind(value)}; give {expected}")
    return fits[0](value) if fits[0] in (bool, int, float) else value


def _is_literal(kind: Any) -> bool:
    return typing.get_origin(kind) is Literal


def _kind(value: Any) -> str:
    return f"of type {type(value).__name__}"


# An option, and the value behind it where it looks like one: a number, something in quotes or
# brackets, or a word that ends the clause (but not that of "leave --resume out").
_VALUE = r"(?=['\"\[(\d.-]|nan\b|inf\b)"
_WORD = r"(?!out\b)([a-z][\w-]*)(?=[,;:.)]|$)"
_OPTION = re.compile(rf"(?<![\w-])--([a-z][a-z-]*)(?: {_VALUE}| {_WORD}|(:)|)")
# A command that a sentence quotes stays one.
_COMMAND = re.compile(r"('medmnist-det [^']*')")


def as_arguments(sentence: str, names: Mapping[str, str]) -> str:
    """Return a sentence about options as one about arguments.

    ``names`` maps options, with underscores for hyphens, to arguments; others stay as they are.

    >>> as_arguments("--max-iou 2 is not at most 1; lower --max-iou", {"max_iou": "max_iou"})
    'max_iou=2 is not at most 1; lower max_iou='
    """

    def argument(found: re.Match[str]) -> str:
        name = names.get(found[1].replace("-", "_"))
        if name is None:
            return found[0]
        if found[3]:
            return f"{name}:"
        return f"{name}={found[2]!r}" if found[2] else f"{name}="

    parts = _COMMAND.split(sentence)
    return "".join(
        part if _COMMAND.fullmatch(part) else _OPTION.sub(argument, part) for part in parts
    )
