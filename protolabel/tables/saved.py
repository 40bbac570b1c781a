"""Datasets that Hugging Face's ``save_to_disk`` wrote: streams of Arrow beside a ``state.json``."""

from __future__ import annotations

import asyncio
import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from protolabel.common.files import DAMAGED
from protolabel.errors import InputError
from protolabel.tables.columns import plain_array
from protolabel.tables.shards import located

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

__all__ = ["STATE", "files_of", "read_saved"]

STATE = "state.json"


def files_of(state: str) -> list[str]:
    """Return the files of the dataset that a ``state.json`` describes.

    Files of an earlier save and caches of ``map`` may lie beside them.

    Parameters
    ----------
    state : str
        Path or URL of the ``state.json``.

    Returns
    -------
    list of str
        Paths or URLs.

    Raises
    ------
    InputError
        If it is damaged.
    """
    system, scheme, root = located(state)
    try:
        with system.open_input_stream(root) as file:
            names = [part["filename"] for part in json.loads(file.read())["_data_files"]]
        return [f"{scheme}{PurePosixPath(root).parent / name}" for name in names]
    except DAMAGED as error:
        raise InputError(
            f"Expected a dataset that save_to_disk wrote, but {state!r} cannot be understood: save "
            "it again."
        ) from error


def read_saved(paths: Sequence[str]) -> Any:
    """Open streams of Arrow as a frame of Daft, which has no reader of its own for them.

    Parameters
    ----------
    paths : sequence of str
        Files or URLs, with the same columns.

    Returns
    -------
    daft.DataFrame

    Raises
    ------
    InputError
        If a file is no such stream, or has other columns.
    """
    import pyarrow as pa
    from daft.io.source import DataSource, DataSourceTask
    from daft.recordbatch import RecordBatch
    from daft.schema import Schema

    whole = _schema(paths[0])
    for path in paths[1:]:
        if not _schema(path).equals(whole):
            raise InputError(
                f"Expected the same columns in {path!r} as in {paths[0]!r}, got others: name one "
                "of the folders."
            )

    class Part(DataSourceTask):  # type: ignore[misc]
        def __init__(self, path: str, names: list[str]) -> None:
            self.path, self.arrow = path, pa.schema([whole.field(name) for name in names])

        @property
        def schema(self) -> Any:
            return Schema.from_pyarrow_schema(self.arrow)

        async def read(self) -> AsyncIterator[Any]:
            with _opened(self.path) as stream:
                while (batch := await asyncio.to_thread(next, stream, None)) is not None:
                    columns = [plain_array(batch.column(name)) for name in self.arrow.names]
                    rows = pa.RecordBatch.from_arrays(columns, schema=self.arrow)
                    yield RecordBatch.from_arrow_record_batches([rows], self.arrow)

    class Saved(DataSource):  # type: ignore[misc]
        name = "protolabel"
        schema = Schema.from_pyarrow_schema(whole)

        async def get_tasks(self, pushdowns: Any) -> AsyncIterator[Part]:
            wanted = set(whole.names if pushdowns.columns is None else pushdowns.columns)
            for path in paths:
                yield Part(path, [name for name in whole.names if name in wanted])

    return Saved().read()


def _opened(path: str) -> Any:
    """Open a stream; that of a local file is mapped, so that only columns in use are read."""
    import pyarrow as pa

    system, scheme, root = located(path)
    try:
        return pa.ipc.open_stream(system.open_input_file(root) if scheme else pa.memory_map(root))
    except pa.ArrowInvalid as error:
        raise InputError(
            f"Expected a stream of Arrow, as save_to_disk writes it, got {path!r}: write the table "
            "as Parquet."
        ) from error


def _schema(path: str) -> Any:
    """Return the columns of a stream, those of the features of Hugging Face as plain types."""
    import pyarrow as pa

    with _opened(path) as stream:
        return pa.schema(
            [
                (field.name, getattr(field.type, "storage_type", field.type))
                for field in stream.schema
            ]
        )
