"""Write and read ``embeddings.npy``, ``image_paths.txt`` and ``embeddings.json``."""

from __future__ import annotations

import codecs
import hashlib
import json
import os
import re
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from protolabel.common.checks import with_home
from protolabel.common.files import (
    DAMAGED,
    check_regular,
    finish_replacing,
    replacing,
    write_bytes,
    writing,
)
from protolabel.common.system_errors import system_says
from protolabel.embedding.vectorformats import as_array, read_rows
from protolabel.encoders.base import EncoderInfo
from protolabel.errors import InputError, StoreError
from protolabel.images.image_set import ImageSet, Nowhere, Skipped, numbered_names
from protolabel.images.lookup import IMAGE_COLUMNS
from protolabel.images.sources.archives import is_archive
from protolabel.images.sources.finding import find_images
from protolabel.images.sources.remote import find_at_urls, is_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["given_vectors", "load_vectors", "save_vectors"]

VECTORS, PATHS, ABOUT = "embeddings.npy", "image_paths.txt", "embeddings.json"
_BLOCK = 16384  # rows handled at a time: 32 MB of float32 with 512 dimensions
_NEAR = 4  # folders in which files that moved are looked for: that of the list, and those above
_ONE_SLASH = re.compile(r"^([a-z][a-z0-9+.-]+):/(?=[^/])")  # a URL that went through a Path
_TOLERANCE = {"float16": 5e-3, "float32": 1e-3}  # largest deviation of a row's length from 1


def save_vectors(
    folder: Path, vectors: npt.NDArray[Any], images: ImageSet, encoder: EncoderInfo
) -> None:
    """Write the three files, all of them or none, block by block.

    Parameters
    ----------
    folder : Path
        Created if it is missing.
    vectors : array of shape (N, d)
        Float16 or float32 unit rows; may be a memory map.
    images : ImageSet
        The N images, in the order of the rows.
    encoder : EncoderInfo

    Raises
    ------
    StoreError
        If the folder cannot be written.
    """
    try:
        with replacing(folder) as new:
            _write(new, vectors, images, encoder)
    except OSError as error:
        raise StoreError(
            f"Expected a folder to write embeddings to, but for {str(folder)!r} the system says: "
            f"{system_says(error)}"
        ) from error


def _write(folder: Path, vectors: npt.NDArray[Any], images: ImageSet, encoder: EncoderInfo) -> None:
    checksum = 0
    with writing(folder / VECTORS) as file:
        header = np.lib.format.header_data_from_array_1_0(np.empty((0, 0), vectors.dtype))
        header["shape"] = vectors.shape
        np.lib.format.write_array_header_1_0(file, header)
        for block in _blocks(vectors):
            raw = np.ascontiguousarray(block).data
            checksum = zlib.crc32(raw, checksum)
            file.write(raw)
    with writing(folder / PATHS) as file:
        for name in images.names:
            line = f"{images.root / name}\n"
            file.write(line.encode("utf-8", "surrogateescape"))
    about: dict[str, Any] = {
        "generator": "protolabel",
        "format": 1,
        "encoder": encoder.to_dict(),
        "rows": int(vectors.shape[0]),
        "dim": int(vectors.shape[1]),
        "dtype": vectors.dtype.name,
        "vectors_crc32": checksum,
        "names_sha256": _digest(name.rpartition("/")[2] for name in images.names),
        "paths_sha256": _digest(images.names),
        "root": str(images.root),
        "skipped": [[entry.name, entry.reason] for entry in images.skipped],
        "columns": {name: [_plain(value) for value in values]
                    for name, values in images.columns.items()},
    }  # fmt: skip
    # The checksums reveal files that were copied or replaced separately, and flipped bits.
    about["checksum"] = _checksum(about)
    write_bytes(folder / ABOUT, _text(about).encode())


