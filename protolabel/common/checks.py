"""Checks of plain arguments, worded alike everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.common.vectors import is_whole_number
from protolabel.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["as_indices", "as_seed"]


def as_seed(seed: Any) -> int:
    """Check a seed of random numbers and return it as a Python integer.

    Parameters
    ----------
    seed : int
        Whole number in 0..2**32 - 1, the range that every library in use accepts.

    Returns
    -------
    int

    Raises
    ------
    InputError
        If it is something else.
    """
    if isinstance(seed, bool) or not is_whole_number(seed, 0) or int(seed) >= 2**32:
        raise InputError(
            f"Expected a seed from 0 to 2**32 - 1, got {seed!r}: choose a whole number in that "
            "range."
        )
    return int(seed)


def as_indices(indices: Any, count: int, what: str, *, least: int = 0) -> NDArray[np.int32]:
    """Check numbers that refer to rows of another array and return them as int32.

    Parameters
    ----------
    indices : integer array
        Row numbers, `least`..count-1, of any shape.
    count : int
        Number of rows that can be referred to.
    what : str
        Name of the indices in an error.
    least : int
        Smallest number allowed; -1 if it stands for "none".

    Returns
    -------
    int32 array of the same shape

    Raises
    ------
    InputError
        If the dtype is not integer, or a number refers to no row.
    """
    indices = np.asarray(indices)
    if not np.issubdtype(indices.dtype, np.integer):
        raise InputError(
            f"Expected {what} that are whole numbers, got dtype {indices.dtype}: convert them to "
            "int32."
        )
    if indices.size and (indices.min() < least or indices.max() >= count):
        raise InputError(
            f"Expected {what} from {least} to {count - 1}, got {indices.min()} to "
            f"{indices.max()}: compute them again for these {count} rows."
        )
    checked: NDArray[np.int32] = indices.astype(np.int32, copy=False)
    return checked
