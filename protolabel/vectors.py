"""Row vectors: checked once, read in blocks, never copied whole when they lie on disk."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from protolabel.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "FloatArray",
    "IntArray",
    "as_vectors",
    "is_count",
    "log_softmax",
    "unit_blocks",
    "unit_rows",
]

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]

_BLOCK_BYTES = 32 * 2**20  # of float32: near the cache, and far from the limit of memory


def unit_rows(x: FloatArray) -> NDArray[np.float32]:
    """Return `x` as float32 with every row scaled to length 1; a zero row stays zero."""
    x = np.asarray(x, dtype=np.float32)
    norms = np.linalg.norm(x, axis=-1, keepdims=True)
    unit: NDArray[np.float32] = x / np.maximum(norms, np.finfo(np.float32).tiny)
    return unit


def unit_blocks(x: FloatArray) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield ``(rows, block)``: consecutive rows of `x` as float32 of length 1.

    Float16 rows are a little off length 1, so every block is scaled again as it is read.
    """
    step = max(1, _BLOCK_BYTES // (4 * x.shape[1]))
    for start in range(0, len(x), step):
        rows = slice(start, min(start + step, len(x)))
        yield rows, unit_rows(x[rows])


def as_vectors(x: FloatArray, *, what: str = "vectors", dim: int | None = None) -> FloatArray:
    """Check that `x` is an (N, d) array of finite, non-zero rows and return it.

    A memory map is checked block by block and returned as it is.

    Parameters
    ----------
    x
        Array-like of shape (N, d) with N >= 1, floating.
    what
        How an error names the array.
    dim
        The d that the array must have.

    Raises
    ------
    InputError
        If the shape, the dtype or a value does not fit.
    """
    x = x if isinstance(x, np.ndarray) else np.asarray(x)
    if x.ndim != 2 or 0 in x.shape:
        raise InputError(
            f"{what} must be an array of shape (N, d) with N >= 1; got shape {x.shape}."
        )
    if not np.issubdtype(x.dtype, np.floating):
        raise InputError(f"{what} must be floating point numbers; got dtype {x.dtype}.")
    if dim is not None and x.shape[1] != dim:
        raise InputError(
            f"{what} must have {dim} columns, got {x.shape[1]}: images and class names must be "
            "embedded by the same encoder."
        )
    bad = 0
    for start in range(0, len(x), 65_536):
        norms = np.linalg.norm(np.asarray(x[start : start + 65_536], dtype=np.float32), axis=1)
        bad += int(np.count_nonzero(~np.isfinite(norms) | (norms == 0)))
    if bad:
        raise InputError(
            f"{what}: {bad} of {len(x)} rows are zero or not finite, so they have no direction; "
            "leave those images out or embed them again."
        )
    return x


def is_count(value: object, least: int) -> bool:
    """Say whether `value` is a whole number, Python's or numpy's, of `least` or more."""
    return isinstance(value, Integral) and int(value) >= least


def log_softmax(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logarithm of the softmax over the last axis, in float32."""
    shifted = x - x.max(axis=-1, keepdims=True)
    result: NDArray[np.float32] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result
