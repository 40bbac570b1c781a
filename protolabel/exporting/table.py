"""The columns of all tables, and their values, block by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.exporting.splits import SPLITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from protolabel.exporting.job import ExportJob

__all__ = ["Column", "blocks", "columns", "records"]

_BLOCK = 8192


@dataclass(frozen=True)
class Column:
    """One column of every table.

    Attributes
    ----------
    name : str
    type : str
        ``"text"``, ``"word"`` (text with few different values), ``"integer"``, ``"number"`` or
        ``"flag"``.
    values : callable
        ``values(job, rows)`` returns plain Python values for a slice of images.
    """

    name: str
    type: str
    values: Callable[[ExportJob, slice], list[Any]]


def columns(job: ExportJob) -> tuple[Column, ...]:
    """Return the columns of a dataset; ``none_of_these`` only where images were set aside."""
    return _COLUMNS if job.none_folder is not None else _COLUMNS[:-1]


def blocks(job: ExportJob) -> Iterator[dict[str, list[Any]]]:
    """Yield the columns of consecutive images as lists of plain Python values.

    ``file`` and ``split`` are None where the export has none; ``micro_cluster`` is -1 for noise
    and, like ``meta_cluster``, None where there are no clusters; ``near_duplicates`` is the
    number of the image's group, None for an image that is alone.
    """
    for start in range(0, len(job), _BLOCK):
        rows = slice(start, min(start + _BLOCK, len(job)))
        yield {column.name: column.values(job, rows) for column in columns(job)}


def records(job: ExportJob) -> Iterator[dict[str, Any]]:
    """Yield the columns of each image by name, as `blocks` has them."""
    for block in blocks(job):
        for values in zip(*block.values(), strict=True):
            yield dict(zip(block, values, strict=True))


def _files(job: ExportJob, rows: slice) -> list[str | None]:
    return [job.exported(index) for index in range(rows.start, rows.stop)]


def _class_names(job: ExportJob, classes: NDArray[np.integer]) -> list[str]:
    return [job.labels.names[index] for index in classes.tolist()]


def _micro(job: ExportJob, rows: slice) -> list[int | None]:
    run = job.labels.run
    if run is None or run.clusters is None:
        return _nothing(rows)
    return list(run.clusters.micro[rows].tolist())


def _meta(job: ExportJob, rows: slice) -> list[int | None]:
    run = job.labels.run
    if run is None or run.clusters is None:
        return _nothing(rows)
    return list(run.clusters.meta_of_images[rows].tolist())


def _splits(job: ExportJob, rows: slice) -> list[str | None]:
    if job.side is None:
        return _nothing(rows)
    return [SPLITS[side] if side >= 0 else None for side in job.side[rows].tolist()]


def _near_duplicates(job: ExportJob, rows: slice) -> list[int | None]:
    if job.groups is None:
        return _nothing(rows)
    crowded = np.bincount(job.groups)[job.groups[rows]] > 1
    return [
        group if several else None
        for group, several in zip(job.groups[rows].tolist(), crowded.tolist(), strict=True)
    ]


def _nothing(rows: slice) -> list[Any]:
    return [None] * (rows.stop - rows.start)


def _rounded(values: NDArray[np.floating]) -> list[float]:
    result: list[float] = np.round(values.astype(np.float64), 4).tolist()
    return result


_COLUMNS = (
    Column("file", "text", _files),
    Column("source", "text", lambda job, rows: list(job.images.names[rows])),
    Column("label", "word", lambda job, rows: _class_names(job, job.labels.label[rows])),
    Column("label_id", "integer", lambda job, rows: job.labels.label[rows].tolist()),
    Column("agreement", "number", lambda job, rows: _rounded(job.labels.agreement[rows])),
    Column("margin", "number", lambda job, rows: _rounded(job.labels.margin[rows])),
    Column("runner_up", "word", lambda job, rows: _class_names(job, job.labels.runner_up[rows])),
    Column("micro_cluster", "integer", _micro),
    Column("meta_cluster", "integer", _meta),
    Column("pinned", "flag", lambda job, rows: job.labels.pinned[rows].tolist()),
    Column("split", "word", _splits),
    Column("near_duplicates", "integer", _near_duplicates),
    Column("none_of_these", "flag", lambda job, rows: job.labels.unfit[rows].tolist()),
)
