"""The style sheet: every colour of text on every ground that it can have, in light and in dark."""

import re
from importlib.resources import files

import numpy as np
import pytest

CSS = files("evaluation.show.page").joinpath("page.css").read_text("utf-8")
_LIGHT, _DARK, _PRINT = re.findall(r":root \{([^}]*)\}", CSS)

#: Grounds, and what is written on them.
PAIRS = {
    "ground": ("ink", "soft", "link"),
    "field": ("ink", "soft"),
    "warn": ("ink",),
    "chosen": ("ink",),
}


def colours(rules):
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", rules))


def luminance(colour):
    parts = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("rules", [_LIGHT, _DARK, _PRINT], ids=["light", "dark", "print"])
def test_every_text_can_be_read_on_its_ground(rules):
    known = colours(_LIGHT) | colours(rules)
    for ground, texts in PAIRS.items():
        for text in texts:
            dark, light = sorted((luminance(known[ground]), luminance(known[text])))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ground, text)


def test_texts_and_grounds_are_those_that_are_looked_at():
    """A colour that is written out, and not one of the names above, would escape."""
    names = set(re.findall(r"[ {]color: ([^;}]+)", CSS))
    assert names == {*(f"var(--{name})" for name in ("ink", "soft", "link")), "inherit", "#52606d"}
    grounds = set(re.findall(r"background(?:-color)?: ([^;}]+)", CSS))
    assert grounds == {
        *(f"var(--{name})" for name in (*PAIRS, "colour")), "none", "#ffffff", "#0b1020",
    }  # fmt: skip
