"""What tests in a browser share: whether there is one, and what it says."""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)

in_a_browser = pytest.mark.skipif(
    CHROMIUM is None or find_spec("playwright") is None,
    reason="no Chromium, or no playwright to drive it, is installed",
)

#: Images of the pages "one" and "two".
IMAGES = 30


def counted(page):
    """Return the numbers of images and mistakes that the browser says it found."""
    images, mistakes = re.fullmatch(
        rf"([\d,]+) images? of {IMAGES}, with ([\d,]+) mistakes?", page.inner_text("#count")
    ).groups()
    return int(images), int(mistakes)
