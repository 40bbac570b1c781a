"""A dataset on disk against the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protolabel.evaluation import Evaluation, judge
from protolabel.exporting.ours import read_metadata
from protolabel.truth import Truth, class_indices, known_truth

if TYPE_CHECKING:
    import os

__all__ = ["evaluate_dataset"]


def evaluate_dataset(
    folder: str | os.PathLike[str], truth: Truth
) -> tuple[Evaluation, tuple[str, ...]]:
    """Compare the labels of an exported dataset with the true classes, as far as these are known.

    Parameters
    ----------
    folder
        What `export` wrote.
    truth
        As for `Session.evaluate`.

    Returns
    -------
    evaluation, sources
        The evaluation, without iterations, and the name of every image as it was in its folder.

    Raises
    ------
    ExportError
        If the folder is no dataset of protolabel.
    InputError
        If the truth does not fit the images.
    """
    metadata = read_metadata(folder)
    names, images = tuple(metadata["classes"]), metadata["images"]
    sources = tuple(one["source"] for one in images)
    index = {name: i for i, name in enumerate(names)}
    evaluation = judge(
        names,
        np.array([index[one["label"]] for one in images], dtype=np.int32),
        class_indices(known_truth(truth, sources), names),
        agreement=np.array([one["agreement"] for one in images]),
        pinned=np.array([one["pinned"] for one in images], dtype=bool),
    )
    return evaluation, sources
