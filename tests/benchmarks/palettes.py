"""Few colours for the README's pictures: small files, and white stays white."""

from __future__ import annotations

import numpy as np
from PIL import Image

PLACES = np.array([1 << 16, 1 << 8, 1])


def by_count(picture: Image.Image) -> list[tuple[int, int, int]]:
    """Return the colours of an RGB picture, the most common first."""
    return [colour for _, colour in sorted(picture.getcolors(1 << 24), reverse=True)]


def painted(
    pictures: list[Image.Image], kept: list[tuple[int, int, int]], count: int
) -> list[Image.Image]:
    """Return RGB pictures with one palette: some colours as they are, the best for the rest.

    Pillow's own look-up of a palette is coarse: white would become almost white.
    """
    sheet = Image.new("RGB", (pictures[0].width, sum(one.height for one in pictures)))
    for row, one in enumerate(pictures):
        sheet.paste(one, (0, row * pictures[0].height))
    rest = sheet.quantize(count - len(kept), dither=Image.Dither.NONE).getpalette()
    palette = np.array([value for colour in kept for value in colour] + rest).reshape(-1, 3)
    done = []
    for one in pictures:
        codes, where = np.unique(np.asarray(one).reshape(-1, 3) @ PLACES, return_inverse=True)
        colours = codes[:, None] // PLACES % 256
        apart = ((colours[:, None] - palette) ** 2).sum(axis=2)
        drawn = apart.argmin(axis=1)[where].reshape(one.height, one.width)
        done.append(Image.fromarray(drawn.astype(np.uint8), "P"))
        done[-1].putpalette(palette.ravel().tolist())
    return done
