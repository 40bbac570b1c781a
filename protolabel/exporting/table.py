"""The columns of all tables, and their values in blocks."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from protolabel.common.vectors import is_whole_number
from protolabel.errors import InputError
from protolabel.exporting.splits import SPLITS
from protolabel.refinement.labels import MOST_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from protolabel.exporting.job import ExportJob
    from protolabel.images.image_set import ImageSet
    from protolabel.refinement.labels import Labels

__all__ = ["DEFAULT_BEST", "Column", "blocks", "check_best", "columns", "label_columns", "records"]

DEFAULT_BEST = 3
"""Number of best classes of each image in the tables by default."""

_BLOCK = 8192
_LONGEST = 2**63  # absolute values of whole numbers of 64 bits are below this
_EXACT = 2**53  # whole numbers up to this are exact in float64


class _Labelled(Protocol):
    """Labels and their images: an `ExportJob`, or the two alone."""

    @property
    def labels(self) -> Labels:
        """N labels."""

    @property
    def images(self) -> ImageSet:
        """The N images."""


@dataclass(frozen=True)
class Column:
    """One column of every table.

    Attributes
    ----------
    name : str
    type : str
        ``"text"``, ``"word"`` (text with few different values), ``"integer"`` (32 bits),
        ``"long"`` (64), ``"number"`` (float32), ``"double"`` or ``"flag"``.
    values : callable
        ``values(job, rows)`` returns plain Python values for an array of image numbers.
    gaps : bool
        Whether a value may be None.
    given : str, optional
        For a column that came with the images: its name in the user's own table.
    """

    name: str
    type: str
    values: Callable[[Any, NDArray[np.intp]], list[Any]]
    gaps: bool = False
    given: str | None = None


def columns(labels: Labels, images: ImageSet, best: int = DEFAULT_BEST) -> tuple[Column, ...]:
    """Return the columns of a dataset: protolabel's, the best classes, and the user's table.

    There is a column ``none_of_these`` only if images were set aside. A column of the user's table
    with the name of another column gets the prefix ``given_``.

    Parameters
    ----------
    labels : Labels
        N labels.
    images : ImageSet
        The N images.
    best : int
        Best classes of each image, 1 to 5.
    """
    ours = _COLUMNS if labels.unfit.any() else _COLUMNS[:-1]
    return (*ours, *_more(labels, images, best))


def label_columns(labels: Labels, images: ImageSet, best: int = DEFAULT_BEST) -> tuple[Column, ...]:
    """Return the columns that do not depend on an export: `columns` without files and splits."""
    found = columns(labels, images, best)
    return tuple(column for column in found if column.name not in _OF_EXPORTS)


def check_best(best: Any) -> None:
    """Raise `InputError` if `best` is not a whole number from 1 to 5."""
    if not is_whole_number(best, 1) or best > MOST_CLASSES:
        raise InputError(
            f"Expected best as a number of classes from 1 to {MOST_CLASSES}, got {best!r}: choose "
            "how many of the best classes of each image the tables hold."
        )


def blocks(
    job: ExportJob, rows: Sequence[int] | NDArray[np.integer] | None = None
) -> Iterator[dict[str, list[Any]]]:
    """Yield the columns of a few thousand images at a time, as lists of plain Python values.

    ``file`` and ``split`` are None if the export has none; ``micro_cluster`` is -1 for noise and,
    like ``meta_cluster``, None if there are no clusters; ``near_duplicates`` is the number of the
    image's group, None for an image without near-duplicates.

    Parameters
    ----------
    job : ExportJob
    rows : sequence of int, optional
        Numbers of the images, in the order wanted; by default all images.
    """
    wanted = np.arange(len(job)) if rows is None else np.asarray(rows, dtype=np.intp)
    for start in range(0, len(wanted), _BLOCK):
        part = wanted[start : start + _BLOCK]
        yield {column.name: column.values(job, part) for column in job.columns}


def _more(labels: Labels, images: ImageSet, best: int) -> list[Column]:
    classes, scores = labels.best(best)
    found = [
        column
        for rank in range(classes.shape[1])
        for column in _ranked(rank + 1, classes[:, rank], scores[:, rank])
    ]
    used = {column.name for column in (*_COLUMNS, *found)}
    for name, values in images.columns.items():
        free = str(name)
        while free in used:
            free = f"given_{free}"
        used.add(free)
        found.append(_given(free, str(name), values))
    return found


def _ranked(
    place: int, classes: NDArray[np.int32], scores: NDArray[np.float32]
) -> tuple[Column, Column]:
    return (
        Column(f"best_{place}", "word", lambda job, rows: _class_names(job, classes[rows])),
        Column(f"score_{place}", "number", lambda _, rows: _rounded(scores[rows])),
    )


def _given(name: str, original: str, values: Sequence[Any]) -> Column:
    """Return a column of the user's table, of the narrowest type that holds all of it."""
    plain = [_plain(value) for value in values]
    known = [value for value in plain if value is not None]
    if all(isinstance(value, bool) for value in known) and known:
        kind = "flag"
    elif all(_is_number(value, int) and abs(value) < _LONGEST for value in known) and known:
        kind = "long"
    elif all(_is_number(value, int | float) and abs(value) < _EXACT
             for value in known) and known:  # fmt: skip
        kind = "double"
    else:
        kind = "text"
        plain = [None if value is None else _as_text(value) for value in plain]
    return Column(
        name,
        kind,
        lambda _, rows: [plain[row] for row in rows.tolist()],
        gaps=len(known) < len(plain),
        given=original,
    )


