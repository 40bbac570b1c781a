"""Files that appear whole or not at all."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["sync_folder", "write_array", "write_bytes", "write_json", "write_text", "writing"]


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file beside `path` that takes its place when the block ends well.

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
    """Make new names in a folder survive a power cut, where the system can.

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
