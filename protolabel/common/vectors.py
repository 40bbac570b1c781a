"""Row vectors: checked once, read in blocks, never copied whole when they lie on disk."""

from __future__ import annotations

import weakref
from numbers import Integral
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from protolabel.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "FloatArray",
    "IntArray",
    "as_vectors",
    "as_visual",
    "is_whole_number",
    "known_unit",
    "log_softmax",
    "remember",
    "unit_blocks",
    "unit_rows",
]

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]

T = TypeVar("T")

_BLOCK_BYTES = 4 * 2**20  # of float32: what is made of a block stays near the processor
_SHORT = 32  # columns
_KNOWN_BYTES = 256 * 2**20  # of float32: larger vectors are scaled again as they are read

_known: dict[int, tuple[weakref.ref[NDArray[np.float32]], dict[str, tuple[Any, Any]]]] = {}
"""By id: arrays that are known to hold unit rows, and what was computed from them."""


def unit_rows(x: FloatArray) -> NDArray[np.float32]:
    """Return `x` as float32 with every row scaled to length 1; a zero row stays zero."""
    x = np.asarray(x, dtype=np.float32)
    norms = np.linalg.norm(x, axis=-1, keepdims=True)
    unit: NDArray[np.float32] = x / np.maximum(norms, np.finfo(np.float32).tiny)
    return unit


def unit_blocks(x: FloatArray) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield ``(rows, block)``: consecutive rows of `x` as float32 of length 1.

    Float16 rows are a little off length 1, so every block is scaled again as it is read, unless
    `x` is from `known_unit`; a block must not be changed.
    """
    step = max(1, _BLOCK_BYTES // (4 * x.shape[1]))
    known = _memo(x) is not None
    for start in range(0, len(x), step):
        rows = slice(start, min(start + step, len(x)))
        yield rows, x[rows] if known else unit_rows(x[rows])


def known_unit(x: FloatArray) -> FloatArray:
    """Return the rows of `x` with length 1, read-only, for many passes over them.

    What gets them does not check and scale them again, and can `remember` what it computed.
    More than 256 MB of float32 are returned as they came.
    """
    x = as_vectors(x)
    if 4 * x.size > _KNOWN_BYTES or _memo(x) is not None:
        return x
    unit = np.empty(x.shape, dtype=np.float32)
    for rows, block in unit_blocks(x):
        unit[rows] = block
    unit.flags.writeable = False
    key = id(unit)
    _known[key] = (weakref.ref(unit, lambda _: _known.pop(key, None)), {})
    return unit


def remember(x: FloatArray, name: str, key: Any, compute: Callable[[], T]) -> T:
    """Return ``compute()``, which depends on `x` and `key` alone.

    It is kept where `x` is from `known_unit`: as long as `x` is, and the newest for each name.
    """
    memo = _memo(x)
    if memo is None:
        return compute()
    kept = memo.get(name)
    if kept is None or kept[0] != key:
        kept = memo[name] = (key, compute())
    value: T = kept[1]
    return value


def _memo(x: FloatArray) -> dict[str, tuple[Any, Any]] | None:
    found = _known.get(id(x))
    return found[1] if found is not None and found[0]() is x else None


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
    if _memo(x) is not None:
        return x
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


def as_visual(x: FloatArray, n: int, dim: int | None = None) -> FloatArray:
    """Check that `x` is one visual vector for each of `n` images, (n, d2), and return it.

    Parameters
    ----------
    x
        Array-like; may be a memory map.
    n
        Number of images.
    dim
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
    """Say whether `value` is a whole number, Python's or numpy's, of `least` or more."""
    return isinstance(value, Integral) and int(value) >= least


def log_softmax(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logarithm of the softmax of every row of (N, C), in float32."""
    # numpy reduces short rows one by one, at ten times the cost of reducing columns together.
    short = x.shape[1] <= _SHORT
    top = np.ascontiguousarray(x.T).max(axis=0) if short else x.max(axis=1)
    shifted = x - top[:, None]
    total = np.einsum("ij->i", np.exp(shifted))
    result: NDArray[np.float32] = shifted - np.log(total)[:, None]
    return result
