"""Every id stands for one image: repeated rows are left out, ambiguous ids are refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from protolabel.common.wording import counted
from protolabel.errors import InputError
from protolabel.tables.archives import ARCHIVE, KEY
from protolabel.tables.engine import engine

if TYPE_CHECKING:
    from protolabel.tables.reading import ImageTable

__all__ = ["Rows", "with_unique_ids"]


@dataclass(frozen=True)
class Rows:
    """The rows of a table.

    Attributes
    ----------
    kept : int
        Rows with an id of their own.
    same : int
        Rows that repeat the id and the image of another row, which are left out.
    without_id : int
        Rows without an id, which are left out.
    """

    kept: int
    same: int
    without_id: int


def with_unique_ids(table: ImageTable) -> tuple[ImageTable, Rows]:
    """Return a table without repeated rows and rows without an id, and count them.

    The ids of archives whose samples have the same keys begin with the names of the archives.

    Raises
    ------
    InputError
        If an id stands for different images.
    """
    daft = engine()
    name, count = daft.col("id"), daft.col("count")
    counts = table.frame.groupby("id").agg(daft.col("image").count(mode="all").alias("count"))
    anonymous = daft.functions.when(name.is_null(), count).otherwise(daft.lit(0))
    sums = counts.agg(count.sum().alias("rows"), name.count().alias("ids"), anonymous.sum())
    rows, ids, without_id = (int(values[0] or 0) for values in sums.to_pydict().values())
    named = table.frame.where(name.not_null()) if without_id else table.frame
    same = rows - ids - without_id
    if same:
        if table.longer is not None:
            longer = replace(table, frame=table.longer, id_column=f"{ARCHIVE}/{KEY}", longer=None)
            return with_unique_ids(longer)
        repeated = counts.where(name.not_null() & (count > 1)).select("id").to_arrow()
        named = _without_copies(table, named, daft.from_arrow(repeated))
    return replace(table, frame=named), Rows(ids, same, without_id)


def _without_copies(table: ImageTable, frame: Any, repeated: Any) -> Any:
    """Return the frame with one row for each of the repeated ids."""
    daft = engine()
    copies = frame.join(repeated, on="id", how="semi")
    images = daft.col("images")
    different = copies.groupby("id").agg(daft.col("image").hash().count_distinct().alias("images"))
    different = different.where(images > 1)
    if not table.is_shards and (found := different.sort("id").limit(1).to_pydict())["id"]:
        others = different.count_rows() - 1
        more = f" (and {counted(others, 'other id')} for several)" if others else ""
        advice = (
            "rename the samples of the archives."
            if table.kind == "member"
            else "name a column that tells images apart, on the command line with --id-column."
        )
        raise InputError(
            f"Expected an id for each image of {table.source!r}, but {found['id'][0]!r} in the "
            f"column {table.id_column!r} stands for {found['images'][0]:,} different "
            f"images{more}: {advice}"
        )
    return frame.join(repeated, on="id", how="anti").concat(copies.distinct("id"))
