"""Somebody who labels by keys faster than labels follow, on pictures that are only simulated."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.encoders import EncoderInfo

if TYPE_CHECKING:
    from pathlib import Path

    from host import Host

NAMES = ("dog", "cat", "owl", "fox")
# The picture that a key is about: the chosen one, else the one at the keyboard; none while the next
# page is on its way.
CURRENT = """() => {
  const tile = document.querySelector('.pls-tile[aria-selected="true"]')
    ?? document.querySelector('.pls-tile.here');
  return tile?.getAttribute("aria-label").split(":")[0];
}"""


def many_pictures(folder: Path, count: int) -> pl.Session:
    """Images of four classes that nobody can read: their tiles are blank, the rest is real."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(len(NAMES), 16))
    vectors = centres[np.arange(count) % len(NAMES)] + 1.2 * rng.normal(size=(count, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    images = pl.ImageSet(folder, tuple(f"{i:05d}.png" for i in range(count)))
    embeddings = pl.Embeddings(vectors, images, EncoderInfo.unknown(16))
    text = pl.ClassVectors(NAMES, centres.astype(np.float32))
    return pl.Session(embeddings, text, progress=silent, units="images")


def type_labels(host: Host, keys: int, pause: float) -> dict[str, str]:
    """Press number keys, and return what a person meant: the picture shown, and its class."""
    rng = np.random.default_rng(1)
    meant: dict[str, str] = {}
    host.page.locator(".pls-grid").focus()
    host.page.keyboard.press("Home")
    for _ in range(keys):
        start = time.perf_counter()
        shown = host.page.evaluate(CURRENT)
        while shown is None and time.perf_counter() < start + 30:
            host.settle()
            shown = host.page.evaluate(CURRENT)
        key = int(rng.integers(len(NAMES)))
        host.page.keyboard.press(str(key + 1))
        meant[shown] = NAMES[key]
        host.flush()
        host.page.wait_for_timeout(max(0.0, 1000 * (pause - (time.perf_counter() - start))))
    return meant
