"""Results of a run over a table: Parquet files that appear whole, and what is known of them.

A folder, or a place in an object store, holds ``_shards.json``, which says what made them, and
files ``part-<digest>-<rows>.parquet``; readers of Parquet skip names that start with ``_``. The
digest is that of the ids in the file, so a task that is run twice writes the same file twice. A
file is written under a hidden name and renamed; in an object store it appears when its upload is
complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from protolabel.common.checks import as_path
from protolabel.common.files import DAMAGED
from protolabel.common.threads import Workers
from protolabel.errors import InputError, StoreError
from protolabel.tables.engine import engine, expecting, literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

__all__ = ["HEAD", "Shards", "is_shards", "located", "on_this_machine"]

HEAD = "_shards.json"
_FORMAT = 1
_FOOTERS = 16  # files that are looked into at a time: a store answers in milliseconds
_GOOGLE_PATIENCE = "?retry_limit_seconds=60"  # by default 15 minutes, also without a network
_NAME = re.compile(r"part-[0-9a-f]{20}-([0-9]+)\.parquet")


def located(place: str | os.PathLike[str]) -> tuple[Any, str, str]:
    """Return the file system of pyarrow that holds a place, its scheme ("" here), and the path.

    Raises
    ------
    StoreError
        If there is no such place.
    """
    try:
        from pyarrow import fs
    except ImportError:
        engine()  # says what to install: pyarrow comes with Daft
        raise
    if not (isinstance(place, str) and "://" in place):
        return fs.LocalFileSystem(), "", str(as_path(place, "shards").absolute())
    patience = "" if "?" in place or not place.startswith("gs://") else _GOOGLE_PATIENCE
    with _reached(place):
        system, root = fs.FileSystem.from_uri(place + patience)
    return system, place.partition("://")[0] + "://", root


def on_this_machine(path: str | os.PathLike[str], what: str) -> Path:
    """Check that a path is not a URL, and return it as `as_path` does.

    Raises
    ------
    InputError
        If it is one, or no path.
    """
    if isinstance(path, str) and "://" in path:
        raise InputError(
            f"Expected the path of {what} on this machine, got the URL {path!r}: choose a path, "
            "and copy what lies there."
        )
    return as_path(path, what)


def is_shards(place: str | os.PathLike[str]) -> bool:
    """Say whether a place holds shards of protolabel."""
    try:
        system, _, root = located(place)
        with _reached(str(place)):
            return bool(system.get_file_info(f"{root}/{HEAD}").is_file)
    except StoreError:
        return False


def _reached(place: str) -> AbstractContextManager[None]:
    return expecting(f"a place that can be used, {place!r}", StoreError, "Choose another.")


def _described(name: str, value: Any) -> str:
    """Return an entry of a head in words, such as ``image column ('photo')``."""
    words = name.replace("_", " ")
    return f"{words} ({value!r})" if name.endswith(("table", "column")) else words


class Shards:
    """The shards in one place.

    Parameters
    ----------
    place : str or path
        A folder, or the URL of one in an object store that pyarrow knows (s3://, gs://, hdfs://).
    """

    def __init__(self, place: str | os.PathLike[str]) -> None:
        self._system, self._scheme, self._root = located(place)

    def __str__(self) -> str:
        return f"{self._scheme}{self._root}"

    def start(self, head: Mapping[str, Any]) -> None:
        """Create the place, or go on in it if what made its shards is the same.

        Raises
        ------
        StoreError
            If it holds other things, or shards that something else made.
        """
        with _reached(str(self)):
            self._system.create_dir(self._root, recursive=True)
        wanted = {"generator": "protolabel", "format": _FORMAT, **head}
        names = self._names()
        found = self.head() if HEAD in names else None
        if found is not None:
            # A table may grow where it lies, or be moved as it is.
            moved = wanted.get("files") is not None and wanted["files"] == found.get("files")
            may_differ = {"files", "table"} if moved else {"files"}
            different = sorted(
                name for name in (wanted.keys() | found.keys()) - may_differ
                if wanted.get(name) != found.get(name)
            )  # fmt: skip
            if different:
                what = ", ".join(_described(name, found.get(name)) for name in different)
                raise StoreError(
                    f"Expected to go on with the shards in {str(self)!r}, but they were made with "
                    f"another {what}: choose another folder, or delete that one."
                )
        elif foreign := [name for name in names if not name.startswith(".")]:
            raise StoreError(
                f"Expected {str(self)!r} to be empty or to hold shards of protolabel, but it "
                f"holds {min(foreign)!r}: choose another folder."
            )
        if wanted != found:
            self.put(HEAD, json.dumps(wanted, indent=1).encode() + b"\n")

    def head(self) -> dict[str, Any]:
        """Return what made the shards.

        Raises
        ------
        StoreError
            If there are none.
        """
        unusable = StoreError(
            f"Expected shards that protolabel wrote, but {str(self)!r} holds no usable {HEAD}: "
            "correct the path."
        )
        if not self.has(HEAD):
            raise unusable
        try:
            head = dict(json.loads(self.get(HEAD)))
        except DAMAGED as error:
            raise unusable from error
        if (head.get("generator"), head.get("format")) != ("protolabel", _FORMAT):
            raise StoreError(
                f"Expected shards of protolabel, format {_FORMAT}, in {str(self)!r}, got format "
                f"{head.get('format')!r}: use the protolabel that wrote them."
            )
        return head

    def put(self, name: str, content: bytes) -> None:
        """Write a file beside the shards, whole or not at all."""
        written = name if self._scheme else f".{uuid4().hex}.tmp"
        with _reached(str(self)):
            with self._system.open_output_stream(f"{self._root}/{written}") as file:
                file.write(content)
            if not self._scheme:
                self._system.move(f"{self._root}/{written}", f"{self._root}/{name}")

    def get(self, name: str) -> bytes:
        """Read a file beside the shards.

        Raises
        ------
        OSError
            If it cannot be read.
        """
        with self._system.open_input_stream(f"{self._root}/{name}") as file:
            return bytes(file.read())

    def has(self, name: str) -> bool:
        """Say whether there is a file or a folder of that name beside the shards."""
        return name in self._names()

    def inside(self, name: str) -> Shards:
        """Return the shards in a folder of this place."""
        return Shards(f"{self}/{name}")

    def delete(self) -> None:
        """Delete the place with everything in it."""
        self._system.delete_dir(self._root)

    def files(self) -> list[str]:
        """Return the shards as Daft reads them, sorted by name."""
        names = sorted(name for name in self._names() if _NAME.fullmatch(name))
        return [literal(f"{self}/{name}") for name in names]

    @property
    def rows(self) -> int:
        """Number of rows in all shards, from the names of the files."""
        counts = (_NAME.fullmatch(name) for name in self._names())
        return sum(int(match[1]) for match in counts if match)

    def write(self, table: Any) -> None:
        """Write rows to a new shard, or over the one with the same rows.

        Parameters
        ----------
        table : pyarrow.Table
            With the column ``id``.
        """
        import pyarrow.parquet as pq

        digest = hashlib.sha256("\0".join(table["id"].to_pylist()).encode()).hexdigest()[:20]
        target = f"{self._root}/part-{digest}-{len(table)}.parquet"
        local = not self._scheme
        written = f"{self._root}/.{uuid4().hex}.tmp" if local else target
        with self._system.open_output_stream(written) as file:
            pq.write_table(table, file, compression="zstd", write_page_checksum=True)
            file.flush()
        if local:
            with Path(written).open("rb") as synced:
                os.fsync(synced.fileno())
            self._system.move(written, target)

    def drop_torn(self) -> int:
        """Delete shards that cannot be read, and return how many: their rows are missing again."""
        names = [name for name in self._names() if _NAME.fullmatch(name)]
        with Workers(_FOOTERS, "footers") as pool:
            whole = dict(zip(names, pool.map(self._is_whole, names), strict=True))
        torn = [name for name in names if not whole[name]]
        for name in torn:
            self._system.delete_file(f"{self._root}/{name}")
        return len(torn)

    def drop_errors(self) -> int:
        """Delete the rows of images that could not be read, and return how many they were."""
        import pyarrow.compute as pc

        dropped = 0
        for path in self.files():
            table = self._read(path)
            good = pc.is_null(table["error"])
            bad = len(table) - pc.sum(good).as_py()
            if bad:
                self._replace(path, table.filter(good))
                dropped += bad
        return dropped

    def drop_repeated(self) -> int:
        """Delete rows whose id stands in the shards before, and return how many they were.

        A task of a cluster that is run twice may cut its rows in other places than the first time.
        """
        files = self.files()
        if not files:
            return 0
        daft = engine()
        seen = daft.read_parquet(files, file_path_column="file").select("id", "file")
        count = daft.col("file").count().alias("count")
        repeated = seen.groupby("id").agg(count).where(daft.col("count") > 1).select("id")
        twice = set(repeated.to_pydict()["id"])
        if not twice:
            return 0
        where = seen.join(repeated, on="id", how="semi").select("file").distinct()
        taken: set[str] = set()
        dropped = 0
        for path in sorted(where.to_pydict()["file"]):
            table = self._read(path)
            keep = []
            for name in table["id"].to_pylist():
                keep.append(name not in taken)
                if name in twice:
                    taken.add(name)
            if not all(keep):
                self._replace(path, table.filter(keep))
                dropped += keep.count(False)
        return dropped

    def _is_whole(self, name: str) -> bool:
        """Say whether a shard has a footer, with as many rows as its name says."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with self._system.open_input_file(f"{self._root}/{name}") as file:
                rows = int(pq.ParquetFile(file).metadata.num_rows)
        except (pa.ArrowException, OSError):
            return False
        return name.endswith(f"-{rows}.parquet")

    def _replace(self, path: str, table: Any) -> None:
        # The new file first: a run that is killed in between leaves rows twice, never none.
        if len(table):
            self.write(table)
        self._system.delete_file(f"{self._root}/{path.rpartition('/')[2]}")

    def _read(self, path: str) -> Any:
        import pyarrow.parquet as pq

        name = path.rpartition("/")[2]
        return pq.read_table(f"{self._root}/{name}", filesystem=self._system)

    def _names(self) -> list[str]:
        from pyarrow import fs

        with _reached(str(self)):
            selector = fs.FileSelector(self._root, allow_not_found=True)
            return [entry.base_name for entry in self._system.get_file_info(selector)]
