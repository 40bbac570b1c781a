"""Store vectors on disk as they are computed, in a log that survives a killed process.

A store is the folder ``embedding_store`` inside the folder that the user names::

    store.json            format, encoder, dtype, and the current generation of the log
    vectors-0.bin         rows, one after another
    index-0.jsonl         one line a batch: its images, its skipped files, and checksums
    lock                  held by the process that writes

The rows of a batch are on disk (fsync) before its index line, and each line is one batch. After a
kill or a power cut the disk holds whole batches and at most one torn batch, which is removed when
the store is opened again. The checksums detect bits that flipped later: a batch with changed rows
is embedded again; so is everything from the first changed index line.
"""

from __future__ import annotations

import json
import os
import threading
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from protolabel.common.files import DAMAGED, sync_folder, write_bytes
from protolabel.common.system_errors import system_says
from protolabel.encoders.base import EncoderInfo
from protolabel.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from protolabel.images.image_set import Stamp

__all__ = ["FOLDER", "Entry", "UnwritableStoreError", "VectorStore"]

FOLDER = "embedding_store"
_FORMAT = 1
_GATHER = 8192  # rows copied at a time
_POLL = 0.5  # seconds between two attempts to take a lock that another run holds

_holders: dict[Path, int] = {}
"""Lock file -> the thread of this process that holds it."""


class UnwritableStoreError(StoreError):
    """The disk is full, or the folder of a store cannot be written."""


@dataclass(frozen=True)
class Entry:
    """The entry of one image: the row of its vector, or the reason it has none."""

    stamp: Stamp
    row: int
    reason: str = ""


