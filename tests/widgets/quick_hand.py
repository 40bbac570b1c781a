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
# Notes, as each key comes, the picture that is up: the chosen one, else the one at the keyboard;
# none while the next page is on its way.
LISTEN = """() => {
  window.meant = [];
  window.addEventListener("keydown", ({ key }) => {
    if (!/[1-9]/.test(key)) return;
    const tile = document.querySelector('.pls-tile[aria-selected="true"]')
      ?? document.querySelector('.pls-tile.here');
    if (tile) window.meant.push([tile.getAttribute("aria-label").split(":")[0], Number(key)]);
  }, true);
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
    """Press number keys, and return what a person meant: the picture shown, and its class.

    Keys that come while no picture is up mean nothing, and are pressed again.
    """
    rng = np.random.default_rng(1)
    host.page.evaluate(LISTEN)
    host.page.locator(".pls-grid").focus()
    host.page.keyboard.press("Home")
    pressed = 0
    while pressed < keys:
        start = time.perf_counter()
        host.page.keyboard.press(str(int(rng.integers(len(NAMES))) + 1))
        host.flush()
        pressed += 1
        if pressed == keys:
            pressed = host.page.evaluate("window.meant.length")
        host.page.wait_for_timeout(max(0.0, 1000 * (pause - (time.perf_counter() - start))))
    return {shown: NAMES[key - 1] for shown, key in host.page.evaluate("window.meant")}
