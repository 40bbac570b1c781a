"""The table of labels as a DataFrame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.errors import InputError
from protolabel.exporting.table import check_best, label_columns

if TYPE_CHECKING:
    from pandas import DataFrame

    from protolabel.images.image_set import ImageSet
    from protolabel.refinement.labels import Labels

__all__ = ["to_pandas"]

_TYPES = {
    "integer": "Int32",  # with a capital, pandas allows gaps
    "long": "Int64",
    "number": "float32",
    "double": "float64",
    "flag": "boolean",
}


@dataclass(frozen=True, eq=False)
class _Job:
    labels: Labels
    images: ImageSet


def to_pandas(labels: Labels, images: ImageSet, best: int) -> DataFrame:
    """Return labels as a DataFrame; see `Session.to_pandas`.

    Parameters
    ----------
    labels : Labels
        N labels.
    images : ImageSet
        The N images.
    best : int
        Number of best classes of each image, 1 to 5.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    InputError
        If pandas is not installed, or `best` is not a whole number from 1 to 5.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise InputError(
            "Expected pandas for a DataFrame, which is not installed: "
            "pip install 'protolabel[pandas]'."
        ) from error
    check_best(best)
    job, rows = _Job(labels, images), np.arange(len(labels))
    series: dict[str, Any] = {}
    for column in label_columns(labels, images, best):
        values = column.values(job, rows)
        if column.type == "word":
            series[column.name] = pd.Categorical(values, categories=list(labels.names))
        else:
            kind = _TYPES.get(column.type)
            # Columns without gaps have numpy's types, which every library reads.
            kind = (
                kind
                if column.gaps or kind is None
                else {"flag": "bool"}.get(column.type, kind.lower())
            )
            series[column.name] = pd.Series(values, dtype=kind)
    return pd.DataFrame(series)
