"""Pictures for the hover card: thumbnails of all images on one JPEG, or one sharp picture."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from protolabel.common.palette import THEME
from protolabel.common.progress import ProgressFn, silent
from protolabel.errors import ImageReadError
from protolabel.images.pixels import thumbnail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from protolabel.images.files import ImageFile

__all__ = [
    "ATLAS_LIMIT",
    "LARGE",
    "SHARP",
    "TILE",
    "large_picture",
    "large_tile",
    "make_atlas",
    "sharp_picture",
    "square",
]

ATLAS_LIMIT = 10_000
"""Number of images above which a browser requests single pictures."""

TILE = 48
"""Side of a tile in pixels if a kernel can send sharper pictures on request."""

SHARP = 256
"""Side in pixels of a picture that is sharp on a screen with two pixels per CSS pixel."""

LARGE = 1400
"""Longest side in pixels of a picture that fills a page."""

_SHEET = 3072  # longer side of a large atlas in pixels


def large_tile(n: int) -> int:
    """Return the side of a tile, in pixels, for a page without a kernel.

    Parameters
    ----------
    n : int
        Number of images.

    Returns
    -------
    int
        256 for up to 144 images, which is sharp on a screen of two pixels per CSS pixel; 96 for
        1,000, and `TILE` from 4,000 on: the sheet stays below 10 megapixels.
    """
    return int(np.clip(_SHEET // _columns(n), TILE, SHARP))


def _columns(n: int) -> int:
    return max(1, int(np.ceil(np.sqrt(n))))


def make_atlas(
    paths: Sequence[ImageFile],
    *,
    tile: int = TILE,
    quality: int = 80,
    progress: ProgressFn = silent,
) -> bytes:
    """Put a small square picture of every image on one JPEG, row by row.

    Parameters
    ----------
    paths : sequence of path
        N images, as `ImageSet.paths`; the tile of an unreadable file stays grey.
    tile : int
        Side of a tile in pixels.
    quality : int
        JPEG quality, 1 to 95.
    progress : callable
        ``progress(phase, done, total)``; it may raise `Stopped`.

    Returns
    -------
    bytes
        A JPEG of ``ceil(sqrt(N))`` tiles in a row.
    """
    n = len(paths)
    columns = _columns(n)
    sheet = Image.new("RGB", (columns * tile, -(-n // columns) * tile), THEME["blank"][0])
    for index, path in enumerate(paths):
        if index % 64 == 0:
            progress("thumbnails", index, n)
        try:
            picture = square(path, tile)
        except ImageReadError:
            continue
        sheet.paste(picture, (index % columns * tile, index // columns * tile))
    progress("thumbnails", n, n)
    return _jpeg(sheet, quality)


def sharp_picture(path: ImageFile) -> bytes:
    """Return the central square of an image as a JPEG of `SHARP` pixels.

    Parameters
    ----------
    path : Path
        Image file.

    Returns
    -------
    bytes
        Empty if the file cannot be read.
    """
    return _jpeg_of(lambda: square(path, SHARP), 85)


def large_picture(path: ImageFile) -> bytes:
    """Return a whole image as a JPEG of at most `LARGE` pixels a side.

    Parameters
    ----------
    path : Path
        Image file.

    Returns
    -------
    bytes
        Empty if the file cannot be read.
    """
    return _jpeg_of(lambda: thumbnail(path, LARGE), 88)


def square(path: ImageFile, side: int) -> Image.Image:
    """Return the central square of an image.

    Parameters
    ----------
    path : path
        The image, as `ImageSet.path`.
    side : int
        Side of the square in pixels; a smaller image is enlarged.

    Returns
    -------
    PIL.Image.Image
        Mode RGB.

    Raises
    ------
    ImageReadError
        If the file cannot be read.
    """
    return ImageOps.fit(thumbnail(path, 2 * side), (side, side))


def _jpeg_of(read: Callable[[], Image.Image], quality: int) -> bytes:
    try:
        return _jpeg(read(), quality)
    except ImageReadError:
        return b""


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    with io.BytesIO() as file:
        picture.save(file, "JPEG", quality=quality)
        return file.getvalue()
