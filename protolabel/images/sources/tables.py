"""Tables with a column of paths, URLs or images: CSV, TSV, Parquet, JSON, DataFrames."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from protolabel.common.cells import read_rows
from protolabel.common.checks import described, with_home
from protolabel.errors import InputError
from protolabel.images.lookup import CLASS_COLUMNS, IMAGE_COLUMNS, column
from protolabel.images.sources.memory import find_in_memory, is_picture
from protolabel.images.sources.parquet import find_in_parquet, holds_images, parquet_table
from protolabel.images.sources.paths import find_in_list
from protolabel.images.sources.remote import find_at_urls, is_url

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from protolabel.images.image_set import ImageSet

__all__ = ["SUFFIXES", "find_in_columns", "find_in_table", "label_column", "read_columns"]

SUFFIXES = (".csv", ".tsv", ".parquet", ".pq", ".json", ".jsonl", ".ndjson")
"""Extensions of tables."""

_PARQUET = (".parquet", ".pq")


def find_in_table(path: Path) -> ImageSet:
    """Find the images listed in a table.

    Parameters
    ----------
    path : Path
        Absolute. CSV or TSV with a header, Parquet, a JSON list of objects, or JSON lines.

    Returns
    -------
    ImageSet
        In the order of the rows, with the other columns in `ImageSet.columns`. Relative paths
        are taken from the folder of the table or, if nothing is there, from the working
        directory.

    Raises
    ------
    InputError
        If the table cannot be read, or has no column of paths.
    """
    if path.suffix.lower() in _PARQUET and holds_images(parquet_table(path)) is not None:
        return find_in_parquet(path, [path])
    return find_in_columns(read_columns(path), path.parent, str(path))


def read_columns(path: Path) -> dict[str, list[Any]]:
    """Read a table of any kind.

    Parameters
    ----------
    path : Path
        As for `find_in_table`.

    Returns
    -------
    dict of str to list
        Columns of one length; values of a CSV file are text.

    Raises
    ------
    InputError
        If it cannot be read, or is Parquet and pyarrow is not installed.
    """
    try:
        return _read(path)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, csv.Error,
            RecursionError) as error:  # fmt: skip
        raise InputError(
            f"Expected a table with a header, but {str(path)!r} cannot be read as one ({error}): "
            "check the file."
        ) from error


def find_in_columns(columns: Mapping[str, Sequence[Any]], folder: Path, what: str) -> ImageSet:
    """Find the images listed or contained in the columns of a table.

    Parameters
    ----------
    columns : mapping of str to sequence
        Columns of one length.
    folder : Path
        The folder where relative paths start.
    what : str
        Name of the table in messages.

    Returns
    -------
    ImageSet

    Raises
    ------
    InputError
        If a column is no list, or no column holds images.
    """
    for name, values in columns.items():
        if isinstance(values, str | bytes) or not isinstance(values, Iterable):
            raise InputError(
                f"Expected the column {name!r} of {what} as a list with one value for each image, "
                f"got {described(values)}."
            )
    found = column(columns, IMAGE_COLUMNS)
    if found is None and len(columns) == 1:
        found = next(iter(columns))
    if found is None:
        raise InputError(
            f"Expected a column of paths or URLs in {what}, called {', '.join(IMAGE_COLUMNS[:4])}, "
            f"image or url, got the columns {', '.join(map(str, columns))}: rename one of them."
        )
    values = [_unpacked(value) for value in columns[found]]
    if not values:
        raise InputError(f"Expected at least one row in {what}, got none.")
    others = {str(name): list(columns[name]) for name in columns if name != found}
    if all(map(is_url, values)):
        return find_at_urls(values, others)
    if all(map(is_picture, values)):
        return find_in_memory(values, None, others, what)
    bad = next((v for v in values if not isinstance(v, str | os.PathLike) or not str(v)), None)
    if bad is not None or "" in values:
        raise InputError(
            f"Expected a path in every row of the column {found!r} of {what}, got {bad!r}: drop "
            "the rows without one."
        )
    return find_in_list([_place(str(value), folder) for value in values], others)


def label_column(images: ImageSet) -> ImageSet:
    """Return the images with their column of labels as truth, unchanged if they have none."""
    found = column(images.columns, CLASS_COLUMNS)
    if found is None:
        return images
    return replace(images, truth=tuple(str(value) for value in images.columns[found]))


def _place(path: str, folder: Path) -> str:
    beside = os.path.join(folder, with_home(path))  # noqa: PTH118 -- many strings
    return path if not os.path.exists(beside) and os.path.exists(path) else beside  # noqa: PTH110


def _unpacked(value: Any) -> Any:
    """Return the bytes or the path of an image as Hugging Face's Parquet files hold it."""
    if isinstance(value, dict) and {"bytes", "path"} & value.keys():
        return value.get("bytes") or value.get("path")
    return value


def _read(path: Path) -> dict[str, list[Any]]:
    suffix = path.suffix.lower()
    if suffix in _PARQUET:
        table = parquet_table(path).read()
        return {name: table.column(name).to_pylist() for name in table.column_names}
    if suffix not in {".json", ".jsonl", ".ndjson"}:
        heads, cells = read_rows(path)
        return {head: [row.get(head) for row in cells] for head in heads}
    with path.open(encoding="utf-8-sig") as file:
        if suffix == ".json":
            rows = json.load(file)
        else:
            rows = [json.loads(line) for line in file if line.strip()]
    if isinstance(rows, dict):
        return {str(name): list(values) for name, values in rows.items()}
    names = list(dict.fromkeys(name for row in rows for name in row if name is not None))
    return {str(name): [row.get(name) for row in rows] for name in names}
