"""Tables of images: which rows there are, and in which column an image lies."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import url2pathname

from protolabel.common.checks import as_path
from protolabel.errors import InputError
from protolabel.tables.archives import ARCHIVE, KEY, PLACE, read_archives
from protolabel.tables.engine import engine, expecting, literal
from protolabel.tables.saved import STATE, files_of, read_saved
from protolabel.tables.shards import HEAD, is_shards, located

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ImageTable", "read_table"]

IDS = ("id", "key", "__key__", "image_id", "uid", "sample_id")
VECTORS = ("vector", "embedding", "image_embedding", "vectors")
IMAGES = (
    "image", "img", "path", "file", "filename", "file_name", "image_path", "filepath", "url",
    "uri", "image_url", "bytes", "image_bytes", "jpg", "jpeg", "png", "webp",
)  # fmt: skip

_LOOKED_INTO, _ENDS = 16, 65_536  # files, and bytes at each of their ends


@dataclass(frozen=True, eq=False)
class ImageTable:
    """A table of images, to be read by Daft.

    Attributes
    ----------
    frame : daft.DataFrame
        The text columns ``id`` and ``reason`` (why a row of `embed_table` has no vector), and the
        column ``image``.
    kind : {"path", "bytes", "struct", "member", "vector"}
        What ``image`` holds. Paths may be URLs; a struct has ``bytes`` and ``path``; a member is
        one of an archive.
    root : str
        Folder that relative paths start from.
    source : str
        Absolute path or URL of the table.
    files : str or None
        What tells the files of a table on disk from those of another, wherever they lie.
    image_column, id_column : str
        The columns of the source.
    longer : daft.DataFrame or None
        For archives: the frame with ids that start with the name of the archive, for keys that
        several archives have.
    is_shards : bool
        Whether protolabel wrote the table, so that rows with one id are of one image.
    """

    frame: Any
    kind: str
    root: str
    source: str
    files: str | None
    image_column: str
    id_column: str
    longer: Any = None
    is_shards: bool = False

    @property
    def origin(self) -> dict[str, str | None]:
        """What makes the ids and the images those of this table, for the head of its shards."""
        return {
            "table": self.source,
            "files": self.files,
            "image_column": self.image_column,
            "id_column": self.id_column,
        }


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
        as Hugging Face stores it. By default the first column of a usual name.
    id_column : str, optional
        Column that identifies an image. By default the first column of a usual name, or the paths.
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
    engine()  # says what to install, before anything else is said
    with expecting(f"a table of images in {source!r}", InputError, "Correct the path or the file."):
        place, files = _files(source)
        frame = _read(place, files)
    columns = frame.column_names
    _check_columns(source, columns, image_column, id_column)
    kinds = {name: _kind(frame.schema()[name].dtype) for name in columns}
    image = _usual_column(kinds, vectors=vectors) if image_column is None else image_column
    wanted = "images or vectors" if vectors else "images"
    if image is None:
        raise InputError(
            f"Expected a column of {wanted} in {source!r}, got {_listed(columns)}: name it, on the "
            "command line with --image-column."
        )
    if not kinds[image] or (kinds[image] == "vector" and not vectors):
        raise InputError(
            f"Expected {wanted} in the column {image!r} of {source!r}, got values of the type "
            f"{frame.schema()[image].dtype}: name a column of paths, URLs or encoded bytes, on the "
            "command line with --image-column."
        )
    kind = kinds[image]
    usual = next((name for name in IDS if name in columns and name != image), None)
    key = usual if id_column is None else id_column
    if key is None and kind == "path":
        key = image
    value = frame[image]
    if key is None and kind == "struct" and "path" in frame.schema()[image].dtype.fields:
        key, name = f"{image}.path", value["path"]
    elif key is not None:
        name = frame[key]
    else:
        raise InputError(
            f"Expected a column that identifies the images of {source!r}, got {_listed(columns)}: "
            "name it, on the command line with --id-column; if there is none, number the rows."
        )
    if key in columns and not _is_plain(frame.schema()[key].dtype):
        raise InputError(
            f"Expected texts or numbers in the column {key!r} of {source!r}, got values of the "
            f"type {frame.schema()[key].dtype}: name another column, on the command line with "
            "--id-column."
        )
    root = _root(place)
    if kind == "struct" and "path" not in frame.schema()[image].dtype.fields:
        value, kind = value["bytes"], "bytes"
    if kind == "path":
        value = _filled(value)
        if "://" in root:
            whole = engine().functions.when(value.contains("://"), value)
            value = whole.otherwise(engine().lit(f"{root}/") + value)
    text = engine().DataType.string()
    told = kind == "vector" and "error" in columns and frame.schema()["error"].dtype.is_string()
    reason = frame["error"] if told else engine().lit(None)
    names = _filled(name.cast(text))
    rest = value.alias("image"), reason.cast(text).alias("reason")
    longer = None
    if key == KEY and ARCHIVE in columns:
        whole_names = frame[ARCHIVE] + engine().lit("/") + names
        longer = frame.select(whole_names.alias("id"), *rest)
    table = frame.select(names.alias("id"), *rest)
    ours = kind == "vector" and is_shards(source)
    return ImageTable(table, kind, root, place, _fingerprint(root, files), image, key, longer, ours)


def _check_columns(source: str, columns: Sequence[str], *named: str | None) -> None:
    """Check that every column has a name of its own, and that those that were named are there."""
    if repeated := sorted({name for name in columns if columns.count(name) > 1}):
        raise InputError(
            f"Expected columns with names of their own in {source!r}, got {repeated[0]!r} "
            f"{columns.count(repeated[0])} times: rename them."
        )
    for name in named:
        if name is not None and name not in columns:
            raise InputError(
                f"Expected a column {name!r} in {source!r}, got {_listed(columns)}: name one of "
                "them."
            )


def _usual_column(kinds: Mapping[str, str], *, vectors: bool) -> str | None:
    """Return the first column of a usual name that holds images, or vectors if they will do."""
    for name in (*VECTORS, *IMAGES) if vectors else IMAGES:
        if kinds.get(name) and (kinds[name] == "vector") == (name in VECTORS):
            return name
    return None


def _filled(text: Any) -> Any:
    """Return texts of Daft with null in place of empty ones."""
    return engine().functions.when(text != "", text).otherwise(None)


def _listed(columns: Sequence[str]) -> str:
    return f"the columns {', '.join(columns)}" if columns else "no columns"


def _files(source: str) -> tuple[str, list[str]]:
    """Return the absolute path or URL of a table, and the files that hold it."""
    if source.startswith("file:///"):
        source = url2pathname(source.removeprefix("file://"))
    local = Path(source)
    if "://" not in source:
        local = as_path(source, "a table of images")
        source = str(local.absolute())
        if "*" not in source and not local.exists():
            raise InputError(
                f"Expected a table of images, but {source!r} does not exist: correct it."
            )
    is_folder = not Path(source).suffix if "://" in source else local.is_dir()
    if is_folder and local.suffix != ".lance" and not source.startswith("hf://"):
        return source, _inside(source)
    if "*" in source and ("://" in source or not local.exists()):
        matches = (row["path"] for row in engine().from_glob_path(source).iter_rows())
        files = sorted(path.removeprefix("file://") for path in matches)
        if not files:
            raise InputError(
                f"Expected files that match {source!r}, got none: correct the pattern."
            )
        return source, files
    return source, [source]


def _read(source: str, files: Sequence[str]) -> Any:
    daft = engine()
    if source.startswith("hf://"):
        name = source.removeprefix("hf://").removeprefix("datasets/")
        if name.count("/") == 1 and not Path(name).suffix:
            return daft.read_huggingface(name)
    first = files[0]
    suffix = Path(first.split("?")[0] if "://" in first else first).suffix.lower()
    if suffix == ".tar":
        return read_archives(files, _root(source))
    if suffix == ".arrow":
        return read_saved(files)
    readers = {
        ".parquet": daft.read_parquet,
        ".pq": daft.read_parquet,
        ".csv": _read_csv,
        ".tsv": partial(_read_csv, delimiter="\t"),
        ".jsonl": daft.read_json,
        ".ndjson": daft.read_json,
        ".lance": lambda _: daft.read_lance(source),
    }
    if suffix not in readers:
        raise InputError(
            f"Expected a table of images ({', '.join(readers)}, .tar, or hf://datasets/...), "
            f"got {source!r}: write the list of images as Parquet or CSV."
        )
    try:
        # A question mark in a URL begins its query.
        is_url = "://" in source and list(files) == [source]
        return readers[suffix](source if is_url else [literal(path) for path in files])
    except ImportError as error:
        needed = "pip install daft-lance" if suffix == ".lance" else str(error)
        raise InputError(
            f"Expected what Daft needs to read {source!r}, got an environment without it: {needed}."
        ) from error


def _read_csv(found: str | Sequence[str], delimiter: str = ",") -> Any:
    """Open CSV files; every value is text, as an id 007 is not 7."""
    read = partial(engine().read_csv, found, delimiter=delimiter)
    text = engine().DataType.string()
    return read(schema=dict.fromkeys(read().column_names, text))


def _inside(folder: str) -> list[str]:
    """Return the tables of one kind in a folder; hidden ones are being written."""
    from pyarrow import fs

    system, scheme, root = located(folder)
    found = system.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
    inside = [entry.path.removeprefix(root).lstrip("/") for entry in found if entry.is_file]
    if HEAD in inside:
        inside = [path for path in inside if path.startswith("part-")]
    states = [path for path in inside if path.rpartition("/")[2] == STATE]
    if states:
        return [file for path in sorted(states) for file in files_of(f"{scheme}{root}/{path}")]
    suffixes = (".parquet", ".tar", ".csv", ".tsv", ".jsonl", ".arrow")
    for suffix in suffixes:
        files = sorted(
            f"{scheme}{root}/{path}"
            for path in inside
            if path.endswith(suffix)
            and not any(part.startswith((".", "_")) for part in path.split("/"))
        )
        if files:
            return files
    raise InputError(
        f"Expected tables ({', '.join(suffixes)}) in {folder!r}, got none: a folder of pictures "
        "needs no table, so run protolabel embed without --shards."
    )


def _kind(dtype: Any) -> str:
    """Return what a column holds, "" if it can be no image."""
    if dtype.is_string():
        return "path"
    if dtype.is_binary():
        return "bytes"
    if dtype.is_struct():
        fields = dtype.fields
        if (
            fields.keys() == PLACE
            and fields["archive"].is_string()
            and fields["start"].is_integer()
        ):
            return "member"
        data, path = fields.get("bytes"), fields.get("path")
        has_data = data is not None and (data.is_binary() or data.is_null())
        has_path = path is None or path.is_string() or path.is_null()
        return "struct" if has_data and has_path else ""
    if dtype.is_list() or dtype.is_fixed_size_list() or dtype.is_embedding():
        inner = dtype.dtype
        if inner.is_float16() or inner.is_float32() or inner.is_float64():
            return "vector"
    return ""


def _is_plain(dtype: Any) -> bool:
    """Say whether values of a type can be written as text."""
    kinds = ("string", "integer", "numeric", "boolean", "temporal", "decimal128", "uuid", "null")
    return any(getattr(dtype, f"is_{kind}")() for kind in kinds)


def _root(source: str) -> str:
    """Return the folder that relative paths start from: that of the table."""
    if "://" in source:
        return source.rpartition("/")[0] if Path(source).suffix else source.rstrip("/")
    path = Path(source)
    return str(path if path.is_dir() else path.parent)


def _fingerprint(root: str, files: Sequence[str]) -> str | None:
    """Return a digest of the names, sizes and some content of local files; None for URLs.

    Parameters
    ----------
    root : str
        Folder of the table, in which the names start.
    files : sequence of str
        The files, of which up to `_LOOKED_INTO` are opened, for their first and last bytes: all
        of a large table would take hours.
    """
    if "://" in root:
        return None
    paths = [
        path for file in files
        for path in (sorted(Path(file).rglob("*")) if Path(file).is_dir() else [Path(file)])
        if path.is_file()
    ]  # fmt: skip
    names = [(os.path.relpath(path, root), path.stat().st_size) for path in paths]
    digest = hashlib.sha256(json.dumps(names).encode())
    for path in paths[:: -(-len(paths) // _LOOKED_INTO)]:
        with path.open("rb") as file:
            digest.update(file.read(_ENDS))
            file.seek(max(0, path.stat().st_size - _ENDS))
            digest.update(file.read(_ENDS))
    return digest.hexdigest()
