"""Seconds and memory from vectors to labels on a large simulated folder.

    python tests/benchmarks/large_folder.py [--images 100000] [--classes 10] [--map]

The vectors are simulated: unit rows of 512 dimensions with a modality gap and 20 modes per class.
They lie in a memory map on disk, as embeddings of a large folder do.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import protolabel as pl
from protolabel.clustering.presets import choose_preset
from protolabel.common.progress import silent

if TYPE_CHECKING:
    from collections.abc import Iterator

DIM, MODES = 512, 20


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def simulate(path: Path, n: int, n_classes: int) -> tuple[np.ndarray, np.ndarray, pl.ClassVectors]:
    """Write n CLIP-like vectors as float16, a block at a time; return modes, truth and text.

    Images share a direction, texts share another (the modality gap); a class is a direction of
    both, its modes are directions of the images alone, and noise is spread over all coordinates.
    """
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(DIM, n_classes + 2)))[0].T
    image_cone, text_cone, own = axes[0], axes[1], axes[2:]
    modes = unit(rng.normal(size=(n_classes * MODES, DIM)))
    mode = rng.integers(n_classes * MODES, size=n)
    truth = mode // MODES
    out = np.lib.format.open_memmap(path, "w+", np.float16, (n, DIM))
    for start in range(0, n, 20_000):
        rows = slice(start, min(start + 20_000, n))
        size = rows.stop - start
        doubt = rng.normal(scale=0.11, size=(size, n_classes)).astype(np.float32) @ own
        noise = rng.normal(scale=0.45 / DIM**0.5, size=(size, DIM)).astype(np.float32)
        signal = 0.3 * own[truth[rows]] + 0.35 * modes[mode[rows]]
        out[rows] = unit(0.78 * image_cone + signal + doubt + noise)
    text = unit(0.25 * image_cone + 0.9 * text_cone + 0.2 * own)
    return mode, truth, pl.ClassVectors([f"class {c}" for c in range(n_classes)], text)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long the block took and the largest memory of the process so far."""
    start = time.perf_counter()
    yield
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{what:28}{seconds:8.1f} s   peak {peak:5.1f} GB", flush=True)


def main() -> None:
    """Read the command line and run every step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--map", action="store_true", help="lay out the map as well")
    options = parser.parse_args()
    n = options.images

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        modes, truth, classes = simulate(path, n, options.classes)
        vectors = np.load(path, mmap_mode="r")
        with timed("nearest neighbours"):
            graph = pl.knn_graph(vectors, choose_preset(None, n).neighbors)
        with timed("micro- and meta-clusters"):
            clusters = pl.cluster(vectors, graph, progress=silent)
        with timed("refine, 5 iterations"):
            run = pl.refine(vectors, classes, clusters, graph=graph, progress=silent)
        with timed("labels"):
            labels = pl.label(run)
        if options.map:
            with timed("map"):
                pl.project(vectors, graph, progress=silent)

    from sklearn.metrics import adjusted_rand_score

    known = clusters.micro >= 0
    print(f"micro-clusters {clusters.n_micro}, noise {1 - known.mean():.3f}")
    print(f"adjusted Rand index, modes {adjusted_rand_score(modes, clusters.nearest):.3f}")
    print(f"accuracy zero-shot {np.mean(labels.at(0).label == truth):.3f}")
    print(f"accuracy anchored  {np.mean(labels.label == truth):.3f}")


if __name__ == "__main__":
    main()
