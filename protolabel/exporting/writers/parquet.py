"""labels.parquet: one row for each image, typed and small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protolabel.common.wording import unicode_text
from protolabel.exporting.job import Writer
from protolabel.exporting.table import blocks

if TYPE_CHECKING:
    from protolabel.exporting.job import ExportJob

__all__ = ["PARQUET", "write_parquet"]


def write_parquet(job: ExportJob) -> None:
    """Write ``labels.parquet``; class names are dictionary-encoded, missing values are null."""
    import pyarrow as pa
    from pyarrow import parquet

    words = pa.dictionary(pa.int32(), pa.string())
    types = {
        "text": pa.string(),
        "word": words,
        "integer": pa.int32(),
        "long": pa.int64(),
        "number": pa.float32(),
        "double": pa.float64(),
        "flag": pa.bool_(),
    }
    schema = pa.schema([(column.name, types[column.type]) for column in job.columns])
    with parquet.ParquetWriter(job.folder / "labels.parquet", schema) as file:
        for block in blocks(job):
            arrays: list[Any] = []
            for field in schema:
                values = block[field.name]
                if field.type == words:
                    arrays.append(pa.array(values, pa.string()).dictionary_encode().cast(words))
                elif field.type == pa.string():
                    arrays.append(pa.array(map(_text, values), pa.string()))
                else:
                    arrays.append(pa.array(values, field.type))
            file.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _text(name: str | None) -> str | None:
    return None if name is None else unicode_text(name)


PARQUET = Writer(
    name="parquet",
    title="Table (Parquet)",
    description="the same table with types, for large data",
    files=("labels.parquet",),
    write=write_parquet,
    package="pyarrow",
    usage='In pandas:  pandas.read_parquet("labels.parquet")',
)
