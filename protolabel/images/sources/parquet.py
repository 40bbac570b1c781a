"""Parquet files that hold the images, as Hugging Face stores datasets; read a group at a time."""

from __future__ import annotations

import io
import json
import threading
from collections import OrderedDict
from pathlib import PurePath
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from protolabel.common.files import DAMAGED
from protolabel.errors import ImageReadError, InputError
from protolabel.images.files import open_regular
from protolabel.images.image_set import ImageSet, Stamp, numbered_names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["find_in_parquet", "holds_images", "parquet_files", "parquet_table"]

_GROUPS = 4  # row groups in memory: threads read neighbouring rows
_BESIDE = (".md", ".json", ".txt", ".yaml", ".yml")


def parquet_files(root: Path, entries: Sequence[str]) -> list[Path]:
    """Return the Parquet files of a folder that holds a dataset of them, else an empty list.

    Parameters
    ----------
    root : Path
        The folder.
    entries : sequence of str
        Names of its entries, without hidden ones.
    """
    others = [name for name in entries if not name.endswith((".parquet", *_BESIDE))]
    if others not in ([], ["data"]):
        return []
    folders = [root, root / "data"] if others else [root]
    return sorted(file for folder in folders for file in folder.glob("*.parquet"))


def parquet_table(path: Path) -> Any:
    """Open a Parquet file, or raise `InputError` if that cannot be done."""
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise InputError(
            f"Expected pyarrow to read {path.name!r}, which is not installed: "
            "pip install 'protolabel[formats]'."
        ) from error
    try:
        return parquet.ParquetFile(path)
    except (ArrowException, OSError) as error:
        raise InputError(
            f"Expected a Parquet file, but {str(path)!r} cannot be read as one ({error}): check "
            "the file."
        ) from error


def holds_images(file: Any) -> str | None:
    """Return the column of a Parquet file that holds images, or None."""
    import pyarrow as pa

    for field in file.schema_arrow:
        if pa.types.is_struct(field.type):
            parts = {field.type.field(place).name for place in range(field.type.num_fields)}
            if {"bytes", "path"} <= parts:
                return str(field.name)
        elif pa.types.is_binary(field.type) and field.name in {"image", "img", "picture"}:
            return str(field.name)
    return None


class _Rows:
    """The `Source` of the image column of Parquet files."""

    def __init__(self, files: Sequence[Path], column: str) -> None:
        self._files, self._column = files, column
        opened = [parquet_table(path) for path in files]
        groups = [(place, group, file.metadata.row_group(group).num_rows)
                  for place, file in enumerate(opened)
                  for group in range(file.metadata.num_row_groups)]  # fmt: skip
        self._groups = [(place, group) for place, group, _ in groups]
        self._starts = np.cumsum([0, *(count for *_, count in groups)])
        self._stamps = [path.stat() for path in files]
        self._read: OrderedDict[int, Any] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, index: int) -> IO[bytes]:
        number, offset = self._place(index)
        value = self._group(number)[offset].as_py()
        if isinstance(value, dict):
            content, path = value["bytes"], value["path"]
        else:
            content, path = value, None
        if content:
            return io.BytesIO(content)
        file = self._files[self._groups[number][0]].parent / str(path)
        if path is None or PurePath(path).is_absolute() or ".." in PurePath(path).parts:
            raise ImageReadError("its table holds no image, and no path beside the table")
        return open_regular(file)

    def stamp(self, index: int) -> Stamp:
        number, _ = self._place(index)
        found = self._stamps[self._groups[number][0]]
        return (found.st_size, found.st_mtime_ns)

    def _place(self, index: int) -> tuple[int, int]:
        number = int(np.searchsorted(self._starts, index, side="right")) - 1
        return number, index - int(self._starts[number])

    def _group(self, number: int) -> Any:
        with self._lock:
            if number in self._read:
                self._read.move_to_end(number)
                return self._read[number]
        place, group = self._groups[number]
        # Each call opens its own reader, because threads cannot share one.
        table = parquet_table(self._files[place]).read_row_group(group, columns=[self._column])
        column = table.column(self._column).combine_chunks()
        with self._lock:
            self._read[number] = column
            while len(self._read) > _GROUPS:
                self._read.popitem(last=False)
        return column


def find_in_parquet(root: Path, files: Sequence[Path]) -> ImageSet:
    """Find the images that Parquet files hold.

    Parameters
    ----------
    root : Path
        The folder or file that the user passed.
    files : sequence of Path
        Files with equal columns, one of them a struct of bytes and path.

    Returns
    -------
    ImageSet
        Named by row. The other columns are in `ImageSet.columns`; class numbers become names
        where the features of Hugging Face list them. For several files, the column ``split`` is
        the first part of the file name, as in ``train-00000-of-00003.parquet``.

    Raises
    ------
    InputError
        If a file cannot be read, or holds no images.
    """
    opened = [parquet_table(path) for path in files]
    column = holds_images(opened[0])
    if column is None:
        raise InputError(
            f"Expected Parquet files with a column of images in {str(root)!r}, got the columns "
            f"{', '.join(opened[0].schema_arrow.names)}: pass one table with a column of paths, "
            "or vectors to load_embeddings."
        )
    values: dict[str, list[Any]] = {}
    for file in opened:
        names = [name for name in file.schema_arrow.names if name != column]
        table = file.read(columns=names)
        for name in names:
            values.setdefault(name, []).extend(table.column(name).to_pylist())
    rows = sum(file.metadata.num_rows for file in opened)
    for name, words in _classes(opened[0]).items():
        if name in values:
            values[name] = [words[number] if number is not None and 0 <= number < len(words)
                            else None for number in values[name]]  # fmt: skip
    if len(files) > 1 and "split" not in values:
        counts = [file.metadata.num_rows for file in opened]
        values["split"] = [path.stem.partition("-")[0] for path, count in
                           zip(files, counts, strict=True) for _ in range(count)]  # fmt: skip
    return ImageSet(
        root,
        numbered_names(rows),
        source=_Rows(files, column),
        columns={name: tuple(given) for name, given in values.items() if len(given) == rows},
    )


def _classes(file: Any) -> dict[str, list[str]]:
    """Return the class names of the columns that Hugging Face calls ClassLabel."""
    about = (file.schema_arrow.metadata or {}).get(b"huggingface", b"{}")
    try:
        features = json.loads(about)["info"]["features"]
        return {
            name: [str(word) for word in kind["names"]]
            for name, kind in features.items()
            if isinstance(kind, dict) and kind.get("_type") == "ClassLabel"
        }
    except DAMAGED:
        return {}
