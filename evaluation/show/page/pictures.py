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

# Up to this share of them pictures are large, then small.
_LARGE_SHARE = 0.75

# Pixels of a large picture's longer side: where a page has few images, and else.
_FEW, _FINE, _LARGE = 40, 640, 320

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
    """Return copies of the pictures of the images in ``order``, of ``most`` characters at most.

    A truth file may name any path; only pictures below ``folder`` belong on a page.
    """
    place = np.full(len(names), -1, dtype=np.int64)
    known: dict[bytes, int] = {}
    uris: list[str] = []
    missing, left_out, spent, small = [], [], 0, 0
    side = _FINE if len(names) <= _FEW else _LARGE
    for k in order.tolist():
        if spent >= most:
            left_out.append(k)
            continue
        try:
            path = regular(inside(folder, names[k])) if folder else None
            digest = hashlib.sha256(path.read_bytes()).digest() if path else b""
        except (OSError, InputError):
            # A name that no file can have, or a picture that may not be read.
            path, digest = None, b""
        if path is None:
            missing.append(k)
            continue
        if digest not in known:
            is_small = spent >= _LARGE_SHARE * most
            uri = _copy(path, SMALL if is_small else side)
            known[digest] = -1
            if uri is not None:
                known[digest] = len(uris)
                uris.append(uri)
                spent += len(uri)
                small += is_small
        place[k] = known[digest]
        if place[k] < 0:
            missing.append(k)
    return Album(
        uris=tuple(uris),
        place=place,
        side=side,
        small=small,
        missing=tuple(sorted(missing)),
        left_out=tuple(sorted(left_out)),
    )


def _copy(path: Path, side: int) -> str | None:
    """Return a picture of at most that many pixels a side as a data URI; None for no picture."""
    from PIL import features

    # Half of a PNG's bytes, and less; libraries without it are rare.
    kind = "webp" if features.check("webp") else "jpeg"
    try:
        picture = read_picture(path, side)
    except InputError:
        return None
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=50, **({"method": 2} if kind == "webp" else {}))
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
