"""Whether suggested words are right, and whether labels are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score

from protolabel.naming.vocabulary import noun_tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from folders import Folder

__all__ = ["accuracy", "grade", "grades", "rand_index"]


def grades(words: Sequence[str], folder: Folder) -> np.ndarray:
    """Judge words against the true classes, (words, C) int: see `grade`."""
    return np.array(
        [[min(grade(word, name) for name in names) for names in folder.names] for word in words]
    )


def grade(word: str, name: str) -> int:
    """Return 0 for the same word, 1 for a synonym, 2 for a neighbour in the tree, 3 for another.

    Neighbours are words directly above or below each other among the nouns of ImageNet-21k.
    """
    if word.casefold() == name.casefold():
        return 0
    tree = noun_tree()
    one, other = set(tree.meanings(word)), set(tree.meanings(name))
    if one & other:
        return 1
    up, down = {tree.above[s] for s in one}, {tree.above[s] for s in other}
    return 2 if up & other or down & one else 3


def accuracy(labels: np.ndarray, truth: np.ndarray) -> float:
    """Return the share of images that are right if each label is matched to at most one class."""
    table = np.zeros((labels.max() + 1, truth.max() + 1), np.int64)
    np.add.at(table, (labels, truth), 1)
    rows, columns = linear_sum_assignment(-table)
    return float(table[rows, columns].sum() / len(truth))


def rand_index(labels: np.ndarray, truth: np.ndarray) -> float:
    """Return the adjusted Rand index (Hubert and Arabie, 1985), 1 for the true groups."""
    return float(adjusted_rand_score(truth, labels))
