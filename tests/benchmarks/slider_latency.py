"""Milliseconds from a new temperature to the message that recolours the map.

    python tests/benchmarks/slider_latency.py [--images 10000] [--classes 10] [--lab]

The real path: the trait of a session is set, the worker of the panels computes the labels, and the
map sends them. The whole studio is there, so its charts and thumbnails are drawn as well. With
``--lab`` the path is whole: from a key on the slider in JupyterLab to the frame after
the one that shows the map in Chromium. The vectors are simulated as in `large_folder.py`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from large_folder import DIM, simulate

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.encoders.base import EncoderInfo
from protolabel.widgets.map_view import MapView
from protolabel.widgets.studio import Studio

ROUNDS = 30


def make_session(folder: Path, n: int, n_classes: int) -> pl.Session:
    """Return a session on simulated vectors."""
    _, _, text = simulate(folder / "vectors.npy", n, n_classes)
    vectors = np.load(folder / "vectors.npy").astype(np.float32)
    images = pl.ImageSet(folder, tuple(f"{i}.jpg" for i in range(n)))
    embeddings = pl.Embeddings(vectors, images, EncoderInfo.unknown(DIM))
    return pl.Session(embeddings, text, progress=silent)


def to_message(session: pl.Session) -> list[float]:
    """Milliseconds from the trait to the message of the map."""
    sent = threading.Event()
    send_state = MapView.send_state

    def note(view: MapView, key: Any = None) -> None:
        send_state(view, key)
        # Labels that stay the same do not travel; how far the votes agree always changes.
        if key is None or "agreement" in key:
            sent.set()

    MapView.send_state = note
    studio = Studio(session)
    studio.map.wait_for_umap()
    studio.follower.wait()
    taken = []
    for turn in range(ROUNDS + 3):
        time.sleep(0.3)
        studio.follower.wait()
        sent.clear()
        start = time.perf_counter()
        session.temperature = 0.05 + 0.005 * turn
        if not sent.wait(10):
            sys.exit("the map was not told of a new temperature within 10 seconds")
        taken.append(1000 * (time.perf_counter() - start))
    return taken[3:]


WATCH = """() => {
  const map = document.querySelector(".pl-map");
  document.addEventListener("keydown", () => {
    const start = performance.now();
    window.taken = null;
    const drawn = new MutationObserver(() => {
      drawn.disconnect();
      // The frame after the one that shows the map.
      requestAnimationFrame(() => setTimeout(() => { window.taken = performance.now() - start; }));
    });
    drawn.observe(map, { attributeFilter: ["data-frames"] });
  }, true);
}"""


def to_pixels(n: int, n_classes: int) -> list[float]:
    """Milliseconds from a key on the slider to pixels, in JupyterLab."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "widgets" / "lab"))
    import server

    cell = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\nimport slider_latency\n"
        f"session = slider_latency.make_session(Path.cwd(), {n}, {n_classes})\nsession"
    )
    with (
        tempfile.TemporaryDirectory() as home,
        server.running_lab(Path(home)) as lab,
        server.open_page() as page,
    ):
        server.open_notebook(page, lab, "slider.ipynb", [cell])
        page.wait_for_selector(".pls-temperature", timeout=120_000)
        page.wait_for_function(
            "document.querySelector('.pls-studio').innerText.includes('images')", timeout=300_000
        )
        page.wait_for_function(
            "document.querySelector('.pl-status').hidden === true", timeout=300_000
        )
        page.wait_for_timeout(4000)  # the still picture for saved notebooks is drawn
        page.evaluate(WATCH)
        page.locator(".pls-temperature .noUi-handle").focus()
        taken = []
        for turn in range(ROUNDS + 3):
            page.keyboard.press("ArrowRight" if turn < ROUNDS // 2 else "ArrowLeft")
            page.wait_for_function("window.taken")
            taken.append(page.evaluate("window.taken"))
            page.wait_for_timeout(500)  # a hand at work: the charts follow, the picture waits
    return taken[3:]


def main() -> None:
    """Print median, quickest and slowest of 30 moves of the slider."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--lab", action="store_true")
    asked = parser.parse_args()
    if asked.lab:
        taken = to_pixels(asked.images, asked.classes)
    else:
        with tempfile.TemporaryDirectory() as folder:
            taken = to_message(make_session(Path(folder), asked.images, asked.classes))
    print(
        f"{asked.images:,} images, {asked.classes} classes, from the "
        f"{'slider to pixels' if asked.lab else 'trait to the message'}: median "
        f"{statistics.median(taken):.0f} ms, {min(taken):.0f} to {max(taken):.0f}"
    )


if __name__ == "__main__":
    main()
