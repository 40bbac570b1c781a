"""Embed images: batches, decoding in parallel, and a store that survives a killed process."""

from __future__ import annotations

import os
import warnings
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from protolabel.common.checks import as_path, check_fields
from protolabel.common.progress import ProgressFn, resolve
from protolabel.common.threads import Workers
from protolabel.common.vectors import held_unit_rows, is_whole_number
from protolabel.embedding.cache import is_cache
from protolabel.embedding.store import Entry, UnwritableStoreError, VectorStore
from protolabel.embedding.vectorfiles import given_vectors, load_vectors, save_vectors
from protolabel.embedding.vectorformats import as_array, read_rows
from protolabel.encoders.base import (
    Encoder,
    EncoderInfo,
    check_encoder,
    checked_rows,
    encoder_info,
)
from protolabel.errors import ImageReadError, InputError, StoreError
from protolabel.images.image_set import ImageSet, Skipped, Stamp
from protolabel.images.pixels import read_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from protolabel.images.files import ImageFile

__all__ = ["Embeddings", "embed_files", "embed_images", "load_embeddings"]

DTYPES = ("float16", "float32")
"""Types of stored vectors."""

_PHASE = "embedding images"
_SIDE = 1024  # pixels of the shorter side to decode if the encoder has no image_size
_AHEAD = 2  # batches that are decoded while another is encoded
_STATS = 4096  # stamps taken at a time: a million futures would fill memory
_MAPPED = 256 * 2**20  # bytes from which vectors stay on disk


