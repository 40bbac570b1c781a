"""What to do about an error of the operating system."""

from __future__ import annotations

import errno

__all__ = ["DISK_FULL", "of_the_target", "system_says"]

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""Numbers of the errors of a disk that takes no more."""

_ADVICE = {
    errno.ENOSPC: "free the disk, or choose a folder on another",
    errno.EDQUOT: "delete files of yours on that disk, or choose a folder on another",
    errno.EFBIG: "choose a folder on a disk that takes larger files (FAT32 takes 4 GB a file; "
    "ulimit -f can set a limit, too)",
    errno.EROFS: "choose a folder on a disk that can be written",
    errno.EACCES: "ask its owner for the permission to write there, or choose another folder",
    errno.EPERM: "ask its owner for the permission to write there, or choose another folder",
    errno.ENAMETOOLONG: "choose a shorter name, or a folder with a shorter path",
    errno.EMFILE: "close other notebooks and programs, or raise the limit (ulimit -n); try again",
    errno.ENFILE: "close other notebooks and programs, and try again",
    errno.EIO: "check the disk and its cable or connection, or choose a folder on another",
    errno.ENOENT: "check that its folder is still there, or choose another",
    errno.ENOTDIR: "choose another folder, because a file has the name of one on the way",
    errno.EISDIR: "choose another path, because a folder has this name",
}
# An image was read a moment ago, or another file was: these are about the place of the new file.
_OF_TARGET = {
    *DISK_FULL, errno.EFBIG, errno.EROFS, errno.ENAMETOOLONG, errno.EMFILE, errno.ENFILE,
}  # fmt: skip


def system_says(error: BaseException, otherwise: str = "choose another folder") -> str:
    """Return the system's reason for an error of writing, and what to do about it.

    Parameters
    ----------
    error : Exception
        Usually an `OSError`; of another, the message is the reason.
    otherwise : str
        What to do about an error that has no advice of its own.

    Returns
    -------
    str
        For example ``"No space left on device: free the disk, or choose a folder on another."``
    """
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"{reason}: {_ADVICE.get(getattr(error, 'errno', None) or 0, otherwise)}."


def of_the_target(error: OSError) -> bool:
    """Return whether an error of copying a file can only come from the place it is copied to."""
    return error.errno in _OF_TARGET
