"""Milliseconds that the gallery takes to find and sort pictures of a large folder.

    python tests/benchmarks/gallery_latency.py [--images 100000] [--classes 10]

Everything that the kernel does between a choice of the user and the list: the page of thumbnails
that follows is of 36 pictures at any size. The vectors are simulated as in `large_folder.py`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from slider_latency import make_session

from protolabel.widgets.listing import SHOWS, SORTS, Question, listed

ROUNDS = 5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--classes", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        session = make_session(Path(folder), given.images, given.classes)
        start = time.perf_counter()
        labels, files, graph = session.labels, session.embeddings.images.names, session.graph
        print(f"{given.images:,} images, first labels {time.perf_counter() - start:.1f} s")

        def timed(name: str, work) -> None:
            taken = []
            for _ in range(ROUNDS):
                start = time.perf_counter()
                work()
                taken.append(1000 * (time.perf_counter() - start))
            print(f"  {name:24s} {statistics.median(taken):8.1f} ms")

        ranking = np.arange(given.images)
        name = session.names[0]
        for show in SHOWS:
            question = Question(show, what=name, ranking=ranking, step=labels.iteration)
            timed(show, lambda q=question: listed(q, labels, files, (), graph))
        for sort in filter(None, SORTS):
            question = Question("every", sort=sort)
            timed(f"sorted by {sort}", lambda q=question: listed(q, labels, files, (), graph))
        timed("part of a file name", lambda: listed(
            Question("every", name="77"), labels, files, (), graph))  # fmt: skip
        timed("more like this", lambda: session.similar(7))
        half = np.flatnonzero(labels.label == 0)
        start = time.perf_counter()
        session.pin(half, session.names[1])
        print(f"  {len(half):,} relabelled in {1000 * (time.perf_counter() - start):.0f} ms")
        session.undo()


if __name__ == "__main__":
    main()
