"""A fast encoder with a text side, and pictures that it can tell apart."""

from __future__ import annotations

import os
import signal
import sys
import time
import zlib
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COLOURS = {
    "red": (200, 40, 40),
    "green": (40, 180, 60),
    "blue": (40, 60, 200),
    "yellow": (220, 210, 50),
    "violet": (150, 50, 190),
}


class ColourEncoder:
    """Mean colour of each quarter of an image; a text is the colour that it names.

    Deterministic, 12-d, and like CLIP in one thing: words that it does not know have vectors
    too, only meaningless ones.
    """

    name = "mean-colour"
    dim = 12
    logit_scale = 20.0

    def __init__(self) -> None:
        self.batches: list[int] = []  # sizes of the batches encoded, for tests that count

    @property
    def seen(self) -> int:
        return sum(self.batches)

    def preprocess(self, image: Image.Image) -> np.ndarray:
        small = image.convert("RGB").resize((2, 2), Image.Resampling.BOX)
        return np.asarray(small, np.float32).reshape(-1) / 255 - 0.4

    def encode_images(self, images: Sequence) -> np.ndarray:
        self.batches.append(len(images))
        rows = [
            self.preprocess(image) if isinstance(image, Image.Image) else image for image in images
        ]
        return self._unit(np.reshape(rows, (len(images), self.dim)))

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return self._unit(np.reshape([self._text(text) for text in texts], (-1, self.dim)))

    def _text(self, text: str) -> np.ndarray:
        for word in text.lower().replace(".", " ").split():
            if word in COLOURS:
                return np.tile(np.array(COLOURS[word], np.float32) / 255 - 0.4, 4)
        return np.random.default_rng(zlib.crc32(text.encode())).normal(size=self.dim)

    @staticmethod
    def _unit(rows: np.ndarray) -> np.ndarray:
        rows = rows.astype(np.float32) + np.float32(1e-6)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def draw(colour: str = "red", seed: int = 0, size: tuple[int, int] = (24, 20)) -> Image.Image:
    """Return a noisy picture of one colour of `COLOURS`."""
    rng = np.random.default_rng([zlib.crc32(colour.encode()), seed])
    pixels = np.array(COLOURS[colour]) + rng.normal(0, 12, (size[1], size[0], 3))
    pixels += rng.normal(0, 12, 3)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def slowdown() -> float:
    """Return how many times longer work takes now than it would on a free processor, 1 or more."""
    wall, own = time.monotonic(), time.process_time()
    while time.process_time() - own < 0.1:
        pass
    return max(1.0, (time.monotonic() - wall) / (time.process_time() - own))


def killed_at(point: int, work: Callable[[], object]) -> bool:
    """Run `work` in a child that dies at the given change of the disk; False if it got through."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] != 0
    count = 0

    def hook(event: str, arguments: tuple) -> None:
        nonlocal count
        writes = event == "open" and isinstance(arguments[1], str) and arguments[1] != "r"
        if writes or event in {"os.rename", "os.mkdir", "os.rmdir", "os.remove"}:
            count += 1
            if count > point:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    try:
        work()
    finally:
        os._exit(0)
