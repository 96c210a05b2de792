"""What a benchmark consists of: from the words of the command to cells and data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from annotators.learn.registry import refuse_unknown
from annotators.simulate.annotator import draw_annotators
from annotators.simulate.options import AnnotatorOptions
from annotators.simulate.presets import crowd_options
from evaluation.benchmark.budgets import Budget
from evaluation.benchmark.cells import Setting, Spec
from medmnist_det.errors import InputError, listed, shown
from medmnist_det.generation import DIGIT_CLASSES
from medmnist_det.labels import Split
from medmnist_det.scenes.digits import Source
from medmnist_det.terminal.option_text import whole_numbers

#: Options of the recipe that a method may bring with it, as in ``earl+lr=0.001``, stand behind it.
_PLUS = "+"

#: The options of annotators that a sweep may change, beside their number.
SWEPT = (
    "annotators", "proficiency", "family", "box-noise", "spurious", "coverage", "difficulty",
    "copies", "corrects", "drift", "splits", "merges",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What to run, and with what."""

    specs: tuple[Spec, ...]
    digits: Source = "auto"
    digits_root: Path | None = None
    device: str = "auto"
    #: The command, as cells record it.
    command: str = ""


def method_of(text: str) -> tuple[str, dict[str, Any]]:
    """Return the method, and the options of the recipe that ``method+name=value+name`` names.

    Raises InputError for a method that does not exist, an unknown option and a value of another
    kind.
    """
    method, *changes = text.split(_PLUS)
    refuse_unknown(method)
    if not changes:
        return method, {}
    from medmnist_det.reference.recipe import Recipe

    usual, options = Recipe(), {}
    for change in changes:
        name, is_given, value = change.partition("=")
        name = name.replace("-", "_")
        if name in ("method", "model", "epochs", "seed"):
            raise InputError(
                f"--methods {shown(text)}: {name} is one for all methods of a table; give it with "
                "--methods, --model, --epochs or --seeds"
            )
        try:
            kind = type(usual.option(name))
            options[name] = msgspec.convert(value if is_given else True, kind, strict=False)
            usual.changed({name: options[name]})
        except (AttributeError, TypeError, msgspec.ValidationError) as error:
            raise InputError(
                f"--methods {shown(text)}: {shown(change)} is no option of a training with its "
                f"value ({error}); write method+option=value, as in earl+confidence=share"
            ) from error
    return method, options


def crowd_of(setting: Setting) -> tuple[AnnotatorOptions, ...]:
    """Return the annotators of a setting. Raises InputError for what does not exist."""
    preset: Any = setting.preset
    if setting.option is None or setting.value is None:
        return crowd_options(preset)
    if setting.option not in SWEPT:
        raise InputError(f"--sweep {shown(setting.option)}: choose {', '.join(SWEPT)}")
    value: Any = setting.value if setting.option in _WORDS else _number(setting)
    if setting.option == "annotators":
        return crowd_options(preset, annotators=value)
    values: dict[str, Any] = {setting.option.replace("-", "_"): [value]}
    return crowd_options(preset, **values)


def _number(setting: Setting) -> float | int:
    kind = int if setting.option == "annotators" else float
    try:
        return kind(setting.value or "")
    except ValueError:
        raise InputError(
            f"--sweep {setting.option}: {shown(setting.value)} is no "
            f"{'whole ' * (kind is int)}number"
        ) from None


def settings_of(presets: Sequence[str], sweeps: Sequence[str]) -> list[Setting]:
    """Return the settings of presets, or of each with every value of each ``option=a,b,c``.

    Raises InputError for a preset, an option or a value that does not exist, or is there twice.
    """
    found = [Setting(preset=preset) for preset in presets]
    if sweeps:
        found = [
            Setting(preset=preset, option=option, value=value)
            for preset in presets
            for option, values in map(_swept, sweeps)
            for value in values
        ]
    _refuse_twice("--sweep" if sweeps else "--presets", [one.name for one in found])
    for setting in found:
        draw_annotators(crowd_of(setting), len(DIGIT_CLASSES), 0)
    return found


def _swept(text: str) -> tuple[str, list[str]]:
    option, is_given, values = text.partition("=")
    found = [value.strip() for value in values.split(",")]
    if not is_given or not all(found):
        raise InputError(
            f"--sweep {shown(text)}: give an option and its values, as in proficiency=.5,.7,.9"
        )
    return option, [value if option in _WORDS else _short(value) for value in found]


# The options of annotators whose values are words.
_WORDS = ("family", "box-noise")


def _short(value: str) -> str:
    """Return a number as it is written shortest, so that .5 and 0.50 are one value."""
    try:
        return f"{float(value):g}"
    except ValueError:
        return value


def seeds_of(text: str | None, budget: Budget) -> tuple[int, ...]:
    """Return the seeds of a text with commas, or those of the published tables."""
    if text is None:
        return (20, 21) if budget.name == "quick" else (20, 21, 22)
    return whole_numbers("--seeds", text)


def specs_of(
    methods: Sequence[str],
    settings: Sequence[Setting],
    seeds: Sequence[int],
    budget: Budget,
    split: Split,
) -> tuple[Spec, ...]:
    """Return the cells, those of one data set beside each other.

    Raises InputError for a method that does not exist, also for a rater whom a setting does not
    have, for what is there twice, and for seeds out of bounds.
    """
    _refuse_twice("--methods", methods)
    _refuse_twice("--seeds", seeds)
    for seed in seeds:
        if not 0 <= seed < 2**32:
            raise InputError(f"--seeds {seed} is not from 0 to 2**32 - 1")
    for text in methods:
        method, _ = method_of(text)
        for setting in settings:
            _refuse_no_rater(method, setting)
    return tuple(
        Spec(method=method, setting=setting, seed=seed, budget=budget, split=split)
        for seed in seeds
        for setting in settings
        for method in methods
    )


def _refuse_no_rater(method: str, setting: Setting) -> None:
    kind, _, name = method.partition(":")
    raters = [str(k + 1) for k in range(len(crowd_of(setting)))]
    if kind == "rater" and name not in raters:
        raise InputError(
            f"--methods {shown(method)}: {setting.name} has no such rater; its raters are "
            f"{listed(raters)}"
        )


def _refuse_twice(option: str, values: Sequence[Any]) -> None:
    if not values:
        raise InputError(f"{option} is empty: name one at least")
    twice = next((value for k, value in enumerate(values) if value in values[:k]), None)
    if twice is not None:
        raise InputError(f"{option}: {shown(twice)} is there twice; leave one out")


def recipe_options(spec: Spec) -> dict[str, Any]:
    """Return the options of the training of a cell, by their names."""
    method, options = method_of(spec.method)
    if spec.budget is None:
        raise ValueError("predictions that were given have no training")
    mine = {
        "method": method, "model": spec.budget.model, "epochs": spec.budget.epochs,
        "seed": spec.seed,
    }  # fmt: skip
    return mine | options
