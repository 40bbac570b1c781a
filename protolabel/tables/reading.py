"""Tables of images: which rows there are, and in which column an image lies."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protolabel.common.checks import as_path
from protolabel.errors import InputError
from protolabel.tables.archives import PLACE, read_archives
from protolabel.tables.engine import engine, expecting
from protolabel.tables.shards import located

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ImageTable", "read_table"]

IDS = ("id", "key", "__key__", "image_id", "uid", "sample_id")
VECTORS = ("vector", "embedding", "image_embedding", "vectors")
IMAGES = (
    "image", "img", "path", "file", "filename", "file_name", "image_path", "filepath", "url",
    "uri", "image_url", "bytes", "image_bytes", "jpg", "jpeg", "png", "webp",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ImageTable:
    """A table of images, to be read by Daft.

    Attributes
    ----------
    frame : daft.DataFrame
        The column ``id`` with texts that are unique, the column ``image``, and the column
        ``reason``: why a row of `embed_table` has no vector.
    kind : {"path", "bytes", "file", "member", "vector"}
        What ``image`` holds. Paths may be URLs; a member is one of an archive.
    root : str
        Folder that relative paths start from.
    """

    frame: Any
    kind: str
    root: str


def read_table(
    source: str | os.PathLike[str],
    *,
    image_column: str | None = None,
    id_column: str | None = None,
    vectors: bool = False,
) -> ImageTable:
    """Open a table; nothing is read but its schema.

    Parameters
    ----------
    source : str or path
        A Parquet, CSV, JSON lines or Lance file, a WebDataset (.tar), a folder or a pattern of
        them, ``hf://datasets/OWNER/NAME``, or a URL of these in an object store.
    image_column : str, optional
        Column of the images: paths, URLs, encoded bytes, or a struct with ``bytes`` or ``path``
        as of Hugging Face. By default the first column of a usual name.
    id_column : str, optional
        Column that identifies an image. By default the first one of a usual name, or the paths.
    vectors : bool
        Take a column of vectors where there is one and no column of images is named.

    Returns
    -------
    ImageTable

    Raises
    ------
    InputError
        If there is no such table or column.
    """
    source = os.fspath(source)
    with expecting(f"a table of images in {source!r}", InputError, "Correct the path or the file."):
        frame = _read(source)
    columns = frame.column_names
    kinds = {name: _kind(frame.schema()[name].dtype) for name in columns}
    chosen = image_column or next(
        (
            name
            for name in ((*VECTORS, *IMAGES) if vectors else IMAGES)
            if kinds.get(name) and (kinds[name] == "vector") == (name in VECTORS)
        ),
        None,
    )
    if chosen is None or not kinds.get(chosen):
        raise InputError(
            f"Expected a column of images{' or vectors' if vectors else ''} in {source!r}, got "
            f"the columns {', '.join(columns)}: name it, on the command line with --image-column."
        )
    kind = kinds[chosen]
    key = id_column or next((name for name in IDS if name in columns and name != chosen), None)
    if key is None and kind == "path":
        key = chosen
    if key not in columns:
        raise InputError(
            f"Expected a column that identifies the images of {source!r}, got the columns "
            f"{', '.join(columns)}: name it, on the command line with --id-column."
        )
    value = frame[chosen]
    if kind == "struct":
        value, kind = value["bytes"], "bytes"
    root = _root(source)
    if kind == "path" and "://" in root:
        whole = engine().functions.when(value.contains("://"), value)
        value = whole.otherwise(engine().lit(f"{root}/") + value)
    text = engine().DataType.string()
    reason = frame["error"] if kind == "vector" and "error" in columns else engine().lit(None)
    frame = frame.select(
        frame[key].cast(text).alias("id"), value.alias("image"), reason.cast(text).alias("reason")
    )
    return ImageTable(frame, kind, root)


def _read(source: str) -> Any:
    daft = engine()
    found: str | Sequence[str] = source
    if source.startswith("hf://"):
        name = source.removeprefix("hf://").removeprefix("datasets/")
        if name.count("/") == 1 and not Path(name).suffix:
            return daft.read_huggingface(name)
    local = Path(source)
    if "://" not in source:
        local = as_path(source, "a table of images")
        source = str(local.absolute())
        found = source
        if "*" not in source and not local.exists():
            raise InputError(
                f"Expected a table of images, but {source!r} does not exist: correct it."
            )
    is_folder = not Path(source).suffix if "://" in source else local.is_dir()
    if is_folder and local.suffix != ".lance":
        found = _inside(source)
    suffix = Path((found if isinstance(found, str) else found[0]).split("?")[0]).suffix.lower()
    readers = {
        ".parquet": daft.read_parquet,
        ".pq": daft.read_parquet,
        ".csv": daft.read_csv,
        ".jsonl": daft.read_json,
        ".ndjson": daft.read_json,
        ".lance": daft.read_lance,
    }
    if suffix == ".tar":
        if isinstance(found, str):
            pattern = daft.from_glob_path(found) if "*" in found else None
            found = [found] if pattern is None else sorted(pattern.to_pydict()["path"])
        return read_archives(found)
    if suffix == ".tsv":
        return daft.read_csv(found, delimiter="\t")
    if suffix not in readers:
        raise InputError(
            f"Expected a table of images ({', '.join(readers)}, .tsv, .tar, or hf://datasets/...), "
            f"got {source!r}: write the list of images as Parquet or CSV."
        )
    try:
        return readers[suffix](found)
    except ImportError as error:
        needed = "pip install daft-lance" if suffix == ".lance" else str(error)
        raise InputError(
            f"Expected what Daft needs to read {source!r}, got an environment without it: {needed}."
        ) from error


def _inside(folder: str) -> list[str]:
    """Return the tables of one kind in a folder; hidden ones are being written."""
    from pyarrow import fs

    system, scheme, root = located(folder)
    found = system.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
    inside = [entry.path.removeprefix(root).lstrip("/") for entry in found if entry.is_file]
    for suffix in (".parquet", ".tar", ".csv", ".jsonl"):
        files = sorted(
            f"{scheme}{root}/{path}"
            for path in inside
            if path.endswith(suffix)
            and not any(part.startswith((".", "_")) for part in path.split("/"))
        )
        if files:
            return files
    raise InputError(
        f"Expected tables (.parquet, .csv, .jsonl, .tar) in {folder!r}, got none. A folder of "
        "pictures needs no table: run protolabel embed without --shards."
    )


def _kind(dtype: Any) -> str:
    """Return what a column holds, "" if it can be no image."""
    if dtype.is_string():
        return "path"
    if dtype.is_binary():
        return "bytes"
    if dtype.is_file():
        return "file"
    if dtype.is_struct():
        names = set(dtype.fields)
        return "member" if names == PLACE else "struct" if "bytes" in names else ""
    if dtype.is_list() or dtype.is_fixed_size_list() or dtype.is_embedding():
        inner = dtype.dtype
        if inner.is_float16() or inner.is_float32() or inner.is_float64():
            return "vector"
    return ""


def _root(source: str) -> str:
    """Return the folder that relative paths start from: that of the table."""
    if "://" in source:
        return source.rpartition("/")[0] if Path(source).suffix else source.rstrip("/")
    path = Path(source).expanduser().absolute()
    return str(path if path.is_dir() else path.parent)
