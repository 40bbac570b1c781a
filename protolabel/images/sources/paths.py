"""Lists of files: from Python, by a pattern, or line by line from standard input."""

from __future__ import annotations

import glob
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from protolabel.common.checks import as_path
from protolabel.errors import InputError
from protolabel.images.image_set import ImageSet, Skipped
from protolabel.images.sources.folder import check_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["find_by_pattern", "find_in_list", "find_in_standard_input", "is_pattern", "kept"]


def find_in_list(
    paths: Iterable[str | os.PathLike[str]], columns: Mapping[str, Sequence[Any]] | None = None
) -> ImageSet:
    """Check a list of local files, in the order given.

    Parameters
    ----------
    paths : iterable of path
        Relative paths start at the working directory.
    columns : mapping of str to sequence, optional
        One value for each path.

    Returns
    -------
    ImageSet
        Files that are missing or are not images are in `ImageSet.skipped`.

    Raises
    ------
    InputError
        As for `ImageSet.from_paths`; or if no file is an image.
    """
    listed = ImageSet.from_paths(paths)
    listed = replace(listed, columns={k: tuple(v) for k, v in (columns or {}).items()})
    good, skipped = check_files(listed.root, listed.names)
    known = {entry.name for entry in skipped}
    others = set(listed.names) - set(good) - known
    skipped += [Skipped(name, "not an image by its content") for name in sorted(others)]
    return kept(listed, set(good), skipped)


def kept(listed: ImageSet, good: set[str], skipped: Iterable[Skipped]) -> ImageSet:
    """Return the usable images of a set, or raise `InputError` if there are none."""
    skipped = sorted(skipped, key=lambda entry: entry.name)
    rows = [row for row, name in enumerate(listed.names) if name in good]
    if not rows:
        first = f", the first: {skipped[0].name!r} ({skipped[0].reason})" if skipped else ""
        raise InputError(
            f"Expected at least one image in {str(listed.root)!r}, got none among "
            f"{len(listed)} entries{first}. Check the source."
        )
    return replace(listed.take(rows), skipped=tuple(skipped))


def is_pattern(path: str) -> bool:
    """Return whether a path is a pattern such as ``photos/*/*.jpg``, and not an existing file."""
    return glob.has_magic(path) and not os.path.exists(path)  # noqa: PTH110 -- may hold anything


def find_by_pattern(pattern: str) -> ImageSet:
    """Find the files that match a pattern; ``**`` stands for any number of folders.

    Raises
    ------
    InputError
        If no file matches, or none of them is an image.
    """
    files = sorted(
        path for path in glob.glob(str(as_path(pattern, "images")), recursive=True)  # noqa: PTH207 -- absolute patterns too
        if not os.path.isdir(path)  # noqa: PTH112
    )  # fmt: skip
    if not files:
        raise InputError(
            f"Expected files that match {pattern!r}, found none: check the pattern, or pass the "
            "folder."
        )
    return find_in_list(files)


def find_in_standard_input() -> ImageSet:
    """Read paths from standard input, one a line."""
    lines = [line.rstrip("\r\n") for line in sys.stdin]
    return find_in_list([line for line in lines if line.strip()])