class VectorStore:
    """The open store; a context manager that holds its lock.

    Parameters
    ----------
    folder : Path
        The folder that the user named; the store is a folder inside it.
    encoder : EncoderInfo
        The encoder of the vectors.
    dtype : {"float16", "float32"}
    waiting : callable, optional
        Called twice a second while another run writes the store; it may raise to stop waiting.

    Raises
    ------
    StoreError
        If the store has another encoder or dtype, this thread has it open already, or it cannot
        be read or written (`UnwritableStoreError`).
    """

    def __init__(
        self,
        folder: Path,
        encoder: EncoderInfo,
        dtype: str,
        *,
        waiting: Callable[[], None] = lambda: None,
    ) -> None:
        self._waiting = waiting
        self.folder = folder / FOLDER
        self._encoder, self._dtype = encoder, np.dtype(dtype)
        self._row_bytes = encoder.dim * self._dtype.itemsize
        self._rows = 0
        self._generation = 0
        self.entries: dict[str, Entry] = {}
        self._vectors: IO[bytes] | None = None
        self._index: IO[bytes] | None = None
        self._lock: Any = None

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            try:
                self._open()
            except BaseException:
                self._close()
                raise
        except OSError as error:
            raise self._unwritable(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def append(
        self,
        rows: npt.NDArray[np.floating[Any]],
        images: Sequence[tuple[str, Stamp]],
        skipped: Sequence[tuple[str, Stamp, str]],
    ) -> None:
        """Add one batch; when this returns it is on disk.

        Parameters
        ----------
        rows : array of shape (n, d)
            Vectors, in the store's dtype.
        images : sequence of (name, stamp)
            The images of the rows.
        skipped : sequence of (name, stamp, reason)
            Images of this batch that could not be read.

        Raises
        ------
        StoreError
            If the disk is full or cannot be written; earlier batches are kept.
        """
        block = np.ascontiguousarray(rows, self._dtype).data
        line = {
            "start": self._rows,
            "vectors_crc32": zlib.crc32(block),
            "images": [[name, *stamp] for name, stamp in images],
            "skipped": [[name, *stamp, reason] for name, stamp, reason in skipped],
        }
        try:
            vectors, index = self._files()
            vectors.write(block)
            _flush(vectors)
            index.write(json.dumps(line | {"line_crc32": _checksum(line)}).encode() + b"\n")
            _flush(index)
        except OSError as error:
            raise self._unwritable(error) from error
        self._learn(line)

    def take(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return stored vectors.

        Parameters
        ----------
        rows : int array of shape (n,)
            Row numbers, as in `entries`.

        Returns
        -------
        array of shape (n, d)
            In the store's dtype. If the log has the rows in this order, as after a first run,
            a memory map of the log, without a copy.
        """
        shape = (self._rows, self._encoder.dim)
        log = np.memmap(self._path("vectors"), self._dtype, "r", shape=shape)
        if np.array_equal(rows, np.arange(self._rows)):
            return log
        out = np.empty((len(rows), self._encoder.dim), self._dtype)
        for start in range(0, len(rows), _GATHER):
            out[start : start + _GATHER] = log[rows[start : start + _GATHER]]
        return out

    def compact(self, keep: Sequence[str]) -> None:
        """Rewrite the log for the images in `keep`, in that order, if half its rows are unused.

        A row is unused once its image has changed or disappeared. The new log takes effect when
        store.json names it, so a killed process leaves either the old log or the new one.

        Parameters
        ----------
        keep : sequence of str
            Names of all images that still exist, including skipped ones.

        Raises
        ------
        UnwritableStoreError
            If the disk is full or cannot be written.
        """
        alive = [name for name in keep if name in self.entries]
        whole = [name for name in alive if not self.entries[name].reason]
        if self._rows < 2 * len(whole) + 64:
            return
        old = (self._path("vectors"), self._path("index"))
        vectors = self.take(np.array([self.entries[name].row for name in whole], np.int64))
        images = [(name, self.entries[name].stamp) for name in whole]
        skipped = [
            (name, self.entries[name].stamp, self.entries[name].reason)
            for name in alive
            if self.entries[name].reason
        ]
        try:
            self._close_files()
            self._generation += 1
            self._rows, self.entries = 0, {}
            for kind in ("vectors", "index"):
                self._path(kind).unlink(missing_ok=True)  # left by an earlier try that was killed
            self._open_files()
            # In batches, so that a flipped bit costs only one of them.
            for start in range(0, len(images), _GATHER):
                part = slice(start, start + _GATHER)
                self.append(vectors[part], images[part], [])
            self.append(vectors[:0], [], skipped)
            self._write_header()
        except OSError as error:
            raise self._unwritable(error) from error
        for path in old:
            try:
                path.unlink()
            except OSError:  # Windows: still mapped by an earlier result
                continue

    def _take_lock(self) -> None:
        import filelock

        path = (self.folder / "lock").resolve()
        # The operating system releases this lock however the process ends.
        lock = filelock.FileLock(str(path), timeout=_POLL)
        while True:
            try:
                lock.acquire()
                break
            except filelock.Timeout as error:
                if _holders.get(path) == threading.get_ident():
                    raise StoreError(
                        "Expected a store that is not open yet, but another run of this thread is "
                        f"embedding into {str(self.folder)!r}: choose another folder."
                    ) from error
                self._waiting()
        self._lock = lock
        _holders[path] = threading.get_ident()

    def _open(self) -> None:
        header = self.folder / "store.json"
        if header.exists():
            self._check_header(header)
        else:
            foreign = [path.name for path in self.folder.iterdir() if path.name != "lock"]
            if any(not name.startswith(("vectors-", "index-", "store.json")) for name in foreign):
                raise StoreError(
                    f"Expected {str(self.folder)!r} to be a store of protolabel or empty, but it "
                    f"holds {min(foreign)!r}: choose another folder."
                )
            self._path("index").unlink(missing_ok=True)
            self._path("vectors").unlink(missing_ok=True)
            self._write_header()
        self._open_files()
        self._replay()

    def _check_header(self, header: Path) -> None:
        try:
            fields = json.loads(header.read_text("utf-8"))
            theirs = EncoderInfo.from_dict(fields["encoder"])
            version, dtype = int(fields["format"]), str(fields["dtype"])
            self._generation = int(fields["generation"])
        except DAMAGED as error:
            raise StoreError(
                f"Expected a store of protolabel, but {str(header)!r} cannot be understood: "
                "delete that folder to embed afresh."
            ) from error
        if version != _FORMAT:
            raise StoreError(
                f"Expected a store of format {_FORMAT}, {str(self.folder)!r} has format "
                f"{version}: use the protolabel that wrote it, or another folder."
            )
        ours = self._encoder
        if (theirs.name, theirs.dim, dtype) != (ours.name, ours.dim, self._dtype.name):
            raise StoreError(
                f"Expected vectors of {ours.name!r} ({ours.dim} x {self._dtype.name}), but "
                f"{str(self.folder)!r} holds vectors of {theirs.name!r} ({theirs.dim} x {dtype}): "
                "vectors of two kinds cannot be mixed. Use another folder, or delete that one to "
                "embed afresh."
            )

    def _write_header(self) -> None:
        fields: Mapping[str, Any] = {
            "generator": "protolabel",
            "format": _FORMAT,
            "generation": self._generation,
            "dtype": self._dtype.name,
            "encoder": self._encoder.to_dict(),
        }
        write_bytes(self.folder / "store.json", json.dumps(fields, indent=2).encode() + b"\n")

    def _replay(self) -> None:
        """Read the index, and remove a batch torn by a killed process."""
        vectors, index = self._files()
        on_disk = vectors.seek(0, os.SEEK_END) // self._row_bytes
        vectors.seek(0)
        index.seek(0)
        good = 0
        for raw in index:
            try:
                line = json.loads(raw)
                # Lines that version 0.1 wrote have no checksums.
                whole = line.pop("line_crc32", None) in (None, _checksum(line))
                whole &= raw.endswith(b"\n") and line["start"] == self._rows
                if not whole or line["start"] + len(line["images"]) > on_disk:
                    break
                block = vectors.read(len(line["images"]) * self._row_bytes)
                self._learn(line, line.get("vectors_crc32") in (None, zlib.crc32(block)))
            except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
                break
            good += len(raw)
        index.truncate(good)
        index.seek(good)
        vectors.truncate(self._rows * self._row_bytes)
        vectors.seek(self._rows * self._row_bytes)

    def _learn(self, line: Mapping[str, Any], sound: bool = True) -> None:
        """Read one batch; images whose rows are damaged count as not embedded."""
        fresh = {
            name: Entry((int(size), int(mtime)), line["start"] + place)
            for place, (name, size, mtime) in enumerate(line["images"])
        }
        for name, size, mtime, reason in line["skipped"]:
            fresh[name] = Entry((int(size), int(mtime)), -1, str(reason) or "unreadable")
        for name, entry in fresh.items():
            if sound or entry.reason:
                self.entries[name] = entry
            else:
                self.entries.pop(name, None)
        self._rows = line["start"] + len(line["images"])

    def _path(self, kind: str) -> Path:
        suffix = {"vectors": "bin", "index": "jsonl"}[kind]
        return self.folder / f"{kind}-{self._generation}.{suffix}"

    def _open_files(self) -> None:
        opened = []
        for kind in ("vectors", "index"):
            path = self._path(kind)
            path.touch()
            opened.append(path.open("r+b"))
        self._vectors, self._index = opened
        sync_folder(self.folder)

    def _files(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._vectors is None or self._index is None:
            raise StoreError("Expected an open store: use it in a with statement.")
        return self._vectors, self._index

    def _close_files(self) -> None:
        for file in (self._vectors, self._index):
            if file is not None:
                file.close()
        self._vectors = self._index = None

    def _close(self) -> None:
        try:
            self._close_files()
        finally:
            if self._lock is not None:
                _holders.pop((self.folder / "lock").resolve(), None)
                self._lock.release()
                self._lock = None

    def _unwritable(self, error: OSError) -> UnwritableStoreError:
        return UnwritableStoreError(
            f"Expected to write the store {str(self.folder)!r}, but the system says: "
            f"{system_says(error)} What was finished before is kept: run again to go on from there."
        )


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _checksum(line: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(line).encode())
