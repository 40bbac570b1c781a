"""Copies and links of image files: many at once, each of them or an error that names it."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from protolabel.errors import ExportError

if TYPE_CHECKING:
    from protolabel.common.progress import ProgressFn

__all__ = ["LINKS", "place_again", "transfer"]

LINKS = ("copy", "hardlink", "symlink")

_CHUNK = 64  # files that a thread takes at a time
_AHEAD = 4  # chunks that wait for each thread: a million futures would fill memory

Pairs = Sequence[tuple[str, str]]


def transfer(pairs: Iterator[tuple[str, str]], total: int, link: str, phase: str,
             progress: ProgressFn) -> None:  # fmt: skip
    """Copy or link every ``(source, destination)``; the folders of the destinations exist.

    Copies keep bytes, permissions and times. A hard link to a symbolic link is one to the file
    that it points to.

    Parameters
    ----------
    pairs
        Absolute paths.
    total
        How many there are.
    link
        One of `LINKS`.
    phase
        What the progress is called.
    progress
        May raise `Stopped`, between two files.

    Raises
    ------
    ExportError
        If a file cannot be read or written, naming it.
    """
    stopped = Event()

    def run(chunk: Pairs) -> int:
        for source, destination in chunk:
            if stopped.is_set():
                break
            _one(source, destination, link)
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


def place_again(source: str, destination: str) -> None:
    """Give a file of the dataset a second name in it: hard link, else relative link, else copy."""
    if Path(source).is_symlink():
        Path(destination).symlink_to(os.readlink(source))  # noqa: PTH115 -- as it is, not as a Path
        return
    try:
        os.link(source, destination)
    except OSError:
        try:
            Path(destination).symlink_to(os.path.relpath(source, Path(destination).parent))
        except OSError:
            shutil.copy2(source, destination)


def _one(source: str, destination: str, link: str) -> None:
    try:
        if link == "again":
            place_again(source, destination)
            return
        if not os.path.isfile(source):  # noqa: PTH113 -- a million strings, no Path objects
            raise FileNotFoundError(errno.ENOENT, "not there any more, or not a file")
        if link == "copy":
            shutil.copy2(source, destination)
        elif link == "hardlink":
            os.link(os.path.realpath(source), destination)
        else:
            os.symlink(source, destination)  # noqa: PTH211 -- as above
    except OSError as error:
        raise ExportError(_message(source, link, error)) from error


def _message(source: str, link: str, error: OSError) -> str:
    why = error.strerror or type(error).__name__
    no_dataset = "Nothing was exported."
    if error.errno == errno.ENOSPC:
        return (
            f"The disk is full. {no_dataset} Make room, export to another disk, or pass "
            'link="hardlink" or link="symlink", which need almost no room.'
        )
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
        "readable, or embed the folder again to leave it out."
    )
