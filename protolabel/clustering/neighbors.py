"""The nearest-neighbour graph, which votes, clusters and map share."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from protolabel.clustering.inverted_file import neighbors_in_cells
from protolabel.common.checks import as_indices, as_seed
from protolabel.common.threads import in_threads
from protolabel.common.vectors import (
    Float32Array,
    FloatArray,
    as_vectors,
    is_whole_number,
    unit_blocks,
    unit_rows,
)
from protolabel.errors import InputError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["KnnGraph", "NeighborIndex", "check_graph", "knn_graph"]

EXACT_LIMIT = 20_000
"""Largest number of images whose pairs are all compared, block by block."""

_CANDIDATES = 3_072  # fewest images that an image is compared with, above the limit

# An index groups its vectors in cells around k-means centres. Many small cells find more neighbours
# than few large ones at the same cost: of the five nearest on 100,000 simulated vectors, 600 cells
# find 99.9 %, 250 find 97.1 %; on 10,000, 200 cells find 98.4 %, 66 find 90 %.
_CELLS = 2.0  # number of cells over the square root of the number of images
_PROBES = 10  # nearest cells that an image votes for
_VOTERS = 100_000  # most images that vote
_ROUNDS = 6  # iterations of k-means
_SAMPLE = 20  # images per cell that k-means is fitted on

_TILE = 2_048  # rows and columns of the similarities that are computed at a time: 16 MB
_STRIP = 16  # rows that are transposed at a time
_QUERIES = 65_536  # vectors whose neighbours in an index are searched at a time
_COMPARED = 2_048  # fewest indexed vectors that a query is compared with


_Nearest = tuple[NDArray[np.intp], Float32Array]  # columns and values


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
        If the shapes differ, an index is not a row number, or a similarity is not finite.
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
            Number of neighbours that vote, 0 or more; at most those of the graph are used.

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


def check_graph(graph: KnnGraph, count: int) -> None:
    """Raise `InputError` unless a graph is of `count` images."""
    if len(graph) != count:
        raise InputError(
            f"Expected a graph of {count} images, as many as there are vectors, got one of "
            f"{len(graph)}: pass the graph of the same images."
        )


def knn_graph(vectors: FloatArray, k: int = 15, *, seed: int = 0) -> KnnGraph:
    """Find the `k` nearest neighbours of every vector by cosine similarity.

    The search is exact up to `EXACT_LIMIT` vectors. Above, an image is compared with the images of
    the k-means cells nearest to its own (an inverted file, as in Jegou et al., PAMI 2011), by
    coarse codes first and the best of them by whole vectors. All are matrix products, so nothing
    is compiled before the first result.

    Parameters
    ----------
    vectors : (N, d) floating
        Rows of any length; may be a memory map.
    k : int
        Number of neighbours per image, 1 or more; at most N - 1 are returned.
    seed : int
        Seed of the cells, 0..2**32 - 1; the exact search is not random. The same seed gives the
        same graph on the same machine. Up to `EXACT_LIMIT` vectors, places can change where two
        cosines differ by less than the rounding error of a matrix product, which may depend on the
        number of threads.

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
    n = len(vectors)
    k = min(int(k), n - 1)
    if k == 0:
        return KnnGraph(np.empty((n, 0), np.int32), np.empty((n, 0), np.float32))
    if n <= EXACT_LIMIT:
        return _all_pairs(unit_rows(vectors), k)
    return KnnGraph(*neighbors_in_cells(vectors, k, seed, max(_CANDIDATES, 4 * k)))


