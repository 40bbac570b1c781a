"""Somebody who labels by keys faster than labels follow."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import numpy as np
import websocket
from PIL import Image

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.encoders import EncoderInfo

if TYPE_CHECKING:
    from pathlib import Path

    from host import Host

NAMES = ("dog", "cat", "owl", "fox")
# Notes, as each key comes, the picture that is up: the chosen one, else the one at the keyboard;
# none while the next page is on its way. And how long the key waited for the page.
LISTEN = """() => {
  window.meant = [];
  window.came = [];
  window.waited = [];
  window.addEventListener("keydown", ({ key, timeStamp }) => {
    if (!/[1-9]/.test(key)) return;
    window.came.push(timeStamp);
    window.waited.push(performance.now() - timeStamp);
    const grid = document.activeElement.closest('.pls-grid');
    const tile = grid?.querySelector('.pls-tile[aria-selected="true"]')
      ?? grid?.querySelector('.pls-tile.here');
    window.meant.push([tile?.getAttribute("aria-label").split(":")[0] ?? null, Number(key)]);
  }, true);
}"""


def many_pictures(folder: Path, count: int, *, drawn: bool = False) -> pl.Session:
    """Images of four classes; unless they are drawn their tiles are blank, the rest is real."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(len(NAMES), 16))
    vectors = centres[np.arange(count) % len(NAMES)] + 1.2 * rng.normal(size=(count, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    images = pl.ImageSet(folder, tuple(f"{i:05d}.png" for i in range(count)))
    if drawn:
        for path in images.paths:
            coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((320, 240)).save(path, compress_level=1)
    embeddings = pl.Embeddings(vectors, images, EncoderInfo.unknown(16))
    text = pl.ClassVectors(NAMES, centres.astype(np.float32))
    return pl.Session(embeddings, text, progress=silent, units="images")


class KeyClock:
    """Real key events at a fixed rate, which wait for no answer of the page.

    They go through a devtools connection of their own, from a thread of their own: neither
    Playwright, which waits until the page has handled each key, nor Python's side of the page
    slows them down.

    Parameters
    ----------
    port : int
        The devtools port of the browser.
    address : str
        What the address of the page begins with.
    """

    def __init__(self, port: int, address: str) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = json.load(answer)
        found = next(one for one in pages if one["url"].startswith(address))
        self._line = websocket.create_connection(
            found["webSocketDebuggerUrl"], suppress_origin=True
        )

    def start(self, keys: str, rate: float) -> threading.Thread:
        """Press these keys, `rate` of them a second; the thread ends with the last."""
        thread = threading.Thread(target=self._press, args=(keys, rate), daemon=True)
        thread.start()
        return thread

    def _press(self, keys: str, rate: float) -> None:
        begun = time.perf_counter()
        for number, key in enumerate(keys):
            due = begun + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            for kind in ("keyDown", "keyUp"):
                self._send(
                    type=kind, key=key, code=f"Digit{key}", windowsVirtualKeyCode=ord(key),
                    text=key if kind == "keyDown" else "",
                )  # fmt: skip

    def _send(self, **event: Any) -> None:
        call = {"id": 1, "method": "Input.dispatchKeyEvent", "params": event}
        self._line.send(json.dumps(call))

    def close(self) -> None:
        """Leave the page."""
        self._line.close()


def some_keys(count: int) -> str:
    """Number keys of the classes, in no order."""
    rng = np.random.default_rng(1)
    return "".join(str(key) for key in rng.integers(1, len(NAMES) + 1, count))


def type_labels(host: Host, port: int, count: int, rate: float) -> dict[str, str]:
    """Press number keys on a clock, and return what a person meant: picture shown -> its class.

    Keys that come while no picture is up mean nothing, and are pressed again.
    """
    host.page.evaluate(LISTEN)
    host.page.locator(".pls-grid").focus()
    host.page.keyboard.press("Home")
    clock = KeyClock(port, host.page.url)
    pressed = 0
    while missing := count - len(meant_by(host.page)):
        pressing = clock.start(some_keys(missing), rate)
        pressed += missing
        while pressing.is_alive():
            host.flush()
            host.page.wait_for_timeout(5)
        host.page.wait_for_function("n => window.meant.length === n", arg=pressed)
        host.settle()
    clock.close()
    return meant_by(host.page)


def meant_by(page: Any) -> dict[str, str]:
    """Return what the keys were about, as the page noted it when they came."""
    noted = page.evaluate("window.meant")
    return {shown: NAMES[key - 1] for shown, key in noted if shown is not None}