def load_vectors(
    path: Path, image_paths: Path | None, mapped: int
) -> tuple[npt.NDArray[Any], ImageSet, EncoderInfo]:
    """Read and check the three files; see `protolabel.embedding.embed.load_embeddings`.

    Parameters
    ----------
    path : Path
        A file of vectors (see `read_rows`), or the folder that holds embeddings.npy.
    image_paths : Path or None
        The text file of paths; by default image_paths.txt beside the vectors.
    mapped : int
        Size in bytes from which the vectors stay on disk.

    Returns
    -------
    vectors : array of shape (N, d)
    images : ImageSet
    encoder : EncoderInfo

    Raises
    ------
    StoreError
    """
    path = path.expanduser()
    if path.is_dir():
        path = path / VECTORS
    try:
        finish_replacing(path.parent)
    except OSError as error:
        raise StoreError(
            f"Expected to finish saving the vectors in {str(path.parent)!r}, which a process that "
            f"died began, but the system says: {system_says(error, 'make it writable')}"
        ) from error
    listing = (image_paths or path.with_name(PATHS)).expanduser()
    rows = read_rows(path)
    lines = _read_lines(listing)
    if len(lines) == len(rows) + 1 and lines[0].strip().casefold() in IMAGE_COLUMNS:
        del lines[0]  # a header
    if len(lines) != len(rows):
        raise StoreError(
            f"Expected one path for each vector, got {len(rows)} rows in {str(path)!r} and "
            f"{len(lines)} paths in {str(listing)!r}: use files that were written together."
        )
    about = _read_about(path.with_name(ABOUT), rows)
    vectors, checksum = _checked(rows, mapped, path)
    images = _image_set(lines, listing, about)
    files = _digest(name.rpartition("/")[2] for name in images.names)
    if about and (
        about["vectors_crc32"] != checksum
        or about["names_sha256"] != files
        or about["paths_sha256"] not in (None, _digest(images.names))
    ):
        raise StoreError(
            f"Expected {VECTORS}, {PATHS} and {ABOUT} to be written together, but those in "
            f"{str(path.parent)!r} are not (or one was damaged while copying): embed again, or "
            f"remove {ABOUT} if the vectors are right. Images may move to another folder only "
            "all together."
        )
    return vectors, images, about["encoder"] if about else EncoderInfo.unknown(rows.shape[1])


def given_vectors(
    rows: Any, paths: Sequence[str | os.PathLike[str]] | ImageSet | None
) -> tuple[npt.NDArray[Any], ImageSet, EncoderInfo]:
    """Check vectors in memory, with or without images.

    Parameters
    ----------
    rows : array-like of shape (N, d)
        Numpy array or tensor, floating point.
    paths : sequence of path, ImageSet or None
        The N images, in the order of the rows. With None the images can be labelled, but not
        shown or exported.

    Returns
    -------
    vectors : array of shape (N, d)
    images : ImageSet
    encoder : EncoderInfo
        `EncoderInfo.unknown`.

    Raises
    ------
    StoreError
        If rows and images do not fit.
    """
    array = as_array(rows, "the array")
    if paths is None:
        names = tuple(f"vector_{number}" for number in numbered_names(len(array)))
        images = ImageSet(Path(os.path.abspath("vectors_in_memory")), names, source=Nowhere())  # noqa: PTH100 -- no such file: it is a name
    else:
        try:
            images = paths if isinstance(paths, ImageSet) else ImageSet.from_paths(paths)
        except InputError as error:
            raise StoreError(str(error)) from error
    if len(images) != len(array):
        raise StoreError(
            f"Expected one path for each vector, got {len(array)} rows and {len(images)} paths: "
            "pass them in one order."
        )
    vectors, _ = _checked(array, array.nbytes + 1, Path("the array"))
    return vectors, images, EncoderInfo.unknown(array.shape[1])


