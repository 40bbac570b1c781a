"""Find images in a folder and read them: any format and mode to RGB."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from protolabel.errors import ImageReadError, InputError
from protolabel.images.pixels import IMAGE_SUFFIXES, check_image, read_image, thumbnail

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["ImageSet", "Skipped", "find_images", "read_image", "thumbnail"]

# The second set is not read, but a person who has such files wants to hear that.
_EXTENSIONS = IMAGE_SUFFIXES | {".heic", ".heif", ".avif", ".jxl", ".jp2", ".psd"}
_BLOCK = 4096  # files handed to the threads at a time: a million futures would fill memory
_EXPORT_MARK = b'"generator": "protolabel"'


@dataclass(frozen=True)
class Skipped:
    """A file that was left out.

    Parameters
    ----------
    name : str
        POSIX path relative to the root of the `ImageSet`.
    reason : str
        Why, in plain words.
    """

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Image files under one folder; row i of every array in protolabel is image i.

    Parameters
    ----------
    root : Path
        Absolute folder.
    names : tuple of str
        POSIX paths relative to `root`, unique. `find_images` sorts them; `from_paths` keeps
        the order given, because it is the order of the rows of an embedding.
    skipped : tuple of Skipped
        Files that were found and left out.
    truth : tuple of str, optional
        The true class of every image where it is known. Only for evaluation: nothing that
        labels an image reads it.
    """

    root: Path
    names: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()
    truth: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.truth is not None and len(self.truth) != len(self.names):
            raise InputError(
                f"Expected one true class for each of {len(self.names)} images, "
                f"got {len(self.truth)}."
            )

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        known = "" if self.truth is None else f", {len(set(self.truth))} true classes"
        place = f"{len(self)} images in {str(self.root)!r}"
        return f"ImageSet({place}, {len(self.skipped)} skipped{known})"

    def path(self, index: int) -> Path:
        """Return the absolute path of one image."""
        return self.root / self.names[index]

    @property
    def paths(self) -> list[Path]:
        """Absolute paths of all images."""
        return [self.root / name for name in self.names]

    def take(self, indices: Iterable[int]) -> ImageSet:
        """Return the images at `indices`, in that order.

        Parameters
        ----------
        indices : iterable of int
            Positions, each at most once.

        Returns
        -------
        ImageSet
            With the same root and the same skipped files.
        """
        chosen = [int(index) for index in indices]
        truth = None if self.truth is None else tuple(self.truth[index] for index in chosen)
        names = tuple(self.names[index] for index in chosen)
        return ImageSet(self.root, names, self.skipped, truth)

    @classmethod
    def from_paths(
        cls, paths: Iterable[str | os.PathLike[str]], root: str | os.PathLike[str] | None = None
    ) -> ImageSet:
        """Build a set from a list of files, in the order given, without opening them.

        Parameters
        ----------
        paths : iterable of path
            Relative ones are taken from the working directory.
        root : path, optional
            Folder that all of them are under; by default the deepest such folder.

        Returns
        -------
        ImageSet

        Raises
        ------
        InputError
            If there is no path, one comes twice, or they share no folder (two drives).
        """
        full = [os.path.abspath(os.path.expanduser(path)) for path in paths]  # noqa: PTH100, PTH111 -- a million of them: strings are ten times faster than Path
        if not full:
            raise InputError("Expected at least one image path, got none.")
        if len(set(full)) < len(full):
            twice = next(path for path in full if full.count(path) > 1)
            raise InputError(
                f"Expected every image path once, got {twice!r} twice: remove one of them "
                "(and its row, if there are embeddings)."
            )
        try:
            base = os.path.commonpath([os.path.dirname(path) for path in full])  # noqa: PTH120 -- as above
        except ValueError as error:
            raise InputError(
                "Expected image paths on one drive, got several: put the images under one folder."
            ) from error
        if root is not None:
            wanted = os.path.abspath(root)  # noqa: PTH100 -- not resolved: links stay as they are
            if os.path.commonpath([wanted, base]) != wanted:
                raise InputError(f"Expected image paths under {wanted!r}, got some in {base!r}.")
            base = wanted
        start = len(base) if base.endswith(os.sep) else len(base) + 1
        return cls(Path(base), tuple(path[start:].replace(os.sep, "/") for path in full))


