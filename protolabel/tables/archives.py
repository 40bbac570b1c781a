"""Archives of WebDataset: where in its tar file each image lies.

Daft 0.7.26 has a reader of its own, but it never ends where it reads as many archives at a time as
there are cores: its threads wait for one another.
"""

from __future__ import annotations

import asyncio
import re
import tarfile
from functools import lru_cache
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from protolabel.errors import InputError
from protolabel.images.formats import IMAGE_SUFFIXES
from protolabel.tables.engine import engine
from protolabel.tables.shards import located

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

__all__ = ["ARCHIVE", "KEY", "PLACE", "read_archives", "read_member"]

KEY, ARCHIVE = "__key__", "__url__"
"""Columns of a sample: its key, and the name of its archive."""
PLACE = {"archive", "start", "size"}
"""Fields of the struct that says where an image lies: path or URL, and bytes."""

_ANY = "image"
_NAME = re.compile(r"((?:.*/|)[^.]+)[.]([^/]*)")  # key and field, as WebDataset cuts a name
_FIRST = 20  # samples from which the columns are known
_BATCH = 10_000  # samples


def read_archives(paths: Sequence[str], root: str) -> Any:
    """Open archives as a frame of Daft.

    Parameters
    ----------
    paths : sequence of str
        Uncompressed tar files, or URLs of them.
    root : str
        Folder that the names of the archives start from.

    Returns
    -------
    daft.DataFrame
        A row for each sample: its ``__key__``; the name of its archive (``__url__``); where its
        image lies (``image``), unless the first samples have several; and where its images of
        each name lie that the first samples have (such as ``jpg``).

    Raises
    ------
    InputError
        If the first archive holds no images.
    """
    kinds = engine().DataType
    import pyarrow as pa
    from daft.io.source import DataSource, DataSourceTask
    from daft.recordbatch import RecordBatch
    from daft.schema import Schema

    first = list(islice(_samples(paths[0]), _FIRST))
    known = {name for sample in first for name in sample}
    if _ANY not in known:
        raise InputError(
            f"Expected images in {paths[0]!r}, got samples without images: call the members of the "
            "archive 000001.jpg or the like."
        )
    if any(len(sample.keys() - {KEY, _ANY}) > 1 for sample in first):
        known.remove(_ANY)  # which of them is meant, the caller has to say
    place = kinds.struct({"archive": kinds.string(), "start": kinds.int64(), "size": kinds.int64()})
    types = {KEY: kinds.string(), ARCHIVE: kinds.string()}
    types |= dict.fromkeys(sorted(known - {KEY}), place)

    class Archive(DataSourceTask):  # type: ignore[misc]
        def __init__(self, path: str, names: list[str]) -> None:
            self.path, self.names = path, names

        @property
        def schema(self) -> Any:
            return Schema.from_pydict({name: types[name] for name in self.names})

        async def read(self) -> AsyncIterator[Any]:
            samples, arrow = _samples(self.path), self.schema.to_pyarrow_schema()
            name = {ARCHIVE: self.path.removeprefix(root).lstrip("/")}
            while batch := await asyncio.to_thread(
                lambda: [sample | name for sample in islice(samples, _BATCH)]
            ):
                rows = pa.RecordBatch.from_pylist(batch, schema=arrow)
                yield RecordBatch.from_arrow_record_batches([rows], arrow)

    class Archives(DataSource):  # type: ignore[misc]
        name = "protolabel"
        schema = Schema.from_pydict(types)

        async def get_tasks(self, pushdowns: Any) -> AsyncIterator[Archive]:
            wanted = set(types if pushdowns.columns is None else pushdowns.columns)
            for path in paths:
                yield Archive(path, [name for name in types if name in wanted])

    return Archives().read()


def read_member(place: dict[str, Any]) -> bytes:
    """Read an image from its place.

    Raises
    ------
    OSError
        If the archive cannot be read.
    """
    return bytes(_opened(place["archive"]).read_at(place["size"], place["start"]))


@lru_cache(maxsize=16)
def _opened(path: str) -> Any:
    system, _, root = located(path)
    return system.open_input_file(root)


def _samples(path: str) -> Iterator[dict[str, Any]]:
    """Yield the columns of each sample; its members follow one another."""
    system, _, root = located(path)
    sample: dict[str, Any] = {}
    try:
        with (
            system.open_input_file(root) as file,
            tarfile.open(fileobj=file, mode="r:") as archive,
        ):
            for member in archive:
                parts = _NAME.fullmatch(member.name)
                if not member.isreg() or parts is None:
                    continue
                key, field = parts[1], parts[2].lower()
                if key != sample.get(KEY) or field in sample:
                    if sample:
                        yield sample
                    sample = {KEY: key}
                if PurePosixPath(f"a.{field}").suffix in IMAGE_SUFFIXES:
                    place = {"archive": path, "start": member.offset_data, "size": member.size}
                    sample.setdefault(_ANY, place)
                    sample[field] = place
    except tarfile.ReadError as error:
        raise InputError(
            f"Expected an uncompressed tar file, got {path!r}: unpack or replace it."
        ) from error
    if sample:
        yield sample
