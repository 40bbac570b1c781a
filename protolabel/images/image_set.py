"""A list of images: their names, where they are stored, and the files that were skipped."""

from __future__ import annotations

import errno
import operator
import os
import zlib
from dataclasses import dataclass, field, replace
from numbers import Integral
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from protolabel.common.checks import as_path, check_fields, checked_apart_from
from protolabel.errors import ImageReadError, InputError
from protolabel.images.files import StoredFile, open_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "ImageSet",
    "Nowhere",
    "Skipped",
    "Source",
    "Stamp",
    "content_stamp",
    "numbered_names",
]

Stamp = tuple[int, int]
"""Two numbers that change with the content; for a file, its size and time of change in ns."""


class Source(Protocol):
    """Storage of images that are not files below one folder.

    It has one image for each name of its `ImageSet`, in the same order.
    """

    def open(self, index: int) -> IO[bytes]:
        """Return image `index` as a binary file at its start, or raise `OSError`."""

    def stamp(self, index: int) -> Stamp:
        """Return two numbers that change when image `index` does."""


@dataclass(frozen=True)
class Skipped:
    """A file that was skipped.

    Parameters
    ----------
    name : str
        POSIX path relative to the root of the `ImageSet`.
    reason : str
        The reason, in plain words.
    """

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images with names; row i of every array in protolabel is image i.

    Parameters
    ----------
    root : Path
        Absolute folder; for images of another source, the archive or table that holds them.
    names : tuple of str
        POSIX paths relative to `root`, unique. `find_images` sorts them; `from_paths` keeps
        the order given, because the rows of an embedding have the same order.
    skipped : tuple of Skipped
        Files that were found but not used.
    truth : tuple of str, optional
        The true class of every image, if known. It is used for evaluation only, never for
        labelling.
    source : Source, optional
        Where the images are stored; None stands for files below `root`.
    columns : mapping of str to tuple
        Other columns of the table that the images come from, one value for each image.

    Raises
    ------
    InputError
        If a value is of another kind, or the truth or a column has another length than `names`.
    """

    root: Path
    names: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()
    truth: tuple[str, ...] | None = None
    source: Source | None = None
    columns: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.truth is not None and len(self.truth) != len(self.names):
            raise InputError(
                f"Expected one true class for each of {len(self.names)} images, "
                f"got {len(self.truth)}."
            )
        for name, values in self.columns.items():
            if len(values) != len(self.names):
                raise InputError(
                    f"Expected a value in the column {name!r} for each of {len(self.names)} "
                    f"images, got {len(values)}."
                )

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        known = "" if self.truth is None else f", {len(set(self.truth))} true classes"
        place = f"{len(self)} image{'s' * (len(self) != 1)} in {str(self.root)!r}"
        return f"ImageSet({place}, {len(self.skipped)} skipped{known})"

    def path(self, index: int) -> Path | StoredFile:
        """Return the absolute path of an image, or a `StoredFile` that opens it.

        Parameters
        ----------
        index : int
            Number of the image, 0 to N - 1.

        Returns
        -------
        Path or StoredFile
            `read_image` and `thumbnail` take both.

        Raises
        ------
        InputError
            If there is no such image.
        """
        self._check(index)
        if self.source is None:
            return self.root / self.names[index]
        source = self.source
        return StoredFile(f"{self.root.as_posix()}/{self.names[index]}", lambda: source.open(index))

    def _check(self, index: Any) -> None:
        if not isinstance(index, Integral) or not -len(self) <= int(index) < len(self):
            raise InputError(
                f"Expected the number of an image, 0 to {len(self) - 1}, got {index!r}."
            )

    @property
    def paths(self) -> list[Path | StoredFile]:
        """The `path` of each image."""
        return [self.path(index) for index in range(len(self))]

    def open(self, index: int) -> IO[bytes]:
        """Open an image as a binary file.

        Parameters
        ----------
        index : int
            Number of the image, 0 to N - 1.

        Returns
        -------
        binary file

        Raises
        ------
        ImageReadError
            If it cannot be opened, or is not a regular file.
        InputError
            If there is no such image.
        """
        return open_file(self.path(index))

    def stamp(self, index: int) -> Stamp:
        """Return two numbers that change when an image does.

        Parameters
        ----------
        index : int
            Number of the image, 0 to N - 1.

        Returns
        -------
        (int, int)
            For a file, its size in bytes and its time of change in ns; (-1, -1) if it is gone.

        Raises
        ------
        InputError
            If there is no such image.
        """
        self._check(index)
        try:
            if self.source is not None:
                return self.source.stamp(index)
            found = os.stat(os.path.join(self.root, self.names[index]))  # noqa: PTH116, PTH118 -- a million of them: strings are ten times faster than Path
        except (OSError, ImageReadError):
            return (-1, -1)
        return (found.st_size, found.st_mtime_ns)

    def at(self, root: str | os.PathLike[str]) -> ImageSet:
        """Return the same images after their folder has moved.

        Parameters
        ----------
        root : path
            The new folder, to which `names` are relative.

        Returns
        -------
        ImageSet

        Raises
        ------
        InputError
            If a file is not there.
        """
        place = as_path(root, "the folder of the images")
        moved = replace(self, root=Path(os.path.abspath(place)), source=None)  # noqa: PTH100 -- links stay as they are
        missing = [name for name in self.names if not (moved.root / name).is_file()]
        if missing:
            raise InputError(
                f"{len(missing)} of {len(self)} images are not in {str(moved.root)!r}, the first: "
                f"{missing[0]!r}. Pass the folder that they were found in, at its new place."
            )
        return moved

    def take(self, indices: Iterable[int]) -> ImageSet:
        """Return the images at `indices`, in that order.

        Parameters
        ----------
        indices : iterable of int
            Image indices, each at most once.

        Returns
        -------
        ImageSet
            With the same root and the same skipped files.

        Raises
        ------
        InputError
            If an index is not a whole number, or there is no such image.
        """
        try:
            chosen = [operator.index(index) for index in indices]
        except TypeError as error:
            raise InputError(
                f"Expected positions of images as whole numbers, got {indices!r}: pass a list."
            ) from error
        for index in chosen:
            self._check(index)

        def pick(values: Sequence[Any]) -> tuple[Any, ...]:
            return tuple(values[index] for index in chosen)

        return replace(
            self,
            names=pick(self.names),
            truth=None if self.truth is None else pick(self.truth),
            source=self.source
            if self.source is None or isinstance(self.source, Nowhere)
            else _Taken(self.source, chosen),
            columns={name: pick(values) for name, values in self.columns.items()},
        )

    @classmethod
    @checked_apart_from("paths")
    def from_paths(
        cls, paths: Iterable[str | os.PathLike[str]], root: str | os.PathLike[str] | None = None
    ) -> ImageSet:
        """Build a set from a list of files, in the order given, without opening them.

        Parameters
        ----------
        paths : iterable of path
            Relative paths start at the working directory.
        root : path, optional
            A folder that contains all of them; by default the deepest such folder.

        Returns
        -------
        ImageSet

        Raises
        ------
        InputError
            If there is no path, a path occurs twice, the paths share no folder (two drives), or
            an entry is not a path.
        """
        if isinstance(paths, str | bytes | os.PathLike):
            raise InputError(
                f"Expected a list of image paths, got {paths!r}: write [{paths!r}], or pass a "
                "folder to find_images."
            )
        try:
            given = [os.fsdecode(path) for path in paths]
            full = [os.path.abspath(os.path.expanduser(path)) for path in given]  # noqa: PTH100, PTH111 -- as above
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(
                f"Expected a list of image paths ({error}): pass strings or Path objects."
            ) from error
        if not full:
            raise InputError("Expected at least one image path, got none.")
        odd = next((path for path in given if "\0" in path or "\n" in path or "://" in path), None)
        if odd is not None:
            raise InputError(
                f"Expected paths of local files without line breaks, got {odd!r}: pass URLs to "
                "find_images, and rename files with odd names."
            )
        seen: set[str] = set()
        for path in full:
            if path in seen:
                raise InputError(
                    f"Expected every image path once, got {path!r} twice: remove one of them "
                    "(and its row, if there are embeddings)."
                )
            seen.add(path)
        try:
            base = os.path.commonpath([os.path.dirname(path) for path in full])  # noqa: PTH120 -- as above
        except ValueError as error:
            raise InputError(
                "Expected image paths on one drive, got several: put the images under one folder."
            ) from error
        if root is not None:
            wanted = os.path.abspath(os.fsdecode(root))  # noqa: PTH100 -- not resolved: links stay as they are
            if os.path.commonpath([wanted, base]) != wanted:
                raise InputError(f"Expected image paths under {wanted!r}, got some in {base!r}.")
            base = wanted
        start = len(base) if base.endswith(os.sep) else len(base) + 1
        return cls(Path(base), tuple(path[start:].replace(os.sep, "/") for path in full))


class Nowhere:
    """The `Source` of images that came as vectors alone: they can be labelled but not shown."""

    def open(self, index: int) -> IO[bytes]:
        """Raise `FileNotFoundError`."""
        raise FileNotFoundError(errno.ENOENT, f"vector {index} came without an image")

    def stamp(self, index: int) -> Stamp:  # noqa: ARG002 -- the protocol's
        """Return the stamp of a file that is gone."""
        return (-1, -1)


def numbered_names(count: int, suffix: str = "") -> tuple[str, ...]:
    """Return names for images without any: "000000", "000001" and so on, with a suffix."""
    width = max(6, len(str(count - 1)))
    return tuple(f"{index:0{width}d}{suffix}" for index in range(count))


def content_stamp(content: bytes | memoryview) -> Stamp:
    """Return the stamp of an image whose bytes are at hand: their number and checksum."""
    return (len(content), zlib.crc32(content))


class _Taken:
    """A subset of a source, by index."""

    def __init__(self, source: Source, places: Sequence[int]) -> None:
        self._source, self._places = source, tuple(places)

    def open(self, index: int) -> IO[bytes]:
        return self._source.open(self._places[index])

    def stamp(self, index: int) -> Stamp:
        return self._source.stamp(self._places[index])