def _checked(rows: npt.NDArray[Any], mapped: int, path: Path) -> tuple[npt.NDArray[Any], int]:
    """Return unit rows and the checksum of the file, in one pass, block by block."""
    dtype = rows.dtype.name if rows.dtype.name in _TOLERANCE else "float32"
    tolerance = _TOLERANCE[dtype]
    # A memory map is copied only if a row has to change.
    out = np.empty(rows.shape, dtype) if dtype != rows.dtype or rows.nbytes < mapped else None
    checksum = start = 0
    for block in _blocks(rows):
        checksum = zlib.crc32(np.ascontiguousarray(block).data, checksum)
        wide = block.astype(np.float64)
        lengths = np.linalg.norm(wide, axis=1, keepdims=True)
        bad = ~(np.isfinite(lengths) & (lengths > 0))[:, 0]
        if bad.any():
            raise StoreError(
                f"Expected finite, non-zero vectors, but row {start + int(bad.argmax())} of "
                f"{str(path)!r} is not: remove it and its path, or embed again."
            )
        off = np.abs(lengths - 1).max() > tolerance
        if off and out is None:
            out = np.empty(rows.shape, dtype)
            out[:start] = rows[:start]
        if out is not None:
            out[start : start + len(block)] = wide / lengths if off else block
        start += len(block)
    return rows if out is None else out, checksum


def _read_lines(listing: Path) -> list[str]:
    try:
        check_regular(listing)
        # Names on Linux are bytes: those that are not UTF-8 must survive unchanged.
        raw = listing.read_bytes()
        utf16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = raw.decode(
            "utf-16" if utf16 else "utf-8-sig", "replace" if utf16 else "surrogateescape"
        )
    except OSError as error:
        raise StoreError(
            f"Expected the paths of the images in {str(listing)!r}, but it cannot be read: "
            f"{error.strerror or error}. Pass image_paths=, one path a line, "
            "or the vectors as an array if they have no images."
        ) from error
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    if all(len(line) > 1 and line[0] == line[-1] == '"' for line in lines):
        lines = [line[1:-1] for line in lines]
    return [_as_path(line) for line in lines]


def _as_path(line: str) -> str:
    if line.startswith("file://"):
        return unquote(line.removeprefix("file://").removeprefix("localhost"))
    if line.startswith("~"):
        return with_home(line)
    return _ONE_SLASH.sub(r"\1://", line)


def _image_set(lines: Sequence[str], listing: Path, about: Mapping[str, Any]) -> ImageSet:
    folder = os.path.abspath(listing.parent)  # noqa: PTH100 -- a million of them: strings are ten times faster than Path
    root = about.get("root")

    def place(line: str) -> str:
        beside = os.path.join(folder, line)  # noqa: PTH118 -- as above; an absolute line stays
        if os.path.isabs(line) or os.path.exists(beside):  # noqa: PTH110, PTH117 -- as above
            return beside
        return line if os.path.exists(line) else beside  # noqa: PTH110 -- as above

    try:
        if lines and all(map(is_url, lines)):
            images = _at_urls(lines, root)
        else:
            paths, root = _moved([place(line) for line in lines], root, folder)
            images = ImageSet.from_paths(paths)
            root = _root(paths, images, root, about.get("paths_sha256"))
            if root is not None:
                images = ImageSet.from_paths(paths, root=root)
    except InputError as error:
        raise StoreError(f"{error} The list is {str(listing)!r}.") from error
    skipped = tuple(Skipped(name, reason) for name, reason in about.get("skipped", ()))
    if is_archive(images.root) and images.root.is_file():
        whole = find_images(images.root)
        rows = {name: row for row, name in enumerate(whole.names)}
        if set(images.names) <= rows.keys():
            images = whole.take(rows[name] for name in images.names)
    columns = about.get("columns", {}) or images.columns
    return replace(images, skipped=skipped, columns=columns)


def _at_urls(urls: Sequence[str], root: str | None) -> ImageSet:
    images = find_at_urls(urls, {})
    start = None if root is None else _ONE_SLASH.sub(r"\1://", root).rstrip("/") + "/"
    if start is None or not all(url.startswith(start) for url in urls):
        return images
    return replace(images, root=Path(str(root)), names=tuple(url[len(start) :] for url in urls))


