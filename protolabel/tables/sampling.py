"""A random sample of a table, which does not depend on how the table is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.vectors import unit_rows
from protolabel.tables.columns import read_vectors
from protolabel.tables.engine import engine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.tables.reading import ImageTable

__all__ = ["sampled", "usable_rows"]

_HASHES = 2**32
_SPARE = 6.0  # standard deviations more than wanted are read, so that there are enough


def usable_rows(table: ImageTable) -> int:
    """Count the rows that hold a vector."""
    return int(table.frame.where(table.frame["image"].not_null()).count_rows())


def sampled(
    table: ImageTable, rows: int, size: int, seed: int, dim: int
) -> tuple[list[str], NDArray[np.float16]]:
    """Read the vectors whose ids have the smallest hashes.

    Parameters
    ----------
    table : ImageTable
        Of vectors.
    rows : int
        How many rows hold a vector, from `usable_rows`.
    size : int
        The most vectors that are read.
    seed : int
        Of the hash.
    dim : int
        Length of a vector.

    Returns
    -------
    ids : list of str, n
        Sorted.
    vectors : (n, dim) float16
        Of length 1. Rows without a usable vector are left out.
    """
    frame = table.frame.where(table.frame["image"].not_null())
    chance = frame["id"].hash(seed=seed) % _HASHES
    frame = frame.select("id", "image", chance.alias("chance"))
    if rows > size:
        enough = (size + _SPARE * size**0.5) / rows
        frame = frame.where(frame["chance"] < engine().lit(int(min(1.0, enough) * _HASHES)))
    ids: list[str] = []
    chances: list[NDArray[np.uint64]] = []
    parts: list[NDArray[np.float16]] = []
    for batch in frame.to_arrow_iter():
        vectors, usable = read_vectors(batch.column("image"), dim)
        ids += batch.column("id").filter(usable).to_pylist()
        chances.append(batch.column("chance").to_numpy(zero_copy_only=False)[usable])
        parts.append(unit_rows(vectors[usable]).astype(np.float16))
    if not ids:
        return [], np.empty((0, dim), np.float16)
    names = np.array(ids)
    chosen = np.lexsort((names, np.concatenate(chances)))[:size]
    chosen = chosen[np.argsort(names[chosen], kind="stable")]
    return names[chosen].tolist(), np.concatenate(parts)[chosen]
