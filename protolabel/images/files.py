"""Open files in unknown folders; only regular files, because a pipe or a device could block."""

from __future__ import annotations

import os
import stat
from typing import IO, TYPE_CHECKING, cast

from protolabel.errors import ImageReadError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ImageFile", "PathLike", "StoredFile", "open_file", "open_regular", "os_reason"]

PathLike = str | os.PathLike[str]

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class StoredFile:
    """An image that is not a file on a local disk, such as a member of an archive.

    Its name identifies it and appears in messages; `open` reads its bytes.

    Parameters
    ----------
    name : str
        The source, a slash, and the name of the image in it.
    opener : callable
        Returns a new binary file at its start.
    """

    def __init__(self, name: str, opener: Callable[[], IO[bytes]]) -> None:
        self._name, self._opener = name, opener

    def open(self) -> IO[bytes]:
        """Open the image as a binary file."""
        return self._opener()

    @property
    def name(self) -> str:
        """The last part of the name."""
        return self._name.rpartition("/")[2]

    def __fspath__(self) -> str:
        return self._name

    def __str__(self) -> str:
        return self._name

    def __repr__(self) -> str:
        return f"StoredFile({self._name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StoredFile) and self._name == other._name

    def __hash__(self) -> int:
        return hash(self._name)


ImageFile = PathLike | StoredFile | IO[bytes]
"""A path, an image of another source, or an open binary file."""


def open_file(file: ImageFile) -> IO[bytes]:
    """Open an image as a binary file, from any source.

    Raises
    ------
    ImageReadError
        If it is not a regular file, or cannot be opened.
    """
    if isinstance(file, StoredFile):
        try:
            return file.open()
        except OSError as error:
            raise ImageReadError(os_reason(error)) from error
    if hasattr(file, "read"):
        return cast("IO[bytes]", file)
    return open_regular(file)


def open_regular(path: PathLike) -> IO[bytes]:
    """Open a regular file for reading.

    Parameters
    ----------
    path : path
        Pipes, sockets, devices and folders are refused without being opened: opening a pipe waits
        for a writer, and opening a device can have side effects.

    Returns
    -------
    binary file

    Raises
    ------
    ImageReadError
        The message is the reason, without the path.
    """
    if not isinstance(path, str | bytes | os.PathLike):  # a number would be an open file
        raise ImageReadError(f"the path cannot be used: it is {type(path).__name__}")
    try:
        kind = special(os.stat(path).st_mode)  # noqa: PTH116 -- the path may be a string
        if kind:
            raise ImageReadError(f"{kind}, not a file")
        # If a pipe has replaced the file since the check, this does not wait for a writer.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        return os.fdopen(os.open(path, flags), "rb")
    except OSError as error:
        raise ImageReadError(os_reason(error)) from error
    except (TypeError, ValueError) as error:  # a NUL in the path, or no path at all
        raise ImageReadError(f"the path cannot be used: {error}") from error


def special(mode: int) -> str:
    """Return the kind of a folder entry in words, "" for a regular file."""
    if stat.S_ISREG(mode):
        return ""
    return next((words for is_kind, words in _KINDS if is_kind(mode)), "a special file")


def os_reason(error: OSError) -> str:
    """Return the system's reason for an error, in plain words."""
    if isinstance(error, FileNotFoundError):
        return "the file does not exist"
    if error.strerror is not None:
        return f"the file cannot be opened: {error.strerror}"
    # Pillow's own OSErrors carry no number: the pixels ended too early or make no sense.
    return f"damaged or cut short: {error}"
