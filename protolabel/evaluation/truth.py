"""Read the true classes of some or all images: class folders, a table, or names by image."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from protolabel.common.cells import read_cell
from protolabel.common.checks import as_path, checked, described
from protolabel.common.files import check_regular
from protolabel.errors import InputError
from protolabel.images.sources.finding import find_images

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Truth", "class_indices", "known_truth", "read_table", "read_truth", "renamed_truth"]

Truth: TypeAlias = Sequence[str | None] | Mapping[str, str] | str | PathLike[str]
"""A class name or None per image; image name -> class name; or what `read_truth` reads."""

_IMAGE_COLUMNS = ("image", "source", "file", "filename", "path")
_CLASS_COLUMNS = ("truth", "class", "label")


@checked
def read_truth(path: str | PathLike[str]) -> dict[str, str]:
    """Read true classes from class folders or from a table.

    Parameters
    ----------
    path : str or path
        A folder with a subfolder of images for each class; or a CSV file whose first line names
        its columns, one of them image (or source, file, filename, path) and one truth (or class,
        label). Rows without a class are passed over.

    Returns
    -------
    dict of str to str
        Image name -> class name.

    Raises
    ------
    InputError
        If there is no such folder or file, or it cannot be read as one.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        found = find_images(path, truth=True)
        return dict(zip(found.names, found.truth or (), strict=True))
    heads, rows = read_table(path)
    image, name = (
        next((heads[head] for head in known if head in heads), None)
        for known in (_IMAGE_COLUMNS, _CLASS_COLUMNS)
    )
    if image is None or name is None:
        raise InputError(
            f"Expected columns named image and truth in {str(path)!r}, got "
            f"{', '.join(map(repr, heads)) or 'nothing'}: name them in the first line."
        )
    return {row[image]: row[name] for row in rows if row[image] and row[name]}


@checked
def read_table(path: str | PathLike[str]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Read a table of text with its heads in the first line.

    Parameters
    ----------
    path : str or path
        A CSV file in UTF-8, with commas, semicolons or tabs, as spreadsheets write it.

    Returns
    -------
    heads : dict of str to str
        Head in lower case, without spaces around it -> head as written.
    rows : list of dict of str to str
        Each row by heads as written.

    Raises
    ------
    InputError
        If the file cannot be read as a table.
    """
    try:
        place = as_path(path, "a table")
        check_regular(place)
        text = place.read_text("utf-8-sig")
        separator = max(",;\t", key=text.partition("\n")[0].count)
        rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
        heads = {head.strip().casefold(): head for head in rows.fieldnames or () if head}
        return heads, [
            {head: read_cell(cell or "") for head, cell in row.items() if isinstance(head, str)}
            for row in rows
        ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"Expected class folders or a CSV file, got {str(path)!r}, which cannot be read: "
            f"{error}"
        ) from error


@checked
def known_truth(truth: Truth, names: Sequence[str]) -> tuple[str | None, ...]:
    """Match true classes with the images, in their order.

    Parameters
    ----------
    truth : sequence of (str or None), mapping of str to str, str or path
        One class name per image, None (or empty, or NaN) where it is unknown; or image name ->
        class name; or a path for `read_truth`. An image of a mapping is found by its whole name,
        else by its file name alone if only one image has it.
    names : sequence of str
        Names of the N images, as in `ImageSet.names`.

    Returns
    -------
    tuple of (str or None)
        N true class names.

    Raises
    ------
    InputError
        If there is not one name per image, or a mapping names none of the images.
    """
    if isinstance(truth, str | PathLike):
        truth = read_truth(truth)
    if not isinstance(truth, Mapping):
        given = tuple(None if _missing(name) else str(name) for name in _listed(truth))
        if len(given) != len(names):
            raise InputError(
                f"Expected a true class for each of {len(names)} images (None if unknown), got "
                f"{len(given)}: pass one for each, or image name -> class name."
            )
        return given
    whole = {_key(image): name for image, name in truth.items() if not _missing(name)}
    known = [whole.get(_key(name)) for name in names]
    if whole and not all(known):
        # The checked images often lie elsewhere, in folders of their own.
        ours = Counter(_file(name) for name in names)
        theirs = Counter(_file(image) for image in whole)
        alone = {_file(image): name for image, name in whole.items() if theirs[_file(image)] == 1}
        known = [
            alone.get(_file(name)) if class_ is None and ours[_file(name)] == 1 else class_
            for name, class_ in zip(names, known, strict=True)
        ]
    if not any(known):
        asked = next(iter(truth), None)
        raise InputError(
            f"Expected truth for some of the {len(names)} images, such as {names[0]!r}, got names "
            f"such as {asked!r}: use the image names."
        )
    return tuple(known)


@checked
def class_indices(truth: Sequence[str | None], names: Sequence[str]) -> NDArray[np.int64]:
    """Return the class index of each true name.

    Letter case, surrounding spaces and the Unicode form of a name are ignored.

    Parameters
    ----------
    truth : sequence of (str or None)
        N true class names; None, empty or NaN if unknown.
    names : sequence of str
        The C class names.

    Returns
    -------
    ndarray
        (N,) int64 in 0..C-1; -1 if the name is not a class, -2 if the true class is unknown.
    """
    index = {_name(name): i for i, name in enumerate(names)}
    truth = _listed(truth)
    found = {name: -2 if _missing(name) else index.get(_name(str(name)), -1) for name in set(truth)}
    return np.array([found[name] for name in truth], dtype=np.int64)


@checked
def renamed_truth(truth: Sequence[str | None], old: str, new: str) -> tuple[str | None, ...]:
    """Rename a class in the true class names.

    Parameters
    ----------
    truth : sequence of (str or None)
        (N,) true class names, None if unknown.
    old, new : str
        Name of the class before and after; letter case and Unicode form of `old` are ignored.

    Returns
    -------
    tuple of (str or None)
        (N,) true class names.
    """
    truth = _listed(truth)
    is_old = class_indices(truth, [old]) == 0
    return tuple(new if hit else name for name, hit in zip(truth, is_old.tolist(), strict=True))


def _listed(truth: Any) -> list[Any]:
    """Return truth as a list of what can be a name, or raise `InputError`."""
    try:
        listed = truth.tolist() if isinstance(truth, np.ndarray) else list(truth)
        known = set(listed)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"Expected one true class name for each image, got {described(truth)}: pass a list "
            "with None where it is unknown, a mapping of image names, or a path."
        ) from error
    if any(isinstance(name, tuple) for name in known):
        raise InputError("Expected one true class name for each image, got several for an image.")
    return listed


def _missing(name: object) -> bool:
    return name is None or name != name or not str(name).strip()  # noqa: PLR0124 -- NaN of a table


def _name(name: str) -> str:
    # Folder names from a Mac are decomposed, class names never are.
    return unicodedata.normalize("NFC", name).strip().casefold()


def _key(image: str) -> str:
    return unicodedata.normalize("NFC", str(image)).replace("\\", "/").removeprefix("./")


def _file(image: str) -> str:
    return _key(image).rpartition("/")[2]
