"""Find the images of a folder and its subfolders; every other image-like entry gets a reason."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from protolabel.common.threads import Workers
from protolabel.errors import ImageReadError, InputError
from protolabel.images.files import open_regular, os_reason, special
from protolabel.images.formats import UNREAD, wanted
from protolabel.images.image_set import ImageSet, Skipped
from protolabel.images.pixels import check_image, prepare_reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["EXPORT_MARK", "check_files", "check_folder", "class_folders", "find_in_folder"]

EXPORT_MARK = b'"generator": "protolabel"'
"""The first field in the ``metadata.json`` of a dataset, by which it is recognised."""

_BLOCK = 4096  # files handed to the threads at a time: a million futures would fill memory
_LEFT_OUT = {
    "@eadir": "the thumbnails of a Synology NAS",
    "#recycle": "the recycle bin of a NAS",
    "#snapshot": "the snapshots of a NAS",
    "@recycle": "the recycle bin of a NAS",
    "$recycle.bin": "the recycle bin of Windows",
    "recycler": "the recycle bin of Windows",
    "system volume information": "the system files of Windows",
    "lost+found": "the rescued fragments of a damaged disk",
    "__macosx": "the metadata of files of a Mac",
}
KNOWN = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"


def find_in_folder(folder: str | os.PathLike[str]) -> ImageSet:
    """Find all images in a folder and its subfolders; see `find_images`.

    Parameters
    ----------
    folder : path

    Returns
    -------
    ImageSet

    Raises
    ------
    InputError
        If it is missing, is not a folder, or contains no image.
    """
    root = check_folder(folder)
    found: list[str] = []
    skipped: list[Skipped] = []
    for name in _walk(root, skipped):
        if not _breaks_line(name):
            found.append(name)
        elif wanted(Path(name).suffix.lower()):
            skipped.append(Skipped(name, "its name has a line break: rename it"))
    found.sort()
    names, bad = check_files(root, found)
    skipped.extend(bad)
    skipped.sort(key=lambda entry: entry.name)
    if not names:
        raise InputError(_nothing_found(root, len(found), skipped))
    return ImageSet(root, tuple(names), tuple(skipped))


def check_files(root: Path, names: Sequence[str]) -> tuple[list[str], list[Skipped]]:
    """Check the first bytes and the header of each file, in threads.

    Parameters
    ----------
    root : Path
        Absolute folder.
    names : sequence of str
        POSIX paths below it.

    Returns
    -------
    good : list of str
        Names of the images.
    skipped : list of Skipped
        Files that look like images by their extension or first bytes and cannot be used. Files
        of other kinds are in neither list.
    """
    good, skipped = [], []
    for name, answer in zip(names, _inspect_all(root, names), strict=True):
        if answer is None:
            good.append(name)
        elif answer:
            skipped.append(Skipped(name, answer))
    return good, skipped


def check_folder(folder: str | os.PathLike[str]) -> Path:
    """Return the absolute path of a folder, or raise if it cannot be searched.

    Parameters
    ----------
    folder : path

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If it is missing, is not a folder or not a path, or its path has a line break.
    """
    try:
        root = Path(os.path.abspath(os.path.expanduser(os.fsdecode(folder))))  # noqa: PTH100, PTH111 -- resolve() would follow links
        mode = root.stat().st_mode
    except FileNotFoundError as error:
        raise InputError(
            f"Expected a folder of images, got {str(root)!r}, which does not exist."
        ) from error
    except (OSError, TypeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(
            f"Expected a folder of images, got {folder!r} ({why}): pass the path of a folder."
        ) from error
    if not stat.S_ISDIR(mode):
        kind = special(mode) or "the file"
        raise InputError(
            f"Expected a folder of images, got {kind} {str(root)!r}: pass the folder it is in."
        )
    if _breaks_line(str(root)):
        raise InputError(
            f"Expected a folder whose path has no line break, got {str(root)!r}: rename it."
        )
    return root


def _walk(root: Path, skipped: list[Skipped]) -> Iterator[str]:
    """Yield POSIX names of files below `root`; skipped entries go into `skipped`."""
    folders = [""]
    while folders:
        prefix = folders.pop()
        try:
            with os.scandir(root / prefix) as entries:
                listed = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            reason = error.strerror or type(error).__name__
            skipped.append(Skipped(prefix.rstrip("/"), f"the folder cannot be opened: {reason}"))
            continue
        # An export holds copies of the images; the folder that was asked for is always read.
        if prefix and _is_export(root / prefix):
            reason = (
                "a dataset that protolabel exported, with copies of images: pass it by itself to "
                "read it"
            )
            skipped.append(Skipped(prefix.rstrip("/"), reason))
            continue
        for entry in listed:
            name = prefix + entry.name
            kind, reason = _sort(entry)
            if reason:
                skipped.append(Skipped(name, reason))
            elif kind == "folder":
                folders.append(f"{name}/")
            elif kind == "file":
                yield name


def _sort(entry: os.DirEntry[str]) -> tuple[str, str]:
    """Return "folder", "file" or "", and the reason to skip an entry, or ""."""
    try:
        if entry.is_dir(follow_symlinks=False):
            left_out = _LEFT_OUT.get(entry.name.lower(), "")
            return "folder", left_out and f"{left_out}: move pictures that you want out of it"
        mode = entry.stat().st_mode
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            return "", f"the link cannot be followed: {error.strerror or type(error).__name__}"
        reason = os_reason(error) if wanted(Path(entry.name).suffix.lower()) else ""
        return "", reason
    if stat.S_ISDIR(mode):
        return "", "a link to a folder, which is not followed: pass that folder by itself"
    kind = special(mode)
    return ("", f"{kind}, not a file") if kind else ("file", "")


def _is_export(folder: Path) -> bool:
    """Return whether the folder holds a metadata.json that begins as protolabel writes it."""
    try:
        with open_regular(folder / "metadata.json") as file:
            start = file.read(4096)
    except (OSError, ImageReadError):
        return False
    return start.lstrip().removeprefix(b"{").lstrip().startswith(EXPORT_MARK)


def _inspect_all(root: Path, names: Sequence[str]) -> Iterator[str | None]:
    prepare_reading()
    with ExitStack() as stack:
        workers = stack.enter_context(Workers(min(32, (os.cpu_count() or 1) * 4), "find"))
        for start in range(0, len(names), _BLOCK):
            block = names[start : start + _BLOCK]
            yield from workers.map(lambda name: _inspect(root / name), block)


def _inspect(path: Path) -> str | None:
    """Return None for an image, "" for another file, or why an image cannot be used."""
    suffix = path.suffix.lower()
    try:
        if check_image(path):
            return None
        if not wanted(suffix):
            return ""
        if path.stat().st_size == 0:
            return "the file is empty"
    except ImageReadError as error:
        return str(error)
    except OSError as error:
        return os_reason(error)
    return UNREAD.get(suffix) or (f"by its content not a {KNOWN} file: convert it to one of them")


def _breaks_line(name: str) -> bool:
    return "\n" in name or "\r" in name


def _nothing_found(root: Path, files: int, skipped: Sequence[Skipped]) -> str:
    message = (
        f"Expected at least one {KNOWN} image in {str(root)!r}, found none among {files} files"
    )
    if skipped:
        first = skipped[0]
        message += f"; {len(skipped)} could not be used, the first: {first.name!r} ({first.reason})"
    return message + ". Check the path."


def class_folders(root: Path, names: Iterable[str]) -> tuple[str, ...]:
    """Return the first-level folder of every name, as its true class.

    Raises
    ------
    InputError
        If a name has no folder.
    """
    names = tuple(names)
    loose = [name for name in names if "/" not in name]
    if loose:
        raise InputError(
            f"Expected every image in a subfolder named after its class (truth=True), got "
            f"{len(loose)} directly in {str(root)!r}, the first: {loose[0]!r}. Move them into "
            "class folders, or leave truth out."
        )
    return tuple(name.partition("/")[0] for name in names)
