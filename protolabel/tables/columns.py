"""Columns of Arrow as arrays of numpy, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["list_column", "plain_array", "read_vectors"]


def plain_array(column: Any) -> Any:
    """Return a column of Daft or Arrow as one array of a plain type."""
    import pyarrow as pa

    values = column.to_arrow() if hasattr(column, "to_arrow") else column
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    return values.storage if isinstance(values, pa.ExtensionArray) else values


def read_vectors(column: Any, dim: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read a column of vectors.

    Parameters
    ----------
    column : pyarrow array of n lists of numbers
    dim : int
        Length of a vector.

    Returns
    -------
    vectors : (n, dim) float32
        Zeros where the column holds none.
    usable : (n,) bool
        Which rows hold `dim` finite numbers that are not all zero.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    values = plain_array(column)
    values = values.cast(pa.list_(values.type.value_type))
    vectors = np.zeros((len(values), dim), np.float32)
    fits = pc.fill_null(pc.equal(pc.list_value_length(values), dim), False)
    usable = np.array(fits, dtype=bool)
    rows = np.asarray(pc.list_flatten(values.filter(fits)).to_numpy(zero_copy_only=False))
    vectors[usable] = rows.reshape(-1, dim)
    length = np.linalg.norm(vectors, axis=1)
    usable &= np.isfinite(length) & (length > 0)
    vectors[~usable] = 0.0
    return vectors, usable


def list_column(vectors: NDArray[np.float16], usable: NDArray[np.bool_]) -> Any:
    """Return vectors (n, d) as a column of lists, null where they are not usable."""
    import pyarrow as pa

    # Lists of a fixed size would be smaller, but Parquet readers fail on those that are null.
    sizes = np.where(usable, vectors.shape[1], 0)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.array(vectors[usable].ravel()), mask=pa.array(~usable)
    )