@dataclass(frozen=True, eq=False)
class Embeddings:
    """One vector for each image that could be read.

    Parameters
    ----------
    vectors : array of shape (N, d)
        Unit rows, float16 or float32; a memory map if they are large.
    images : ImageSet
        The N images, in the order of the rows; `ImageSet.skipped` holds the others.
    encoder : EncoderInfo
        Record of the encoder that made the vectors.

    Raises
    ------
    InputError
        If the vectors are not a floating-point array (N, d).
    """

    vectors: npt.NDArray[Any]
    images: ImageSet
    encoder: EncoderInfo

    def __post_init__(self) -> None:
        check_fields(self)
        try:
            rows = as_array(self.vectors, "the vectors")
        except StoreError as error:
            raise InputError(str(error)) from error
        if len(rows) != len(self.images):
            raise InputError(
                f"Expected one vector for each of {len(self.images)} images, got {len(rows)}: "
                "files that cannot be read have no row, so pass the images that were embedded."
            )
        object.__setattr__(self, "vectors", rows)  # a list or a tensor is an array from here on

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        count, dim = self.vectors.shape
        kind = f"{count} x {dim} {self.vectors.dtype}"
        return f"Embeddings({kind}, {self.encoder.name!r}, {self.images!r})"

    @cached_property
    def unit(self) -> npt.NDArray[Any]:
        """(N, d) float32 rows of length 1, read-only, converted once for many passes.

        If they would take more than 256 MB, `vectors` is returned unchanged.
        """
        unit = held_unit_rows(self.vectors)
        return self.vectors if unit is None else unit

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``embeddings.npy``, ``image_paths.txt`` and ``embeddings.json``.

        Parameters
        ----------
        folder : path
            Created if it is missing. The three files are replaced together: if the process dies,
            the folder has either the earlier vectors or the new ones. ``image_paths.txt`` holds
            absolute paths in UTF-8, one a line.

        Raises
        ------
        StoreError
            If the folder cannot be written.
        """
        place = as_path(folder, "a folder to save to")
        save_vectors(place, self.vectors, self.images, self.encoder)


def load_embeddings(
    embeddings_path: str | os.PathLike[str] | npt.ArrayLike,
    image_paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | ImageSet | None = None,
) -> Embeddings:
    """Read vectors and the paths of their images, from protolabel or from elsewhere.

    Parameters
    ----------
    embeddings_path : path or array-like of shape (N, d)
        ``embeddings.npy``, or its folder; another .npy, .npz, .safetensors, .pt or .parquet file
        with one floating-point array (N, d), see `protolabel.embedding.vectorformats.read_rows`;
        or the array or tensor itself.
    image_paths : path, list of paths or ImageSet, optional
        A text file with one path a line, in the order of the rows; by default
        ``image_paths.txt`` beside the vectors. A relative path starts at the folder of that file
        or, if nothing is there, at the working directory. Or the paths or images themselves. For
        an array they are optional; without them, images can be labelled but not shown or copied.

    Returns
    -------
    Embeddings
        Float16 or float32 unit rows; rows of another length are renormalised. Vectors of more
        than 256 MB stay on disk as a memory map, unless they had to be changed. Without an
        ``embeddings.json`` the encoder is `EncoderInfo.unknown`: to use class names, you then
        have to name the encoder.

    Raises
    ------
    StoreError
        If a file is missing or unreadable, the numbers of rows and paths differ, a row is zero
        or not finite, or the files do not belong together.

    Examples
    --------
    >>> embedded = pl.load_embeddings("data/embeddings.npy")
    >>> embedded = pl.load_embeddings(vectors, ["photos/a.jpg", "photos/b.jpg"])
    """
    listing = isinstance(image_paths, str | os.PathLike)
    if isinstance(embeddings_path, str | os.PathLike) and (listing or image_paths is None):
        given = None if image_paths is None else _as_path(cast("str", image_paths), "paths")
        return Embeddings(*load_vectors(_as_path(embeddings_path, "vectors"), given, _MAPPED))
    if listing:
        raise StoreError(
            "Expected the paths of vectors in memory as a list, got the name of a file: pass "
            "open(file).read().splitlines()."
        )
    rows: Any = embeddings_path
    if isinstance(rows, str | os.PathLike):
        rows = read_rows(_as_path(rows, "vectors"))
    return Embeddings(*given_vectors(rows, cast("Any", image_paths)))


def _as_path(given: str | os.PathLike[str], what: str) -> Path:
    try:
        path = Path(given).expanduser()
        with suppress(FileNotFoundError, NotADirectoryError):
            path.stat()  # raises for a name that is too long or holds a NUL
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise StoreError(
            f"Expected the path of a file of {what}, got {given!r} ({error}): check it."
        ) from error
    return path


def embed_images(
    images: ImageSet,
    encoder: Encoder,
    *,
    store: str | os.PathLike[str] | None = None,
    batch_size: int = 64,
    dtype: str = "float32",
    workers: int | None = None,
    progress: ProgressFn | None = None,
) -> Embeddings:
    """Encode images in batches, while threads decode the next batches.

    Parameters
    ----------
    images : ImageSet
        From `find_images`.
    encoder : Encoder
        From `load_encoder`.
    store : path, optional
        Folder that keeps finished batches (in its subfolder ``embedding_store``). A stopped or
        killed run loses at most one batch, and the next run resumes there. Later runs embed only
        new and changed files (by size and time of change). It may be the folder that
        `Embeddings.save` writes to; if ``embedding_store`` is deleted, the next run embeds all
        images again.
    batch_size : int, default 64
        Number of images encoded at once, 1 or more; about three times as many are in memory.
    dtype : {"float32", "float16"}, default "float32"
        Type of the vectors.
    workers : int, optional
        Number of decoding threads, 1 or more; by default one for each core, at most 16.
    progress : callable, optional
        ``progress(phase, done, total)``, counting images; by default a tqdm bar. It may raise
        `Stopped`: the threads then end, and finished batches stay in the store.

    Returns
    -------
    Embeddings
        Rows in the order of `images`. Files that could not be decoded have no row; they are
        added to ``images.skipped``.

    Raises
    ------
    InputError
        If no image can be read, or a parameter is out of range.
    StoreError
        If the store has vectors of another encoder or dtype, or cannot be written. (If it is a
        folder in the user's cache that cannot be written, the run warns and continues without.)
    EncoderError
        If the encoder returns vectors that cannot be used.

    Notes
    -----
    While another run writes the store, this one waits, and then uses its vectors.

    Large images are reduced while they are decoded: to a shorter side of at least twice the
    ``image_size`` of the encoder, or of 1024 pixels if it has none. All threads together
    decode at most `protolabel.images.pixels.BUDGET` bytes at a time.

    Batch boundaries depend only on the whole list of images, not on what is already embedded. A
    resumed run therefore computes exactly the missing batches, and its vectors are bit-identical
    to those of an uninterrupted run.

    Examples
    --------
    >>> embedded = pl.embed_images(pl.find_images("photos"), pl.load_encoder("sample"))
    >>> embedded.vectors.shape
    (1200, 128)
    """
    _check(images, encoder, batch_size, dtype, workers)
    report = resolve(progress)
    info = encoder_info(encoder)
    with ExitStack() as stack:
        log: VectorStore | None = None
        if store is not None:
            log = _opened(stack, as_path(store, "a folder for the store"), info, dtype, report)
        ahead = stack.enter_context(Workers(1, "collate"))
        pool = stack.enter_context(Workers(workers or min(16, os.cpu_count() or 1), "decode"))
        stamps = _stamps(pool, images)
        target: VectorStore | _Memory = log or _Memory(dtype)
        todo = [
            index
            for index, name in enumerate(images.names)
            if name not in target.entries or target.entries[name].stamp != stamps[index]
        ]
        done = len(images) - len(todo)
        report(_PHASE, done, len(images))
        batches = _cut(todo, len(images), batch_size)
        for batch, found in _decoded(pool, ahead, images, encoder, batches):
            target = _encode(target, encoder, [(images.names[i], stamps[i]) for i in batch], found)
            done += len(batch)
            report(_PHASE, done, len(images))
        if isinstance(target, VectorStore):
            target.compact(images.names)
        return _collect(target, images, info)


def embed_files(
    files: Sequence[ImageFile], encoder: Encoder, pool: Workers, batch_size: int = 64
) -> tuple[npt.NDArray[np.float32], list[str | None]]:
    """Embed a few images that are in no `ImageSet`, such as rows of a table.

    Parameters
    ----------
    files : sequence of paths or binary files
        N images; all of them are decoded at once.
    encoder : Encoder
        From `load_encoder`.
    pool : Workers
        The decoding threads.
    batch_size : int, default 64
        Number of images encoded at once.

    Returns
    -------
    vectors : (N, d) float32
        Unit rows; zeros for images that cannot be read.
    reasons : list of N str or None
        Why an image cannot be read.
    """
    side, prepare = 2 * getattr(encoder, "image_size", _SIDE // 2), _prepare_of(encoder)
    jobs = [pool.submit(_decode, file, side, prepare) for file in files]
    vectors = np.zeros((len(files), encoder.dim), np.float32)
    reasons: list[str | None] = [None] * len(files)
    for start in range(0, len(files), batch_size):
        good = []
        for row, job in enumerate(jobs[start : start + batch_size], start):
            picture = job.result()
            if isinstance(picture, ImageReadError):
                reasons[row] = str(picture)
            else:
                good.append((row, picture))
        if good:
            rows = encoder.encode_images([picture for _, picture in good])
            rows = checked_rows(rows, len(good), encoder.dim, encoder.name)
            vectors[[row for row, _ in good]] = rows
    return vectors, reasons


def _opened(
    stack: ExitStack, folder: Path, info: EncoderInfo, dtype: str, report: ProgressFn
) -> VectorStore | None:
    """Open the store, or return None if it is only a cache that cannot be written."""
    try:
        return stack.enter_context(
            VectorStore(
                folder, info, dtype, waiting=lambda: report("waiting for another run", 0, 1)
            )
        )
    except UnwritableStoreError as error:
        if not is_cache(folder):
            raise
        _say_uncached(error)
        return None


def _say_uncached(error: UnwritableStoreError) -> None:
    warnings.warn(
        f"The vectors of this run are not kept for the next one. {error} Or pass store=, the "
        "folder to keep them in.",
        stacklevel=2,
    )


def _check(images: Any, encoder: Any, batch_size: Any, dtype: Any, workers: Any) -> None:
    if not isinstance(images, ImageSet):
        raise InputError(
            f"Expected images as find_images returns them, got {type(images).__name__}: call "
            "find_images first."
        )
    check_encoder(encoder)
    if not len(images):
        raise InputError("Expected at least one image, got an empty ImageSet.")
    if not is_whole_number(batch_size, 1):
        raise InputError(f"Expected a batch_size of at least 1, got {batch_size!r}: try 64.")
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise InputError(f"Expected dtype 'float32' or 'float16', got {dtype!r}: choose one.")
    if workers is not None and not is_whole_number(workers, 1):
        raise InputError(f"Expected at least 1 worker, got {workers!r}: leave it out.")


def _stamps(pool: Workers, images: ImageSet) -> list[Stamp]:
    # Taken before the files are read, so the next run notices a change made meanwhile.
    stamps: list[Stamp] = []
    for start in range(0, len(images), _STATS):
        stamps.extend(pool.map(images.stamp, range(start, min(start + _STATS, len(images)))))
    return stamps


def _cut(todo: Sequence[int], total: int, size: int) -> list[list[int]]:
    """Cut batches whose boundaries do not depend on where an earlier run stopped.

    Slices of the full list without a finished image are kept whole. Scattered new or changed
    images are packed together, because slice by slice they would make many near-empty batches.
    """
    slices: dict[int, list[int]] = {}
    for index in todo:
        slices.setdefault(index // size, []).append(index)
    whole, scattered = [], []
    for number, part in slices.items():
        if len(part) == min(size, total - number * size):
            whole.append(part)
        else:
            scattered.extend(part)
    return whole + [scattered[at : at + size] for at in range(0, len(scattered), size)]


@dataclass(frozen=True)
class _Decoded:
    """The images of a batch that could be read, and why the others could not."""

    pictures: Any  # the input of the encoder; its `len` is the number of images
    reasons: list[str | None]  # for each image of the batch; None if it could be read


def _decoded(
    pool: Workers, ahead: Workers, images: ImageSet, encoder: Encoder, batches: Sequence[list[int]]
) -> Iterator[tuple[list[int], _Decoded]]:
    """Yield batches of decoded images, at most two ahead of the one that is being encoded."""
    prepare, collate = _prepare_of(encoder), getattr(encoder, "collate", None)
    side = 2 * getattr(encoder, "image_size", _SIDE // 2)
    waiting: deque[tuple[list[int], Future[_Decoded]]] = deque()
    for batch in batches:
        jobs = [pool.submit(_decode, images.path(index), side, prepare) for index in batch]
        waiting.append((batch, ahead.submit(_gathered, jobs, collate)))
        if len(waiting) > _AHEAD:
            batch_before, found = waiting.popleft()
            yield batch_before, found.result()
    while waiting:
        batch_before, found = waiting.popleft()
        yield batch_before, found.result()


def _gathered(jobs: Sequence[Future[Any]], collate: Callable[[list[Any]], Any] | None) -> _Decoded:
    found = [job.result() for job in jobs]
    reasons = [str(entry) if isinstance(entry, ImageReadError) else None for entry in found]
    good = [entry for entry in found if not isinstance(entry, ImageReadError)]
    return _Decoded(collate(good) if collate and good else good, reasons)


def _prepare_of(encoder: Encoder) -> Callable[[Any], Any] | None:
    """Return the encoder's function for an image in its decoding thread, if it has one."""
    return getattr(encoder, "pixels", None) or getattr(encoder, "preprocess", None)


def _decode(file: ImageFile, side: int, prepare: Callable[[Any], Any] | None) -> Any:
    try:
        image = read_image(file, short_side=side)
    except ImageReadError as error:
        return error
    return image if prepare is None else prepare(image)


def _encode(
    target: VectorStore | _Memory,
    encoder: Encoder,
    batch: Sequence[tuple[str, Stamp]],
    found: _Decoded,
) -> VectorStore | _Memory:
    """Encode one batch, and return the store for it and for the next ones."""
    read = list(zip(batch, found.reasons, strict=True))
    taken = [image for image, reason in read if reason is None]
    bad = [(*image, reason) for image, reason in read if reason is not None]
    rows = np.empty((0, encoder.dim), np.float32)
    if taken:
        vectors = encoder.encode_images(found.pictures)
        rows = checked_rows(vectors, len(taken), encoder.dim, encoder.name)
    try:
        target.append(rows, taken, bad)
    except UnwritableStoreError as error:
        if not isinstance(target, VectorStore) or not is_cache(target.folder):
            raise
        _say_uncached(error)
        target = _Memory.of(target, encoder.dim)
        target.append(rows, taken, bad)
    return target


def _collect(target: VectorStore | _Memory, images: ImageSet, info: EncoderInfo) -> Embeddings:
    found = [target.entries[name] for name in images.names]
    kept = [index for index, entry in enumerate(found) if not entry.reason]
    lost = [
        Skipped(name, entry.reason)
        for name, entry in zip(images.names, found, strict=True)
        if entry.reason
    ]
    if not kept:
        raise InputError(
            f"Expected at least one readable image in {str(images.root)!r}, got none of "
            f"{len(images)}; the first: {lost[0].name!r} ({lost[0].reason})."
        )
    vectors = target.take(np.array([found[index].row for index in kept], np.int64))
    if isinstance(vectors, np.memmap) and vectors.nbytes < _MAPPED:
        vectors = np.array(vectors)
    skipped = tuple(sorted({*images.skipped, *lost}, key=lambda entry: entry.name))
    return Embeddings(vectors, replace(images.take(kept), skipped=skipped), info)


class _Memory:
    """A `VectorStore` in memory only."""

    def __init__(self, dtype: str) -> None:
        self.entries: dict[str, Entry] = {}
        self._parts: list[npt.NDArray[Any]] = []
        self._dtype, self._rows = np.dtype(dtype), 0

    @classmethod
    def of(cls, store: VectorStore, dim: int) -> _Memory:
        """Copy all rows of a store whose disk is full."""
        rows = 1 + max((entry.row for entry in store.entries.values()), default=-1)
        stored = store.take(np.arange(rows)) if rows else np.empty((0, dim), np.float32)
        memory = cls(stored.dtype.name)
        memory.entries = dict(store.entries)
        memory._parts, memory._rows = [np.array(stored)], rows
        return memory

    def append(
        self,
        rows: npt.NDArray[np.floating[Any]],
        images: Sequence[tuple[str, Stamp]],
        skipped: Sequence[tuple[str, Stamp, str]],
    ) -> None:
        for place, (name, stamp) in enumerate(images):
            self.entries[name] = Entry(stamp, self._rows + place)
        for name, stamp, reason in skipped:
            self.entries[name] = Entry(stamp, -1, reason)
        self._parts.append(rows.astype(self._dtype))
        self._rows += len(rows)

    def take(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        return np.concatenate(self._parts)[rows]
