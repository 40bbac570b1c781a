"""Row vectors, checked once and read in blocks, so that no file is copied to memory as a whole."""

from __future__ import annotations

import sys
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from protolabel.common.threads import one_torch_thread
from protolabel.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scipy.sparse import csr_array

__all__ = [
    "Float32Array",
    "FloatArray",
    "IntArray",
    "as_vectors",
    "as_visual",
    "blocks",
    "column_sums",
    "held_unit_rows",
    "is_whole_number",
    "log_mixed",
    "log_softmax",
    "row_argmax",
    "row_slices",
    "sparse_product",
    "unit_blocks",
    "unit_rows",
]

FloatArray = NDArray[np.floating]
"""Any floating-point array: float16 from a store, float64 from a user."""
Float32Array = NDArray[np.float32]
"""The dtype of all computations."""
IntArray = NDArray[np.integer]

_BLOCK_BYTES = 2**20  # of float32: results for a block stay in the processor's cache
_SHORT = 32  # columns: numpy reduces short rows one at a time, ten times slower than columns
_SUMMED = 1_024  # rows
_NEAR = 2**16  # numbers of short rows at a time: what is made of them stays near the processor
_HELD_BYTES = 256 * 2**20  # of float32: larger vectors are scaled whenever they are read
_MANY = 2**22  # multiplications that are worth the import of torch
_UNIT_ERROR = 1e-6  # lengths that differ from 1 by less are rounded in float32


def unit_rows(x: FloatArray) -> NDArray[np.float32]:
    """Return `x` as float32 with every row scaled to length 1; a zero row stays zero."""
    x = np.asarray(x, dtype=np.float32)
    norms = np.sqrt(np.einsum("...j,...j->...", x, x))[..., None]
    unit: NDArray[np.float32] = x / np.maximum(norms, np.finfo(np.float32).tiny)
    return unit


def blocks(x: FloatArray) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield consecutive rows of `x` as float32, without scaling them.

    Parameters
    ----------
    x : (N, d) floating
        May be a memory map.

    Yields
    ------
    rows : slice
        Position of the block in `x`.
    block : (rows, d) float32
        Must not be changed.
    """
    step = max(1, _BLOCK_BYTES // (4 * x.shape[1]))
    halves = x.dtype == np.float16 and ("torch" in sys.modules or 4 * x.size > _HELD_BYTES)
    x = np.asarray(x)  # slices of a memory map are made slowly
    for start in range(0, len(x), step):
        rows = slice(start, min(start + step, len(x)))
        yield rows, _widened(x[rows]) if halves else np.asarray(x[rows], dtype=np.float32)


def _widened(x: FloatArray) -> NDArray[np.float32]:
    # torch converts float16 some 20 times as fast as numpy, where it takes longer than a matrix
    # product. For many vectors that is worth its import.
    import torch

    with one_torch_thread():
        wide: NDArray[np.float32] = torch.from_numpy(np.array(x)).float().numpy()
    return wide


def unit_blocks(x: FloatArray) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield consecutive rows of `x` as float32 of length 1.

    Float16 rows are scaled as well, because rounding leaves them a little off length 1.

    Parameters
    ----------
    x : (N, d) floating
        Rows of any length; may be a memory map.

    Yields
    ------
    rows : slice
        Position of the block in `x`.
    block : (rows, d) float32
    """
    for rows, block in blocks(x):
        yield rows, unit_rows(block)


def held_unit_rows(x: FloatArray) -> NDArray[np.float32] | None:
    """Return the rows of `x` with length 1 in memory, for many passes over them.

    Returns
    -------
    (N, d) float32 or None
        `x` itself if it is float32 in memory and its rows have length 1. None if the rows would
        take more than 256 MB; scale them block by block then.
    """
    if 4 * x.size > _HELD_BYTES:
        return None
    if x.dtype == np.float32 and not isinstance(x, np.memmap):
        squares = np.einsum("ij,ij->i", x, x)
        if np.abs(squares - 1.0).max() < 2.0 * _UNIT_ERROR:
            return np.asarray(x, dtype=np.float32)
    unit = np.empty(x.shape, dtype=np.float32)
    for rows, block in unit_blocks(x):
        unit[rows] = block
    unit.flags.writeable = False
    return unit


def as_vectors(x: FloatArray, *, what: str = "vectors", dim: int | None = None) -> FloatArray:
    """Check that `x` is an (N, d) array of finite, non-zero rows and return it.

    A memory map is checked block by block and returned as it is.

    Parameters
    ----------
    x : array-like, (N, d) floating
        N is 1 or more.
    what : str
        Name of the array, for the message.
    dim : int, optional
        The d that the array must have.

    Raises
    ------
    InputError
        If the shape, the dtype or a value does not fit.
    """
    try:
        x = x if isinstance(x, np.ndarray) else np.asarray(x)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged; a tensor with a gradient
        raise InputError(
            f"Expected {what} as an array of shape (N, d), got {error}: pass one row of numbers "
            "for each image or name."
        ) from error
    if x.ndim != 2 or 0 in x.shape:
        raise InputError(
            f"Expected {what} of shape (N, d) with N >= 1, got shape {x.shape}: pass one row for "
            "each image or name."
        )
    if not np.issubdtype(x.dtype, np.floating):
        raise InputError(
            f"Expected {what} of floating-point numbers, got dtype {x.dtype}: convert them to "
            "float32."
        )
    if dim is not None and x.shape[1] != dim:
        raise InputError(
            f"Expected {what} with {dim} columns, got {x.shape[1]}: images and class names must "
            "be embedded by the same encoder."
        )
    bad = 0
    for _, block in blocks(x):
        squares = np.einsum("ij,ij->i", block, block)
        bad += int(np.count_nonzero(~np.isfinite(squares) | (squares == 0)))
    if bad:
        raise InputError(
            f"Expected {what} that are finite and not zero, got {bad} of {len(x)} rows without a "
            "direction: leave those images out or embed them again."
        )
    return x


