"""Copy and link image files in parallel; errors name the file that failed."""

from __future__ import annotations

import errno
import io
import os
import shutil
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from protolabel.common.system_errors import DISK_FULL, of_the_target, system_says
from protolabel.errors import ExportError, ImageReadError
from protolabel.exporting.names import KEPT_SUFFIXES, image_format, keeps_its_bytes
from protolabel.images.files import StoredFile, open_file
from protolabel.images.pixels import read_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from protolabel.common.progress import ProgressFn
    from protolabel.images.files import ImageFile

__all__ = ["LINKS", "image_bytes", "repeat_files", "transfer"]

LINKS = ("copy", "hardlink", "symlink")
"""How images can get into a dataset."""

NO_ROOM = (
    "The disk is full. Nothing was exported. Make room, export to another disk, or pass "
    'link="hardlink" or link="symlink", which need almost no room.'
)
"""The message for the errors of `DISK_FULL`."""

_CHUNK = 64  # files that a thread takes at a time
_AHEAD = 4  # chunks that wait for each thread: a million futures would fill memory

T = TypeVar("T")


def transfer(
    pairs: Iterator[tuple[Path | StoredFile, str]],
    total: int,
    link: str,
    phase: str,
    progress: ProgressFn,
) -> None:
    """Copy or link every ``(source, destination)``; the folders of the destinations must exist.

    Copies keep bytes, permissions and times. Hard links are made to the target of a symbolic
    link. Images that are not files can only be copied. Images that training libraries ignore, such
    as GIFs, are written as PNG whatever `link` says.

    Parameters
    ----------
    pairs : iterator of (path, str)
        Each image, as `ImageSet.path`, and the absolute path of its copy.
    total : int
        Number of pairs.
    link : str
        One of `LINKS`.
    phase : str
        Name of the progress bar.
    progress : callable
        ``progress(phase, done, total)``; it may raise `Stopped` between two files.

    Raises
    ------
    ExportError
        If a file cannot be read or written; the message names it.
    """
    _run(pairs, total, partial(_transfer_file, link=link), phase, progress)


def repeat_files(
    pairs: Iterator[tuple[str, str]], total: int, phase: str, progress: ProgressFn
) -> None:
    """Add a second name for files of the dataset, without copying bytes if possible.

    The second name is a hard link, else a relative symbolic link, else a copy. Parameters and
    errors are those of `transfer`; the sources are in the dataset itself.
    """
    _run(pairs, total, _repeat_file, phase, progress)


def image_bytes(path: ImageFile, suffixes: Mapping[str, str] = KEPT_SUFFIXES) -> tuple[bytes, str]:
    """Return the exported form of an image: the bytes of its file, or a PNG if readers need one.

    Parameters
    ----------
    path : path
        The image, as `ImageSet.path`.
    suffixes : mapping of str to str
        Formats, as Pillow calls them, whose bytes are kept, with their extensions.

    Returns
    -------
    bytes
        Content of an image file.
    str
        Its extension.

    Raises
    ------
    ExportError
        If the file cannot be read; the message names it.
    """
    try:
        suffix = suffixes.get(image_format(path) or "")
        if suffix is not None:
            with open_file(path) as image:
                return image.read(), suffix
        with io.BytesIO() as file:
            read_image(path).save(file, format="PNG")
            return file.getvalue(), "png"
    except (ImageReadError, OSError) as error:
        raise ExportError(not_transferred(str(path), "copy", error)) from error


def _run(
    pairs: Iterator[tuple[T, str]],
    total: int,
    place: Callable[[T, str], None],
    phase: str,
    progress: ProgressFn,
) -> None:
    stopped = Event()

    def run(chunk: Sequence[tuple[T, str]]) -> int:
        for source, destination in chunk:
            if stopped.is_set():
                break
            place(source, destination)
        return len(chunk)

    workers = min(8, 2 * (os.cpu_count() or 1))
    done = 0
    progress(phase, 0, total)
    with ThreadPoolExecutor(workers, "protolabel-export") as pool:
        waiting: set[Future[int]] = set()
        try:
            while True:
                while len(waiting) < workers * _AHEAD and (chunk := list(islice(pairs, _CHUNK))):
                    waiting.add(pool.submit(run, chunk))
                if not waiting:
                    break
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                done += sum(future.result() for future in ready)
                progress(phase, done, total)
        except BaseException:
            stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _repeat_file(source: str, destination: str) -> None:
    try:
        if Path(source).is_symlink():
            Path(destination).symlink_to(os.readlink(source))  # noqa: PTH115 -- a Path changes it
            return
        try:
            os.link(source, destination)
        except OSError:
            try:
                Path(destination).symlink_to(os.path.relpath(source, Path(destination).parent))
            except OSError:
                shutil.copy2(source, destination)
    except OSError as error:
        raise ExportError(not_transferred(source, "copy", error)) from error


def _transfer_file(source: Path | StoredFile, destination: str, link: str) -> None:
    try:
        stored = isinstance(source, StoredFile)
        if not stored and not os.path.isfile(source):  # noqa: PTH113 -- a million strings, no Path objects
            raise gone()
        if not keeps_its_bytes(source):
            content = io.BytesIO()  # Pillow does not report a disk that fills up while it writes
            read_image(source).save(content, format="PNG")
            Path(destination).write_bytes(content.getvalue())
        elif isinstance(source, StoredFile):
            with source.open() as image, Path(destination).open("xb") as file:
                shutil.copyfileobj(image, file)
        elif link == "copy":
            shutil.copy2(source, destination)
        elif link == "hardlink":
            os.link(os.path.realpath(source), destination)
        else:
            os.symlink(source, destination)  # noqa: PTH211 -- as above
    except (ImageReadError, OSError) as error:
        raise ExportError(not_transferred(str(source), link, error)) from error


def gone() -> OSError:
    """Return the error of a file that is no longer there."""
    return FileNotFoundError(errno.ENOENT, "not there any more, or not a file")


def not_transferred(source: str, link: str, error: OSError | ImageReadError | None) -> str:
    """Return a message that says why an image is not exported, and what to do.

    Parameters
    ----------
    source : str
        The image.
    link : str
        One of `LINKS`.
    error : OSError or ImageReadError or None
        The cause; None for an image that is not a file and therefore cannot be linked.
    """
    no_dataset = "Nothing was exported."
    if error is None:
        return f"Expected a file that can be linked, got {source!r}. {no_dataset} Pass link='copy'."
    if isinstance(error, ImageReadError):
        return (
            f"{source!r} cannot be exported ({error}). {no_dataset} Embed the folder again to "
            "leave it out."
        )
    why = error.strerror or type(error).__name__
    if of_the_target(error):
        refused = f"A place for {source!r} cannot be written. {no_dataset} {system_says(error)}"
        return NO_ROOM if error.errno in DISK_FULL else refused
    if link == "hardlink" and error.errno != errno.ENOENT:
        return (
            f"{source!r} cannot be hard-linked ({why}): that works only within one disk, and "
            f'not on every kind of disk. {no_dataset} Pass link="copy" or link="symlink".'
        )
    if link == "symlink" and error.errno != errno.ENOENT:
        return (
            f"A link to {source!r} cannot be made ({why}); Windows needs developer mode for it. "
            f'{no_dataset} Pass link="copy" or link="hardlink".'
        )
    return (
        f"{source!r} cannot be exported ({why}). {no_dataset} Put the file back or make it "
        "readable, or embed the folder again to leave it out. If the images of a saved session "
        "have moved, use Session.load(folder, images=NEW_FOLDER)."
    )
