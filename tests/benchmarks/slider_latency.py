"""Milliseconds from a new temperature to the message that recolours the map.

    python tests/benchmarks/slider_latency.py [--images 10000] [--classes 10] [--session FOLDER]

The real path: the trait of a session is set, the worker of the panels computes the labels, and the
map sends them. The whole studio is there, so its charts and thumbnails are drawn as well. What is
left to the pixels, a message to the browser and 30 ms of drawing, is in `map_latency.py`.
The vectors are simulated as in `large_folder.py`; a folder that `Session.save` wrote can be used
instead.
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
from protolabel.encoders import EncoderInfo
from protolabel.progress import silent
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


def main() -> None:
    """Print median, quickest and slowest of 30 moves of the slider."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--session", type=Path)
    asked = parser.parse_args()
    sent = threading.Event()
    send_state = MapView.send_state

    def note(view: MapView, key: Any = None) -> None:
        send_state(view, key)
        if key is None or "labels" in key:
            sent.set()

    MapView.send_state = note
    with tempfile.TemporaryDirectory() as folder:
        if asked.session:
            session = pl.Session.load(asked.session, progress=silent)
        else:
            session = make_session(Path(folder), asked.images, asked.classes)
        studio = Studio(session)
        studio.map.wait_for_umap()
        studio.work.wait()
        taken = []
        for turn in range(ROUNDS + 3):
            time.sleep(0.3)
            studio.work.wait()
            sent.clear()
            start = time.perf_counter()
            session.temperature = 0.05 + 0.005 * turn
            if not sent.wait(10):
                sys.exit("the labels did not change: choose other vectors")
            taken.append(1000 * (time.perf_counter() - start))
        taken = taken[3:]
        print(
            f"{len(session.labels):,} images, {len(session.names)} classes: median "
            f"{statistics.median(taken):.0f} ms, {min(taken):.0f} to {max(taken):.0f}"
        )


if __name__ == "__main__":
    main()
