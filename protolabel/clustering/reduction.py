"""Fewer dimensions: principal components at once, a UMAP layout when there is time for it."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING

import numpy as np

from protolabel.clustering.image_space import image_space, principal_axes
from protolabel.common.vectors import FloatArray, unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.clustering.neighbors import KnnGraph

__all__ = ["principal_components", "umap_layout"]

# Where numba has neither OpenMP nor TBB, two threads in its parallel code end the process.
_ONE_AT_A_TIME = threading.Lock()

# UMAP misses a search index that only its `transform` needs. For good, because a filter for the
# time of a fit is lost where another thread leaves a `catch_warnings` of its own meanwhile.
warnings.filterwarnings("ignore", module=r"umap\.umap_")


def principal_components(vectors: FloatArray, dimensions: int) -> NDArray[np.float32]:
    """Project unit vectors on their first principal axes.

    Parameters
    ----------
    vectors
        (N, d) floating; may be a memory map.
    dimensions
        Number of axes; where the data has fewer, the rest of the columns are 0.

    Returns
    -------
    (N, dimensions) float32
        The largest component of every axis is positive, so equal data gives equal signs.
    """
    _, axes = principal_axes(vectors, dimensions)
    result = np.zeros((len(vectors), dimensions), dtype=np.float32)
    result[:, : len(axes)] = image_space(vectors, axes=axes).along
    return result


def umap_layout(
    vectors: FloatArray,
    graph: KnnGraph,
    *,
    dimensions: int,
    min_dist: float,
    epochs: int,
    seed: int,
) -> NDArray[np.float32]:
    """Lay out a neighbour graph in few dimensions (UMAP, McInnes et al., 2018).

    It starts from the principal components, so a small folder and a large one look alike from run
    to run. The first call in a process compiles for several seconds.

    Parameters
    ----------
    vectors
        (N, d) floating with N > `dimensions` + 2.
    graph
        The k nearest neighbours of the same vectors.
    dimensions, min_dist, epochs
        Coordinates to make, how tightly neighbours may sit, passes of the layout.
    seed
        Same seed, same layout.

    Returns
    -------
    (N, dimensions) float32
    """
    from umap import UMAP

    n = len(vectors)
    start = principal_components(vectors, dimensions)
    flat = np.ptp(start, axis=0) == 0
    if flat.any():  # UMAP divides by the range of each column
        noise = np.random.default_rng(seed).normal(size=(n, int(flat.sum())))
        start[:, flat] = 1e-3 * noise.astype(np.float32)
    # UMAP counts an image as its own first neighbour.
    near = np.column_stack([np.arange(n, dtype=np.int32), graph.indices])
    far = np.column_stack([np.zeros(n, np.float32), np.maximum(1.0 - graph.similarities, 0.0)])
    reducer = UMAP(
        n_neighbors=graph.k + 1,
        n_components=dimensions,
        min_dist=min_dist,
        metric="cosine",
        n_epochs=epochs,
        init=start,
        random_state=seed,
        n_jobs=1,
        transform_seed=seed,
        precomputed_knn=(near, far),
        force_approximation_algorithm=True,
    )
    with _ONE_AT_A_TIME:
        layout = reducer.fit_transform(unit_rows(vectors))
    return np.asarray(layout, dtype=np.float32)