def as_visual(x: FloatArray, n: int, dim: int | None = None) -> FloatArray:
    """Check that `x` is one visual vector for each of `n` images, (n, d2), and return it.

    Parameters
    ----------
    x : array-like, (n, d2) floating
        May be a memory map.
    n : int
        Number of images.
    dim : int, optional
        The d2 that the array must have.

    Raises
    ------
    InputError
        If the shape, the dtype or a value does not fit.
    """
    x = as_vectors(x, what="visual")
    if len(x) != n:
        raise InputError(
            f"Expected visual vectors of the same {n} images in the same order, got {len(x)} rows. "
            "Files that cannot be read drop out when a folder is embedded: embed the images of the "
            "first embeddings (embed_images(embeddings.images, encoder))."
        )
    if dim is not None and x.shape[1] != dim:
        raise InputError(
            f"Expected visual vectors with {dim} columns, got {x.shape[1]}: they must be of the "
            "second encoder that the run was made with."
        )
    return x


def is_whole_number(value: object, least: int) -> bool:
    """Return whether `value` is a whole number, Python's or numpy's, of at least `least`."""
    return isinstance(value, Integral) and int(value) >= least


def row_slices(count: int, columns: int) -> Iterator[slice]:
    """Yield consecutive slices of short rows that stay near the processor together.

    Where several steps follow one another on an array of many rows, each step would wait for the
    memory if it took all rows at once.
    """
    step = max(1, _NEAR // max(1, columns))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def log_softmax(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logarithm of the softmax of every row of (N, C), in float32."""
    short = x.shape[1] <= _SHORT
    result: NDArray[np.float32] = np.empty_like(x)
    for rows in row_slices(*x.shape):
        part, shifted = x[rows], result[rows]
        top = np.ascontiguousarray(part.T).max(axis=0) if short else part.max(axis=1)
        np.subtract(part, top[:, None], out=shifted)
        shifted -= np.log(np.einsum("ij->i", np.exp(shifted)))[:, None]
    return result


def log_mixed(
    first: NDArray[np.float32], second: NDArray[np.float32], fraction: float
) -> NDArray[np.float32]:
    """Mix the exponentials of two (N, C) arrays and return the logarithm, in float32.

    The first has the weight ``1 - fraction``, the second `fraction`, above 0 and below 1.
    """
    mixed = np.empty_like(first)
    for rows in row_slices(*first.shape):
        one = first[rows] + np.float32(np.log1p(-fraction))
        other = second[rows] + np.float32(np.log(fraction))
        # As numpy's logaddexp, but by functions that it computes for many numbers at a time.
        part = np.exp(-np.abs(one - other))
        part += np.float32(1.0)
        np.add(np.log(part), np.maximum(one, other), out=mixed[rows])
    return mixed


def column_sums(x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum the columns of (N, C): 1,024 rows at a time in float32, and those sums in float64.

    A float32 sum of a million rows would lose its small terms.
    """
    whole = len(x) // _SUMMED * _SUMMED
    parts = np.ones(_SUMMED, np.float32) @ x[:whole].reshape(-1, _SUMMED, x.shape[1])
    sums: NDArray[np.float64] = parts.sum(axis=0, dtype=np.float64)
    sums += x[whole:].sum(axis=0, dtype=np.float64)
    return sums


def sparse_product(matrix: csr_array, x: Float32Array) -> Float32Array:
    """Multiply a sparse matrix, (M, N) of float32, by the columns of (N, C), to (M, C).

    For many numbers torch does it, which takes a quarter of the time on 100,000 images.
    """
    if matrix.nnz * x.shape[1] < _MANY:
        return np.asarray(matrix @ x)
    import torch

    with one_torch_thread():
        sums = torch.nn.functional.embedding_bag(
            torch.from_numpy(matrix.indices),
            torch.from_numpy(np.ascontiguousarray(x)),
            torch.from_numpy(matrix.indptr),
            per_sample_weights=torch.from_numpy(matrix.data),
            mode="sum",
            include_last_offset=True,
        )
    product: Float32Array = sums.numpy()
    return product


def row_argmax(x: NDArray[np.float32]) -> NDArray[np.integer]:
    """Return the column of the largest number in every row of (N, C), the first if equal, (N,)."""
    count = x.shape[1]
    if count > _SHORT:
        return np.asarray(x.argmax(axis=1))
    found = np.empty(len(x), dtype=np.intp)
    rank = np.arange(count, 0, -1, dtype=np.int8)[:, None]
    for rows in row_slices(*x.shape):
        columns = np.ascontiguousarray(x[rows].T)
        found[rows] = count - ((columns == columns.max(axis=0)) * rank).max(axis=0).astype(np.intp)
    return found
