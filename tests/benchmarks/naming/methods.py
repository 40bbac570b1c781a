"""Every method: a folder and a vocabulary in, words and labels out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from name_free import scd, tac, turtle
from name_free.voting import k_means, voted

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.naming import group_images, own_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from folders import Bank, Folder

__all__ = ["METHODS", "Found"]


@dataclass(frozen=True, eq=False)
class Found:
    """Suggested words, and the labels that follow, (N,) int."""

    words: Sequence[str]
    labels: np.ndarray


def true_names(folder: Folder, bank: Bank) -> Found:
    """Labels that a person gets who types every true name."""
    return Found([min(names) for names in folder.names], _loop(folder, folder.text))


def clusters(folder: Folder, bank: Bank) -> Found:
    """k-means, and the words that most images of a cluster vote for."""
    labels = k_means(folder.images, folder.count)
    return _named(voted(labels, folder.images, bank.vectors), labels, bank)


def count_given(folder: Folder, bank: Bank) -> Found:
    """Suggestions of protolabel for the true number of classes; every group takes its best word."""
    return _suggested(folder, bank, folder.count, good=False)


def count_found(folder: Folder, bank: Bank) -> Found:
    """Suggestions of protolabel for the number that it finds, every group with its best word."""
    return _suggested(folder, bank, None, good=False)


def good_words(folder: Folder, bank: Bank) -> Found:
    """What `suggest_classes` returns as classes: groups without a good word have none."""
    return _suggested(folder, bank, None, good=True)


def _suggested(folder: Folder, bank: Bank, count: int | None, *, good: bool) -> Found:
    found = _tree(folder, bank).suggest(count)
    words = found.names if good else [group.words[0][0] for group in found if group.words]
    index = {word: row for row, word in enumerate(bank.words)}
    return Found(words, _loop(folder, bank.vectors[[index[word] for word in words]]))


@cache
def _tree(folder: Folder, bank: Bank):
    vocabulary = own_words(bank.words, bank.vectors)
    return group_images(folder.images, _graph(folder), vocabulary, bank.vectors, progress=silent)


@cache
def _graph(folder: Folder) -> pl.KnnGraph:
    return pl.knn_graph(folder.images, 10)


@cache
def _clusters(folder: Folder) -> pl.Clusters:
    return pl.cluster(folder.images, _graph(folder), progress=silent)


def _loop(folder: Folder, text: np.ndarray) -> np.ndarray:
    """Return the labels of the loop with default settings, (N,) int."""
    classes = pl.ClassVectors([f"class {number}" for number in range(len(text))], text)
    run = pl.refine(
        folder.images, classes, _clusters(folder), graph=_graph(folder), progress=silent
    )
    return pl.label(run).label


def _named(words: np.ndarray, labels: np.ndarray, bank: Bank) -> Found:
    return Found([bank.words[word] for word in words], labels)


def _peer(method: Callable[[np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]):
    return lambda folder, bank: _named(*method(folder.images, bank.vectors, folder.count), bank)


METHODS: dict[str, Callable[[Folder, Bank], Found]] = {
    "true names, typed": true_names,
    "k-means, voted words": clusters,
    "SCD": _peer(scd.scd),
    "TAC without training": _peer(tac.tac_without_training),
    "TAC": _peer(tac.tac),
    "TURTLE": _peer(turtle.turtle),
    "protolabel, count given": count_given,
    "protolabel, count found": count_found,
    "protolabel, good words alone": good_words,
}
"""Name of each method -> the method."""
