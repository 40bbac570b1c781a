"""Orders in which a person may correct images: ours, and those of active learning.

Each takes the folder, its labels and a number, and returns so many images that are not pinned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

import protolabel as pl
from protolabel.evaluation import next_to_correct

if TYPE_CHECKING:
    from pins import Folder

__all__ = ["ORDERS", "Order"]

Order = Callable[["Folder", pl.Labels, int], np.ndarray]

MOST_CLUSTERS = 500  # of TypiClust, as in the paper


def random(folder: Folder, labels: pl.Labels, count: int) -> np.ndarray:
    """Any image."""
    free = np.flatnonzero(~labels.pinned)
    return np.random.default_rng(len(labels) - len(free)).permutation(free)[:count]


def least_agreement(folder: Folder, labels: pl.Labels, count: int) -> np.ndarray:
    """The least certain by what the tiles say; the order of the gallery up to 0.2.0."""
    return _first(labels, labels.agreement, count)


def least_margin(folder: Folder, labels: pl.Labels, count: int) -> np.ndarray:
    """The smallest margin between the best two classes (Scheffer et al., IDA 2001)."""
    return _first(labels, labels.margin, count)


def balanced_margin(folder: Folder, labels: pl.Labels, count: int) -> np.ndarray:
    """The smallest margin of each label in turn; labels with pins come later."""
    order = _first(labels, labels.margin, len(labels))
    label = labels.label[order]
    size = np.bincount(label, minlength=len(labels.names))
    rank = np.empty(len(order), dtype=int)
    rank[np.argsort(label, kind="stable")] = np.arange(len(order)) - np.repeat(
        np.cumsum(size) - size, size
    )
    pinned = np.bincount(labels.label[labels.pinned], minlength=len(labels.names))
    return order[np.argsort(rank + pinned[label], kind="stable")][:count]


def typiclust(folder: Folder, labels: pl.Labels, count: int) -> np.ndarray:
    """The most typical image of the largest clusters without a pin (Hacohen et al., ICML 2022)."""
    from sklearn.cluster import KMeans

    pinned = labels.pinned.copy()
    k = min(int(pinned.sum()) + count, len(labels) // 2, MOST_CLUSTERS)
    cluster = KMeans(k, n_init=1, random_state=0, max_iter=30).fit_predict(folder.task.vectors)
    typical, size = folder.graph.similarities.mean(axis=1), np.bincount(cluster, minlength=k)
    chosen: list[int] = []
    while len(chosen) < count and not pinned.all():
        held = np.bincount(cluster[pinned], minlength=k)
        open_ = np.flatnonzero(np.bincount(cluster[~pinned], minlength=k))
        best = open_[np.lexsort((-size[open_], held[open_]))[0]]
        inside = np.flatnonzero((cluster == best) & ~pinned)
        chosen.append(int(inside[typical[inside].argmax()]))
        pinned[chosen[-1]] = True
    return np.array(chosen)


def probcover(folder: Folder, labels: pl.Labels, count: int) -> np.ndarray:
    """Most images covered, whatever their agreement (after ProbCover, Yehuda et al., NeurIPS 2022).

    On the graph of neighbours: an image covers those that it is alike.
    """
    from dataclasses import replace

    blind = replace(labels, agreement=np.zeros_like(labels.agreement))
    return next_to_correct(blind, folder.graph, count)


def expected_change(folder: Folder, labels: pl.Labels, count: int) -> np.ndarray:
    """Doubt of an image times the doubt around it, which a pin would change."""
    doubt = 1.0 - labels.agreement
    around = doubt + doubt[folder.graph.indices].sum(axis=1)
    return _first(labels, -doubt * around, count)


def ours(folder: Folder, labels: pl.Labels, count: int) -> np.ndarray:
    """The order of the gallery: coverage weighted by doubt."""
    return next_to_correct(labels, folder.graph, count)


def _first(labels: pl.Labels, score: np.ndarray, count: int) -> np.ndarray:
    order = np.argsort(score, kind="stable")
    return order[~labels.pinned[order]][:count]


ORDERS: dict[str, Order] = {
    "random": random,
    "least agreement": least_agreement,
    "least margin": least_margin,
    "class-balanced margin": balanced_margin,
    "TypiClust": typiclust,
    "ProbCover": probcover,
    "expected change": expected_change,
    "ours": ours,
}
