"""One JPEG with a small picture of every image, for the card under the pointer."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from protolabel.common.palette import THEME
from protolabel.common.progress import ProgressFn, silent
from protolabel.errors import ImageReadError
from protolabel.images.image_set import thumbnail

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["ATLAS_LIMIT", "TILE", "make_atlas"]

ATLAS_LIMIT = 10_000
"""Above so many images a browser asks for single pictures."""

TILE = 48
"""Side of a tile in pixels."""


def make_atlas(paths: Sequence[Path], *, quality: int = 80, progress: ProgressFn = silent) -> bytes:
    """Put a small square picture of every image on one JPEG, row by row.

    Parameters
    ----------
    paths : sequence of Path
        N image files; the tile of a file that cannot be read stays grey.
    quality : int
        JPEG quality, 1 to 95.
    progress : callable
        ``progress(phase, done, total)``; may raise `Stopped`.

    Returns
    -------
    bytes
        A JPEG of ``ceil(sqrt(N))`` tiles in a row.
    """
    n = len(paths)
    columns = max(1, int(np.ceil(np.sqrt(n))))
    sheet = Image.new("RGB", (columns * TILE, -(-n // columns) * TILE), THEME["blank"][0])
    for index, path in enumerate(paths):
        if index % 64 == 0:
            progress("thumbnails", index, n)
        try:
            tile = ImageOps.fit(thumbnail(path, 2 * TILE), (TILE, TILE))
        except ImageReadError:
            continue
        sheet.paste(tile, (index % columns * TILE, index // columns * TILE))
    progress("thumbnails", n, n)
    with io.BytesIO() as file:
        sheet.save(file, "JPEG", quality=quality)
        return file.getvalue()
