"""One graph of nearest neighbours for the vote, the clustering and the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.vectors import (
    FloatArray,
    as_vectors,
    is_whole_number,
    unit_blocks,
    unit_rows,
)
from protolabel.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

__all__ = ["KnnGraph", "knn_graph"]

EXACT_LIMIT = 20_000
"""Up to this many images all pairs are compared (in blocks): a few seconds, and exact."""


@dataclass(frozen=True, eq=False)
class KnnGraph:
    """The nearest neighbours of every image by cosine similarity.

    Attributes
    ----------
    indices
        (N, k) int32, the most similar first; an image is not its own neighbour.
    similarities
        (N, k) float32 cosines in -1..1, falling along a row.
    """

    indices: NDArray[np.int32]
    similarities: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def k(self) -> int:
        """Neighbours per image."""
        return int(self.indices.shape[1])

    def weights(self, k: int) -> csr_array:
        """Symmetric vote matrix (kNN + kNN^T) / 2 over the first `k` neighbours.

        Returns
        -------
        scipy.sparse.csr_array
            (N, N) float32 with at most 2 N k entries; an edge weighs 1/k, half in each direction.
        """
        from scipy.sparse import csr_array

        n = len(self)
        k = min(k, self.k)
        if k == 0:
            return csr_array((n, n), dtype=np.float32)
        columns = np.ascontiguousarray(self.indices[:, :k]).ravel()
        half = np.full(len(columns), 0.5 / k, dtype=np.float32)
        directed = csr_array((half, columns, np.arange(0, n * k + 1, k)), shape=(n, n))
        return csr_array(directed + directed.T)


def knn_graph(vectors: FloatArray, k: int = 15, *, seed: int = 0) -> KnnGraph:
    """Find the `k` nearest neighbours of every vector by cosine similarity.

    Exact up to `EXACT_LIMIT` vectors, by nearest-neighbour descent (Dong et al., WWW 2011, as
    implemented in pynndescent) above.

    Parameters
    ----------
    vectors
        (N, d) floating, any row length; may be a memory map.
    k
        Neighbours per image, at least 1; fewer where N is smaller than k + 1.
    seed
        Seeds the descent; the exact search needs none.

    Raises
    ------
    InputError
        If `vectors` or `k` cannot be used.
    """
    vectors = as_vectors(vectors)
    if not is_whole_number(k, 1):
        raise InputError(f"k must be at least 1 neighbour, got {k!r}.")
    k = min(k, len(vectors) - 1)
    if k == 0:
        return KnnGraph(np.empty((len(vectors), 0), np.int32), np.empty((len(vectors), 0), "f4"))
    if len(vectors) <= EXACT_LIMIT:
        return _exact(vectors, k)
    return _descent(vectors, k, seed)


def _exact(vectors: FloatArray, k: int) -> KnnGraph:
    unit = unit_rows(vectors)
    n = len(unit)
    indices = np.empty((n, k), dtype=np.int32)
    similarities = np.empty((n, k), dtype=np.float32)
    step = max(1, 2**24 // n)  # 64 MB of similarities at a time
    for start in range(0, n, step):
        rows = np.arange(start, min(start + step, n))
        block = unit[rows] @ unit.T
        block[np.arange(len(rows)), rows] = -np.inf
        near = np.argpartition(block, n - k, axis=1)[:, n - k :]
        value = np.take_along_axis(block, near, axis=1)
        # Ties in the order of the images, so that equal vectors give one answer.
        order = np.lexsort((near, -value), axis=1)
        indices[rows] = np.take_along_axis(near, order, axis=1)
        similarities[rows] = np.take_along_axis(value, order, axis=1)
    return KnnGraph(indices, similarities)


def _descent(vectors: FloatArray, k: int, seed: int) -> KnnGraph:
    from pynndescent import NNDescent

    unit = np.empty(vectors.shape, dtype=np.float32)
    for rows, block in unit_blocks(vectors):
        unit[rows] = block
    # One neighbour more, as pynndescent counts an image among its own; "dot" of unit rows is
    # their cosine.
    index = NNDescent(
        unit, metric="dot", n_neighbors=k + 1, random_state=seed, low_memory=True, n_jobs=None
    )
    near, distance = index.neighbor_graph
    return _without_self(near.astype(np.int32), (1.0 - distance).astype(np.float32), k)


def _without_self(near: NDArray[np.int32], similarity: NDArray[np.float32], k: int) -> KnnGraph:
    """Drop each row's own index (or the last neighbour where it is missing), keep the order."""
    itself = near == np.arange(len(near), dtype=np.int32)[:, None]
    itself[~itself.any(axis=1), -1] = True
    keep = ~itself
    return KnnGraph(near[keep].reshape(-1, k), similarity[keep].reshape(-1, k))
