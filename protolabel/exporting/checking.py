"""Compare a dataset on disk with true classes."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.checks import checked
from protolabel.errors import InputError
from protolabel.evaluation.scoring import judge, true_classes
from protolabel.evaluation.truth import Truth, matched_truth
from protolabel.exporting.existing import dataset_lookup, read_metadata

if TYPE_CHECKING:
    from protolabel.evaluation.results import Evaluation

__all__ = ["evaluate_dataset"]

_LISTED = 8  # names in a message


@checked
def evaluate_dataset(
    folder: str | PathLike[str], truth: Truth
) -> tuple[Evaluation, tuple[str, ...]]:
    """Compare the labels of an exported dataset with the true classes, where known.

    Parameters
    ----------
    folder : str or path
        A folder that `export` wrote.
    truth : Truth
        As for `Session.evaluate`.

    Returns
    -------
    evaluation : Evaluation
        Without iterations.
    sources : tuple of str
        (N,) names of the images in their original folder.

    Raises
    ------
    ExportError
        If the folder is not a dataset of protolabel.
    InputError
        If the truth fits neither images nor classes, or is the dataset's own table of labels.
    """
    metadata = read_metadata(folder)
    if isinstance(truth, str | PathLike) and _is_same(truth, Path(folder) / "labels.csv"):
        raise InputError(
            f"Expected true classes that a person has checked, got {str(truth)!r} with the "
            "dataset's own labels: pass class folders, or a table with the columns image and "
            "truth."
        )
    names, images = tuple(metadata["classes"]), metadata["images"]
    sources = tuple(image["source"] for image in images)
    index = {name: i for i, name in enumerate(names)}
    known, found = matched_truth(truth, dataset_lookup(metadata))
    true, outside = true_classes(known, names)
    if outside and not (true >= 0).any():
        raise InputError(
            f"Expected true classes among {', '.join(map(repr, names[:_LISTED]))}, got "
            f"{', '.join(map(repr, outside[:_LISTED]))}: spell them like the classes, or number "
            "them from 0 in the order of the classes."
        )
    evaluation = judge(
        names,
        np.array([index[image["label"]] for image in images], dtype=np.int32),
        true,
        agreement=np.array([image["agreement"] for image in images]),
        pinned=np.array([image["pinned"] for image in images], dtype=bool),
        unfit=np.array([image.get("none_of_these", False) for image in images], dtype=bool),
        outside_names=outside,
        unmatched=found.left,
    )
    return evaluation, sources


def _is_same(path: str | PathLike[str], other: Path) -> bool:
    return Path(path).expanduser().resolve() == other.expanduser().resolve()
