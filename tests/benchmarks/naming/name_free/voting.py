"""Groups by k-means, and a distinct word for each group by the votes of its images."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans

__all__ = ["k_means", "voted"]


def k_means(rows: np.ndarray, count: int) -> np.ndarray:
    """Return the group of each row, (N,) int: the best of five starts."""
    return KMeans(count, n_init=5, random_state=0).fit_predict(rows)


def voted(labels: np.ndarray, images: np.ndarray, words: np.ndarray, top: int = 5) -> np.ndarray:
    """Return a distinct word for each group: most votes, then the mean cosine.

    Each image votes for its `top` words, the first counting most.
    """
    cosine = images @ words.T
    best = np.argsort(-cosine, axis=1)[:, :top]
    groups = int(labels.max()) + 1
    votes = np.zeros((groups, len(words)))
    for rank in range(top):
        np.add.at(votes, (labels, best[:, rank]), 1.0 / (rank + 1))
    size = np.maximum(np.bincount(labels, minlength=groups), 1)[:, None]
    mean = np.zeros((groups, len(words)))
    np.add.at(mean, labels, cosine)
    return linear_sum_assignment(-(votes / size + mean / size))[1]
