"""For people with truth: how many labels are right, and which are not."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protolabel.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protolabel.labeling import Labels

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Labels against truth, over the images whose true class is among the names.

    Attributes
    ----------
    names
        The C class names.
    accuracy
        Share of right labels, 0..1; NaN where no image could be judged.
    judged
        Number of images whose true class is among the names.
    outside
        Number of images whose true class is not.
    precision, recall
        (C,) share of the images labelled c that are c, and of those that are c labelled c; NaN
        where there are none.
    confusion
        (C, C) int64, rows are the truth, columns the labels.
    wrong
        Indices of the judged images with another label, the most certain first.
    """

    names: tuple[str, ...]
    accuracy: float
    judged: int
    outside: int
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    confusion: NDArray[np.int64]
    wrong: NDArray[np.int64]


def evaluate(labels: Labels, truth: Sequence[str]) -> Evaluation:
    """Compare labels with the true class names.

    Parameters
    ----------
    labels
        From `label`.
    truth
        The true class name of every image, as `find_images(..., truth=True)` reads them from
        folders. Letter case and Unicode form do not count. Names that are no class are left out
        of the accuracy.

    Raises
    ------
    InputError
        If there is not one name per image.
    """
    if len(truth) != len(labels):
        raise InputError(f"truth must name every image: {len(labels)} labels, {len(truth)} names.")
    index = {_key(name): i for i, name in enumerate(labels.names)}
    true = np.array([index.get(_key(name), -1) for name in truth], dtype=np.int64)
    judged = true >= 0
    count = len(labels.names)
    pairs = true[judged] * count + labels.label[judged]
    confusion = np.bincount(pairs, minlength=count * count).reshape(count, count)
    right = np.diag(confusion).astype(np.float64)
    with np.errstate(invalid="ignore"):
        precision = right / confusion.sum(axis=0)
        recall = right / confusion.sum(axis=1)
    wrong = np.flatnonzero(judged & (true != labels.label))
    return Evaluation(
        names=labels.names,
        accuracy=float(right.sum() / judged.sum()) if judged.any() else float("nan"),
        judged=int(judged.sum()),
        outside=int((~judged).sum()),
        precision=precision,
        recall=recall,
        confusion=confusion,
        wrong=wrong[np.argsort(-labels.agreement[wrong], kind="stable")],
    )


def _key(name: object) -> str:
    # Folder names from a Mac are decomposed, class names never are.
    return unicodedata.normalize("NFC", str(name)).strip().casefold()