def _moved(paths: list[str], root: str | None, folder: str) -> tuple[list[str], str | None]:
    """Find files that moved together with their list: the same tree at another place.

    Parameters
    ----------
    paths : list of str
        Absolute paths, as in the list.
    root : str or None
        The recorded folder of the images.
    folder : str
        The present folder of the list.

    Returns
    -------
    paths, root
        The new paths and root; or those given, if the files exist there, or nowhere near the list.
    """
    if not paths or os.path.lexists(paths[0]):
        return paths, root
    first = paths[0].replace("\\", "/").split("/")  # paths of Windows, too
    near = [folder, *map(str, Path(folder).parents)][:_NEAR]
    for start in range(1, len(first)):
        for base in near:
            if os.path.exists(os.path.join(base, *first[start:])):  # noqa: PTH110, PTH118
                cut = len("/".join(first[:start])) + 1
                prefix = paths[0][:cut]

                def there(path: str, base: str = base, prefix: str = prefix) -> str:
                    if not path.startswith(prefix):
                        return path
                    return os.path.join(base, path[len(prefix) :].replace("\\", os.sep))  # noqa: PTH118

                if os.path.exists(there(paths[-1])):  # noqa: PTH110
                    kept = None if root is None else there(root + os.sep).rstrip(os.sep)
                    return [there(path) for path in paths], kept
    return paths, root


def _root(
    paths: Sequence[str], images: ImageSet, root: str | None, digest: str | None
) -> str | None:
    """Return the folder whose images were embedded, even if it moved; None for the deepest."""
    if root and all(path.startswith(root + os.sep) for path in paths):
        return root
    above = ""
    for folder in (images.root, *images.root.parents) if digest else ():
        if _digest(above + name for name in images.names) == digest:
            return str(folder)
        above = f"{folder.name}/{above}"
    return None


def _read_about(path: Path, rows: npt.NDArray[Any]) -> dict[str, Any]:
    """Return the contents of embeddings.json, or {} if there is none."""
    try:
        check_regular(path)
        text = path.read_text("utf-8")
        about = json.loads(text)
        as_written = text == _text(about)
        expected = about.pop("checksum", None)
        # The first release wrote none, and a program that changed the file has written it anew.
        if as_written and expected not in (None, _checksum(about)):
            raise ValueError("its checksum differs")
        encoder = EncoderInfo.from_dict(about["encoder"])
        shape = (int(about["rows"]), int(about["dim"]))
        about = {
            "encoder": encoder,
            "root": str(about["root"]),
            "vectors_crc32": int(about["vectors_crc32"]),
            "names_sha256": str(about["names_sha256"]),
            "paths_sha256": about.get("paths_sha256"),
            "skipped": [(str(name), str(reason)) for name, reason in about["skipped"]],
            "columns": _columns(about.get("columns", {}), shape[0]),
        }
    except FileNotFoundError:
        return {}
    except DAMAGED as error:
        raise StoreError(
            f"Expected {str(path)!r} as protolabel wrote it, but it cannot be understood: remove "
            "it to use the vectors without knowing their encoder."
        ) from error
    if shape != rows.shape or encoder.dim != rows.shape[1]:
        raise StoreError(
            f"Expected vectors of shape {shape} of {encoder.name!r}, as {str(path)!r} says, got "
            f"shape {rows.shape}: use files that were written together."
        )
    return about


def _columns(given: Any, rows: int) -> dict[str, tuple[Any, ...]]:
    columns = {str(name): tuple(values) for name, values in dict(given).items()}
    if any(len(values) != rows for values in columns.values()):
        raise ValueError("a column has another length than the vectors")
    return columns


def _plain(value: Any) -> Any:
    """Return a value of the user's table as JSON can hold it."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def _digest(names: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        digest.update(name.encode("utf-8", "surrogateescape") + b"\n")
    return digest.hexdigest()


def _text(about: Mapping[str, Any]) -> str:
    return json.dumps(about, indent=None if about.get("columns") else 2) + "\n"


def _checksum(about: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _blocks(rows: npt.NDArray[Any]) -> Iterable[npt.NDArray[Any]]:
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK]
