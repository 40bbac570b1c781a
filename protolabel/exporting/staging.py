"""Build a folder that appears completely or not at all, and never replaces other files.

An export works in a hidden folder beside its target::

    .NAME.partial-xxxxxxxx/
        lock        held as long as the export runs
        target      the whole name of the target
        dataset/    becomes the target, by one rename
        earlier/    the replaced dataset, once it has been moved away

A killed export leaves that folder behind with a free lock. The next export to the same target
finds it, restores an earlier dataset that has no successor, and removes the rest.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
import warnings
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from protolabel.common.files import sync_folder
from protolabel.common.system_errors import DISK_FULL, system_says
from protolabel.errors import ExportError, InputError
from protolabel.exporting.existing import check_replaceable, is_ours
from protolabel.exporting.moving import move_new
from protolabel.exporting.transfer import NO_ROOM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protolabel.images.image_set import ImageSet

__all__ = ["check_target", "restore_leftovers", "staging"]

LOCK, NAME, NEW, EARLIER = "lock", "target", "dataset", "earlier"

_PREFIX = 80  # characters of the target's name in the name of the hidden folder
_FRESH = 60.0  # seconds for which an empty hidden folder may belong to an export that just began


def check_target(folder: str | os.PathLike[str], images: ImageSet, *, overwrite: bool) -> Path:
    """Return the absolute folder to export to, or raise if it may not be used.

    Leftovers of a killed export are cleaned up first; see `restore_leftovers`.

    Parameters
    ----------
    folder : path
        A new folder, an empty folder, or with `overwrite` a dataset of protolabel. A link to a
        folder is followed.
    images : ImageSet
        The images to export. A folder that contains any of them is never replaced.
    overwrite : bool
        Whether an earlier dataset may be replaced.

    Raises
    ------
    InputError
        If the folder is not a path.
    ExportError
        If the folder is a URL or a file, has an invalid name, contains the images, or contains
        files that may not be replaced.
    """
    if not isinstance(folder, str | os.PathLike):
        raise InputError(
            f"Expected a folder to export to, got {folder!r}: pass its path, as text or as a Path."
        )
    if "\0" in str(folder):
        raise ExportError(
            f"Expected the path of a folder, got {str(folder)!r}: choose another name."
        )
    if "://" in str(folder):
        raise ExportError(
            f"Expected a folder on this machine, got the URL {str(folder)!r}: export to a local "
            "folder and upload it."
        )
    target = Path(os.path.realpath(Path(folder).expanduser()))
    root = Path(os.path.realpath(images.root))
    if root == target or target in root.parents:
        what = "the folder of the images" if root == target else "above the folder of the images"
        raise ExportError(
            f"Expected a folder for the dataset alone, but {str(target)!r} is {what}: choose for "
            f"example {str(root / 'annotated_dataset')!r}."
        )
    restore_leftovers(target)
    check_free(target, images, overwrite=overwrite)
    return target


def check_free(target: Path, images: ImageSet, *, overwrite: bool) -> None:
    """Raise `ExportError` unless `target` is missing, empty, or a dataset that may be replaced."""
    if os.path.islink(target):  # noqa: PTH114 -- a long name is no error here; links are new
        raise ExportError(
            f"Expected no link at {str(target)!r}, but one appeared meanwhile and is kept: choose "
            "another folder."
        )
    try:
        target.stat()
    except FileNotFoundError:
        return
    except OSError as error:  # too long a name, a file or a closed folder on the way
        raise ExportError(
            f"Expected a folder that can be used, but for {str(target)!r} the system says: "
            f"{system_says(error)}"
        ) from error
    if not target.is_dir():
        raise ExportError(
            f"Expected a folder, but {str(target)!r} is a file: choose the name of a new folder."
        )
    try:
        if not any(target.iterdir()):
            return
    except OSError as error:
        raise ExportError(
            f"Expected a folder that can be read, but for {str(target)!r} the system says: "
            f"{system_says(error)}"
        ) from error
    if not is_ours(target):
        raise ExportError(
            f"Expected a new folder, an empty one or an earlier dataset, but {str(target)!r} "
            "holds other files, which are never replaced: choose another folder, or empty this "
            "one yourself."
        )
    if not overwrite:
        raise ExportError(
            f"Expected a new folder, but {str(target)!r} is an earlier dataset: replace it with "
            "overwrite=True (--overwrite on the command line, a box in the panel), or choose "
            "another folder."
        )
    check_replaceable(target, images)


@contextmanager
def staging(target: Path, images: ImageSet, *, overwrite: bool) -> Iterator[Path]:
    """Yield a new folder that becomes `target` when the block ends without an error.

    If the block fails or is stopped, the new folder is removed and nothing has changed. `target`
    is checked again at the end; anything that appeared there meanwhile is kept.

    Parameters
    ----------
    target : Path
        From `check_target`.
    images : ImageSet
        The images to export.
    overwrite : bool
        Whether an earlier dataset may be replaced.

    Raises
    ------
    ExportError
        If a folder cannot be created, written or renamed, or if something appeared at `target`
        meanwhile; the message then says where the new dataset is.
    """
    made = _make_parents(target.parent)
    try:
        work, lock = _work_folder(target)
    except OSError as error:
        _remove_empty(made)
        raise ExportError(
            f"Expected to create a folder in {str(target.parent)!r}, but the system says: "
            f"{system_says(error)}"
        ) from error
    try:
        yield work / NEW
        _put_in_place(work, target, images, overwrite=overwrite)
    except OSError as error:
        if isinstance(error, ExportError):
            raise
        raise ExportError(_write_message(error)) from error
    finally:
        lock.release()
        shutil.rmtree(work, ignore_errors=True)
        _remove_empty(made)


def restore_leftovers(target: Path) -> None:
    """Clean up the leftovers of killed exports to `target`, and warn about them.

    An earlier dataset that was moved away and has no successor goes back to its place, or beside
    it if the place is taken. The rest is removed. Running exports are not affected.
    """
    try:
        found = [Path(entry.path) for entry in os.scandir(target.parent) if _is_work(entry, target)]
    except OSError:
        return
    removed = 0
    for work in sorted(found):
        lock = _free_lock(work, target)
        if lock is None:
            continue
        # Version 0.1 moved the earlier dataset to a folder ".old-" of its own.
        first = ".old-" in work.name and not (work / LOCK).exists()
        earlier = work / (NEW if first else EARLIER)
        try:
            if _is_owed(work, earlier, target, first=first):
                place = _move_beside(earlier, target)
                warnings.warn(
                    "An export was killed while it replaced a dataset; the earlier dataset is "
                    f"back in {str(place)!r}.",
                    stacklevel=2,
                )
        except OSError:
            continue  # nothing is removed before the dataset is safe
        finally:
            lock.release()
        shutil.rmtree(work, ignore_errors=True)
        removed += not work.exists()
    if removed:
        folders = "a folder" if removed == 1 else f"{removed} folders"
        warnings.warn(
            f"Removed {folders} that a killed export to {str(target)!r} had left behind.",
            stacklevel=2,
        )


def _is_owed(work: Path, earlier: Path, target: Path, *, first: bool) -> bool:
    """Return whether an earlier dataset was moved away and has no successor."""
    if not earlier.is_dir():
        return False
    return not os.path.lexists(target) if first else (work / NEW).exists()


def _is_work(entry: os.DirEntry[str], target: Path) -> bool:
    name = re.escape(target.name[:_PREFIX])
    return bool(
        re.fullmatch(rf"\.{name}\.(partial|old)-[a-z0-9_]{{8}}", entry.name)
        and entry.is_dir(follow_symlinks=False)
    )


def _free_lock(work: Path, target: Path) -> FileLock | None:
    """Lock a hidden folder that no export uses, and return the lock; else return None."""
    try:
        if (work / NAME).is_file():
            written = (work / NAME).read_text("utf-8", "surrogateescape")
            if not target.name.startswith(written):  # a kill may have cut it
                return None  # two long names with the same beginning
        elif not any(work.iterdir()) and time.time() - work.stat().st_mtime < _FRESH:
            return None
        path = work / (LOCK if (work / LOCK).exists() else f"{LOCK}-{os.getpid()}")
        lock = FileLock(path, blocking=False)
        lock.acquire()
    except (OSError, Timeout, NotImplementedError):
        return None
    return lock


def _work_folder(target: Path) -> tuple[Path, FileLock]:
    """Create the hidden folder of an export, locked, with an empty folder for the dataset."""
    prefix = f".{target.name[:_PREFIX]}.partial-"
    while True:
        work = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
        lock = FileLock(work / LOCK, blocking=False)
        try:
            lock.acquire()
            break
        except Timeout:
            continue  # another export took the new folder for a leftover and removes it
        except NotImplementedError:
            break  # this disk knows no locks
    try:
        (work / NAME).write_text(target.name, "utf-8", "surrogateescape")
        (work / NEW).mkdir()
    except OSError:
        lock.release()
        shutil.rmtree(work, ignore_errors=True)
        raise
    return work, lock


def _put_in_place(work: Path, target: Path, images: ImageSet, *, overwrite: bool) -> None:
    new, earlier = work / NEW, work / EARLIER
    try:
        check_free(target, images, overwrite=overwrite)
        if os.path.lexists(target):
            move_new(target, earlier)
            # Checked again where no other program can put a file into it before it is removed.
            _check_moved(earlier, target, images, overwrite=overwrite)
        move_new(new, target)
    except FileExistsError as error:
        raise ExportError(
            f"Expected no folder at {str(target)!r}, but one appeared while the export ran, and "
            f"it is kept. {_kept(new, earlier, target)}"
        ) from error
    except ExportError as error:
        raise ExportError(f"{error} {_kept(new, earlier, target)}") from error
    except OSError as error:
        if earlier.exists():
            _move_beside(earlier, target)
        raise ExportError(
            f"Expected to move the dataset to {str(target)!r}, but the system says: "
            f"{error.strerror}. What was there before is still there. Close programs that have "
            "the folder open and try again."
        ) from error
    sync_folder(target.parent)


def _check_moved(earlier: Path, target: Path, images: ImageSet, *, overwrite: bool) -> None:
    try:
        check_free(earlier, images, overwrite=overwrite)
    except ExportError:
        move_new(earlier, target)
        raise


def _kept(new: Path, earlier: Path, target: Path) -> str:
    """Move both datasets to folders beside the target, and return a sentence that names them."""
    text = ""
    if earlier.exists():
        text = f"The earlier dataset lies in {str(_move_beside(earlier, target))!r}. "
    return f"{text}The new dataset lies in {str(_move_beside(new, target))!r}."


def _move_beside(folder: Path, target: Path) -> Path:
    """Move a folder to `target`, or to the first free name of ``target_2``, ``target_3``, ..."""
    for number in count(1):
        name = target.name if number == 1 else f"{target.name[:_PREFIX]}_{number}"
        place = target.with_name(name)
        with suppress(FileExistsError):
            move_new(folder, place)
            break
    return place


def _write_message(error: OSError) -> str:
    if error.errno in DISK_FULL:
        return NO_ROOM
    return f"Nothing was exported, because the dataset cannot be written. {system_says(error)}"


def _make_parents(folder: Path) -> list[Path]:
    """Make the missing parents and return them, the deepest first."""
    missing = []
    while not folder.exists() and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    try:
        for parent in reversed(missing):
            parent.mkdir(exist_ok=True)
    except OSError as error:
        _remove_empty(missing)
        raise ExportError(
            f"Expected to create {str(missing[0])!r}, but the system says: {system_says(error)}"
        ) from error
    return missing


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
