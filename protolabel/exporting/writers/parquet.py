"""labels.parquet: one row an image, typed and small."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from protolabel.errors import InputError
from protolabel.exporting.table import blocks, columns

if TYPE_CHECKING:
    from protolabel.exporting.job import ExportJob

__all__ = ["require_pyarrow", "write_parquet"]


def require_pyarrow() -> None:
    """Raise `InputError` naming what to install if pyarrow is missing."""
    if importlib.util.find_spec("pyarrow") is None:
        raise InputError(
            'The format "parquet" needs pyarrow, which is not installed: '
            "pip install 'protolabel[formats]'."
        )


def write_parquet(job: ExportJob) -> None:
    """Write ``labels.parquet``; class names are dictionary-encoded, missing values are null."""
    import pyarrow as pa
    from pyarrow import parquet

    words = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema(
        {
            "file": pa.string(),
            "source": pa.string(),
            "label": words,
            "agreement": pa.float32(),
            "margin": pa.float32(),
            "runner_up": words,
            "micro_cluster": pa.int32(),
            "meta_cluster": pa.int32(),
            "pinned": pa.bool_(),
            "split": words,
            "near_duplicates": pa.int32(),
            "none_of_these": pa.bool_(),
        }
    )
    schema = pa.schema([schema.field(name) for name in columns(job)])
    with parquet.ParquetWriter(job.folder / "labels.parquet", schema) as file:
        for block in blocks(job):
            # Bytes of a file name that are no text cannot stand in a parquet string.
            block["source"] = [_text(name) for name in block["source"]]
            arrays: list[Any] = []
            for field in schema:
                values = block[field.name]
                if field.type == words:
                    arrays.append(pa.array(values, pa.string()).dictionary_encode().cast(words))
                else:
                    arrays.append(pa.array(values, field.type))
            file.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _text(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
