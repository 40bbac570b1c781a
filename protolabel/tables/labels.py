"""Labels of a table in one file, beside the columns that the table has."""

from __future__ import annotations

import csv
import io
import os
from typing import IO, Any

from protolabel.common.cells import safe_cell
from protolabel.common.checks import checked
from protolabel.common.files import writing
from protolabel.errors import ExportError, InputError
from protolabel.tables.engine import engine, expecting
from protolabel.tables.shards import Shards, is_shards, on_this_machine
from protolabel.tables.worker import LABELS

__all__ = ["export_labels"]

COLUMNS = ("id", *LABELS, "error")


@checked
def export_labels(shards: str | os.PathLike[str], output: str | os.PathLike[str]) -> int:
    """Write the labels of `apply_table` to one file, without the vectors.

    Parameters
    ----------
    shards : str or path
        What `apply_table` wrote.
    output : str or path
        A ``.csv`` or ``.parquet`` file, written whole or not at all. Text that a spreadsheet
        would run gets an apostrophe in the CSV file.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    InputError
        If the file is of another kind, or there are no labels.
    StoreError
        If there are no shards.
    ExportError
        If it cannot be written.
    """
    target = on_this_machine(output, "the file to write")
    if target.suffix not in {".csv", ".parquet"}:
        raise InputError(f"Expected a .csv or .parquet file, got {target.name!r}: rename it.")
    if not target.parent.is_dir():
        raise ExportError(
            f"Expected a folder that exists for {target.name!r}, got {str(target.parent)!r}: "
            "create it."
        )
    if is_shards(target.parent):
        raise InputError(
            f"Expected a file outside of the shards in {str(target.parent)!r}, got "
            f"{target.name!r}: choose another folder."
        )
    place = Shards(shards)
    if place.head().get("kind") != "labels" or not place.files():
        raise InputError(
            f"Expected labels in {os.fspath(shards)!r}, got none: run protolabel apply first."
        )
    advice = "Choose another path, or try again."
    with expecting(f"to write {str(target)!r}", ExportError, advice), writing(target) as file:
        frame = engine().read_parquet(place.files()).select(*COLUMNS)
        return (_csv if target.suffix == ".csv" else _parquet)(frame, file)


def _csv(frame: Any, file: IO[bytes]) -> int:
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    rows = 0
    for batch in frame.to_arrow_iter():
        columns = [batch.column(name).to_pylist() for name in COLUMNS]
        writer.writerows([safe_cell(value) for value in row] for row in zip(*columns, strict=True))
        rows += len(batch)
    text.flush()
    text.detach()
    return rows


def _parquet(frame: Any, file: IO[bytes]) -> int:
    import pyarrow.parquet as pq

    rows, schema = 0, frame.schema().to_pyarrow_schema()
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in frame.to_arrow_iter():
            writer.write_batch(batch.cast(schema))
            rows += len(batch)
    return rows
