"""Rename a folder without replacing anything."""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["move_new"]

_AT_FDCWD = -100
_NOREPLACE = 1


def move_new(source: Path, target: Path) -> None:
    """Rename a folder to a name that does not exist.

    On Linux the kernel refuses to replace anything (``renameat2``). Elsewhere, and on disks that
    do not support that, the name is checked first. At worst, the folder then replaces an empty
    folder, because no system renames a folder over a file or over a folder with contents.

    Parameters
    ----------
    source, target : Path
        Absolute paths on one disk.

    Raises
    ------
    FileExistsError
        If `target` exists, even as a link that leads nowhere.
    OSError
        If the folder cannot be renamed.
    """
    rename = _renameat2()
    if rename is not None:
        if not rename(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _NOREPLACE):
            return
        number = ctypes.get_errno()
        if number not in (errno.EINVAL, errno.ENOSYS):  # the disk cannot do it
            raise OSError(number, os.strerror(number), str(source), None, str(target))
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    try:
        source.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.ENOTDIR):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        raise


@cache
def _renameat2() -> Any:
    """Return the function of the C library, or None."""
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return None
    function.argtypes = [
        ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint,
    ]  # fmt: skip
    function.restype = ctypes.c_int
    return function
