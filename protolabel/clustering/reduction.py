"""Reduction to a few dimensions, by principal components or by UMAP."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.clustering.image_space import image_space, principal_axes
from protolabel.common.vectors import FloatArray, unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.clustering.neighbors import KnnGraph

__all__ = ["principal_components", "umap_layout"]

# If numba has neither OpenMP nor TBB, two threads in its parallel code abort the process.
_ONE_AT_A_TIME = threading.Lock()

# UMAP warns that it lacks a search index, which only its `transform` would need. The filter is
# permanent: a filter for a single fit is lost if another thread leaves a `catch_warnings` block
# meanwhile.
warnings.filterwarnings("ignore", module=r"umap\.umap_")


def principal_components(vectors: FloatArray, dimensions: int) -> NDArray[np.float32]:
    """Project unit vectors on their first principal axes.

    Parameters
    ----------
    vectors : (N, d) floating
        Rows of any length, which are scaled to length 1; may be a memory map.
    dimensions : int
        Number of axes, 1 or more.

    Returns
    -------
    (N, dimensions) float32
        Coordinates; 0 in the columns beyond d. The largest component of each axis is positive, so
        equal data gives equal signs.
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

    The layout starts from the principal components, so its overall orientation stays the same
    from run to run. The first call in a process compiles for several seconds.

    Parameters
    ----------
    vectors : (N, d) floating
        Image vectors, N > `dimensions` + 2.
    graph : KnnGraph
        Neighbours of the same vectors.
    dimensions : int
        Coordinates of the layout, 1 or more.
    min_dist : float
        Smallest distance that the layout aims for between neighbours, 0..1.
    epochs : int
        Passes of the optimiser, 1 or more.
    seed : int
        Seed of the optimiser, 0..2**32 - 1.

    Returns
    -------
    (N, dimensions) float32
        Coordinates without a unit.
    """
    n = len(vectors)
    start = principal_components(vectors, dimensions)
    flat = np.ptp(start, axis=0) == 0
    if flat.any():  # UMAP divides by the range of each column
        noise = np.random.default_rng(seed).normal(size=(n, int(flat.sum())))
        start[:, flat] = 1e-3 * noise.astype(np.float32)
    # UMAP counts an image as its own first neighbour.
    near = np.column_stack([np.arange(n, dtype=np.int32), graph.indices])
    far = np.column_stack([np.zeros(n, np.float32), np.maximum(1.0 - graph.similarities, 0.0)])
    reducer = _umap()(
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


def _umap() -> Any:
    """Import UMAP; numba keeps its compiled code beside it or in the user's cache."""
    if not os.path.isabs(os.path.expanduser("~")):  # noqa: PTH111, PTH117 -- never raises
        _compile_for_this_process()  # without a home, numba would create a folder "~"
    try:
        from umap import UMAP
    except RuntimeError:  # neither can be written
        _compile_for_this_process()
        from umap import UMAP
    return UMAP


def _compile_for_this_process() -> None:
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    import numba

    folder = tempfile.mkdtemp(prefix="protolabel-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = folder
    numba.config.reload_config()
