"""Seconds of an export of hard links and of a replay page, and the size of the page."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from timing import Seconds, timed

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.exporting import replay_html

CLASSES, DIM = 10, 32


def labelled(n: int) -> tuple[np.ndarray, pl.Labels]:
    """Label `n` simulated vectors of few dimensions, with five iterations."""
    rng = np.random.default_rng(0)
    text = np.linalg.qr(rng.normal(size=(DIM, DIM)))[0][:CLASSES].astype(np.float32)
    noise = rng.normal(scale=0.1, size=(n, DIM)).astype(np.float32)
    vectors = text[rng.integers(CLASSES, size=n)] + noise
    classes = pl.ClassVectors([f"class {c}" for c in range(CLASSES)], text)
    near = (np.arange(n)[:, None] + np.arange(1, 6)) % n
    graph = pl.KnnGraph(near.astype(np.int32), np.full((n, 5), 0.5, np.float32))
    run = pl.refine(vectors, classes, graph=graph, iterations=5, progress=silent)
    return vectors, pl.label(run)


def export_seconds(n: int) -> Seconds:
    """Export `n` small files as hard links into class folders, splits and tables."""
    with tempfile.TemporaryDirectory() as home:
        photos = Path(home) / "photos"
        drawn = pl.write_sample_pictures(Path(home) / "drawn", per_class=1).folder
        picture = next(iter(sorted(drawn.iterdir()))).read_bytes()
        photos.mkdir()
        for number in range(n):
            (photos / f"{number:05}.jpg").write_bytes(picture + b"%05d" % number)
        images = pl.find_images(photos)
        _, labels = labelled(n)
        dataset = Path(home) / "dataset"
        return timed(lambda: pl.export(labels, images, dataset, link="hardlink", progress=silent))[
            0
        ]


def replay_page(n: int) -> tuple[Seconds, float]:
    """Return the seconds to make a replay page of `n` images, and its megabytes."""
    vectors, labels = labelled(n)
    xy = np.ascontiguousarray(vectors[:, :2])
    states = labels.run.iterations if labels.run is not None else ()
    prototypes = np.stack([state.prototypes[:, :2] for state in states])
    images = pl.load_embeddings(vectors).images
    seconds, page = timed(lambda: replay_html(labels, images, xy, prototypes))
    return seconds, len(page.encode()) / 1e6