def find_images(folder: str | os.PathLike[str], *, truth: bool = False) -> ImageSet:
    """Find all images in a folder and its subfolders, by content and not by extension.

    JPEG, PNG, WebP, GIF, BMP and TIFF are found. Hidden files and folders, links to folders,
    and datasets that protolabel exported are passed over; links to files are followed.

    Parameters
    ----------
    folder : path
        Where to look.
    truth : bool, default False
        Keep the name of the first-level subfolder of every image as its true class, for
        evaluation only.

    Returns
    -------
    ImageSet
        Sorted by name. Files that have the extension of an image and are none, empty or
        damaged files, and names with a line break (they cannot stand in image_paths.txt) are
        in `ImageSet.skipped`; other files are ignored. Pixels are not decoded here: a file that
        is damaged further in is found when it is embedded.

    Raises
    ------
    InputError
        If the folder is missing, no folder, or holds no image; with `truth`, if an image lies
        directly in it and so has no class.
    """
    root = check_folder(folder)
    found: list[str] = []
    skipped: list[Skipped] = []
    for name in _walk(root, skipped):
        if _breaks_line(name):
            if Path(name).suffix.lower() in _EXTENSIONS:
                skipped.append(Skipped(name, "its name has a line break: rename it"))
        else:
            found.append(name)
    found.sort()
    names = []
    for name, answer in zip(found, _inspect_all(root, found), strict=True):
        if answer is None:
            names.append(name)
        elif answer:
            skipped.append(Skipped(name, answer))
    skipped.sort(key=lambda entry: entry.name)
    if not names:
        raise InputError(_nothing_found(root, len(found), skipped))
    return ImageSet(
        root, tuple(names), tuple(skipped), _class_folders(root, names) if truth else None
    )


def check_folder(folder: str | os.PathLike[str]) -> Path:
    """Return the absolute path of a folder that may be looked into, or say why it may not.

    Raises
    ------
    InputError
        If it is missing, no folder, or its path has a line break.
    """
    root = Path(os.path.abspath(os.path.expanduser(folder)))  # noqa: PTH100, PTH111 -- resolve() would follow links
    if not root.exists():
        raise InputError(f"Expected a folder of images, got {str(root)!r}, which does not exist.")
    if not root.is_dir():
        raise InputError(
            f"Expected a folder of images, got the file {str(root)!r}: pass the folder it is in."
        )
    if _breaks_line(str(root)):
        raise InputError(
            f"Expected a folder whose path has no line break, got {str(root)!r}: rename it."
        )
    return root


def _walk(root: Path, skipped: list[Skipped]) -> Iterator[str]:
    """Yield POSIX names of files below `root`; folders that cannot be opened are skipped."""
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
            continue
        for entry in listed:
            if entry.is_dir(follow_symlinks=False):
                folders.append(f"{prefix}{entry.name}/")
            elif entry.is_file() or (entry.is_symlink() and not Path(entry.path).exists()):
                yield prefix + entry.name


def _is_export(folder: Path) -> bool:
    try:
        with (folder / "metadata.json").open("rb") as file:
            return _EXPORT_MARK in file.read(4096)
    except OSError:
        return False


def _inspect_all(root: Path, names: Sequence[str]) -> Iterator[str | None]:
    # Threads that import the format plugins at the same time would meet half of them.
    Image.init()
    with ThreadPoolExecutor(min(32, (os.cpu_count() or 1) * 4)) as pool:
        for start in range(0, len(names), _BLOCK):
            block = names[start : start + _BLOCK]
            yield from pool.map(lambda name: _inspect(root / name), block)


def _inspect(path: Path) -> str | None:
    """Return None for an image, "" for another file, or why an image cannot be used."""
    looks_like_image = path.suffix.lower() in _EXTENSIONS
    try:
        known = check_image(path)
    except ImageReadError as error:
        return str(error)
    if known:
        return None
    if not looks_like_image:
        return ""
    if path.stat().st_size == 0:
        return "the file is empty"
    return "by its content not a JPEG, PNG, WebP, GIF, BMP or TIFF file: convert it to one of them"


def _breaks_line(name: str) -> bool:
    return "\n" in name or "\r" in name


def _nothing_found(root: Path, files: int, skipped: Sequence[Skipped]) -> str:
    message = (
        f"Expected at least one JPEG, PNG, WebP, GIF, BMP or TIFF image in {str(root)!r}, "
        f"found none among {files} files"
    )
    if skipped:
        first = skipped[0]
        message += f"; {len(skipped)} could not be used, the first: {first.name!r} ({first.reason})"
    return message + ". Check the path."


def _class_folders(root: Path, names: Sequence[str]) -> tuple[str, ...]:
    loose = [name for name in names if "/" not in name]
    if loose:
        raise InputError(
            f"Expected every image in a subfolder named after its class (truth=True), got "
            f"{len(loose)} directly in {str(root)!r}, the first: {loose[0]!r}. Move them into "
            "class folders, or leave truth out."
        )
    return tuple(name.partition("/")[0] for name in names)