def _all_pairs(unit: Float32Array, k: int) -> KnnGraph:
    """Compare every pair once: a tile of similarities serves its rows and its columns."""
    n = len(unit)
    tiles = [slice(start, min(start + _TILE, n)) for start in range(0, n, _TILE)]

    def compared(pair: tuple[int, int]) -> dict[tuple[int, int], _Nearest]:
        row, column = pair
        cosine = unit[tiles[row]] @ unit[tiles[column]].T
        if row == column:
            np.fill_diagonal(cosine, -np.inf)
            return {pair: _largest(cosine, k)}
        return {pair: _largest(cosine, k), (column, row): _largest(_transposed(cosine), k)}

    pairs = itertools.combinations_with_replacement(range(len(tiles)), 2)
    found = dict(itertools.chain.from_iterable(p.items() for p in in_threads(compared, pairs)))

    def merged(row: int) -> _Nearest:
        parts = [found[row, column] for column in range(len(tiles))]
        starts = range(0, n, _TILE)
        near = np.hstack([near + start for (near, _), start in zip(parts, starts, strict=True)])
        value = np.hstack([value for _, value in parts])
        order = np.lexsort((near, -value), axis=1)[:, :k]
        return np.take_along_axis(near, order, axis=1), np.take_along_axis(value, order, axis=1)

    near, value = zip(*in_threads(merged, range(len(tiles))), strict=True)
    return KnnGraph(np.concatenate(near).astype(np.int32), np.concatenate(value))


def _transposed(x: Float32Array) -> Float32Array:
    """Return `x.T` in memory of its own, a few columns at a time, which is faster."""
    result = np.empty(x.shape[::-1], np.float32)
    for start in range(0, len(x), _STRIP):
        result[:, start : start + _STRIP] = x[start : start + _STRIP].T
    return result


