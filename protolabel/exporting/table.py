"""The facts about every image, a block of rows at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.exporting.splits import SPLITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protolabel.exporting.job import ExportJob

__all__ = ["blocks", "columns"]

_COLUMNS = (
    "file",
    "source",
    "label",
    "agreement",
    "margin",
    "runner_up",
    "micro_cluster",
    "meta_cluster",
    "pinned",
    "split",
    "near_duplicates",
)

_BLOCK = 8192


def columns(job: ExportJob) -> tuple[str, ...]:
    """Names of the columns; ``none_of_these`` is among them where images were set aside."""
    return _COLUMNS if job.none_folder is None else (*_COLUMNS, "none_of_these")


def blocks(job: ExportJob) -> Iterator[dict[str, list[Any]]]:
    """Yield the columns of consecutive images as lists of plain Python values.

    ``file`` and ``split`` are None where the export has none; ``micro_cluster`` is -1 for noise
    and, like ``meta_cluster``, None where there are no clusters; ``near_duplicates`` is the
    number of the image's group, None for an image that is alone.
    """
    labels = job.labels
    clusters = labels.run.clusters if labels.run is not None else None
    meta = clusters.meta_of_images if clusters is not None else None
    crowded = None if job.groups is None else np.bincount(job.groups)[job.groups] > 1
    for start in range(0, len(job), _BLOCK):
        rows = slice(start, min(start + _BLOCK, len(job)))
        count = rows.stop - rows.start
        nothing: list[Any] = [None] * count
        groups, splits = nothing, nothing
        if job.groups is not None and crowded is not None:
            groups = [
                group if many else None
                for group, many in zip(
                    job.groups[rows].tolist(), crowded[rows].tolist(), strict=True
                )
            ]
        if job.side is not None:
            splits = [SPLITS[side] if side >= 0 else None for side in job.side[rows].tolist()]
        block = {
            "file": [job.exported(index) for index in range(rows.start, rows.stop)],
            "source": list(job.images.names[rows]),
            "label": [labels.names[one] for one in labels.label[rows].tolist()],
            "agreement": _rounded(labels.agreement[rows]),
            "margin": _rounded(labels.margin[rows]),
            "runner_up": [labels.names[one] for one in labels.runner_up[rows].tolist()],
            "micro_cluster": nothing if clusters is None else clusters.micro[rows].tolist(),
            "meta_cluster": nothing if meta is None else meta[rows].tolist(),
            "pinned": labels.pinned[rows].tolist(),
            "split": splits,
            "near_duplicates": groups,
            "none_of_these": labels.unfit[rows].tolist(),
        }
        yield {name: block[name] for name in columns(job)}


def _rounded(values: np.ndarray[Any, Any]) -> list[float]:
    result: list[float] = np.round(values.astype(np.float64), 4).tolist()
    return result
