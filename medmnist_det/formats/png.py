"""Greyscale PNG files, written at three times the rate of an imaging library; any picture, read."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from isal import isal_zlib

from medmnist_det.errors import InputError
from medmnist_det.files import naming, regular

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from PIL.Image import Image as Picture

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"\0\0\0\0IEND\xaeB`\x82"

# TIFF's tags, and the photometric interpretation in which 0 is white.
_BITS, _PHOTOMETRIC, _ZERO_IS_WHITE = 258, 262, 0


def encode_png(pixels: UInt8[np.ndarray, "h w"]) -> bytes:
    """Return the pixels as an 8-bit greyscale PNG file.

    Rows are not filtered: scenes are black but for a few strokes, so filters cost time and save
    nothing. The bytes may differ between versions of the compressor, the pixels never do.
    """
    lines = scanlines(*pixels.shape)
    lines[:, 1:] = pixels
    return pack_scanlines(lines)


def scanlines(height: int, width: int) -> UInt8[np.ndarray, "h w+1"]:
    """Return a black image as PNG lays it out: every row led by a 0 for "not filtered"."""
    return np.zeros((height, width + 1), dtype=np.uint8)


def pack_scanlines(lines: UInt8[np.ndarray, "h w+1"]) -> bytes:
    """Return the PNG file of an image that was drawn into :func:`scanlines`."""
    height, width = lines.shape[0], lines.shape[1] - 1
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = isal_zlib.compress(lines, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _END


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = isal_zlib.crc32(data, isal_zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


# Kinds of files that are opened. Others run programs of their own (EPS) or are no pictures.
# The likeliest comes first: they are tried in this order.
_KINDS = ("PNG", "JPEG", "TIFF", "BMP", "DIB", "GIF", "JPEG2000", "PPM", "WEBP")


def read_grey(path: Path) -> UInt8[np.ndarray, "h w"]:
    """Return the grey levels of an image file, 0 black and 255 white; of several frames the first.

    Colours, of a palette too, become grey by ITU-R 601-2's luma. 16-bit grey levels are scaled from
    what the file declares as white, and rounded. Raises InputError for what is no whole image,
    for one beyond the imaging library's limit, for transparent pixels, which have no grey level,
    and for grey levels of 32 bits, for which no file says what is white.
    """
    image = _opened(path)
    with _naming_damage(path):
        image.load()
    if image.mode == "L" and "transparency" not in image.info:
        return np.asarray(image)
    _refuse_transparent(path, image)
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled(path, image)
    with _naming_damage(path):
        return np.asarray(image.convert("L"))


def read_picture(path: Path, side: int) -> Picture:
    """Return an image file for looking at: grey or RGB, at most ``side`` pixels wide and high.

    Proportions stay, a smaller picture keeps its size, transparent pixels show what lies beneath.
    Raises InputError for what is no whole image, or one beyond the imaging library's limit.
    """
    from PIL import Image

    image = _opened(path)
    with _naming_damage(path):
        # Photographs are decoded small, which takes a fraction of the time.
        image.draft(None, (side, side))
        image.load()
    if image.mode.startswith("I") or image.mode == "F":
        image = Image.fromarray(_scaled(path, image))
    with _naming_damage(path):
        small = image if image.mode == "L" else image.convert("RGB")
        small.thumbnail((side, side))
    return small


def _opened(path: Path) -> Picture:
    """Return an image whose pixels are not read yet."""
    from PIL import Image

    with naming(regular(path)):
        content = path.read_bytes()
    with _naming_damage(path):
        return Image.open(io.BytesIO(content), formats=_KINDS)


def picture_size(path: Path) -> tuple[int, int]:
    """Return width and height of an image file from its header. Raises InputError."""
    from PIL import Image

    with naming(regular(path)), path.open("rb") as file, _naming_damage(path):
        return Image.open(file, formats=_KINDS).size


@contextlib.contextmanager
def _naming_damage(path: Path) -> Iterator[None]:
    """Turn whatever the imaging library says about a picture into an InputError."""
    from PIL import Image

    with warnings.catch_warnings():
        # A picture over the limit is a warning up to twice the limit; others are of no use here.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise InputError(
                f"{path}: has more than {Image.MAX_IMAGE_PIXELS:,} pixels; cut it or make it "
                "smaller"
            ) from error
        except MemoryError as error:
            raise InputError(f"{path}: does not fit the memory; make it smaller") from error
        except Exception as error:
            # Of a damaged file the library's many decoders raise errors of almost any kind.
            raise InputError(
                f"{path}: is no readable image ({_reason(error)}); make it again or remove it"
            ) from error


def _reason(error: Exception) -> str:
    text = str(error)
    # The library's own sentence for "unknown" names the path again.
    return "of no known kind, or damaged" if text.startswith("cannot identify") else text[:100]


def _refuse_transparent(path: Path, image: Picture) -> None:
    clear = "transparency" in image.info
    if image.mode in ("LA", "PA", "RGBA") or (clear and image.mode in ("1", "L", "P", "RGB")):
        clear = image.convert("RGBA").getchannel("A").getextrema()[0] != 255
    if clear:
        raise InputError(
            f"{path}: has transparent pixels, which have no grey level; put it on a background"
        )


def _scaled(path: Path, image: Picture) -> UInt8[np.ndarray, "h w"]:
    """Return grey levels of more than 8 bits as 8 bits."""
    tags: Any = getattr(image, "tag_v2", {})
    bits = tags.get(_BITS, (16,))[0]
    # PNG and PGM know no grey levels of 32 bits: older libraries hold 16 in as many.
    if not image.mode.startswith("I;16") and image.format not in ("PNG", "PPM"):
        raise InputError(
            f"{path}: has grey levels of 32 bits (mode {image.mode}), for which no file says what "
            "is white; save it with 8 or 16 bits"
        )
    white = 2**bits - 1
    levels = np.asarray(image).astype(np.int64)
    if tags.get(_PHOTOMETRIC) == _ZERO_IS_WHITE:
        levels = white - levels
    return np.clip((levels * 255 + white // 2) // white, 0, 255).astype(np.uint8)
