"""Read the true classes of some or all images: class folders, a table, or names by image."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from os import PathLike, fsdecode
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from protolabel.common.cells import read_rows
from protolabel.common.checks import as_path, checked, described
from protolabel.common.files import check_regular
from protolabel.errors import InputError
from protolabel.images.lookup import (
    CLASS_COLUMNS,
    IMAGE_COLUMNS,
    Found,
    ImageLookup,
    column,
    find_classes,
)
from protolabel.images.sources.finding import find_images
from protolabel.images.sources.tables import SUFFIXES, read_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Truth",
    "class_indices",
    "known_truth",
    "matched_truth",
    "read_table",
    "read_truth",
    "renamed_truth",
]

Truth: TypeAlias = Sequence[str | None] | Mapping[str, str] | str | PathLike[str]
"""A class name or None per image; image name -> class name; or what `read_truth` reads."""


@checked
def read_truth(path: str | PathLike[str]) -> dict[str, str]:
    """Read true classes from class folders or from a table.

    Parameters
    ----------
    path : str or path
        A folder with a subfolder of images for each class; or a table: CSV, TSV, Parquet, JSON or
        JSON lines. One column is called image (or source, path, file, file_name, ...: see
        `protolabel.images.lookup.IMAGE_COLUMNS`), another truth (or class, label, ...: see
        `CLASS_COLUMNS` there). Rows without a class are ignored.

    Returns
    -------
    dict of str to str
        Image name -> class name.

    Raises
    ------
    InputError
        If the path does not exist, cannot be read, or has two classes for one image.
    """
    path = as_path(path, "a folder of class folders, or a table")
    if path.is_dir():
        found = find_images(path, truth=True)
        return dict(zip(found.names, found.truth or (), strict=True))
    if path.suffix.lower() in SUFFIXES and path.suffix.lower() not in {".csv", ".tsv"}:
        return _by_image(read_columns(path), str(path))
    heads, rows = read_table(path)
    return _by_image({head: [row.get(head) for row in rows] for head in heads.values()}, str(path))


def _by_image(columns: Mapping[str, Sequence[Any]], what: str) -> dict[str, str]:
    # In an exported table, "source" names the image; "file" is in the folder of its label.
    image = column(columns, ("image", "source", *IMAGE_COLUMNS))
    name = column(columns, CLASS_COLUMNS)
    if image is None or name is None:
        raise InputError(
            f"Expected columns named image and truth in {what!r}, got "
            f"{', '.join(map(repr, columns)) or 'nothing'}: name them in the first line."
        )
    found: dict[str, str] = {}
    for word, class_ in zip(columns[image], columns[name], strict=True):
        if _missing(word) or _missing(class_):
            continue
        known = found.setdefault(str(word), str(class_))
        if known != str(class_):
            raise _two_classes(str(word), known, str(class_))
    return found


def _two_classes(image: str, first: str, other: str) -> InputError:
    return InputError(
        f"Expected one true class for each image, got {first!r} and {other!r} for {image!r}: "
        "remove one of them."
    )


@checked
def read_table(path: str | PathLike[str]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Read a text table with a header line.

    Parameters
    ----------
    path : str or path
        A CSV file in UTF-8 or UTF-16, with commas, semicolons or tabs, as spreadsheets write it.

    Returns
    -------
    heads : dict of str to str
        Column name in lower case, without surrounding spaces -> as written.
    rows : list of dict of str to str
        Column name as written -> cell, for each row.

    Raises
    ------
    InputError
        If the file cannot be read as a table.
    """
    try:
        place = as_path(path, "a table")
        check_regular(place)
        heads, rows = read_rows(place)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"Expected class folders or a CSV file, got {str(path)!r}, which cannot be read: "
            f"{error}"
        ) from error
    return {head.strip().casefold(): head for head in heads}, rows


@checked
def known_truth(truth: Truth, images: Sequence[str] | ImageLookup) -> tuple[str | None, ...]:
    """Match true classes with the images, in their order.

    Parameters
    ----------
    truth : sequence of (str or None), mapping of str to str, DataFrame, str or path
        One class name per image, None (or empty, or NaN) where it is unknown; or image name ->
        class name; or a table with the columns that `read_truth` knows; or a path for
        `read_truth`. Images are found as by `ImageLookup`.
    images : sequence of str, or ImageLookup
        The N images, or their names as in `ImageSet.names`.

    Returns
    -------
    tuple of (str or None)
        N true class names.

    Raises
    ------
    InputError
        If there is not one name per image, or a mapping names none of the images or two classes
        for one of them.
    """
    return matched_truth(truth, images)[0]


@checked
def matched_truth(
    truth: Truth, images: Sequence[str] | ImageLookup
) -> tuple[tuple[str | None, ...], Found]:
    """Bring true classes into the order of the images, and report names that match none.

    Parameters
    ----------
    truth, images
        As for `known_truth`.

    Returns
    -------
    known : tuple of (str or None)
        N true class names.
    found : Found
        The image that each name in the truth matches; empty for a list.

    Raises
    ------
    InputError
        As for `known_truth`.
    """
    lookup = images if isinstance(images, ImageLookup) else ImageLookup(images)
    if isinstance(truth, str | PathLike):
        truth = read_truth(truth)
    elif not isinstance(truth, Mapping) and hasattr(truth, "columns"):  # a DataFrame
        truth = _by_image({str(name): list(truth[name]) for name in truth.columns}, "the table")
    if not isinstance(truth, Mapping):
        given = tuple(None if _missing(name) else str(name) for name in _listed(truth))
        if len(given) != len(lookup):
            raise InputError(
                f"Expected a true class for each of {len(lookup)} images (None if unknown), got "
                f"{len(given)}: pass one for each, or image name -> class name."
            )
        return given, Found()
    odd = next((image for image in truth if not isinstance(image, str | bytes | PathLike)), None)
    if odd is not None:
        raise InputError(f"Expected image name -> class name as truth, got the name {odd!r}.")
    classes = {fsdecode(image): str(name) for image, name in truth.items() if not _missing(name)}
    found = lookup.find(classes)
    if not found.images:
        example = next(iter(truth), None)
        raise InputError(
            f"Expected truth for some of the {len(lookup)} images, such as {lookup.names[0]!r}, "
            f"got names such as {example!r}: use the image names."
        )
    known: list[str | None] = [None] * len(lookup)
    for image, place in found.images.items():
        before = known[place]
        if before is not None and before != classes[image]:
            raise _two_classes(image, before, classes[image])
        known[place] = classes[image]
    return tuple(known), found


@checked
def class_indices(truth: Sequence[str | None], names: Sequence[str]) -> NDArray[np.int64]:
    """Return the class index of each true name.

    Letter case, surrounding spaces, underscores, hyphens and the Unicode form of a name do not
    matter. If no true name is a class name and all are whole numbers from 0 to C - 1, they are
    class numbers.

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
    truth = _listed(truth)
    different = set(truth)
    words = (str(name) for name in different if not _missing(name))
    index = find_classes(words, names, numbers=True)
    found = {name: -2 if _missing(name) else index[str(name)] for name in different}
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
    """Return true classes as a list, or raise `InputError`."""
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
    if isinstance(name, str):
        return not name.strip()
    return name is None or str(name) in {"nan", "<NA>", "NaT"}  # as tables write a gap
