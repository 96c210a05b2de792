"""Pictures for the page: small copies, the worst images first, until the page is large enough."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medmnist_det.errors import InputError
from medmnist_det.files import inside, regular
from medmnist_det.formats.png import read_picture

if TYPE_CHECKING:
    from jaxtyping import Int

# Pixels of a large picture's longer side: where a page has few images, and else.
_FEW, _FINE, _LARGE = 40, 640, 320

# So many pictures are large in any case, and say how much room the others would take.
_FIRST = 12

#: Pixels of a small picture's longer side.
SMALL = 96


@dataclass(frozen=True, kw_only=True, eq=False)
class Album:
    """The pictures of a page as data URIs; equal files are there once."""

    uris: tuple[str, ...]
    #: Place of each image's picture in ``uris``; -1 for none.
    place: Int[np.ndarray, " images"]
    #: The most pixels of a side, and how many pictures are small ones.
    side: int
    small: int
    #: Rows of the images whose picture is not there, or is none.
    missing: tuple[int, ...]
    #: Rows of the images for whose picture the page has no room.
    left_out: tuple[int, ...]

    def uri(self, image: int) -> str | None:
        """Return the picture of an image; None where there is none."""
        place = int(self.place[image])
        return None if place < 0 else self.uris[place]


def collect(
    folder: Path | None, names: tuple[str, ...], order: Int[np.ndarray, " n"], *, most: int
) -> Album:
    """Return copies of the pictures of the images in ``order``, of ``most`` characters together.

    Pictures are large while all that follow could be as large as those so far, then small, then
    there are none. A truth file may name any path; only pictures below ``folder`` belong on a page.
    """
    digests = {k: _digest(folder, names[k]) for k in order.tolist()}
    waiting = len({digest for digest in digests.values() if digest is not None})
    side = _FINE if len(names) <= _FEW else _LARGE
    made: dict[bytes, int] = {}
    uris: list[str] = []
    large, spent, small, full = [], 0, 0, False
    for k, digest in digests.items():
        if digest is None or digest in made or full:
            continue
        fits = np.mean(large or [0]) * waiting <= most - spent
        is_large = len(large) < _FIRST or (fits and not small)
        uri = _copy(folder, names[k], side if is_large else SMALL)
        waiting -= 1
        if uri is not None and spent + len(uri) > most:
            full = True
            continue
        made[digest] = -1 if uri is None else len(uris)
        if uri is not None:
            uris.append(uri)
            spent += len(uri)
            small += not is_large
            large += [len(uri)] if is_large else []
    place = np.full(len(names), -1, dtype=np.int64)
    for k, digest in digests.items():
        place[k] = -1 if digest is None else made.get(digest, -1)
    missing = [k for k, one in digests.items() if one is None or made.get(one) == -1]
    left_out = [k for k, one in digests.items() if one is not None and one not in made]
    return Album(
        uris=tuple(uris),
        place=place,
        side=side,
        small=small,
        missing=tuple(sorted(missing)),
        left_out=tuple(sorted(left_out)),
    )


def _digest(folder: Path | None, name: str) -> bytes | None:
    """Return what tells a file from others; None for what may not or cannot be read."""
    if folder is None:
        return None
    try:
        return hashlib.sha256(regular(inside(folder, name)).read_bytes()).digest()
    except (OSError, InputError):
        return None


def _copy(folder: Path | None, name: str, side: int) -> str | None:
    """Return a picture of at most that many pixels a side as a data URI; None for no picture."""
    from PIL import features

    # Half of a PNG's bytes, and less; libraries without it are rare.
    kind = "webp" if features.check("webp") else "jpeg"
    try:
        picture = read_picture((folder or Path()) / name, side)
    except InputError:
        return None
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=50, **({"method": 2} if kind == "webp" else {}))
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