def _is_number(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _plain(value: Any) -> Any:
    """Return a value of a table as a plain Python value, None for a gap."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return None if str(value) in {"<NA>", "NaT"} and not isinstance(value, str) else value


def _as_text(value: Any) -> str:
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def records(
    job: ExportJob, rows: Sequence[int] | NDArray[np.integer] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the columns of each image by name; parameters and values are those of `blocks`."""
    for block in blocks(job, rows):
        for values in zip(*block.values(), strict=True):
            yield dict(zip(block, values, strict=True))


def _files(job: ExportJob, rows: NDArray[np.intp]) -> list[str | None]:
    if not job.has_folders and job.side is None:
        return _nothing(rows)
    return [job.exported(index) for index in rows.tolist()]


def _sources(job: _Labelled, rows: NDArray[np.intp]) -> list[str]:
    return [job.images.names[index] for index in rows.tolist()]


def _class_names(job: _Labelled, classes: NDArray[np.integer]) -> list[str]:
    return [job.labels.names[index] for index in classes.tolist()]


def _micro(job: _Labelled, rows: NDArray[np.intp]) -> list[int | None]:
    run = job.labels.run
    if run is None or run.clusters is None:
        return _nothing(rows)
    return list(run.clusters.micro[rows].tolist())


def _meta(job: _Labelled, rows: NDArray[np.intp]) -> list[int | None]:
    run = job.labels.run
    if run is None or run.clusters is None:
        return _nothing(rows)
    return list(run.clusters.meta_of_images[rows].tolist())


def _splits(job: ExportJob, rows: NDArray[np.intp]) -> list[str | None]:
    if job.side is None:
        return _nothing(rows)
    return [SPLITS[side] if side >= 0 else None for side in job.side[rows].tolist()]


def _near_duplicates(job: ExportJob, rows: NDArray[np.intp]) -> list[int | None]:
    if job.groups is None:
        return _nothing(rows)
    crowded = np.bincount(job.groups)[job.groups[rows]] > 1
    return [
        group if several else None
        for group, several in zip(job.groups[rows].tolist(), crowded.tolist(), strict=True)
    ]


def _nothing(rows: NDArray[np.intp]) -> list[Any]:
    return [None] * len(rows)


def _rounded(values: NDArray[np.floating]) -> list[float]:
    result: list[float] = np.round(values.astype(np.float64), 4).tolist()
    return result


_COLUMNS = (
    Column("file", "text", _files, gaps=True),
    Column("source", "text", _sources),
    Column("label", "word", lambda job, rows: _class_names(job, job.labels.label[rows])),
    Column("label_id", "integer", lambda job, rows: job.labels.label[rows].tolist()),
    Column("agreement", "number", lambda job, rows: _rounded(job.labels.agreement[rows])),
    Column("margin", "number", lambda job, rows: _rounded(job.labels.margin[rows])),
    Column("runner_up", "word", lambda job, rows: _class_names(job, job.labels.runner_up[rows])),
    Column("micro_cluster", "integer", _micro, gaps=True),
    Column("meta_cluster", "integer", _meta, gaps=True),
    Column("pinned", "flag", lambda job, rows: job.labels.pinned[rows].tolist()),
    Column("split", "word", _splits, gaps=True),
    Column("near_duplicates", "integer", _near_duplicates, gaps=True),
    Column("none_of_these", "flag", lambda job, rows: job.labels.unfit[rows].tolist()),
)
_OF_EXPORTS = ("file", "split", "near_duplicates")
