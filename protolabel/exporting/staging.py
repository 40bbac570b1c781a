"""A folder that appears whole or not at all, and never in the place of somebody else's."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from protolabel.common.files import sync_folder
from protolabel.errors import ExportError
from protolabel.exporting.existing import check_replaceable, is_ours

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protolabel.images.image_set import ImageSet

__all__ = ["check_target", "staging"]


def check_target(folder: str | os.PathLike[str], images: ImageSet, *, overwrite: bool) -> Path:
    """Return the absolute folder to export to, or say why it may not be used.

    Parameters
    ----------
    folder
        A new folder, an empty one, or with `overwrite` a dataset of ours. A link to a folder
        stands for that folder.
    images
        What will be exported; nothing that holds one of them is ever replaced.
    overwrite
        Whether an earlier dataset may be replaced.

    Raises
    ------
    ExportError
        If it is an address or a file, has an impossible name, holds the images, or has something
        in it that may not be replaced.
    """
    if "://" in str(folder):
        raise ExportError(
            f"{str(folder)!r} is an address; give a folder of this machine, and upload it then."
        )
    target = Path(os.path.realpath(Path(folder).expanduser()))
    root = Path(os.path.realpath(images.root))
    if root == target or target in root.parents:
        what = "the folder of the images" if root == target else "above the folder of the images"
        raise ExportError(
            f"{str(target)!r} is {what}; export to a folder of its own, for example "
            f"{str(root / 'annotated_dataset')!r}."
        )
    try:
        target.stat()
    except FileNotFoundError:
        return target
    except OSError as error:  # too long a name, a file or a closed folder on the way
        raise ExportError(
            f"{str(target)!r} cannot be a folder ({error.strerror}); give another one."
        ) from error
    if not target.is_dir():
        raise ExportError(f"{str(target)!r} is a file; give the name of a new folder.")
    if not any(target.iterdir()):
        return target
    if not is_ours(target):
        raise ExportError(
            f"{str(target)!r} has something in it and is not a dataset of protolabel, so it is "
            "not replaced in any case. Give another folder, or empty this one yourself."
        )
    if not overwrite:
        raise ExportError(
            f"{str(target)!r} is an earlier dataset. Replace it with overwrite=True (--overwrite "
            "on the command line, a box in the panel), or give another folder."
        )
    check_replaceable(target, images)
    return target


@contextmanager
def staging(target: Path) -> Iterator[Path]:
    """Give a temporary folder beside `target` that becomes `target` when the block ends well.

    If the block fails, or is stopped, the temporary folder is removed and everything is as it
    was. What `target` held before goes only when the new folder stands in its place.

    Parameters
    ----------
    target
        From `check_target`.

    Raises
    ------
    ExportError
        If a folder cannot be made or renamed.
    """
    made = _make_parents(target.parent)
    try:
        temporary = Path(
            tempfile.mkdtemp(prefix=f".{target.name[:80]}.partial-", dir=target.parent)
        )
    except OSError as error:
        _remove_empty(made)
        raise ExportError(
            f"A folder in {str(target.parent)!r} cannot be made ({error.strerror}); give another "
            "place to export to."
        ) from error
    try:
        # mkdtemp makes it private; a dataset gets the permissions that any new folder has.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o777 & ~mask)
        yield temporary
        _swap(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        _remove_empty(made)
        raise


def _swap(new: Path, target: Path) -> None:
    old: Path | None = None
    try:
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name[:80]}.old-", dir=target.parent))
            target.replace(old / "dataset")
        new.replace(target)
    except OSError as error:
        if old is not None:
            with suppress(OSError):
                (old / "dataset").replace(target)
            with suppress(OSError):
                old.rmdir()
        raise ExportError(
            f"{str(target)!r} cannot be put in place ({error.strerror}); what was there before "
            "is still there. Close programs that have the folder open and try again."
        ) from error
    sync_folder(target.parent)
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


def _make_parents(folder: Path) -> list[Path]:
    """Make the missing parents and return them, the deepest first."""
    missing = []
    while not folder.exists() and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    try:
        for one in reversed(missing):
            one.mkdir(exist_ok=True)
    except OSError as error:
        _remove_empty(missing)
        raise ExportError(
            f"{str(missing[0])!r} cannot be made ({error.strerror}); give another place to "
            "export to."
        ) from error
    return missing


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
