"""Files that appear whole or not at all, one by one or several together."""

from __future__ import annotations

import errno
import json
import lzma
import os
import shutil
import struct
import zipfile
import zlib
from contextlib import contextmanager
from tokenize import TokenError
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from protolabel.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "DAMAGED",
    "check_regular",
    "finish_replacing",
    "is_leftover",
    "replacing",
    "sync_folder",
    "write_array",
    "write_bytes",
    "write_json",
    "write_text",
    "writing",
]

DAMAGED = (
    OSError, EOFError, LookupError, AttributeError, TypeError, ValueError, OverflowError,
    RecursionError, MemoryError, NotImplementedError, RuntimeError, SyntaxError, AssertionError,
    TokenError, zlib.error, lzma.LZMAError, struct.error, zipfile.BadZipFile, InputError,
)  # fmt: skip
"""The exceptions that JSON, numpy and zip raise for damaged bytes."""

_SAVED, _SAVING, _LOCK = ".saved", ".saving-", ".lock"
_PATIENCE = 30.0  # seconds to wait for another process that saves to the same folder


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file beside `path` that replaces it when the block ends without an error.

    Parameters
    ----------
    path : Path
        The file to create or replace.

    Yields
    ------
    binary file
    """
    # In the same folder: a rename between two disks would be a copy.
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def check_regular(path: Path) -> None:
    """Raise `OSError` for a pipe, socket, device or folder: opening it could wait for ever."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Open a new folder whose files take their places in `folder` together.

    Whenever the process dies, `folder` has all of the new files or none of them. They are written
    to ``.saving-<id>`` inside it. When the block ends without an error, that folder is renamed to
    ``.saved``, which makes the new files valid, and they move to their places. Code that reads
    the files calls `finish_replacing` first, in case a process died between the two steps.

    Parameters
    ----------
    folder : Path
        Created if it is missing; other files in it stay.

    Yields
    ------
    Path
        An empty folder.

    Raises
    ------
    OSError
        If it cannot be written, or another process keeps writing to it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        _move_saved(folder)
        for left in folder.glob(f"{_SAVING}*"):  # of a process that died
            shutil.rmtree(left, ignore_errors=True)
        new = folder / f"{_SAVING}{uuid4().hex[:8]}"
        try:
            new.mkdir()
            yield new
            sync_folder(new)
            new.rename(folder / _SAVED)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        sync_folder(folder)
        _move_saved(folder)


def finish_replacing(folder: Path) -> None:
    """Finish moving the files of a process that died after saving them.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    if (folder / _SAVED).is_dir():
        with _locked(folder):
            _move_saved(folder)


def is_leftover(path: Path) -> bool:
    """Return whether `replacing` left this file or folder behind when its process died."""
    return path.name in {_SAVED, _LOCK} or path.name.startswith(_SAVING)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    import filelock

    # The operating system releases this lock however the process ends.
    lock = filelock.FileLock(str(folder / _LOCK), timeout=_PATIENCE)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise OSError(errno.EBUSY, "another process is writing to it") from error
    try:
        yield
    finally:
        (folder / _LOCK).unlink(missing_ok=True)
        lock.release()


def _move_saved(folder: Path) -> None:
    new = folder / _SAVED
    if not new.is_dir():
        return
    files = sorted(path for path in new.rglob("*") if path.is_file())
    # A folder of a stranger may hold links: files would be taken from or moved to elsewhere.
    for path in (new, *((folder / file.relative_to(new)).parent for file in files)):
        if path != folder and path.is_symlink():
            raise OSError(errno.ELOOP, "it holds a link in the place of a folder", str(path))
    for path in files:
        target = folder / path.relative_to(new)
        target.parent.mkdir(exist_ok=True)
        path.replace(target)
    for changed in {(folder / path.relative_to(new)).parent for path in files}:
        sync_folder(changed)
    shutil.rmtree(new)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with writing(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text; file names that are not UTF-8 keep their bytes."""
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def write_json(path: Path, value: Any) -> None:
    """Write plain values as indented JSON."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write a ``.npy`` without pickle; a memory map is streamed."""
    with writing(path) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a power cut, where the file system supports it.

    Parameters
    ----------
    folder : Path
    """
    if os.name == "nt":
        return  # Windows opens no folders
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        pass  # some network file systems cannot
    finally:
        os.close(handle)
