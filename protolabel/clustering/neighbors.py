"""The nearest-neighbour graph that votes, clusters and the map share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.checks import as_indices, as_seed
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
"""Largest number of images whose pairs are all compared, block by block."""


@dataclass(frozen=True, eq=False)
class KnnGraph:
    """The nearest neighbours of every image by cosine similarity.

    The arrays are checked when the graph is made, because compiled code reads them unchecked.

    Attributes
    ----------
    indices : (N, k) int32
        Row numbers of the neighbours, 0..N-1, the most similar first. An image is not its own
        neighbour.
    similarities : (N, k) float32
        Cosine of each image and neighbour, -1..1, falling along a row.

    Raises
    ------
    InputError
        If the shapes differ, an index is no row number, or a similarity is not finite.
    """

    indices: NDArray[np.int32]
    similarities: NDArray[np.float32]

    def __post_init__(self) -> None:
        indices, similarities = np.asarray(self.indices), np.asarray(self.similarities)
        if indices.ndim != 2 or indices.shape != similarities.shape:
            raise InputError(
                "Expected neighbour indices and similarities of one shape (N, k), got "
                f"{indices.shape} and {similarities.shape}: pass one row per image to both."
            )
        indices = as_indices(indices, len(indices), "neighbour indices")
        if not np.issubdtype(similarities.dtype, np.floating):
            raise InputError(
                "Expected similarities that are floating-point numbers, got dtype "
                f"{similarities.dtype}: pass cosines."
            )
        bad = np.count_nonzero(~np.isfinite(similarities))
        if bad:
            raise InputError(
                f"Expected finite similarities, got {bad} that are not: compute the graph again."
            )
        object.__setattr__(self, "indices", indices)
        object.__setattr__(self, "similarities", similarities.astype(np.float32, copy=False))

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def k(self) -> int:
        """Number of neighbours per image."""
        return int(self.indices.shape[1])

    def weights(self, k: int) -> csr_array:
        """Return the symmetric vote matrix (A + A^T) / 2 of the first `k` neighbours.

        Parameters
        ----------
        k : int
            Neighbours that vote, 0 or more; at most all of the graph's are used.

        Returns
        -------
        (N, N) scipy.sparse.csr_array of float32
            A[i, j] is 1/k where j is one of the first `k` neighbours of i; at most 2 N k entries.
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

    The search is exact up to `EXACT_LIMIT` vectors. Above, it is nearest-neighbour descent (Dong
    et al., WWW 2011, as implemented in pynndescent).

    Parameters
    ----------
    vectors : (N, d) floating
        Rows of any length; may be a memory map.
    k : int
        Neighbours per image, 1 or more; at most N - 1 are returned.
    seed : int
        Seed of the descent, 0..2**32 - 1; the exact search is not random.

    Returns
    -------
    KnnGraph

    Raises
    ------
    InputError
        If an argument cannot be used.
    """
    vectors = as_vectors(vectors)
    seed = as_seed(seed)
    if not is_whole_number(k, 1):
        raise InputError(
            f"Expected k, the neighbours per image, as a whole number of 1 or more, got {k!r}: "
            "choose another k."
        )
    k = min(int(k), len(vectors) - 1)
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
    # One neighbour more, because pynndescent counts an image among its own neighbours.
    index = NNDescent(
        unit, metric="dot", n_neighbors=k + 1, random_state=seed, low_memory=True, n_jobs=None
    )
    near, distance = index.neighbor_graph
    return _without_self(near.astype(np.int32), (1.0 - distance).astype(np.float32), k)


def _without_self(near: NDArray[np.int32], similarity: NDArray[np.float32], k: int) -> KnnGraph:
    """Drop the image itself from each row, or the last neighbour if it is missing there."""
    itself = near == np.arange(len(near), dtype=np.int32)[:, None]
    itself[~itself.any(axis=1), -1] = True
    keep = ~itself
    return KnnGraph(near[keep].reshape(-1, k), similarity[keep].reshape(-1, k))