def _largest(values: Float32Array, k: int) -> tuple[NDArray[np.intp], Float32Array]:
    """Return columns and values of the `k` largest in each row, ties in the order of columns.

    A row with fewer than `k` values returns all of them.
    """
    m, n = values.shape
    k = min(k, n)
    # Take the largest of every `height` columns. The k-th largest of these is a bound that at
    # least k values of the row reach, but few more; only these are sorted.
    height = min(64, max(1, n // (8 * k)))
    width = n // height
    largest = values[:, :width].copy()
    for start in range(width, width * height, width):  # numpy's max along an axis takes longer
        np.maximum(largest, values[:, start : start + width], out=largest)
    bound = np.partition(largest, width - k, axis=1)[:, width - k, None]
    reached = values >= bound
    if np.count_nonzero(reached) > 8 * k * m:  # copies of a picture: keep the first of them
        equal = values == bound
        reached &= ~equal | (equal.cumsum(axis=1, dtype=np.int32) <= k)
    place = np.flatnonzero(reached)
    row, column = np.divmod(place, n)
    first = np.searchsorted(row, np.arange(m))
    # Row, falling value and column in the bits of one number each, which are sorted at once.
    bits = (values.ravel()[place].astype(np.float32) + 0.0).view(np.int32)  # -0.0 becomes 0.0
    falling = np.where(bits < 0, bits, bits ^ 0x7FFFFFFF).view(np.uint32)
    shift = np.uint64(int(n - 1).bit_length())
    key = ((row.astype(np.uint64) << np.uint64(32) | falling) << shift) | column.astype(np.uint64)
    key.sort()
    chosen = key[first[:, None] + np.arange(k)] & ((np.uint64(1) << shift) - np.uint64(1))
    near = chosen.astype(np.intp)
    return near, np.take_along_axis(values, near, axis=1)


@dataclass(frozen=True, eq=False)
class NeighborIndex:
    """M vectors in the cells of k-means, in which neighbours of other vectors are searched.

    Attributes
    ----------
    vectors : (M, d) float32
        Rows of length 1, sorted by cell.
    numbers : (M,) int32
        Index of each row among the original vectors.
    starts : (K + 1,) int64
        First row of each of the K cells, and M.
    centres : (K, d) float32
        Rows of length 1.
    preferred : (K, K) int32
        Cells to search for the neighbours of a vector in each cell, the nearest first.
    """

    vectors: Float32Array
    numbers: NDArray[np.int32]
    starts: NDArray[np.int64]
    centres: Float32Array
    preferred: NDArray[np.int32]

    @classmethod
    def of(cls, vectors: FloatArray, seed: int) -> NeighborIndex:
        """Make the index of some vectors.

        Parameters
        ----------
        vectors : (M, d) floating
            Rows of any length; may be a memory map.
        seed : int
            Seed of the cells.
        """
        n = len(vectors)
        count = max(1, round(_CELLS * n**0.5))
        centres = _centres(vectors, count, seed)
        cell = np.empty(n, dtype=np.int32)
        votes = np.zeros((count, count), dtype=np.int32)
        probes = min(_PROBES, count)
        voting = -(-n // _VOTERS)  # step between images that vote
        for rows, x in unit_blocks(vectors):
            cosine = x @ centres.T
            cell[rows] = cosine.argmax(axis=1)
            chosen, _ = _largest(cosine[::voting], probes)
            np.add.at(votes, (np.repeat(cell[rows][::voting], probes), chosen.ravel()), 1)
        np.fill_diagonal(votes, n + 1)  # its own cell comes first

        # Vectors in the order of their cells, so that a cell is one slice.
        order = np.argsort(cell, kind="stable")
        place = np.empty(n, dtype=np.int64)
        place[order] = np.arange(n)
        unit = np.empty(vectors.shape, dtype=np.float32)
        for rows, x in unit_blocks(vectors):
            unit[place[rows]] = x
        starts = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=count))])
        preferred = np.argsort(-votes, axis=1, kind="stable").astype(np.int32)
        return cls(unit, order.astype(np.int32), starts, centres, preferred)

    def __len__(self) -> int:
        return len(self.vectors)

    def in_order(self) -> Float32Array:
        """Return the vectors in their original order, (M, d)."""
        vectors = np.empty_like(self.vectors)
        vectors[self.numbers] = self.vectors
        return vectors

    def parts(self, cell: int, wanted: int) -> list[slice]:
        """Return the rows of a cell and of the nearest cells, at least `wanted` in all."""
        near = self.preferred[cell]
        enough = max(1, 1 + int(np.searchsorted(np.cumsum(np.diff(self.starts)[near]), wanted)))
        return [slice(int(self.starts[c]), int(self.starts[c + 1])) for c in near[:enough]]

    def search(self, vectors: FloatArray, k: int) -> tuple[NDArray[np.int32], Float32Array]:
        """Find the nearest indexed vectors of other vectors.

        The result for a vector does not depend on the other vectors.

        Parameters
        ----------
        vectors : (n, d) floating
            Rows of any length; may be a memory map.
        k : int
            Number of neighbours, 1 or more; at most M are found.

        Returns
        -------
        numbers : (n, k) int32
            Indices of the nearest original vectors, the most similar first.
        similarities : (n, k) float32
            Their cosines.
        """
        n, k = len(vectors), min(k, len(self))
        numbers, similarities = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
        for start in range(0, n, _QUERIES):
            x = unit_rows(vectors[start : start + _QUERIES])
            cell = (x @ self.centres.T).argmax(axis=1)
            order = np.argsort(cell, kind="stable")
            found, begins = np.unique(cell[order], return_index=True)
            for own, rows in zip(found, np.split(order, begins[1:]), strict=True):
                parts = self.parts(int(own), max(_COMPARED, 4 * k))
                candidates = np.concatenate([self.vectors[part] for part in parts])
                names = np.concatenate([self.numbers[part] for part in parts])
                step = max(1, _TILE * _TILE // len(candidates))
                for first in range(0, len(rows), step):
                    some = rows[first : first + step]
                    near, value = _largest(x[some] @ candidates.T, k)
                    numbers[start + some], similarities[start + some] = names[near], value
        return numbers, similarities


def _centres(vectors: FloatArray, count: int, seed: int) -> Float32Array:
    """Return `count` unit centres of cells, (count, d), by k-means on a sample."""
    from scipy.sparse import csr_array

    rng = np.random.default_rng(seed)
    n = len(vectors)
    rows = np.sort(rng.choice(n, min(n, _SAMPLE * count), replace=False))
    sample = unit_rows(vectors[rows])
    centres = sample[np.sort(rng.choice(len(sample), count, replace=False))]
    for _ in range(_ROUNDS):
        nearest = (sample @ centres.T).argmax(axis=1)
        member = csr_array(
            (np.ones(len(sample), np.float32), (nearest, np.arange(len(sample)))),
            shape=(count, len(sample)),
        )
        filled = np.bincount(nearest, minlength=count) > 0
        centres = np.where(filled[:, None], unit_rows(member @ sample), centres)
    return centres
